"""What `report` and `reports` have in common: the month, and what a report becomes in a file."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ledger.errors import BadInput, ExtraMissing

if TYPE_CHECKING:
    from projections.questions.report import MonthlyReport

REPORT_BYTES_MAX = 16 << 20
"""No report comes near; a file that is there and larger is another."""


def add_month(parser: ArgumentParser) -> None:
    """Names the month."""
    parser.add_argument("--month", type=_month, required=True, metavar="YYYY-MM", help="a month that is closed")


def renderers() -> Mapping[str, Callable[[MonthlyReport], str]]:
    """By the ending of a file what makes the text in it. Raises ExtraMissing."""
    try:
        from console.reports.page import report_page
    except ModuleNotFoundError as error:
        raise ExtraMissing(error.name, "reports") from None
    from console.reports.figures import report_csv

    return {".html": report_page, ".csv": report_csv}


def _month(text: str) -> str:
    from projections.results.periods import parse_month

    try:
        return parse_month(text)
    except BadInput as error:
        raise ArgumentTypeError(str(error)) from None

"""What `report` and `reports` have in common: the month, and what a report becomes in a file."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.exits import UNWRITTEN, Failure
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


def write_report(path: Path, text: str) -> None:
    """Writes a report where there is none, or none but the same. Raises Failure."""
    from console.cli.proof_files import write_new
    from ledger.proof.log.errors import ProofError

    try:
        write_new(path, text.encode(), REPORT_BYTES_MAX)
    except OSError as error:
        raise Failure("unwritable", f"{path}: could not be written: {error.strerror}", UNWRITTEN) from None
    except ProofError as error:  # what is there is too long to be a report, or no file
        raise Failure("exists", f"{error}; expected none, or the same report: nothing was written over") from None


def _month(text: str) -> str:
    from projections.results.periods import parse_month

    try:
        return parse_month(text)
    except BadInput as error:
        raise ArgumentTypeError(str(error)) from None

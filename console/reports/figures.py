"""The report as CSV: a line for each period or part and question, with the name of what a line is of in its first columns.

UTF-8 with a byte order mark, since spreadsheets guess another encoding without it; lines end as RFC 4180 has it. A cell that
a spreadsheet would run as a formula stands behind an apostrophe. A figure that is withheld, or of which there is nothing, is
empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ledger.vault.spreadsheets import neutralised
from projections.questions.benchmark import BenchmarkLine
from projections.questions.report import MonthlyReport
from projections.questions.results import LifeResults, PartResults, PeriodResults, QuestionResult
from projections.results.cells import LIFE, SCORES

BOM: Final = "\ufeff"
COLUMNS: Final = (
    "membership", "of", "location", "segment", "period", "invitations", "responses", "question", "answered", "mean", "trend",
    *(f"answers_{score}" for score in range(SCORES)), "peer_partners", "own_mean", "place", "published_at",
)  # fmt: skip


def report_csv(found: MonthlyReport) -> str:
    """The report as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for cells in _lines(found):
        writer.writerow([neutralised(cell) if isinstance(cell, str) else cell for cell in cells])
    return BOM + text.getvalue()


def _lines(found: MonthlyReport) -> Iterator[list[Any]]:
    for period in (*found.months, *found.quarters):
        yield from _of_period(found.membership, period)
    yield from _of_life(found.membership, found.life)
    for part in found.parts:
        yield from _of_part(found.membership, part)
    for peers in found.peers:
        yield from _of_peers(found.membership, peers)


def _of_period(membership: str, period: PeriodResults) -> Iterator[list[Any]]:
    of = [membership, "membership", None, None, period.period, period.invitations, period.responses]
    return _questions(of, period.questions, period.published_at)


def _of_life(membership: str, life: LifeResults) -> Iterator[list[Any]]:
    of = [membership, "membership", None, None, LIFE, None, life.responses]
    return _questions(of, life.questions, life.published_at)


def _of_part(membership: str, part: PartResults) -> Iterator[list[Any]]:
    kind = "location" if part.segment is None else "segment"
    of = [membership, kind, part.location, part.segment, part.period, None, part.responses]
    return _questions(of, part.questions, part.published_at)


def _questions(of: Sequence[Any], questions: Sequence[QuestionResult], published_at: str | None) -> Iterator[list[Any]]:
    for one in questions:
        counts = one.distribution or (None,) * SCORES
        yield [*of, one.question, one.answered, one.mean, one.trend, *counts, None, None, None, published_at]


def _of_peers(membership: str, peers: BenchmarkLine) -> Iterator[list[Any]]:
    for one in peers.questions:
        counts = one.distribution or (None,) * SCORES
        of = [membership, "peers", None, None, peers.period, None, peers.responses]
        own = [one.partners, one.own_mean, one.place, peers.published_at]
        yield [*of, one.question, one.answered, one.mean, one.trend, *counts, *own]

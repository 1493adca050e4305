"""The book is told of each month whose results are published, and remembers it when a vault is restored from before.

Published anew, with what has come since, a month's figures would differ from those that were told by a respondent or two. So
nothing is published by a vault that lacks a month which the book has.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from console.wiring import Ledger
from ledger.book import rows_of_type
from ledger.errors import ResultsLost
from ledger.log_events import LOG_STREAM, RESULTS_PUBLISHED, results_published_id
from ledger.writing.transaction import Note


def require_published(ledger: Ledger, closed: Sequence[str]) -> None:
    """Holds the months that a vault has closed, in order, against the book, which is told of those that it lacks.

    Somebody was killed between the two then. Raises ResultsLost where the vault lacks what the book has.
    """
    told = _told(ledger)
    lost = sorted(told - set(closed))
    if lost:
        last = closed[-1] if closed else "none"
        raise ResultsLost(
            f"found {last} as the last month that is published in this vault, expected {lost[-1]}: the book says that its "
            "results were published. What came since could be told by subtraction: restore a later backup of the vault"
        )
    tell_published(ledger, [month for month in closed if month not in told])


def tell_published(ledger: Ledger, months: Sequence[str]) -> None:
    """Has the book say that the results of months were published, once for each."""
    if months:
        ledger.writer.note_all(
            [Note(RESULTS_PUBLISHED, {"month": month}, results_published_id(month)) for month in months]
        )


def _told(ledger: Ledger) -> set[str]:
    """The months that the book has."""
    rows = rows_of_type(ledger.store, RESULTS_PUBLISHED, stream=LOG_STREAM)
    return {orjson.loads(row.stored)["data"]["month"] for row in rows}

"""Refused facts that are taken again after a mend, out of the store beside the book (`ledger.store.refusals`).

    for rows in batches(store, wanted):
        outcomes = …                          each `row.original` through the same way in as any fact
        settle(store, clock, judged(rows, outcomes))

First the facts are recorded, then what came of them is noted. Whoever is killed in between leaves rows of facts that are in
the book by now: taken again they are duplicates, which resolves them. So nothing is lost, and nothing stands there twice.

A row that is not whole cannot be taken from here, since what it left out is not known. Its fact comes again from the
operator's own file of refusals or from its source; `resolve_recorded` then finds it in the book by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from ledger.refusal_fields import FIELDS
from ledger.store.base import Store
from ledger.store.refusal_rows import KeptRefusal, Verdict, Wanted
from ledger.writing.refused import sentence_to_keep
from ledger.writing.transaction import Outcome

BATCH: Final = 500
ID_REUSED: Final = "id-reused"
OPEN: Final = Wanted()


def page_to_take(store: Store, wanted: Wanted, above: int, through: int, limit: int = BATCH) -> list[KeptRefusal]:
    """At most `limit` rows with numbers above one, up to another, that can be taken again; the oldest first."""
    rows = store.refusals.page(wanted._replace(resolved=False, whole=True), limit, above=above)
    return [row for row in rows if row.number <= through]


def batches(store: Store, wanted: Wanted) -> Iterator[list[KeptRefusal]]:
    """All that can be taken again now, some at a time; what is refused meanwhile is not among it."""
    through, above = store.refusals.last_number(), 0
    while rows := page_to_take(store, wanted, above, through):
        above = rows[-1].number
        yield rows


def judged(rows: Sequence[KeptRefusal], outcomes: Sequence[Outcome]) -> list[Verdict]:
    """What came of each row."""
    return [
        Verdict(row, outcome.position)
        if outcome.status in ("accepted", "duplicate")
        else Verdict(
            row, None, outcome.code or "", sentence_to_keep(outcome.sentence or ""), FIELDS.get(outcome.code or "")
        )
        for row, outcome in zip(rows, outcomes, strict=True)
    ]


def settle(store: Store, clock: Callable[[], int], verdicts: Sequence[Verdict]) -> None:
    """Notes what came of some rows, in one transaction."""
    with store.keeping_refusals() as table:
        table.settle(verdicts, clock())


def resolve_recorded(store: Store, clock: Callable[[], int], wanted: Wanted = OPEN) -> int:
    """Resolves rows that are not whole whose fact is in the book by now, by its id; returns how many.

    What was refused since its id stands for another fact stays.
    """
    above = resolved = 0
    meant = wanted._replace(resolved=False, whole=False)
    while rows := store.refusals.page(meant, BATCH, above=above):
        above = rows[-1].number
        ids = [row.fact for row in rows if row.fact is not None and row.code != ID_REUSED]
        with store.writing() as transaction:
            known = transaction.known_facts(ids)
        verdicts = [
            Verdict(row, known[row.fact].position)
            for row in rows
            if row.fact is not None and row.code != ID_REUSED and row.fact in known
        ]
        if verdicts:
            settle(store, clock, verdicts)
        resolved += len(verdicts)
    return resolved

"""`record --retry` without a file: the refused facts that the ledger keeps are taken again (`ledger.writing.taking_again`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from console.cli.fact_files.lines import Line
from console.cli.recording import Codes
from console.cli.refusals_file import RefusedLine
from console.cli.signals import Signals
from console.wiring import Ledger
from ledger.errors import Refused
from ledger.programmes.registry import parse_kept
from ledger.store.refusal_rows import KeptRefusal, Wanted
from ledger.writing.faults import record_apart
from ledger.writing.taking_again import batches, judged, resolve_recorded, settle
from ledger.writing.transaction import Outcome

if TYPE_CHECKING:
    from ledger.fact import Fact

Record = Callable[[Sequence["Fact"]], list[Outcome]]


class KeptRetry:
    """Takes kept refusals again, some at a time, with an account of what became of them as that of `Intake`.

    Stopped anywhere it can be done again: what was recorded by then is a duplicate, and resolves its refusal.
    """

    def __init__(
        self,
        ledger: Ledger,
        record: Record,
        signals: Signals,
        on_fault: Callable[[Exception], None],
        on_recorded: Callable[[Sequence[Outcome]], None],
    ) -> None:
        self._ledger = ledger
        self._record = record
        self._signals = signals
        self._on_fault = on_fault
        self._on_recorded = on_recorded
        self.codes = Codes()
        self.lines = 0
        self.accepted = 0
        self.duplicates = 0
        self.refused = 0
        self.left = 0
        """Refusals of which too little is kept to take them again."""

    def run(self, wanted: Wanted) -> None:
        """Takes again all that is wanted and can be."""
        store = self._ledger.store
        resolve_recorded(store, self._ledger.clock, wanted)
        for rows in batches(store, wanted):
            with self._signals.put_off():
                self._take(rows)
        meant = wanted._replace(resolved=False, whole=False)
        self.left = sum(rows for _, rows, _, _ in store.refusals.counted(meant))

    def _take(self, rows: Sequence[KeptRefusal]) -> None:
        outcomes, facts = parsed(rows)
        recorded = record_apart(self._record, list(facts.values()), lambda _, error: self._on_fault(error))
        for place, outcome in zip(facts, recorded, strict=True):
            outcomes[place] = outcome
        settle(self._ledger.store, self._ledger.clock, judged(rows, outcomes))
        for row, outcome in zip(rows, outcomes, strict=True):
            self._count(row, outcome)
        self._on_recorded(recorded)

    def _count(self, row: KeptRefusal, outcome: Outcome) -> None:
        self.lines += 1
        if outcome.status == "accepted":
            self.accepted += 1
        elif outcome.status == "duplicate":
            self.duplicates += 1
        else:
            self.refused += 1
            line = Line(row.source, row.number, (row.original or "").encode())
            self.codes.count(RefusedLine(line, outcome.code or "", outcome.sentence or ""))


def parsed(rows: Sequence[KeptRefusal]) -> tuple[list[Outcome], dict[int, Fact]]:
    """The fact of each row by its place, and the outcomes of those that are none; an outcome of a fact is to be found yet."""
    outcomes: list[Outcome] = []
    facts: dict[int, Fact] = {}
    for place, row in enumerate(rows):
        try:
            facts[place] = parse_kept(row.original or "")
            outcomes.append(Outcome("put-off", 0))
        except Refused as refusal:
            outcomes.append(Outcome("refused", 0, refusal.code, refusal.sentence))
    return outcomes, facts

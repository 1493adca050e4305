"""Facts that are taken under the known spelling of their customer's name: each is reported, the first ones line by line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from console.cli.output import plural
from projections.questions.answer import LEFT_OUT, MayBeLeftOut

if TYPE_CHECKING:
    from ledger.fact import Fact
    from ledger.writing.group_commit import Recorder
    from ledger.writing.writer import Outcome

SHOWN_MAX: Final = 20


class KnownSpelling:
    """Records facts with a recorder, and keeps account of those that it took under another spelling.

    With `wanted` all facts are taken so where only one known name can be meant; withdrawals always are.
    """

    def __init__(self, recorder: Recorder, wanted: bool, say: Callable[[str], None]) -> None:
        self._recorder = recorder
        self._wanted = wanted
        self._say = say
        self.taken = 0

    def record(self, facts: Sequence[Fact]) -> list[Outcome]:
        """As `Writer.record`."""
        outcomes = self._recorder.record(facts, lenient=self._wanted)
        for fact, outcome in zip(facts, outcomes, strict=True):
            if outcome.spelt is not None:
                self._report(fact, outcome.spelt)
        return outcomes

    def answer(self) -> int | MayBeLeftOut:
        """How many, for scripts: where it was wanted, or there were any."""
        return self.taken if self._wanted or self.taken else LEFT_OUT

    def end(self) -> None:
        """Says how many more there were than were shown."""
        if self.taken > SHOWN_MAX:
            self._say(f"and {plural(self.taken - SHOWN_MAX, 'fact')} more taken under the known spelling")

    def _report(self, fact: Fact, known: str) -> None:
        self.taken += 1
        if self.taken <= SHOWN_MAX:
            self._say(f"fact {fact.id!r}: organisation {getattr(fact, 'customer_org', '')!r} is taken as {known!r}")

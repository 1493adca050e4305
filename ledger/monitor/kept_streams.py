"""The checks of a log that is followed: in memory while their streams go on, put away on disk when there are too many, or a
round ends.

What follows from a stream can only be judged once the transaction of its last event is over, since a seal may cut one in
two: once a later recorded_at was seen in the log. The end is judged on the object in memory after it was put away as it was,
so that the check that goes on knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ledger.monitor.memory import Memory, SavedCheck
from ledger.monitor.rows import Leafed
from ledger.monitor.streams import Live, Streams
from ledger.proof.programme import ProofProgrammes

CHECKS_MAX: Final = 20_000
"""So many checks are in memory at once, or a few more."""


class KeptStreams(Streams):
    """All streams of a log, as far as their events were taken."""

    def __init__(
        self,
        programmes: ProofProgrammes,
        memory: Memory,
        settled: Mapping[str, int],
        handovers: Sequence[tuple[str, str]],
    ) -> None:
        super().__init__(programmes, memory.editions())
        self.handovers += handovers
        self.settled = dict(settled)
        self._memory = memory

    def take(self, rows: Iterable[Leafed], last_recorded: str) -> None:
        """The next events of the log; checks are put away where they are many."""
        if self.take_rows(rows) and len(self._live) > CHECKS_MAX:
            self.put_away(last_recorded)

    def _load(self, names: Sequence[str]) -> None:
        missing = [name for name in names if name not in self._live]
        for saved in self._memory.checks(missing):
            self._live[saved.stream] = _live(saved)

    def put_away(self, last_recorded: str) -> None:
        """All checks in memory go to the disk, and what follows from those whose last transaction is over is judged.

        `last_recorded` is the last recorded_at of the log.
        """
        self.take_waiting()
        self._memory.keep_editions(self.new_editions)
        self.new_editions.clear()
        live, self._live = self._live, {}
        self._memory.keep_checks(_saved(name, one, last_recorded) for name, one in live.items())
        for one in live.values():
            self.findings += one.judge.finish() if one.recorded < last_recorded else one.judge.so_far()

    def settle(self, last_recorded: str) -> None:
        """At the end of a round: every edition reaches every check, and every transaction that is over is judged."""
        self.take_waiting()
        for live in self._live.values():
            self._deliver_all(live)
        self.put_away(last_recorded)
        while some := self._memory.open_checks(last_recorded):
            self._go_on(some, last_recorded)
        for rules, editions in self._editions.items():
            if self.settled.get(rules, 0) == len(editions):
                continue
            after = ""
            while some := self._memory.lagging_checks(rules, len(editions), after):
                after = some[-1].stream
                self._go_on(some, last_recorded)
            self.settled[rules] = len(editions)

    def _go_on(self, some: Sequence[SavedCheck], last_recorded: str) -> None:
        for saved in some:
            live = self._live[saved.stream] = _live(saved)
            self._deliver_all(live)
        self.put_away(last_recorded)


def _live(saved: SavedCheck) -> Live:
    return Live(saved.judge, saved.rules, saved.delivered, saved.recorded)


def _saved(stream: str, live: Live, last_recorded: str) -> SavedCheck:
    return SavedCheck(stream, live.rules, live.delivered, live.recorded, live.recorded >= last_recorded, live.judge)

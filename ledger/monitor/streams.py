"""The programmes' checks, a stream at a time, over a log that comes in pieces.

A check takes the events of its stream and the editions that it goes by, in log order. It is in memory while its stream goes
on, and put away when a round ends, or when there are too many. An edition is delivered to a check before the next event of
the stream; when a round ends, to all checks that it concerns, since it may have to be announced in streams where nothing
else happened.

What follows from a stream can only be judged once the transaction of its last event is over, since a seal may cut one in
two: once a later recorded_at was seen in the log. The end is judged on the object in memory after it was put away as it was,
so that the check that goes on knows nothing of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from ledger.monitor.memory import Memory, SavedCheck
from ledger.proof.log.errors import shown
from ledger.proof.log.event import LOG, Event, parse_event
from ledger.proof.programme import ProofProgramme, ProofProgrammes, programme_of
from ledger.seal.audit_rows import RUN, Said, read_rows
from ledger.seal.audit_spool import Leafed
from ledger.seal.findings import Finding, judge_log_events
from ledger.seal.judge import Judge

CHECKS_MAX: Final = 20_000
"""So many checks are in memory at once, or a few more."""


class Live:
    """A check in memory."""

    __slots__ = ("delivered", "judge", "recorded", "rules")

    def __init__(self, judge: Judge, rules: str, delivered: int = 0, recorded: str = "") -> None:
        self.judge = judge
        self.rules = rules
        self.delivered = delivered
        self.recorded = recorded


class Streams:
    """All streams of a log, as far as their events were taken."""

    def __init__(
        self,
        programmes: ProofProgrammes,
        memory: Memory,
        settled: Mapping[str, int],
        handovers: Sequence[tuple[str, str]],
    ) -> None:
        self._programmes = programmes
        self._memory = memory
        self.findings: list[Finding] = []
        """What was found since it was last kept."""
        self.handovers = list(handovers)
        """The keys of every rotation, in log order: the old one and the new one."""
        self._editions: defaultdict[str, list[tuple[int, str, Event]]] = defaultdict(list)
        """By their stream: position, recorded_at, edition."""
        self._new_editions: list[tuple[int, str, bytes]] = []
        self.settled = dict(settled)
        """How many editions of a stream all checks have taken."""
        self._live: dict[str, Live] = {}
        self._rows: dict[str, list[Leafed]] = {}
        for position, stream, entry in memory.editions():
            self._take_edition(position, stream, entry)
        self._new_editions.clear()

    @property
    def are_many(self) -> bool:
        """Whether checks should be put away now."""
        return len(self._live) > CHECKS_MAX

    def take(self, rows: dict[str, list[Leafed]]) -> None:
        """The next events of the log, by stream, each in log order."""
        owners = {name: programme_of(self._programmes, name) for name in rows}
        of_each: defaultdict[str, list[str]] = defaultdict(list)
        own: list[str] = []
        for name, owner in owners.items():
            if owner is None:
                self._take_foreign(name, rows[name])
            elif owner.rules_stream(name) == name:
                own.append(name)
            else:
                of_each[owner.name].append(name)
        self._load([name for name, owner in owners.items() if owner is not None])
        for name in own:  # first: the others go by them
            self._take_batch(owners[name], [name], rows)
        for names in of_each.values():
            batch: list[str] = []
            waiting = 0
            for name in names:
                batch.append(name)
                waiting += len(rows[name])
                if waiting >= RUN:  # small streams are read together
                    self._take_batch(owners[name], batch, rows)
                    batch, waiting = [], 0
            if batch:
                self._take_batch(owners[batch[-1]], batch, rows)

    def _take_batch(self, owner: ProofProgramme | None, names: list[str], rows: dict[str, list[Leafed]]) -> None:
        assert owner is not None
        of_all = rows[names[0]] if len(names) == 1 else [row for name in names for row in rows[name]]
        said = read_rows(of_all, self.findings, owner.light)
        start = 0
        for name in names:
            live = self._live.get(name)
            rules = owner.rules_stream(name)
            if live is None:
                live = self._live[name] = Live(Judge(name, owner), "" if rules == name else rules)
            end = start + len(rows[name])
            inside = slice(start, end)
            part = Said(said.prevs[inside], said.recorded[inside], said.events[inside], said.labels[inside])
            if rules == name:
                self._keep_editions(name, rows[name], part)
            self._feed(live, rows[name], part)
            start = end

    def _keep_editions(self, stream: str, rows: Sequence[Leafed], said: Said) -> None:
        for row, event, recorded in zip(rows, said.events, said.recorded, strict=True):
            if isinstance(event, Event) and recorded is not None:
                self._editions[stream].append((row[3], recorded, event))
                self._new_editions.append((row[3], stream, row[4]))

    def _take_edition(self, position: int, stream: str, entry: bytes) -> None:
        said = read_rows([_row(position, entry)], [])
        self._keep_editions(stream, [_row(position, entry)], said)

    def _feed(self, live: Live, rows: Sequence[Leafed], said: Said) -> None:
        """The events of a stream, and between them the editions that stand between them in the log."""
        positions = [row[3] for row in rows]
        start = 0
        editions = self._editions[live.rules] if live.rules else ()
        while live.delivered < len(editions) and editions[live.delivered][0] < positions[-1]:
            end = bisect_left(positions, editions[live.delivered][0], lo=start)
            live.judge.take(rows[start:end], said.events[start:end], said.labels[start:end])
            self._deliver(live)
            start = end
        live.judge.take(rows[start:], said.events[start:], said.labels[start:])
        live.recorded = max(live.recorded, *(recorded or "" for recorded in said.recorded))

    def _deliver(self, live: Live) -> None:
        """The next edition."""
        _, recorded, edition = self._editions[live.rules][live.delivered]
        live.judge.take((edition,), (edition,), (None,))
        live.delivered += 1
        live.recorded = max(live.recorded, recorded)

    def _deliver_all(self, live: Live) -> None:
        while live.rules and live.delivered < len(self._editions[live.rules]):
            self._deliver(live)

    def _take_foreign(self, name: str, rows: Sequence[Leafed]) -> None:
        """A stream of no programme: the log's own, or one that should not be."""
        said = read_rows(rows, self.findings)
        if name != LOG:
            self.findings.append(Finding("refuted", f"stream {shown(name)}", "events", "a stream of a programme"))
            return
        self.handovers += judge_log_events(said.events, self.findings)

    def _load(self, names: Sequence[str]) -> None:
        missing = [name for name in names if name not in self._live]
        for saved in self._memory.checks(missing):
            self._live[saved.stream] = _live(saved)

    # Putting away

    def put_away(self, last_recorded: str) -> None:
        """All checks in memory go to the disk, and what follows from those whose last transaction is over is judged.

        `last_recorded` is the last recorded_at of the log.
        """
        self._memory.keep_editions(self._new_editions)
        self._new_editions.clear()
        live, self._live = self._live, {}
        self._memory.keep_checks(_saved(name, one, last_recorded) for name, one in live.items())
        for one in live.values():
            self.findings += one.judge.finish() if one.recorded < last_recorded else one.judge.so_far()

    def settle(self, last_recorded: str) -> None:
        """At the end of a round: every edition reaches every check, and every transaction that is over is judged."""
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


def _row(position: int, entry: bytes) -> Leafed:
    event = parse_event(entry)
    return event.stream, event.seq, event.type, position, entry, event.leaf


def _live(saved: SavedCheck) -> Live:
    return Live(saved.judge, saved.rules, saved.delivered, saved.recorded)


def _saved(stream: str, live: Live, last_recorded: str) -> SavedCheck:
    return SavedCheck(stream, live.rules, live.delivered, live.recorded, live.recorded >= last_recorded, live.judge)

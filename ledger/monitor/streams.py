"""The programmes' checks, a stream at a time, over events that come in pieces, in log order.

This is the one judge of what is recorded: the monitor feeds it from a log, and keeps its checks from round to round
(`kept_streams`); the audit feeds it what it has read beside a book, a part of the streams to a process.

A check takes the events of its stream and the editions that it goes by, in log order. An edition is delivered to a check
before the next event of the stream; at the end to all checks that it concerns, since it may have to be announced in streams
where nothing else happened.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from ledger.monitor.judge import Judge
from ledger.monitor.rows import RUN, Leafed, Said, read_rows
from ledger.proof.log.errors import shown
from ledger.proof.log.event import LOG, Event, parse_event
from ledger.proof.programme import ProofProgramme, ProofProgrammes, programme_of
from ledger.seal.findings import Finding, judge_log_events

TOGETHER: Final = 65_536
"""About so many events are taken together, so that those of a stream are;"""
STREAMS_TOGETHER: Final = 16_384
"""fewer, where they are of so many streams: each takes its check into memory."""

Edition = tuple[int, str, bytes]
"""Position, stream and stored bytes of an edition."""
RowsOf = Mapping[str, Sequence[Leafed]]
"""Some events by their stream, each stream's in log order."""


class StreamTaker(Protocol):
    """Takes what a log or a book records of its streams, and judges it in its own time."""

    findings: list[Finding]
    """What was found; whoever keeps it elsewhere may empty it."""
    handovers: list[tuple[str, str]]
    """The keys of every rotation, in log order: the old one and the new one."""
    settled: dict[str, int]
    """How many editions of a stream all checks have taken."""

    def take(self, rows: Iterable[Leafed], last_recorded: str, /) -> None:
        """The next events of the log. `last_recorded` is their last recorded_at."""

    def put_away(self, last_recorded: str, /) -> None:
        """The taker may be asked to go on much later: what it has is to be kept."""

    def settle(self, last_recorded: str, /) -> None:
        """At the end of a round: what has to follow by now is to be judged."""


class Live:
    """A check in memory."""

    __slots__ = ("delivered", "first", "judge", "recorded", "rules")

    def __init__(self, judge: Judge, rules: str, delivered: int = 0, recorded: str = "", first: int = 0) -> None:
        self.judge = judge
        self.first = first
        """The position of the stream's first event; 0 once the check was put away."""
        self.rules = rules
        self.delivered = delivered
        self.recorded = recorded


class Streams:
    """Some streams, as far as their events were taken; the checks of all of them are in memory."""

    def __init__(self, programmes: ProofProgrammes, editions: Iterable[Edition] = ()) -> None:
        """`editions` are those that were taken before, in log order."""
        self.findings: list[Finding] = []
        self.handovers: list[tuple[str, str]] = []
        self.new_editions: list[Edition] = []
        """Those that came since, in log order."""
        self._programmes = programmes
        self._editions: defaultdict[str, list[tuple[int, str, Event]]] = defaultdict(list)
        """By their stream: position, recorded_at, edition."""
        self._live: dict[str, Live] = {}
        self._waiting: dict[str, list[Leafed]] = {}
        """Events that no check has taken yet, by stream."""
        self._count_waiting = 0
        self.take_editions(editions)

    def take_editions(self, editions: Iterable[Edition]) -> None:
        """The next editions, which are judged elsewhere, or were before."""
        for position, stream, entry in editions:
            row = _row(position, entry)
            self._keep_editions(stream, [row], read_rows([row], []))
        self.new_editions.clear()

    def take_rows(self, rows: Iterable[Leafed]) -> bool:
        """The next events of the log; True where checks have taken them, and those that waited before."""
        waiting = self._waiting
        for row in rows:
            if (of_stream := waiting.get(row[0])) is None:
                waiting[row[0]] = [row]
            else:
                of_stream.append(row)
            self._count_waiting += 1
        if self._count_waiting < TOGETHER and len(waiting) < STREAMS_TOGETHER:
            return False
        self.take_waiting()
        return True

    def take_waiting(self) -> None:
        """Nothing waits any more."""
        waiting, self._waiting, self._count_waiting = self._waiting, {}, 0
        self.take_events(waiting)

    def take_events(self, rows: RowsOf) -> None:
        """The next events of the log, by stream, each in log order."""
        owners = {name: programme_of(self._programmes, name) for name in rows}
        of_each: defaultdict[str, list[str]] = defaultdict(list)  # by programme
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

    def finish(self) -> Iterator[tuple[str, Live, list[Finding]]]:
        """Each stream with its check once it has every edition, and what was found when it was judged to its end."""
        self.take_waiting()
        for name, live in self._live.items():
            self._deliver_all(live)
            yield name, live, live.judge.finish()

    def _take_batch(self, owner: ProofProgramme | None, names: list[str], rows: RowsOf) -> None:
        assert owner is not None
        of_all = rows[names[0]] if len(names) == 1 else [row for name in names for row in rows[name]]
        said = read_rows(of_all, self.findings, owner.light)
        start = 0
        for name in names:
            live = self._live.get(name)
            rules = owner.rules_stream(name)
            if live is None:
                live = self._live[name] = Live(
                    Judge(name, owner), "" if rules == name else rules, first=rows[name][0][3]
                )
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
                self.new_editions.append((row[3], stream, row[4]))

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
        """Before events of some streams are taken: their checks have to be in memory if they had any."""


def _row(position: int, entry: bytes) -> Leafed:
    event = parse_event(entry)
    return event.stream, event.seq, event.type, position, entry, event.leaf

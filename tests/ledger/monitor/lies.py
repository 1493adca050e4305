"""A host, what it shows to whom, the receipts that it hands out, and the lies that it may tell in a game (`games`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from ledger.instants import format_instant, parse_instant
from ledger.proof.log.heads import is_heads_entry
from ledger.proof.log.merkle import leaf_hash
from tests.ledger.monitor.forging import HostLog, Said
from tests.ledger.monitor.handing import line_for, lying_line

NOW_US = parse_instant("2025-03-01T00:00:00Z")
PROMISE_S = 35 * 86_400
"""What is recorded in February is promised in March."""
SALT = "MDEyMzQ1Njc4OWFiY2RlZg=="


@dataclass
class Host:
    """The host: the log that it writes, and what it shows to whom."""

    log: HostLog
    left: list[Said]
    """What of its book is not sealed yet."""
    drawn: Random
    shown: dict[str, HostLog] = field(default_factory=dict)
    """Who is shown another log."""
    promised: list[tuple[int, bytes]] = field(default_factory=list)
    """The receipts for the book, with their positions, that were not handed out yet."""
    handed: list[bytes] = field(default_factory=list)
    """Those that were, but were not taken yet by who handed in the facts."""
    now_us: int = NOW_US
    """The clock of all, the host's too."""
    lie: str = ""
    """The lie that it told."""
    spoilt: str = ""
    """The stream in whose chain the lie is."""
    forked_at: int | None = None
    """The size from which on two logs are shown."""

    def to(self, whom: str) -> HostLog:
        """The log that somebody is shown."""
        return self.shown.get(whom, self.log)

    def some(self) -> list[Said]:
        """The next piece of the book."""
        count = self.drawn.choice([1, 2, 3, 8, 20])
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def end_transaction(self) -> None:
        """What is left of the transaction of the last event: nothing that has to follow is missing then."""
        last = self.extra("")[1]["recorded_at"]
        while self.left and self.left[0][1]["recorded_at"] == last:
            self.log.take([self.left.pop(0)])

    def hand_out(self, through: int) -> None:
        """Receipts for the facts of the book up to a position; whoever forgets to ask for one has none."""
        while self.promised and self.promised[0][0] <= through:
            _, line = self.promised.pop(0)
            if self.drawn.random() < 0.8:
                self.handed.append(line)

    def promise(self, event: Said, position: int | None = None, **lies: Any) -> None:
        """Hands out a receipt for an event as if it were the next of the book, or at a position; or a lying one."""
        book = self.log.copy()
        book.take([event])
        at = position or book.events
        lied = lying_line(book.entries[-1], at, **lies) if lies else line_for(book.entries[-1], at, PROMISE_S)
        self.handed.append(lied)

    def extra(self, name: str, **changed: object) -> Said:
        """An event that is in no book: an evaluation of m-2."""
        recorded = max(json.loads(entry)["recorded_at"] for entry in self.log.entries if not is_heads_entry(entry))
        event = {
            "actor": None, "data": {"evaluation": f"e-{name}"}, "fact": f"extra-{name}", "recorded_at": recorded,
            "occurred_at": "2010-01-12T09:00:00.000000Z", "salt": SALT, "type": "EvaluationReceived", "v": 1,
        }  # fmt: skip
        return "membership-m-2", event | changed


Lie = Callable[[Host], None]
"""Adds a piece of the book with a lie in it, and the heads."""


def fork_of_a_stream(host: Host) -> None:
    stream = host.drawn.choice([name for name, end in host.log.ends.items() if end[0] > 1])
    own = [entry for entry in host.log.entries if json.loads(entry).get("stream") == stream]
    at = host.drawn.randrange(len(own) - 1)
    _, event = host.extra("fork", seq=at + 2, prev=leaf_hash(own[at]).hex())
    host.log.take([(stream, event)])
    host.log.heads()
    host.spoilt = stream


def old_head(host: Host) -> None:
    before = dict(host.log.ends)
    host.log.take([*host.some(), host.extra("head")])
    moved = [name for name, end in before.items() if host.log.ends[name] != end]
    stream = host.drawn.choice(moved)
    host.log.heads(host.log.ends | {stream: before[stream]})


def hidden_stream(host: Host) -> None:
    host.log.take([*host.some(), host.extra("hidden")])
    stream = host.drawn.choice(list(host.log.ends))
    host.log.heads({name: end for name, end in host.log.ends.items() if name != stream})


def wrong_counts(host: Host) -> None:
    host.log.take([*host.some(), host.extra("counts")])
    wrong: dict[str, Any] = {host.drawn.choice(["streams", "through"]): 1}
    host.log.heads(**wrong)


def dropped_announcement(host: Host) -> None:
    """One of the next announcements is left out, and all that comes is chained as if it had never been."""
    due = [
        place
        for place, (_, event) in enumerate(host.left)
        if event["type"] in ("EligibilityChanged", "DesignationChanged")
    ]
    if not due:
        return wrong_decision(host)
    del host.left[due[0]]
    host.log.take([*host.left[: due[0]], host.extra("after", recorded_at="2025-02-20T00:00:00.000000Z")])
    host.log.heads()
    host.left = []
    return None


def dropped_event(host: Host) -> None:
    """The next of a stream is left out; its seq says so."""
    seq, leaf, _ = host.log.ends["membership-m-2"]
    host.log.take([host.extra("gap", seq=seq + 2, prev=leaf.hex())])
    host.log.heads()
    host.lie, host.spoilt = "dropped_event", "membership-m-2"


def wrong_decision(host: Host) -> None:
    decided = [json.loads(entry) for entry in host.log.entries if b'"type":"RenewalDecided"' in entry]
    if not decided:
        return dropped_event(host)
    event = host.drawn.choice(decided)
    stream = event["stream"]
    data = event["data"] | {"revision": 99, "outcome": "met" if event["data"]["outcome"] != "met" else "not-met"}
    _, lie = host.extra("decision", type="RenewalDecided", data=data, occurred_at=event["occurred_at"])
    host.log.take([(stream, lie)])
    host.log.heads()
    host.lie, host.spoilt = "wrong_decision", stream
    return None


def fact_twice(host: Host) -> None:
    facts = [json.loads(entry).get("fact") for entry in host.log.entries if not is_heads_entry(entry)]
    host.log.take([host.extra("twice", fact=host.drawn.choice([one for one in facts if one]))])
    host.log.heads()


def back_in_time(host: Host) -> None:
    host.log.take([*host.some(), host.extra("back", recorded_at="2024-12-31T00:00:00.000000Z")])
    host.log.heads()
    host.spoilt = "membership-m-2"


def ahead_of_time(host: Host) -> None:
    ahead = format_instant(NOW_US + host.drawn.choice([301, 86_400]) * 1_000_000)
    host.log.take([*host.some(), host.extra("ahead", recorded_at=ahead)])
    host.log.heads()


def swapped_edition(host: Host) -> None:
    """The log goes back behind an edition of the beginning, and on with another in its place."""
    forged = HostLog()
    events = [json.loads(entry) for entry in host.log.entries if not is_heads_entry(entry)]
    said = [
        (event["stream"], {k: v for k, v in event.items() if k not in ("seq", "prev", "stream")}) for event in events
    ]
    stream, first = said[0]
    said[0] = stream, first | {"data": first["data"] | {"min_responses": 1}}
    forged.take([*said, *host.some(), host.extra("swap")])
    forged.heads()
    forged.notes = host.log.notes[:]
    host.log = forged


def rolled_back(host: Host) -> None:
    """Folder and database of an older day, and on from there another way."""
    older = HostLog()
    size = host.drawn.choice([i + 1 for i, entry in enumerate(host.log.entries) if is_heads_entry(entry)][:-1] or [0])
    events = [json.loads(entry) for entry in host.log.entries[:size] if not is_heads_entry(entry)]
    for event in events:
        older.take([(event["stream"], event)])
    older.entries = host.log.entries[:size]
    older.notes = host.log.notes[:1]
    older.take([host.extra(f"back-{n}", recorded_at="2025-02-20T00:00:00.000000Z") for n in range(host.drawn.choice([1, 80]))]
               if "membership-m-2" in older.ends else host.left[:1])  # fmt: skip
    older.heads()
    host.log, host.left = older, []


def two_logs(host: Host) -> None:
    """One auditor is shown a log that goes another way from here on."""
    other = host.log.copy()
    host.forked_at = len(other.entries)
    host.log.take(host.some() or [host.extra("one")])
    host.log.heads()
    other.take([host.extra("other")])
    other.heads()
    host.shown["auditor-2"] = other


LIES: tuple[Lie, ...] = (
    fork_of_a_stream, old_head, hidden_stream, wrong_counts, dropped_announcement, dropped_event, wrong_decision, fact_twice,
    back_in_time, ahead_of_time, swapped_edition, rolled_back, two_logs,
)  # fmt: skip

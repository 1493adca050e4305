"""Books whose values try to write lines of a report, or to command a terminal: a host can write what no fact can say.

The rules refuse such labels at the door, so a book is recorded as usual, and its events are written anew with other
values, each stream's chain of hashes whole again. Projections, snapshots and what is due are left to be built anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from ledger.event import leaf_hash

MARK: Final = "FAKE"
"""What a line would begin with that a value has written."""
EVIL: Final = "\x1b[31mX\x1b]0;t\x07" + "".join(f"{end}{MARK} recorded\t" for end in "\n\r\x0b\x0c\x1c\x85\u2028\u2029")
Event = dict[str, Any]

OF_DATA: Final = {
    "of workloads": {"workload"},
    "of customers": {"customer"},
    "of people": {"person", "certificate", "code"},
    "of names": {"name", "edition", "location", "customer_org", "group", "organisation", "same_as"},
    "of references": {"response", "subject", "invitation", "reason", "via", "cause", "outcome", "track", "evaluation"},
    "of months": {"month"},
    "of dates": {"renewal_date", "anniversary", "on", "closed_at", "received_at"},
    "of levels": {"level", "tier", "association", "channel"},
}
"""Which members of events' data are written anew, in one book each."""


def _data(names: set[str]) -> Callable[[Event], None]:
    def within(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: EVIL if name in names and isinstance(one, str) else within(one) for name, one in value.items()
            }
        return [within(one) for one in value] if isinstance(value, list) else value

    def change(event: Event) -> None:
        event["data"] = within(event["data"])

    return change


def _actor_and_fact(event: Event) -> None:
    event["actor"] = EVIL
    event["fact"] = event["fact"] and f"{event['fact']}{EVIL}"


def _streams(event: Event) -> None:
    kind, _, name = event["stream"].partition("-")
    if kind == "designation":
        event["stream"] = f"designation-{name.partition('/')[0]}/{EVIL}"
    elif kind == "membership":
        event["stream"] = f"membership-{EVIL}"
    elif kind.startswith("scorebook"):
        event["stream"] = f"scorebook/{EVIL}"


def _memberships(event: Event) -> None:
    if event["stream"].startswith("designation-"):
        event["stream"] = f"designation-{EVIL}/{event['stream'].partition('/')[2]}"


def _types(event: Event) -> None:
    if event["seq"] % 4 == 0:
        event["type"] = EVIL


def _instants(event: Event) -> None:
    if event["seq"] % 5 == 0:
        event["occurred_at"] = EVIL


CHANGES: Final[dict[str, Callable[[Event], None]]] = {name: _data(names) for name, names in OF_DATA.items()} | {
    "of actors and facts": _actor_and_fact,
    "of streams": _streams,
    "of memberships": _memberships,
    "of types": _types,
    "of instants": _instants,
}


def rewrite(path: Path, change: Callable[[Event], None]) -> None:
    """Writes each event of a SQLite book anew, as `change` leaves it."""
    heads: dict[str, tuple[int, str]] = {}
    facts: set[str] = set()  # an announcement names the fact that caused it, and only that event's row does, too
    with closing(sqlite3.connect(path)) as book, book:
        rows = book.execute("SELECT position, state FROM events ORDER BY position").fetchall()
        guards = book.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            book.execute(f"DROP TRIGGER {name}")
        for table in ("events", "snapshots", "due"):
            book.execute(f"DELETE FROM {table}")
        for position, stored in rows:
            event = orjson.loads(stored)
            change(event)
            seq, prev = heads.get(event["stream"], (0, "0" * 64))
            event |= {"seq": seq + 1, "prev": prev}
            written = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
            heads[event["stream"]] = seq + 1, leaf_hash(written)
            fact = None if event["fact"] in facts else event["fact"]
            facts.add(event["fact"])
            book.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    position,
                    event["stream"],
                    event["seq"],
                    event["type"],
                    written,
                    fact,
                    fact and sha256(written).digest(),
                ),
            )
        for _, sql in guards:
            book.execute(sql)

"""A process that records responses in PostgreSQL, with transactions that are rolled back in between; see test_gaps.

python -m tests.ledger.store.writing_process URL NAME FACTS     records them, prints the last position, ends
python -m tests.ledger.store.writing_process URL NAME hang      appends, prints a line, and keeps the lock until killed
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from ledger.fact import Fact
from ledger.instants import DAY_US, format_instant, parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.base import NewRow
from ledger.store.postgres import PostgresStore
from ledger.writing.writer import Writer

BEGIN_US = parse_instant("2010-01-01T00:00:00Z")
NOW_US = parse_instant("2026-01-01T00:00:00Z")
GROUP = 40
MEMBERSHIPS = 5


class RolledBack(Exception):
    """On purpose."""


def facts(name: str, number: int) -> Iterator[Fact]:
    """Responses to a few memberships of this process."""
    for place in range(MEMBERSHIPS):
        yield fact_from_object(
            {
                "type": "enrol-membership",
                "id": f"e-{name}-{place}",
                "membership": f"{name}-{place}",
                "occurred_at": format_instant(BEGIN_US),
                "name": "P",
                "level": "gold",
            }
        )
    for place in range(number - MEMBERSHIPS):
        yield fact_from_object(
            {
                "type": "record-response",
                "id": f"r-{name}-{place}",
                "membership": f"{name}-{place % MEMBERSHIPS}",
                "occurred_at": format_instant(BEGIN_US + place * DAY_US // 16),
                "response": f"r-{place}",
                "customer_org": f"o-{place % 7}",
            }
        )


def roll_back(store: PostgresStore, name: str) -> None:
    """Appends, and takes it back."""
    with suppress(RolledBack), store.writing() as transaction:
        end = transaction.max_position()
        rows = [NewRow(end + 1 + n, f"rolled-back-{name}", n + 1, "Nothing", b"{}", None, None) for n in range(5)]
        transaction.append(rows)
        raise RolledBack


def record(url: str, name: str, number: int) -> None:
    """Records, a group at a time; whoever records the same again finds duplicates."""
    random.seed(name)
    store = PostgresStore(url)
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    remaining = facts(name, number)
    while group := list(islice(remaining, GROUP)):
        outcomes = writer.record(group)
        assert all(outcome.status != "refused" for outcome in outcomes), outcomes
        if random.random() < 0.2:
            roll_back(store, name)
    writer.close()
    store.close()


def hang(url: str, name: str) -> None:
    """Holds the lock with rows that are not committed."""
    store = PostgresStore(url)
    with store.writing() as transaction:
        end = transaction.max_position()
        transaction.append([NewRow(end + 1, f"killed-{name}", 1, "Nothing", b"{}", None, None)])
        print("appended", flush=True)
        time.sleep(120)


if __name__ == "__main__":
    if sys.argv[3] == "hang":
        hang(sys.argv[1], sys.argv[2])
    else:
        record(sys.argv[1], sys.argv[2], int(sys.argv[3]))

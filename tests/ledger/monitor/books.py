"""Honest books for games, and the receipts for their facts."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from random import Random

from ledger.instants import parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from tests.console.support import fact, met, response
from tests.ledger.monitor.forging import HostLog, Said, history_of
from tests.ledger.monitor.handing import lines_of
from tests.ledger.monitor.lies import PROMISE_S
from tests.oracle.capability.histories import history

ANNOUNCED = tuple(programme.announced for programme in PROOF_PROGRAMMES)


def a_book(seed: int, folder: Path) -> list[Said]:
    """An honest book of both programmes: transactions of one fact or several, some of them refused; announced and decided."""
    drawn = Random(seed)
    facts = [*met("m-1"), *met("m-2")]
    for number in range(40):
        month, day, membership = drawn.randint(1, 9), drawn.randint(1, 28), drawn.choice(["m-1", "m-2"])
        at = f"2010-{month:02d}-{day:02d}T10:00:00Z"
        what = drawn.random()
        if what < 0.6:
            facts.append(response(100 + number, drawn.choice(["Brontegard", "Lindomar", "Third"]), at, membership))
        elif what < 0.8:
            voided = f"{membership}-r-{drawn.randint(1, 10)}"
            at = f"2010-10-{day:02d}T10:00:00Z"
            facts.append(fact("void-response", f"void-{number}", at, membership, response=voided, reason="fraud"))
        else:
            at = f"2011-03-{day:02d}T10:00:00Z"
            facts.append(fact("decide-renewal", f"decide-{number}", at, membership, renewal_date="2011-03-01"))
    facts += history(drawn, 50)
    for number in range(2):
        facts.insert(drawn.randrange(20, len(facts)), edition(number))
    store = SQLiteStore(folder / f"{seed}.db")
    clock_us = parse_instant("2025-02-01T00:00:00Z")
    with closing(store), closing(Writer(store, lambda: clock_us, PROGRAMMES, rehearsal=True)) as writer:
        while facts:
            some = drawn.choice([1, 1, 2, 5])
            writer.record([fact_from_object(one) for one in facts[:some]])
            del facts[:some]
            clock_us += drawn.choice([0, 1, 10_000_000])
        writer.review()
        return history_of(store)


def promises(told: list[Said]) -> list[tuple[int, bytes]]:
    """The receipt for each fact of a book, and its position."""
    whole = HostLog()
    whole.take(told)
    lines = lines_of(whole, ANNOUNCED, PROMISE_S)
    return [(int(json.loads(line)["receipt"].split("\n")[6]), line) for line in lines]


def edition(number: int) -> dict[str, object]:
    """A rulebook edition of the past, under which less is needed."""
    return {
        "type": "publish-rulebook", "id": f"edition-{number}", "occurred_at": "2010-01-01T00:00:00Z",
        "edition": f"late-{number}", "effective_from": f"2010-0{number + 5}-01T00:00:00Z", "min_responses": 9 - number,
        "per_org_cap": 8, "min_organisations": 2, "window_months": 12, "min_evaluations": 10, "pool_locations": False,
    }  # fmt: skip

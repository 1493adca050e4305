"""Several writer processes and a live reader on one SQLite store that holds both programmes."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

from ledger.fact import Fact
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from projections.survey.reading import fold, replay
from tests.support.designations import AREAS, NOW_US, designation_facts, side_by_side
from tests.support.designations_checked import require_as_the_oracle

WRITERS = 8
FACTS_EACH = 400
MEMBERSHIPS = 10
DESIGNATED = ("m-0", "in-no-survey")
SEED = 8
REFUSED = {
    *("month-not-over", "unknown-workload", "month-not-closed", "unknown-certificate"),
    *("anniversary-not-set", "anniversary-not-due", "designation-already-decided"),
}
"""What may be refused of designations whose facts come in any order; of the survey nothing is."""


def enrolments() -> list[Fact]:
    """The same for every writer: one of them is first, for the others they are duplicates."""
    return [
        fact_from_object(
            {
                "type": "enrol-membership",
                "id": f"enrol-{number}",
                "membership": f"m-{number}",
                "occurred_at": "2010-01-01T00:00:00Z",
                "name": f"Partner {number}",
                "level": "gold",
            }
        )
        for number in range(MEMBERSHIPS)
    ]


def responses(writer: int) -> list[Fact]:
    """Responses to memberships that all writers write to; a tenth of them another writer sends as well."""
    return [
        fact_from_object(
            {
                "type": "record-response",
                "id": f"f-{sender}-{number}",
                "membership": f"m-{number % MEMBERSHIPS}",
                "occurred_at": f"2011-{1 + number % 12:02d}-{1 + sender:02d}T00:00:00Z",
                "response": f"r-{sender}-{number}",
                "customer_org": f"org-{number % 3}",
            }
        )
        for number in range(FACTS_EACH)
        for sender in ((writer, (writer + 1) % WRITERS) if number % 10 == 0 else (writer,))
    ]


def designations() -> list[dict[str, Any]]:
    """What all writers tell of designations, in different orders: of each fact one writer is first."""
    return designation_facts(random.Random(SEED), DESIGNATED)


def write(path: Path, writer_number: int) -> None:
    seeded = random.Random(writer_number)
    store = SQLiteStore(path)
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    told = designations()
    opened = [fact for fact in told if fact["type"] in ("publish-scorebook", "open-designation")]
    rest = [fact for fact in told if fact not in opened]
    seeded.shuffle(rest)
    of_both = side_by_side(seeded, [responses(writer_number), [fact_from_object(fact) for fact in rest]])
    facts = [*enrolments(), *map(fact_from_object, opened), *of_both]
    start = 0
    while start < len(facts):
        size = seeded.choice((1, 3, 20, 60))
        outcomes = writer.record(facts[start : start + size])
        refused = {outcome.code for outcome in outcomes if outcome.status == "refused"}
        assert refused <= REFUSED, refused
        start += size
    store.close()


def fork(work: object, *arguments: object) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(*arguments)  # type: ignore[operator]
            status = 0
        finally:
            os._exit(status)
    return child


def test_eight_writers_lose_nothing_and_a_live_reader_misses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    SQLiteStore(path).close()
    children = {fork(write, path, number) for number in range(WRITERS)}
    store = SQLiteStore(path)
    seen: list[tuple[int, bytes]] = []
    while True:
        writing = bool(children)
        for child in list(children):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                children.remove(child)
                assert status == 0, "a writer failed; its error is printed above"
        position = seen[-1][0] if seen else 0
        if store.wait(position, 0.05):
            seen += [(row.position, row.stored) for row in store.read_feed(position, 500)]
        elif not writing:
            break
    assert [position for position, _ in seen] == list(range(1, store.max_position() + 1))
    assert [stored for _, stored in seen] == [row.stored for row in store.read_feed(0, 1_000_000)]

    distinct = {fact.id for number in range(WRITERS) for fact in responses(number)}
    recorded = [row for row in store.read_feed(0, 1_000_000) if row.type == "ResponseReceived"]
    assert len(recorded) == len(distinct)
    for number in range(MEMBERSHIPS):
        for _ in replay(store, f"m-{number}"):
            pass  # the chain is checked on the way
        assert fold(store, f"m-{number}").enrolled
    found = require_as_the_oracle(store, designations())
    assert found["designations"] == len(DESIGNATED) * len(AREAS)
    assert found["flips"] > 5
    store.close()

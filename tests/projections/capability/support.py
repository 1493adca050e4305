"""A book of both programmes with its projection of scores, and the oracle told the same facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from ledger.errors import Refused
from ledger.instants import EPOCH
from projections.builds import load_build
from projections.capability.month_tables import STEP
from projections.capability.score_reader import ScoreReader
from projections.capability.scores import Scores
from projections.database import Database, SQLiteDatabase
from projections.runner import Runner
from tests.ledger.programmes.capability.book import Book
from tests.oracle.capability_from_text.histories import LAST
from tests.oracle.capability_from_text.oracle import Oracle
from tests.oracle.capability_from_text.score import instants

NOW = LAST + timedelta(days=1)
STEPS = (1, 2, 3, STEP)
"""So many reports between two checkpoints: one, so that every report is one; few; and as the program has it."""


class SmallBatches(SQLiteDatabase):
    """A database to which a few events are applied at once."""

    batch_events = 3


class ScoreBook:
    """A book, an oracle that knows the same, and the projection of scores, caught up whenever a test says so."""

    def __init__(self, folder: Path, step: int = 2, database: Database | None = None) -> None:
        self.book, self.oracle = Book(folder, NOW), Oracle()
        self.database = database or SmallBatches(str(folder / "tables.db"))
        self.scores = Scores(step)
        self.runner = Runner(self.book.store, self.database, [self.scores])
        self.positions: list[int] = [0]
        """The position of the event of each accepted fact, by its number; 0: what was shipped."""

    def tell(self, facts: Sequence[dict[str, Any]], random: Random | None = None) -> None:
        """Tells both; now and then the projection catches up in between, so that its batches vary."""
        for fact in facts:
            try:
                (outcome,) = self.book.tell(fact)
                told = outcome.status
            except Refused:
                told = "refused"
            assert told == self.oracle.record(fact, NOW)[0]
            if told == "accepted":
                self.positions.append(outcome.position)
            if random is not None and random.random() < 0.2:
                self.runner.catch_up()
        self.runner.catch_up()

    @contextmanager
    def reader(self) -> Iterator[ScoreReader]:
        with self.database.reading() as connection:
            build = load_build(connection, self.scores)
            assert build is not None
            yield ScoreReader(connection, build.prefix, build.position)

    def position_of(self, number: int) -> int:
        """The position from which on so many accepted facts are known."""
        return self.positions[number]

    def rebuilt_differences(self) -> int:
        """Rows in which the tables differ from those that are built anew in other batches."""
        with self.database.reading() as connection:
            build = load_build(connection, self.scores)
            assert build is not None
            assert not build.parked
        return self.runner.rebuild()[self.scores.name]

    def close(self) -> None:
        self.book.close()
        self.database.close()


@contextmanager
def score_book(folder: Path, step: int = 2, database: Database | None = None) -> Iterator[ScoreBook]:
    opened = ScoreBook(folder, step, database)
    try:
        yield opened
    finally:
        opened.close()


def some_instant(random: Random, oracle: Oracle, membership: str, area: str, known: int) -> datetime:
    """An instant at which something may change, or one beside it."""
    found = instants(oracle, membership, area, known) or [EPOCH]
    return random.choice(found) + random.choice([-1, 0, 0, 1, 10**9]) * timedelta(microseconds=1)


def dense_history(random: Random, reports: int = 120) -> list[dict[str, Any]]:
    """Many reports of few pairs in two compared months, withdrawn and restated, and editions published in between."""
    customers, workloads = [f"c-{number}" for number in range(4)], ("retail", "power-bi", "other", "spare")
    begin = "2024-08-01T00:00:00Z"

    def edition(number: int) -> dict[str, Any]:
        kinds = ["cpor", "csp-1", "csp-2", "dpor", "pal"]

        def some() -> list[str]:
            return sorted(random.sample(kinds, random.randint(1, 4)))

        def each(*of: int) -> dict[str, int]:
            return {"enterprise": random.choice(of), "smb": random.choice(of)}

        rated = random.sample(workloads, random.randint(1, 4))
        return {
            "type": "publish-scorebook", "id": f"e-{number}", "occurred_at": begin, "area": "dense",
            "edition": f"e-{number}", "effective_from": f"2024-0{random.randint(1, 9)}-01T00:00:00Z",
            "min_centipoints": random.choice([1, 400, 900]), "window_months": 6,
            "net_adds": {"max": 1500, "each": 300, "threshold_cents": each(1, 3), "associations": some()},
            "intermediate": {"max": 100, "each": each(100), "people": each(1)},
            "advanced": {"max": 100, "each": each(100), "people": each(1)},
            "usage_growth": {"max": 3000, "each_percent": 100, "base_mcv": each(1, 20)},
            "deployments": {"max": 2000, "each": 400, "threshold_mcv": each(2, 4)},
            "track": {"workloads": random.randint(1, 3), "threshold_cents": random.randint(1, 4)},
            "rates": {name: {"rate_milli": random.choice([500, 1000, 2000]), "associations": some()} for name in rated},
        }  # fmt: skip

    common = {"area": "dense", "membership": "m-1", "occurred_at": begin}
    facts = [edition(0), {**common, "type": "open-designation", "id": "o", "name": "Contoso"}]
    for place in range(reports):
        report = {
            **common, "id": f"r-{place}", "customer": random.choice(customers), "workload": random.choice(workloads),
            "month": random.choice(["2023-06", "2024-06"]), "association": random.choice(["cpor", "csp-1", "pal"]),
        }  # fmt: skip
        if random.random() < 0.5:
            facts.append({**report, "type": "report-usage", "units": random.choice([0, 0, 1, 2, 3, 4, 9])})
        else:
            facts.append({**report, "type": "report-revenue", "amount_cents": random.choice([0, 0, 1, 2, 3, 5])})
        if random.random() < 0.03:
            facts.append(edition(place + 1))
    for tier in ("intermediate", "advanced"):
        facts.append(
            {**common, "type": "record-certificate", "id": tier, "certificate": tier, "person": "p", "code": "mb-310",
             "tier": tier, "valid_from": "2024-01-01"}
        )  # fmt: skip
    facts.append(
        {**common, "type": "close-month", "id": "c", "month": "2024-06", "occurred_at": "2024-07-20T00:00:00Z"}
    )
    return [*facts[:2], *random.sample(facts[2:], len(facts) - 2)]

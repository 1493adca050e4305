"""The samples in `schemas/` are what the ledger makes of their facts, told beside those that the worked example takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.programmes.capability.events import scorebook_stream
from ledger.programmes.capability.samples import EVENT_SAMPLES, FACT_SAMPLES, SAMPLE_STREAM
from tests.ledger.programmes.capability.book import Book

LEARNED_AFTER = timedelta(seconds=1)
DESIGNATION = {"membership": "m-1", "area": "business-applications"}


def beside() -> Iterator[dict[str, Any]]:
    """What the worked example has beside the samples: 40,000 against 25,000, two pairs more, three adds, 3 and 2 people."""

    def fact(kind: str, occurred_at: str, **fields: Any) -> dict[str, Any]:
        return {"type": kind, "id": f"{kind} {fields}"[:200], "occurred_at": occurred_at, **DESIGNATION, **fields}

    def use(month: str, customer: str, units: int) -> dict[str, Any]:
        fields = {"customer": customer, "workload": "customer-insights", "month": month, "association": "pal"}
        when = "2023-07-04T00:00:00Z" if month == "2023-05" else "2024-06-10T05:00:00Z"
        return fact("report-usage", when, units=units, **fields)

    yield use("2023-05", "c-81f2c0", 25_000)  # 0.2 a unit: 5,000, a pair a year before
    for number in range(2, 7):
        yield use("2023-05", f"c-{number}", 20_000)  # 4,000 each, below the 5,000 of a pair
    for number in (2, 3):
        yield use("2024-05", f"c-{number}", 50_000)
        sold = {"customer": f"c-{number}", "workload": "any", "month": "2024-05", "association": "csp-1"}
        yield fact("report-revenue", "2024-06-10T05:00:00Z", amount_cents=25_000, **sold)
    for number in range(4, 8):
        yield use("2024-05", f"c-{number}", 12_500)
    for tier, people in (("intermediate", (2, 3)), ("advanced", (1, 2))):
        for person in people:
            held = {"person": f"p-{person}", "code": "mb-910", "tier": tier, "valid_from": "2024-01-01"}
            yield fact("record-certificate", "2024-01-10T00:00:00Z", certificate=f"x-{tier}-{person}", **held)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """The events of a book with the samples' facts, each learned a second after it was so."""
    facts = sorted([*FACT_SAMPLES.values(), *beside()], key=lambda fact: datetime.fromisoformat(fact["occurred_at"]))
    book = Book(Path(tmp_path_factory.mktemp("samples")), datetime.fromisoformat(facts[0]["occurred_at"]))
    for fact in facts:
        book.now = datetime.fromisoformat(fact["occurred_at"]) + LEARNED_AFTER
        assert [outcome.status for outcome in book.tell(fact)] == ["accepted"], fact
    yield [json.loads(row.stored) for row in book.store.read_feed(0, 1_000)]
    book.close()


def test_every_sample_of_an_event_is_what_the_ledger_makes(stored: list[dict[str, Any]]) -> None:
    samples = {name: sample._asdict() for name, sample in EVENT_SAMPLES.items()}
    made = {
        name: {field: event[field] for field in sample}
        for event in stored
        for name, sample in samples.items()
        if event["type"] == name
        and event["fact"] == sample["fact"]
        and event["stream"] == (scorebook_stream("business-applications") if "Scorebook" in name else SAMPLE_STREAM)
    }
    assert made == samples


def test_the_sample_of_an_announcement_is_the_worked_examples(stored: list[dict[str, Any]]) -> None:
    data = EVENT_SAMPLES["DesignationChanged"].data
    assert (data["centipoints"], data["qualified"], sum(data["metrics"].values())) == (7_400, True, 7_400)
    assert data["metrics"] == {
        "usage-growth": 3_000,
        "deployments": 800,
        "net-adds": 900,
        "intermediate": 1_200,
        "advanced": 1_500,
    }
    assert sum(event["type"] == "DesignationChanged" for event in stored) >= 2

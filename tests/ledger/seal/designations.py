"""A small book with the worked example of docs/capability.md, two designations and a membership of the survey; and its log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.instants import parse_instant
from ledger.programmes.registry import PROGRAMMES
from ledger.proof.capability.programme import Capability
from ledger.proof.log.bundle import Bundle
from ledger.proof.log.report import Report
from ledger.proof.log.verify import verify
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.seal.evidence import collect_evidence
from ledger.writing.writer import Writer
from tests.contracts.backends import BACKENDS, Backend
from tests.ledger.seal.support import Ledger, a_ledger, policy_bytes, sample_facts

AREA = "business-applications"
ANNIVERSARY = "2024-06-30"
STREAM, SCOREBOOK = f"designation-m-1/{AREA}", f"scorebook/{AREA}"
NOW_US = parse_instant("2024-09-01T00:00:00Z")
RESTATED = 4_995
"""Units of customer-insights in May 2023, five fewer, that take the base of the usage growth away."""

Fact = dict[str, Any]


def designation_facts(membership: str = "m-1") -> list[Fact]:
    """74 points from the close of May 2024 on, and the decision that it is qualified (the worked example)."""
    common = {"membership": membership, "area": AREA}
    facts = [
        {"type": "open-designation", "occurred_at": "2023-07-01T00:00:00Z", "name": "Contoso"},
        {"type": "set-anniversary", "occurred_at": "2023-07-01T00:00:00Z", "anniversary": ANNIVERSARY},
        _usage("c-1", "business-central", "2023-05", 24, "2023-07-01T00:00:00Z"),
        _usage("c-1", "customer-insights", "2023-05", 5_000, "2023-07-01T00:00:00Z", "pal"),
        *(
            {
                "type": "record-certificate", "occurred_at": "2023-09-01T00:00:00Z", "certificate": f"z-{number}",
                "person": f"p-{number}", "code": "x-1", "tier": "intermediate" if number < 3 else "advanced",
                "valid_from": "2023-09-01", "valid_until": "2025-09-01",
            }
            for number in range(5)
        ),
        *(
            _usage(customer, "business-central", "2024-05", units, "2024-06-10T00:00:00Z")
            for customer, units in (("c-1", 30), ("c-2", 5), ("c-3", 5))
        ),
        *(
            {
                "type": "report-revenue", "occurred_at": "2024-06-11T00:00:00Z", "customer": customer,
                "workload": "business-central", "month": "2024-05", "amount_cents": 25_000, "association": "cpor",
            }
            for customer in ("c-1", "c-2", "c-3")
        ),
        {"type": "close-month", "occurred_at": "2024-06-20T00:00:00Z", "month": "2024-05"},
        decide("2024-06-25T00:00:00Z"),
    ]  # fmt: skip
    return [{"id": f"{membership}-d-{number}", **common, **fact} for number, fact in enumerate(facts)]


def _usage(customer: str, workload: str, month: str, units: int, at: str, association: str = "cpor") -> Fact:
    return {
        "type": "report-usage", "occurred_at": at, "customer": customer, "workload": workload, "month": month,
        "units": units, "association": association,
    }  # fmt: skip


def decide(at: str, **more: Any) -> Fact:
    """The decision on the anniversary."""
    return {"type": "decide-designation", "occurred_at": at, "anniversary": ANNIVERSARY, **more}


def restatement() -> list[Fact]:
    """May 2023 is restated, the base is gone, and the anniversary is decided again: it never was qualified."""
    common = {"membership": "m-1", "area": AREA}
    report = _usage("c-1", "customer-insights", "2023-05", RESTATED, "2024-07-10T00:00:00Z", "pal")
    return [
        {"id": "restated", **common, **report},
        {"id": "again", **common, **decide("2024-07-11T00:00:00Z")},
    ]


def designation_evidence(ledger: Ledger, membership: str = "m-1") -> Bundle:
    """The bundle of the latest decision on the anniversary."""
    return collect_evidence(ledger.store, ledger.folder, Capability(), f"designation-{membership}/{AREA}", ANNIVERSARY)


def designation_verdict(ledger: Ledger) -> Report:
    """What the verifier says of it."""
    return verify(designation_evidence(ledger).encoded(), policy_bytes(), PROOF_PROGRAMMES)


@contextmanager
def designation_ledger(folder: Path, backend: Backend = BACKENDS[0], place: str | None = None) -> Iterator[Ledger]:
    """The book, not sealed yet."""
    with a_ledger(backend, place or str(folder / "book.db"), folder / "log", sample_facts()) as ledger:
        ledger.writer.close()
        ledger.writer = Writer(ledger.store, lambda: NOW_US, PROGRAMMES, rehearsal=True)
        ledger.record(designation_facts())
        ledger.record(designation_facts("m-2"))
        yield ledger

"""A well-formed fact of every type of the capability programme, and the form of facts of both programmes."""

from __future__ import annotations

from typing import Any, Final

from tests.oracle.capability_from_text import form as capability
from tests.oracle.survey import form as survey
from tests.oracle.survey.form import Fact

COMMON: Final = {"membership": "m-1", "area": "business-applications", "occurred_at": "2024-07-15T10:22:33.123456Z"}
REPORTED: Final = {"customer": "c-1", "workload": "power-bi", "month": "2024-06", "association": "pal"}
BY_TRACK: Final = {"enterprise": 2, "smb": 1}
CAPABILITY_EXAMPLES: Final[tuple[Fact, ...]] = (
    {"type": "open-designation", "id": "d-1", **COMMON, "name": "Contoso Tromsø"},
    {"type": "set-anniversary", "id": "d-2", **COMMON, "anniversary": "2024-11-30"},
    {"type": "report-usage", "id": "d-3", **COMMON, **REPORTED, "units": 10**12},
    {"type": "report-revenue", "id": "d-4", **COMMON, **REPORTED, "amount_cents": 25_000},
    {"type": "close-month", "id": "d-5", **COMMON, "month": "2024-06", "actor": "capability operator"},
    {"type": "correct-close", "id": "d-6", **COMMON, "month": "2024-06", "closed_at": "2024-07-15T10:22:33.123456Z"},
    {
        "type": "record-certificate",
        "id": "d-7",
        **COMMON,
        "certificate": "z-1",
        "person": "p-1",
        "code": "mb-310",
        "tier": "intermediate",
        "valid_from": "2024-02-29",
        "valid_until": "2025-03-01",
    },
    {"type": "end-certificate", "id": "d-8", **COMMON, "certificate": "z-1", "on": "2024-08-01"},
    {"type": "decide-designation", "id": "d-9", **COMMON, "anniversary": "2024-11-30"},
    {
        "type": "publish-scorebook",
        "id": "d-10",
        "area": "business-applications",
        "occurred_at": "2024-07-15T10:22:33Z",
        "edition": "2024-08",
        "effective_from": "2024-08-01T00:00:00Z",
        "min_centipoints": 7000,
        "window_months": 6,
        "net_adds": {"max": 1500, "each": 300, "threshold_cents": BY_TRACK, "associations": ["cpor", "csp-1"]},
        "intermediate": {"max": 2000, "each": BY_TRACK, "people": BY_TRACK},
        "advanced": {"max": 1500, "each": BY_TRACK, "people": BY_TRACK},
        "usage_growth": {"max": 3000, "each_percent": 100, "base_mcv": BY_TRACK},
        "deployments": {"max": 2000, "each": 400, "threshold_mcv": BY_TRACK},
        "track": {"workloads": 5, "threshold_cents": 500_000},
        "rates": {"power-bi": {"rate_milli": 200_000, "associations": ["pal"]}},
    },
)
MAY_BE_NOTHING: Final = ("units", "amount_cents")
"""Fields that may be 0: so a report is withdrawn."""


def is_well_formed(fact: Any) -> bool:
    """Whether an object is a fact of either programme, by their oracles."""
    return survey.is_well_formed(fact) or capability.is_well_formed(fact)

"""The samples of facts and events that go with the schemas (see `ledger.programmes.schemas`): fixed, and true to the programme.

The partner is the one of the worked example: 74 points once May 2024 is closed. A test records the facts beside those that
it takes to get there, and the ledger makes these events of them. Nobody in them is a person, and no company exists.
"""

from __future__ import annotations

from typing import Any, Final

from ledger.programmes.capability.events import designation_stream
from ledger.programmes.schema_forms import EventSample

_AREA: Final = {"area": "business-applications"}
_DESIGNATION: Final = {"membership": "m-1", **_AREA}
SAMPLE_STREAM: Final = designation_stream("m-1", _AREA["area"])
_FEED: Final = {"actor": "usage-feed"}
_PORTAL: Final = {"actor": "partner-portal"}
_FIGURES: Final[dict[str, Any]] = {
    "min_centipoints": 7_000,
    "window_months": 6,
    "net_adds": {
        "max": 1_500,
        "each": 300,
        "threshold_cents": {"enterprise": 150_000, "smb": 25_000},
        "associations": ["cpor", "csp-1", "csp-2", "dpor"],
    },
    "intermediate": {"max": 2_000, "each": {"enterprise": 100, "smb": 400}, "people": {"enterprise": 20, "smb": 5}},
    "advanced": {"max": 1_500, "each": {"enterprise": 214, "smb": 750}, "people": {"enterprise": 7, "smb": 2}},
    "usage_growth": {"max": 3_000, "each_percent": 100, "base_mcv": {"enterprise": 50_000, "smb": 25_000}},
    "deployments": {"max": 2_000, "each": 400, "threshold_mcv": {"enterprise": 10_000, "smb": 5_000}},
    "track": {"workloads": 5, "threshold_cents": 500_000},
    "rates": {
        "business-central": {"rate_milli": 1_000_000, "associations": ["cpor", "dpor"]},
        "customer-insights": {"rate_milli": 250, "associations": ["pal"]},
    },
}


def _fact(kind: str, fact: str, occurred_at: str, *parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"type": kind, "id": fact, "occurred_at": occurred_at}
    for part in parts:
        content |= part
    return content | fields


FACT_SAMPLES: Final[dict[str, dict[str, Any]]] = {
    sample["type"]: sample
    for sample in (
        _fact("open-designation", "f-1", "2023-07-03T09:00:00Z", _DESIGNATION, _PORTAL, name="Cobalt Ridge Systems"),
        _fact("set-anniversary", "f-2", "2023-07-03T09:05:00Z", _DESIGNATION, _PORTAL, anniversary="2024-06-30"),
        _fact(
            "record-certificate",
            "f-3",
            "2024-01-15T10:30:00+01:00",
            _DESIGNATION,
            certificate="x-70b1",
            person="p-4d19",
            code="mb-910",
            tier="intermediate",
            valid_from="2024-01-12",
            valid_until="2025-01-12",
        ),
        _fact(
            "report-usage",
            "f-4",
            "2024-06-10T06:00:00Z",
            _DESIGNATION,
            _FEED,
            customer="c-81f2c0",
            workload="customer-insights",
            month="2024-05",
            units=50_000,
            association="pal",
        ),
        _fact(
            "report-revenue",
            "f-5",
            "2024-06-10T06:05:00Z",
            _DESIGNATION,
            _FEED,
            customer="c-81f2c0",
            workload="customer-insights",
            month="2024-05",
            amount_cents=25_000,
            association="csp-1",
        ),
        _fact("close-month", "f-6", "2024-06-20T00:00:00Z", _DESIGNATION, _FEED, month="2024-05"),
        _fact(
            "correct-close",
            "f-7",
            "2024-06-21T08:00:00Z",
            _DESIGNATION,
            _FEED,
            month="2024-05",
            closed_at="2024-06-19T18:00:00Z",
        ),
        _fact("decide-designation", "f-8", "2024-07-01T06:00:00Z", _DESIGNATION, anniversary="2024-06-30"),
        _fact("end-certificate", "f-9", "2024-09-02T09:00:00Z", _DESIGNATION, certificate="x-70b1", on="2024-09-01"),
        _fact(
            "publish-scorebook",
            "f-10",
            "2024-09-15T00:00:00Z",
            _AREA,
            {"actor": "programme-owner"},
            edition="2024-10",
            effective_from="2024-10-01T00:00:00Z",
            **_FIGURES,
        ),
    )
}

EVENT_SAMPLES: Final[dict[str, EventSample]] = {
    "DesignationOpened": EventSample(
        1,
        "2023-07-03T09:00:00.000000Z",
        "2023-07-03T09:00:01.000000Z",
        "f-1",
        "partner-portal",
        {"name": "Cobalt Ridge Systems"},
    ),
    "AnniversarySet": EventSample(
        2,
        "2023-07-03T09:05:00.000000Z",
        "2023-07-03T09:05:01.000000Z",
        "f-2",
        "partner-portal",
        {"anniversary": "2024-06-30"},
    ),
    "UsageReported": EventSample(
        22,
        "2024-06-10T06:00:00.000000Z",
        "2024-06-10T06:00:01.000000Z",
        "f-4",
        "usage-feed",
        {
            "association": "pal",
            "customer": "c-81f2c0",
            "month": "2024-05",
            "units": 50000,
            "workload": "customer-insights",
        },
    ),
    "RevenueReported": EventSample(
        23,
        "2024-06-10T06:05:00.000000Z",
        "2024-06-10T06:05:01.000000Z",
        "f-5",
        "usage-feed",
        {
            "amount_cents": 25000,
            "association": "csp-1",
            "customer": "c-81f2c0",
            "month": "2024-05",
            "workload": "customer-insights",
        },
    ),
    "MonthClosed": EventSample(
        24,
        "2024-06-20T00:00:00.000000Z",
        "2024-06-20T00:00:01.000000Z",
        "f-6",
        "usage-feed",
        {"month": "2024-05"},
    ),
    "MonthCloseCorrected": EventSample(
        26,
        "2024-06-21T08:00:00.000000Z",
        "2024-06-21T08:00:01.000000Z",
        "f-7",
        "usage-feed",
        {"closed_at": "2024-06-19T18:00:00.000000Z", "month": "2024-05"},
    ),
    "CertificateRecorded": EventSample(
        13,
        "2024-01-15T09:30:00.000000Z",
        "2024-01-15T09:30:01.000000Z",
        "f-3",
        None,
        {
            "certificate": "x-70b1",
            "code": "mb-910",
            "person": "p-4d19",
            "tier": "intermediate",
            "valid_from": "2024-01-12",
            "valid_until": "2025-01-12",
        },
    ),
    "CertificateEnded": EventSample(
        29,
        "2024-09-02T09:00:00.000000Z",
        "2024-09-02T09:00:01.000000Z",
        "f-9",
        None,
        {"certificate": "x-70b1", "on": "2024-09-01"},
    ),
    "DesignationDecided": EventSample(
        28,
        "2024-07-01T06:00:00.000000Z",
        "2024-07-01T06:00:01.000000Z",
        "f-8",
        None,
        {
            "anniversary": "2024-06-30",
            "at_first": {
                "centipoints": 7400,
                "metrics": {
                    "advanced": {"centipoints": 1500, "people": 2},
                    "deployments": {"centipoints": 800, "now": 3, "year_before": 1},
                    "intermediate": {"centipoints": 1200, "people": 3},
                    "net-adds": {"centipoints": 900, "now": 3, "year_before": 0},
                    "usage-growth": {
                        "base_met": True,
                        "centipoints": 3000,
                        "mcv_milli": "40000000",
                        "mcv_milli_year_before": "25000000",
                        "percent": "60",
                    },
                },
            },
            "best": {
                "at": "2024-06-19T18:00:00.000000Z",
                "centipoints": 7400,
                "metrics": {
                    "advanced": {"centipoints": 1500, "people": 2},
                    "deployments": {"centipoints": 800, "now": 3, "year_before": 1},
                    "intermediate": {"centipoints": 1200, "people": 3},
                    "net-adds": {"centipoints": 900, "now": 3, "year_before": 0},
                    "usage-growth": {
                        "base_met": True,
                        "centipoints": 3000,
                        "mcv_milli": "40000000",
                        "mcv_milli_year_before": "25000000",
                        "percent": "60",
                    },
                },
            },
            "edition": "2023-06",
            "first_qualified_at": "2024-06-19T18:00:00.000000Z",
            "month": "2024-05",
            "outcome": "qualified",
            "revision": 1,
            "track": "smb",
            "window_from": "2024-01-01T00:00:00.000000Z",
            "window_to": "2024-06-30T23:59:59.999999Z",
        },
    ),
    "DesignationChanged": EventSample(
        25,
        "2024-06-20T00:00:00.000000Z",
        "2024-06-20T00:00:01.000000Z",
        "f-6",
        "csat-ledger",
        {
            "area": "business-applications",
            "cause": "close",
            "centipoints": 7400,
            "edition": "2023-06",
            "effective_at": "2024-06-20T00:00:00.000000Z",
            "metrics": {
                "advanced": 1500,
                "deployments": 800,
                "intermediate": 1200,
                "net-adds": 900,
                "usage-growth": 3000,
            },
            "month": "2024-05",
            "previous": False,
            "qualified": True,
            "revises": False,
            "track": "smb",
        },
    ),
    "ScorebookPublished": EventSample(
        2,
        "2024-09-15T00:00:00.000000Z",
        "2024-09-15T00:00:01.000000Z",
        "f-10",
        "programme-owner",
        {"edition": "2024-10", "effective_from": "2024-10-01T00:00:00.000000Z", **_FIGURES},
    ),
}

"""The worked example of docs/capability.md as facts: a partner with 74 points, until the year before is restated."""

from __future__ import annotations

from typing import Any

from tests.console.support import Fact

AREA = "business-applications"
ANNIVERSARY = "2024-07-31"
OPENED = "2023-06-15T00:00:00Z"
CLOSED = "2024-06-20T08:00:00Z"


def told(kind: str, fact_id: str, occurred_at: str, membership: str = "m-1", **fields: Any) -> Fact:
    """A fact about a designation in the shipped area."""
    return {
        "type": kind,
        "id": f"{membership}-{fact_id}",
        "membership": membership,
        "area": AREA,
        "occurred_at": occurred_at,
        **fields,
    }


def opened(membership: str = "m-1") -> list[Fact]:
    """A designation with an anniversary."""
    return [
        told("open-designation", "open", OPENED, membership, name="Alderbrook"),
        told("set-anniversary", "day", OPENED, membership, anniversary=ANNIVERSARY),
    ]


def usage(fact_id: str, occurred_at: str, customer: str, month: str, units: int, membership: str = "m-1") -> Fact:
    """Usage of Customer Insights, of which 5 units are worth 1."""
    return told(
        "report-usage",
        fact_id,
        occurred_at,
        membership,
        customer=customer,
        workload="customer-insights",
        month=month,
        units=units,
        association="pal",
    )


def certificate(number: int, tier: str, person: str, membership: str = "m-1", **fields: Any) -> Fact:
    """A certificate from 10 January 2024 on."""
    return told(
        "record-certificate",
        f"{tier}-{number}",
        "2024-01-10T00:00:00Z",
        membership,
        certificate=f"{tier}-{number}",
        person=person,
        code="mb-230",
        tier=tier,
        valid_from="2024-01-10",
        **fields,
    )


def revenue(number: int, membership: str = "m-1", cents: int = 25_000) -> Fact:
    """Revenue with customer c-<number> in May 2024."""
    return told(
        "report-revenue",
        f"revenue-{number}",
        "2024-06-18T00:00:00Z",
        membership,
        customer=f"c-{number}",
        workload="customer-insights",
        month="2024-05",
        amount_cents=cents,
        association="csp-1",
    )


def close(membership: str = "m-1") -> Fact:
    """May 2024 is closed."""
    return told("close-month", "close", CLOSED, membership, month="2024-05")


def qualified(membership: str = "m-1") -> list[Fact]:
    """74 points from the close of May 2024 on, until the intermediate certificates expire on 10 January 2025."""
    reported = "2024-06-18T00:00:00Z"
    people = [(1, "p-1"), (2, "p-2"), (3, "p-3")]
    return [
        *opened(membership),
        usage("usage-1", "2023-06-20T00:00:00Z", "c-1", "2023-05", 125_000, membership),
        *(certificate(n, "intermediate", person, membership, valid_until="2025-01-10") for n, person in people),
        *(certificate(n, "advanced", f"p-{n}", membership) for n in (1, 2)),
        usage("usage-2", reported, "c-1", "2024-05", 125_000, membership),
        usage("usage-3", reported, "c-2", "2024-05", 50_000, membership),
        usage("usage-4", reported, "c-3", "2024-05", 25_000, membership),
        *(revenue(number, membership) for number in (1, 2, 3)),
        close(membership),
    ]


def restated(membership: str = "m-1") -> Fact:
    """May 2023 was 24,999 and not 25,000: the base is not reached, and 30 points are gone."""
    return usage("usage-5", "2024-09-01T00:00:00Z", "c-1", "2023-05", 124_995, membership)

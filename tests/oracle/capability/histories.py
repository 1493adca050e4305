"""Hostile yet legal histories of designations: little is made up, so that facts meet, and amounts lie at the thresholds.

    for fact in history(random.Random(7), 60): …          # dicts, in the order in which they are told

Facts come in any order of occurrence: months are closed out of order and corrected, old months are restated, editions are
published for the past and the future, certificates overlap, expire and are ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.oracle.capability.book import month_after, month_begin, told

Fact = dict[str, Any]
AREA = "small-area"
MONTHS = [month_after("2022-11", number) for number in range(26)]
LAST = datetime(2025, 3, 1, tzinfo=UTC)
WORKLOADS = ("alpha", "beta", "gamma")


def edition(random: Random, name: str, effective_from: datetime) -> Fact:
    """An edition whose figures a few reports reach."""
    associations = random.choice([["cpor"], ["cpor", "pal"], ["csp-1", "cpor", "dpor"]])
    rates = {
        workload: {
            "rate_milli": random.choice([1, 999, 1000, 2500]),
            "associations": random.choice([["cpor"], ["cpor", "pal"]]),
        }
        for workload in WORKLOADS
        if random.random() < 0.85
    }
    return {
        "type": "publish-scorebook",
        "area": AREA,
        "edition": name,
        "effective_from": told(effective_from),
        "min_centipoints": random.choice([1, 5, 5, 300, 480]),
        "window_months": random.choice([1, 2, 6, 13]),
        "net_adds": {
            "max": 300, "each": 100, "threshold_cents": {"enterprise": 500, "smb": 100}, "associations": associations,
        },
        "intermediate": {"max": 200, "each": {"enterprise": 50, "smb": 101}, "people": {"enterprise": 3, "smb": 2}},
        "advanced": {"max": 150, "each": {"enterprise": 21, "smb": 75}, "people": {"enterprise": 7, "smb": 2}},
        "usage_growth": {"max": 300, "each_percent": 10, "base_mcv": {"enterprise": 20, "smb": 10}},
        "deployments": {"max": 200, "each": 40, "threshold_mcv": {"enterprise": 10, "smb": 5}},
        "track": {"workloads": random.choice([1, 2]), "threshold_cents": 400},
        "rates": rates or {"alpha": {"rate_milli": 1000, "associations": ["cpor"]}},
    }  # fmt: skip


def history(random: Random, length: int) -> Iterator[Fact]:
    """Facts of two memberships in one area, most of them of the first, which has nearly enough from the start."""
    made: list[Fact] = [edition(random, "first", datetime(2022, 12, 15, tzinfo=UTC))]
    for membership in ("m-1", "m-2"):
        made.append({"type": "open-designation", "membership": membership, "area": AREA, "name": "Contoso"})
    for number, fact in enumerate(made):
        yield {"id": f"begin-{number}", "occurred_at": "2022-12-15T00:00:00Z", **fact}
    told_first = [fact for fact in _nearly_enough() if random.random() < 0.97]
    told_later = [{"id": f"f-{number}", **_fact(random, number)} for number in range(length)]
    if random.random() < 0.5:
        yield from told_first
        yield from told_later
        return
    together = told_first + told_later
    random.shuffle(together)
    if random.random() < 0.5:
        together.sort(key=lambda fact: str(fact["occurred_at"]))
    yield from together


def _nearly_enough() -> Iterator[Fact]:
    where = {"membership": "m-1", "area": AREA}
    for place, (month, usage, revenue) in enumerate(
        (month, usage, revenue)
        for months, usage, revenue in (
            (("2023-01", "2023-02", "2023-03"), (("c-1", "alpha", 10),), ()),
            (("2024-01", "2024-02", "2024-03"), (("c-1", "alpha", 11), ("c-2", "beta", 6)), (("c-1", "alpha", 100),)),
        )
        for month in months
    ):
        after = month_begin(month_after(month))
        for number, (customer, workload, units) in enumerate(usage):
            names = {"customer": customer, "workload": workload, "month": month, "association": "cpor"}
            yield {
                "id": f"u-{place}-{number}", "type": "report-usage", "occurred_at": told(after), **where, **names,
                "units": units,
            }  # fmt: skip
        for number, (customer, workload, cents) in enumerate(revenue):
            names = {"customer": customer, "workload": workload, "month": month, "association": "cpor"}
            yield {
                "id": f"r-{place}-{number}", "type": "report-revenue", "occurred_at": told(after), **where, **names,
                "amount_cents": cents,
            }  # fmt: skip
        at = told(after + timedelta(days=19))
        yield {"id": f"c-{place}", "type": "close-month", "occurred_at": at, **where, "month": month}
    for number, tier in enumerate(("intermediate", "advanced")):
        yield {
            "id": f"z-{number}", "type": "record-certificate", "occurred_at": "2023-06-10T00:00:00Z", **where,
            "certificate": f"y-{number}", "person": "p-1", "code": "x", "tier": tier, "valid_from": "2023-06-01",
            "valid_until": None,
        }  # fmt: skip


def _fact(random: Random, number: int) -> Fact:
    where = {"membership": "m-1" if random.random() < 0.9 else "m-2", "area": AREA}
    kind = random.choices(
        ["usage", "revenue", "close", "correct", "certificate", "end", "anniversary", "decide", "scorebook"],
        [24, 20, 16, 6, 9, 4, 4, 10, 4],
    )[0]
    month = random.choice(MONTHS[2:5] + MONTHS[14:17] if random.random() < 0.8 else MONTHS)
    after = month_begin(month_after(month))
    at = told(
        min(after + timedelta(days=random.choice([0, 1, 5, 19, 40, 200]), microseconds=random.choice([0, 1])), LAST)
    )
    if kind in ("usage", "revenue"):
        amounts = [0, 4, 5, 6, 9, 10, 11, 20, 25] if kind == "usage" else [0, 99, 100, 101, 400, 401, 499, 500]
        return {
            "type": f"report-{kind}",
            "occurred_at": at,
            **where,
            "customer": random.choice(["c-1", "c-2", "c-3"]),
            "workload": random.choice(WORKLOADS),
            "month": month,
            "units" if kind == "usage" else "amount_cents": random.choice(amounts),
            "association": random.choice(["cpor", "cpor", "pal", "csp-1"]),
        }
    if kind == "close":
        return {"type": "close-month", "occurred_at": at, **where, "month": month}
    if kind == "correct":
        moved = told(after + timedelta(days=random.choice([0, 3, 60])))
        return {"type": "correct-close", "occurred_at": told(LAST), **where, "month": month, "closed_at": moved}
    day = random.choice(
        ["2023-01-31", "2023-06-01", "2024-02-28", "2024-02-29", "2024-03-01", "2024-05-01", "2024-12-31"]
    )
    if kind == "certificate":
        until = random.choice([None, None, "2024-03-01", "2024-07-01", "2025-01-01"])
        return {
            "type": "record-certificate",
            "occurred_at": at,
            **where,
            "certificate": f"z-{random.randrange(12)}",
            "person": random.choice(["p-1", "p-2", "p-3"]),
            "code": "x",
            "tier": random.choice(["intermediate", "advanced"]),
            "valid_from": day,
            "valid_until": until if until is not None and until > day else None,
        }
    if kind == "end":
        return {
            "type": "end-certificate",
            "occurred_at": at,
            **where,
            "certificate": f"z-{random.randrange(12)}",
            "on": day,
        }
    if kind in ("anniversary", "decide"):
        name = "set-anniversary" if kind == "anniversary" else "decide-designation"
        when = told(random.choice([month_begin("2024-01"), month_begin("2024-06"), LAST])) if kind == "decide" else at
        anniversary = random.choice(["2024-02-29", "2024-05-10", "2023-01-05"])
        return {"type": name, "occurred_at": when, **where, "anniversary": anniversary}
    effective = month_begin(random.choice([*MONTHS, "2025-09", "2026-01"]))
    return {"occurred_at": at, **edition(random, f"e-{number % 6}", effective)}

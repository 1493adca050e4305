"""Hostile yet mostly legal histories, drawn as lists of fact objects, for property tests against the oracle.

The universe is small, so that customers, workloads, months and people collide; amounts lie at the thresholds and a
unit beside them. An area of its own has editions with low figures, so that a few facts make somebody qualified. The
facts come in any order of occurred_at; a share of them is refused, which the two sides must agree on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.oracle.capability_from_text.book import FIGURES, SHIPPED_AREA
from tests.oracle.capability_from_text.calendar import MICROSECOND, last_microsecond
from tests.oracle.capability_from_text.form import ASSOCIATIONS, Fact
from tests.oracle.survey.time import instant, stamp

LOW_AREA = "area-2"
AREAS = (SHIPPED_AREA, LOW_AREA)
MEMBERSHIPS = ("m-1", "m-2")
MONTHS = ("2023-01", "2023-02", "2023-06", "2024-01", "2024-02", "2024-06", "2025-02")
CUSTOMERS = ("c-1", "c-2", "c-3")
WORKLOADS = ("business-central", "power-bi", "retail", "customer-insights", "new-one", "no-such")
DAYS = (
    "2023-05-31",
    "2023-06-13",
    "2023-12-31",
    "2024-02-01",
    "2024-02-29",
    "2024-03-01",
    "2024-06-30",
    "2024-07-01",
    "2025-02-28",
)
LAST = instant("2026-01-01T00:00:00Z")
AROUND = (-1, 0, 1)


def _low_figures() -> st.SearchStrategy[dict[str, Any]]:
    """An edition under which one report, one close and two people can be enough."""
    small, points = st.sampled_from([1, 1, 2]), st.sampled_from([100, 214, 750, 3000])
    associations = st.lists(st.sampled_from(ASSOCIATIONS), min_size=3, unique=True)
    by_track = st.fixed_dictionaries({"enterprise": small, "smb": small})
    tier = st.fixed_dictionaries({"max": points, "each": st.just({"enterprise": 100, "smb": 214}), "people": by_track})
    rate = st.fixed_dictionaries({"rate_milli": st.sampled_from([1, 200, 1000, 10**7]), "associations": associations})
    return st.fixed_dictionaries(
        {
            "min_centipoints": st.sampled_from([1, 500, 514, 828, 1428]),
            "window_months": st.sampled_from([1, 2, 6, 13]),
            "net_adds": st.fixed_dictionaries(
                {"max": points, "each": points, "threshold_cents": by_track, "associations": associations}
            ),
            "intermediate": tier,
            "advanced": tier,
            "usage_growth": st.fixed_dictionaries({"max": points, "each_percent": points, "base_mcv": by_track}),
            "deployments": st.fixed_dictionaries({"max": points, "each": points, "threshold_mcv": by_track}),
            "track": st.fixed_dictionaries({"workloads": st.sampled_from([1, 2]), "threshold_cents": small}),
            "rates": st.dictionaries(st.sampled_from(WORKLOADS[:5]), rate, min_size=1),
        }
    )


def _moments() -> st.SearchStrategy[datetime]:
    """Ends of months and days, a microsecond before and after them, and closes on the 20th."""
    ends = [last_microsecond(month) + MICROSECOND for month in MONTHS]
    days = [instant(f"{day}T00:00:00Z") for day in DAYS]
    refreshes = [end + timedelta(days=19, hours=9) for end in ends]
    return st.builds(
        lambda moment, around: moment + around * MICROSECOND,
        st.sampled_from(sorted({*ends, *days, *refreshes})),
        st.sampled_from(AROUND),
    )


def _units() -> st.SearchStrategy[int]:
    """Nothing, one, the base, the deployments' threshold at each of the shipped rates, and the most there can be."""
    thresholds = [5, 10, 50, 5_000, 25_000, 50_000, 125_000, 25_000_000]
    return st.one_of(
        st.sampled_from([0, 1, 2, 10**12]),
        st.builds(lambda at, around: at + around, st.sampled_from(thresholds), st.sampled_from(AROUND)),
    )


def _cents() -> st.SearchStrategy[int]:
    return st.one_of(
        st.sampled_from([0, 1, 2, 10**12]),
        st.builds(lambda at, around: at + around, st.sampled_from([25_000, 150_000, 500_000]), st.sampled_from(AROUND)),
    )


_REPORTED = {
    "customer": st.sampled_from(CUSTOMERS),
    "workload": st.sampled_from(WORKLOADS),
    "month": st.sampled_from(MONTHS),
    "association": st.sampled_from(ASSOCIATIONS),
}
_NEEDED: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "open-designation": {"name": st.just("Contoso")},
    "set-anniversary": {"anniversary": st.sampled_from(DAYS)},
    "report-usage": {**_REPORTED, "units": _units()},
    "report-revenue": {**_REPORTED, "amount_cents": _cents()},
    "close-month": {"month": st.sampled_from(MONTHS)},
    "correct-close": {"month": st.sampled_from(MONTHS), "closed_at": _moments().map(stamp)},
    "record-certificate": {
        "certificate": st.sampled_from([f"x-{number}" for number in range(1, 9)]),
        "person": st.sampled_from(["p-1", "p-2", "p-3"]),
        "code": st.just("mb-310"),
        "tier": st.sampled_from(["intermediate", "advanced"]),
        "valid_from": st.sampled_from(DAYS),
    },
    "end-certificate": {
        "certificate": st.sampled_from([f"x-{number}" for number in range(1, 9)]),
        "on": st.sampled_from(DAYS),
    },
    "decide-designation": {"anniversary": st.sampled_from(DAYS)},
}
_OFTEN = ["report-usage"] * 6 + ["report-revenue"] * 6 + ["close-month"] * 4 + ["record-certificate"] * 5
_DECIDED = ["set-anniversary"] * 3 + ["decide-designation"] * 4
_KINDS = st.sampled_from([*_OFTEN, *_DECIDED, *_NEEDED, "correct-close", "end-certificate", "publish-scorebook"])


def _put_after(fact: Fact, end: datetime) -> None:
    """A report or a close of a month comes mostly when the month is over, so that few are refused for that."""
    for field in ("closed_at", "occurred_at"):
        if field in fact and instant(fact[field]) < end:
            fact[field] = stamp(end + (instant(fact[field]) - instant("2023-01-31T00:00:00Z")) / 20)
    if fact.get("closed_at", "") > fact["occurred_at"] and fact["closed_at"] < stamp(LAST - timedelta(days=330)):
        fact["occurred_at"] = fact["closed_at"]


@st.composite
def _facts(draw: st.DrawFn, number: int) -> Fact:
    kind = draw(_KINDS)
    fact: Fact = {"type": kind, "id": f"f-{number}", "area": draw(st.sampled_from([LOW_AREA, LOW_AREA, SHIPPED_AREA]))}
    fact["occurred_at"] = stamp(draw(_moments()))
    if kind == "publish-scorebook":
        figures = draw(st.one_of(_low_figures(), st.just(FIGURES)))
        effective_from = stamp(draw(_moments()))
        return {**fact, "edition": f"e-{number % 7}", "effective_from": effective_from, **figures}
    fact["membership"] = draw(st.sampled_from(["m-1", "m-1", "m-1", "m-2"]))
    fact |= {field: draw(values) for field, values in _NEEDED[kind].items()}
    if "month" in fact and draw(st.integers(0, 9)):
        _put_after(fact, last_microsecond(fact["month"]) + MICROSECOND)
    if kind == "record-certificate" and draw(st.booleans()):
        fact["valid_until"] = draw(st.sampled_from([day for day in DAYS if day > fact["valid_from"]] or ["2026-01-01"]))
    return fact


@st.composite
def near_the_line(draw: st.DrawFn, area: str = SHIPPED_AREA) -> list[Fact]:
    """A partner under the shipped figures who is qualified, or is not by a unit, a person, a day or a report.

    Customer Insights at 0.2 gives values to a fifth of a unit, so that every threshold can be missed by one.
    """
    facts: list[Fact] = []

    def tell(kind: str, when: str, **fields: Any) -> None:
        facts.append({"type": kind, "area": area, "membership": "m-1", "occurred_at": when, **fields})

    def use(month: str, when: str, customer: int, value: int, less: int = 0) -> None:
        fields = {"workload": "customer-insights", "month": month, "units": value * 5 - less, "association": "pal"}
        tell("report-usage", when, customer=f"c-{customer}", **fields)

    def seldom(usual: Any, *others: Any) -> Any:
        return draw(st.sampled_from([usual, usual, usual, *others]))

    later, before = "2024-07-01T00:00:00Z", "2023-07-01T00:00:00Z"
    use("2023-06", before, 1, 20_000)
    use("2023-06", before, 2, 4_999)
    use("2023-06", before, 3, 1, less=seldom(0, 1))
    use("2024-06", later, 1, seldom(20_000, 17_500))
    for customer in (2, 3, 4):
        use("2024-06", later, customer, 5_000, less=seldom(0, 1))
    use("2024-06", later, 5, 4_999)
    for customer in (1, 2, 3):
        cents = seldom(25_000, 24_999, 500_000, 500_001)
        fields = {"workload": "any", "month": "2024-06", "amount_cents": cents, "association": seldom("csp-1", "pal")}
        tell("report-revenue", later, customer=f"c-{customer}", **fields)
    for person in range(1, 6):
        fields = {"person": f"p-{person}", "code": "mb-310", "valid_from": "2024-01-01"}
        until = seldom(None, "2024-07-25", "2024-08-01")
        if until is not None:
            fields["valid_until"] = until
        tell("record-certificate", before, certificate=f"i-{person}", tier="intermediate", **fields)
    for person in (1, 2):
        fields = {"person": f"p-{person}", "code": "mb-700", "valid_from": seldom("2024-01-01", "2024-07-22")}
        tell("record-certificate", before, certificate=f"a-{person}", tier="advanced", **fields)
    tell("close-month", "2024-07-20T00:00:00Z", month="2024-06")
    if draw(st.booleans()):
        use("2023-06", "2024-07-28T00:00:00Z", 1, 20_000, less=draw(st.sampled_from([0, 5])))
        use("2023-06", "2024-07-29T00:00:00Z", 1, 20_000)
    if draw(st.booleans()):
        moved = draw(st.sampled_from(["2024-07-19T00:00:00Z", "2024-07-21T00:00:00Z", "2024-08-01T00:00:00Z"]))
        tell("correct-close", "2024-08-01T00:00:00Z", month="2024-06", closed_at=moved)
    tell("set-anniversary", before, anniversary="2024-07-31")
    tell("decide-designation", seldom("2024-07-21T00:00:00Z", later), anniversary="2024-07-31")
    tell("decide-designation", "2024-08-01T00:00:00Z", anniversary="2024-07-31")
    return draw(st.permutations(facts)) if draw(st.booleans()) else facts


@st.composite
def wide(draw: st.DrawFn) -> list[Fact]:
    """A partner with revenue on two workloads in both compared months: on the Enterprise track, or not by a cent (C12).

    An edition of its own asks for little, so that certificates decide that begin and end on a leap day and at a month's end.
    """
    where = {"area": LOW_AREA, "membership": "m-1"}
    facts: list[Fact] = []
    if draw(st.integers(0, 3)):
        rate = {"rate_milli": 10**6, "associations": [*ASSOCIATIONS]}
        figures = draw(_low_figures()) | {"min_centipoints": draw(st.sampled_from([1, 1, 5])), "window_months": 6}
        figures["net_adds"] = figures["net_adds"] | {"associations": [*ASSOCIATIONS]}
        figures["rates"] = dict.fromkeys(WORKLOADS[:5], rate)
        begins = {"edition": "wide", "effective_from": "2023-06-13T00:00:00.000001Z"}
        edition = {"type": "publish-scorebook", "area": LOW_AREA, "occurred_at": "2023-06-13T00:00:00Z"}
        facts.append({**edition, **begins, **figures})
    before = draw(st.sampled_from([3, 3, 2, 1, 0]))
    for month, after in (("2023-01", "2023-06-13T00:00:00Z"), ("2024-01", "2024-02-01T00:00:00Z")):
        more = int(month == "2024-01")
        for place, workload in enumerate(WORKLOADS[: 2 + more]):
            keys = {"customer": f"c-{place}", "workload": workload, "month": month}
            keys["association"] = draw(st.sampled_from(ASSOCIATIONS[:2]))
            cents = 3 if more else before
            units = draw(st.sampled_from([5, 10])) * (1 + 2 * more)
            report = {**where, "occurred_at": after, **keys}
            facts += [
                {"type": "report-revenue", **report, "amount_cents": cents},
                {"type": "report-usage", **report, "units": units},
            ]
    for number, tier in enumerate(["intermediate", "advanced"] * 2):
        fields: Fact = {"certificate": f"w-{number}", "person": f"p-{number}", "code": "mb-310", "tier": tier}
        fields["valid_from"] = draw(st.sampled_from(["2023-12-31", "2024-02-29", "2024-03-01"]))
        if draw(st.booleans()):
            ends = ["2024-02-29", "2024-03-02", "2024-06-30", "2024-07-01"]
            fields["valid_until"] = draw(st.sampled_from([day for day in ends if day > fields["valid_from"]]))
        at = "2024-02-01T00:00:00Z"
        facts.append({"type": "record-certificate", **where, "occurred_at": at, **fields})
    closed = draw(st.sampled_from(["2024-02-01T00:00:00Z", "2024-02-20T09:00:00Z"]))
    for month in draw(st.sampled_from([["2024-01"], ["2024-01"], ["2024-01", "2023-01"], ["2023-01", "2024-01"]])):
        facts.append({"type": "close-month", **where, "occurred_at": closed, "month": month})
    for day, at in (("2024-06-30", closed), ("2024-06-30", "2024-07-01T00:00:00Z"), ("2023-05-31", closed)):
        facts.append({"type": "set-anniversary", **where, "occurred_at": closed, "anniversary": day})
        facts.append({"type": "decide-designation", **where, "occurred_at": at, "anniversary": day})
    return facts


@st.composite
def _misfits(draw: st.DrawFn, facts: list[Fact], number: int) -> Fact:
    """A fact that is told again, with other content, too early, of nobody, or that is none."""
    fact: Fact = dict(draw(st.sampled_from(facts)))
    how = draw(st.sampled_from(["again", "reused", "future", "nobody", "nowhere", "malformed"]))
    if how == "again":
        return fact
    if how == "reused":
        return {**fact, "occurred_at": "2024-07-01T00:00:00.000001Z"}
    fact["id"] = f"x-{number}"
    if how == "future":
        return {**fact, "occurred_at": stamp(LAST + timedelta(days=number))}
    if how == "nobody" and "membership" in fact:
        return {**fact, "membership": "m-3"}
    if how == "nowhere" and "membership" in fact:
        fields = {key: fact[key] for key in ("id", "membership", "occurred_at")}
        return {**fields, "type": "open-designation", "area": "area-3", "name": "Contoso"}
    return {**fact, "more": 1}


@st.composite
def histories(draw: st.DrawFn, facts_max: int = 40) -> list[Fact]:
    """Editions and openings first, then facts in any order; now and then one that does not fit."""
    facts: list[Fact] = []
    begin = "2023-06-13T00:00:00.000000Z"
    facts.append(
        {"type": "publish-scorebook", "id": "e", "area": LOW_AREA, "occurred_at": begin, "edition": "first",
         "effective_from": draw(st.sampled_from([begin, "2024-02-01T00:00:00Z"])), **draw(_low_figures())}
    )  # fmt: skip
    facts += [
        {"type": "open-designation", "id": f"o-{membership}-{area}", "area": area, "membership": membership,
         "occurred_at": begin, "name": "Contoso"}
        for membership in MEMBERSHIPS for area in AREAS
    ]  # fmt: skip
    kind = draw(st.sampled_from(["near", "wide", "wide", "neither"]))
    if kind != "neither":
        told = draw(near_the_line() if kind == "near" else wide())
        facts += [{**fact, "id": f"n-{number}"} for number, fact in enumerate(told)]
    facts += [draw(_facts(number)) for number in range(draw(st.integers(0, facts_max)))]
    for number in range(draw(st.sampled_from([0, 1, 1, 4]))):
        facts.insert(draw(st.integers(5, len(facts))), draw(_misfits(facts, number)))
    return facts

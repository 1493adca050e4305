"""Survey books in which much happens near the line: many responses of few organisations, joined and told apart, voided;
evaluations while Learning comes and goes; levels that change; editions; and decisions, some of them taken again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from tests.oracle.survey.time import instant, stamp
from tests.support.real_book import RealBook

BEGIN: Final = instant("2010-01-01T00:00:00Z")
NOW: Final = instant("2013-06-01T00:00:00Z")
MEMBERSHIPS: Final = ("m-1", "m-2", "m-3")
ORGANISATIONS: Final = ("Ahlborg", "Brontegard", "Corvin", "Dalby")
DAYS: Final = ("2010-07-01", "2011-02-28", "2012-02-29", "2013-03-01")


def survey_figures(random: Random) -> dict[str, Any]:
    """Some figures of an edition, under which a few responses are enough."""
    drawn = {
        "min_responses": random.randint(1, 5), "per_org_cap": random.randint(1, 3), "min_organisations": random.randint(1, 3),
        "window_months": random.randint(1, 14), "min_evaluations": random.randint(1, 3),
        "pool_locations": random.random() < 0.5,
    }  # fmt: skip
    return {name: drawn[name] for name in random.sample(sorted(drawn), random.randint(1, len(drawn)))}


def tell_survey(book: RealBook, random: Random, facts: int) -> None:
    """Tells a book that many facts in any order; what the rules refuse is refused."""
    for number, name in enumerate(MEMBERSHIPS):
        more = {"locations": ["main", "north"]} if number else {}
        level = random.choice(["gold", "gold", "silver"])
        fact = {
            "type": "enrol-membership",
            "name": "Contoso",
            "level": level,
            "competencies": ["learning"] * (number % 2),
            **more,
        }
        _tell(book, random, name, fact, BEGIN)
        for day in DAYS:
            _tell(book, random, name, {"type": "set-renewal-date", "renewal_date": day}, BEGIN)
    _publish(book, random, BEGIN)
    for _ in range(facts):
        at = BEGIN + timedelta(days=random.randint(0, 1240), hours=random.choice([0, 9]))
        name = random.choice(MEMBERSHIPS)
        if random.random() < 0.03:
            _publish(book, random, at)
        else:
            _tell(book, random, name, _drawn(random, number_of(book)), at)
    for name in MEMBERSHIPS:
        for day in DAYS:
            _tell(book, random, name, {"type": "decide-renewal", "renewal_date": day}, NOW)


def number_of(book: RealBook) -> int:
    """How many facts were accepted."""
    return len(book.positions)


def _drawn(random: Random, number: int) -> dict[str, Any]:
    location = random.choice(["main", "main", "north"])
    kind = random.choice(["response"] * 10 + ["void", "void", "evaluation", "update", "join", "separate", "decide"])
    pair = random.sample(ORGANISATIONS, 2)
    return {
        "response": {
            "type": "record-response", "response": f"r-{number}", "customer_org": random.choice(ORGANISATIONS),
            "location": location,
        },
        "void": {
            "type": "void-response", "response": f"r-{random.randint(0, max(1, number))}", "reason": "test"
        },
        "evaluation": {"type": "record-evaluation", "evaluation": f"e-{number}"},
        "update": {
            "type": "update-membership",
            **random.choice([{"level": "gold"}, {"level": "silver"}, {"competencies": ["learning"]}, {"competencies": []}]),
        },
        "join": {"type": "same-organisation", "organisation": pair[0], "same_as": pair[1]},
        "separate": {"type": "separate-organisations", "organisation": pair[0], "same_as": pair[1]},
        "decide": {"type": "decide-renewal", "renewal_date": random.choice(DAYS)},
    }[kind]  # fmt: skip


def _publish(book: RealBook, random: Random, at: datetime) -> None:
    whole = {
        "min_responses": 3, "per_org_cap": 2, "min_organisations": 2, "window_months": 12, "min_evaluations": 2,
        "pool_locations": False, **survey_figures(random),
    }  # fmt: skip
    name = f"edition-{len(book.feed())}"
    effective = BEGIN + timedelta(days=random.randint(-40, 1200))
    _tell(
        book,
        random,
        None,
        {"type": "publish-rulebook", "edition": name, "effective_from": stamp(effective), **whole},
        at,
    )


def _tell(book: RealBook, random: Random, membership: str | None, fact: dict[str, Any], at: datetime) -> None:
    of = {} if membership is None else {"membership": membership}
    book.tell({**fact, **of, "id": f"f-{random.getrandbits(64)}", "occurred_at": stamp(at)}, NOW)


AREA: Final = "area-2"
ANNIVERSARIES: Final = ("2023-12-31", "2024-03-15", "2024-06-30", "2024-09-01")
LATER: Final = instant("2024-11-01T00:00:00Z")
_MONTHS: Final = tuple(f"{year}-{month:02d}" for year in (2022, 2023, 2024) for month in range(1, 13))[:33]
_ASSOCIATIONS: Final = ("cpor", "dpor", "pal")


def score_figures(random: Random) -> dict[str, Any]:
    """Some figures of a scorebook, whole or a part of an object, around what these books report."""
    points, small = random.choice([100, 300, 700]), random.choice([1, 2, 3])
    both = {"enterprise": small, "smb": random.choice([1, 2])}
    drawn: dict[str, Any] = {
        "min_centipoints": random.choice([300, 500, 700, 900, 1_200]),
        "window_months": random.choice([1, 3, 13]),
        "net_adds": random.choice([{"each": points}, {"threshold_cents": both}, {"associations": ["cpor", "pal"]}]),
        "intermediate": random.choice([{"people": both}, {"each": {"enterprise": 50, "smb": points}, "max": points}]),
        "advanced": {"max": points, "people": both},
        "usage_growth": random.choice([{"base_mcv": both}, {"each_percent": small, "max": points}]),
        "deployments": random.choice([{"threshold_mcv": both}, {"each": points, "max": points}]),
        "track": random.choice([{"workloads": small}, {"threshold_cents": small}]),
        "rates": {
            random.choice(["crm", "erp", "brand-new"]):
                {"rate_milli": random.choice([1_000, 10**7]), "associations": ["cpor", "dpor"]}
        },
    }  # fmt: skip
    return {name: drawn[name] for name in random.sample(sorted(drawn), random.randint(1, 4))}


def tell_scores(book: RealBook, random: Random) -> None:
    """Tells a book of an area in which two designations come and go around what qualifies, and are decided now and then."""
    every = {"enterprise": 1, "smb": 1}
    whole: dict[str, Any] = {
        "min_centipoints": 500, "window_months": 6,
        "net_adds": {"max": 300, "each": 100, "threshold_cents": every, "associations": ["cpor", "dpor"]},
        "intermediate": {"max": 200, "each": {"enterprise": 50, "smb": 100}, "people": {"enterprise": 4, "smb": 2}},
        "advanced": {"max": 200, "each": {"enterprise": 50, "smb": 100}, "people": {"enterprise": 4, "smb": 2}},
        "usage_growth": {"max": 300, "each_percent": 10, "base_mcv": every},
        "deployments": {"max": 300, "each": 100, "threshold_mcv": {"enterprise": 2, "smb": 1}},
        "track": {"workloads": 2, "threshold_cents": 2},
        "rates": {
            "crm": {"rate_milli": 1_000, "associations": ["cpor", "dpor"]},
            "erp": {"rate_milli": 200, "associations": ["pal"]},
        },
    }  # fmt: skip
    start = instant("2022-01-01T00:00:00Z")
    for number, effective in enumerate(["2022-01-01T00:00:00Z", "2023-09-01T00:00:00Z"]):
        figures = whole if not number else merged(whole, score_figures(random))
        publish = {
            "type": "publish-scorebook",
            "area": AREA,
            "edition": f"e-{number}",
            "effective_from": effective,
            **figures,
        }
        _tell_at(book, random, publish, start, LATER)
    for name in MEMBERSHIPS[:2]:
        of = {"membership": name, "area": AREA}
        _tell_at(book, random, {"type": "open-designation", "name": "Contoso", **of}, start, LATER)
        for day in ANNIVERSARIES:
            _tell_at(book, random, {"type": "set-anniversary", "anniversary": day, **of}, start, LATER)
        for number in range(6):
            _tell_at(book, random, {**_certificate(random, number), **of}, start, LATER)
    for month in _MONTHS:
        after = instant(f"{int(month[:4]) + month.endswith('12')}-{int(month[5:]) % 12 + 1:02d}-01T00:00:00Z")
        for name in MEMBERSHIPS[:2]:
            of = {"membership": name, "area": AREA}
            for fact in _month(random, month):
                _tell_at(book, random, {**fact, **of}, after, LATER)
            if random.random() < 0.1:
                _tell_at(
                    book,
                    random,
                    {"type": "correct-close", "month": month, "closed_at": stamp(after), **of},
                    after,
                    LATER,
                )
            if random.random() < 0.2:
                decide = {"type": "decide-designation", "anniversary": random.choice(ANNIVERSARIES), **of}
                ahead = timedelta(seconds=random.choice([0, 0, 200]))
                _tell_at(book, random, decide, after + ahead, after)
    for name in MEMBERSHIPS[:2]:
        for day in ANNIVERSARIES:
            decide = {"type": "decide-designation", "anniversary": day, "membership": name, "area": AREA}
            _tell_at(book, random, decide, LATER, LATER)


def _month(random: Random, month: str) -> list[dict[str, Any]]:
    """What is reported of a month, more of it as time goes on; a month of before is told anew now and then."""
    year = int(month[:4]) - 2021
    facts = []
    for customer in range(1 + year):
        if random.random() < 0.9:
            of = {"customer": f"c-{customer}", "month": month}
            usage = {"workload": "erp", "association": "pal", "units": 5 * year + random.randint(0, 1)}
            revenue = {"workload": "crm", "association": "cpor", "amount_cents": random.randint(1, 3)}
            facts += [{"type": "report-usage", **usage, **of}, {"type": "report-revenue", **revenue, **of}]
    for _ in range(random.randint(0, 2)):
        common = {
            "customer": f"c-{random.randint(0, 1 + year)}", "workload": random.choice(["crm", "erp"]),
            "month": month if random.random() < 0.6 else f"{int(month[:4]) - 1}{month[4:]}",
            "association": random.choice(_ASSOCIATIONS),
        }  # fmt: skip
        if random.random() < 0.5:
            facts.append({"type": "report-usage", "units": random.choice([0, 1, 5 * year, 10**12]), **common})
        else:
            facts.append({"type": "report-revenue", "amount_cents": random.choice([0, 1, 3 * year]), **common})
    if random.random() < 0.85:
        facts.append({"type": "close-month", "month": month})
    if random.random() < 0.2:
        facts.append({"type": "end-certificate", "certificate": f"k-{random.randint(0, 5)}", "on": f"{month}-15"})
    return facts


def _certificate(random: Random, number: int) -> dict[str, Any]:
    until = random.choice([{}, {"valid_until": "2024-05-01"}, {"valid_until": "2023-12-31"}])
    return {
        "type": "record-certificate", "certificate": f"k-{number}", "person": f"p-{random.randint(0, 2)}", "code": "mb-310",
        "tier": ("intermediate", "advanced")[number % 2], "valid_from": random.choice(["2022-03-01", "2023-07-01"]), **until,
    }  # fmt: skip


def merged(data: Any, figures: Any) -> Any:
    """An object with other figures: what they leave out of it stays."""
    if not (isinstance(data, dict) and isinstance(figures, dict)):
        return figures
    return data | {name: merged(data.get(name), value) for name, value in figures.items()}


def _tell_at(book: RealBook, random: Random, fact: dict[str, Any], at: datetime, now: datetime) -> None:
    book.tell(
        {**fact, "id": f"f-{random.getrandbits(64)}", "occurred_at": stamp(at)}, max(now, at - timedelta(seconds=250))
    )

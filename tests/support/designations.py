"""Facts of the capability programme for books that hold both: designations in two areas, that flip often.

    facts = designation_facts(Random(7), ["m-1", "m-2"])            # dicts, in an order in which they may be told
    require_as_the_oracle(store, facts)                             # `tests.support.designations_checked`

One of the areas is that of the shipped scorebook, which has published ones besides; the other has published ones alone.
From month to month a designation has enough or has not; months are closed out of order and corrected, old months are
restated, certificates expire and are ended, decisions are taken, and some facts are told twice or are to be refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from ledger.instants import format_instant
from ledger.programmes.capability.editions import SHIPPED_AREA

Fact = dict[str, Any]
AREAS: Final = (SHIPPED_AREA, "small-area")
BEGIN: Final = "2022-12-15T00:00:00Z"
LAST: Final = datetime(2025, 2, 1, tzinfo=UTC)
"""No fact occurs later."""
NOW: Final = "2025-03-01T00:00:00Z"
NOW_US: Final = int(datetime.fromisoformat(NOW).timestamp()) * 1_000_000
ANNIVERSARIES: Final = ("2024-05-10", "2024-12-31")
WORKLOADS: Final = ("alpha", "beta", "gamma")
LATE_SHARE, DOUBLED_SHARE = 0.15, 0.04


def easy_scorebook(edition: str, effective_from: str, area: str = "small-area", **figures: Any) -> Fact:
    """An edition under which a designation is qualified that has a little more than a year before, and one certificate each."""
    return {
        "type": "publish-scorebook",
        "id": f"edition-{area}-{edition}",
        "occurred_at": BEGIN,
        "area": area,
        "edition": edition,
        "effective_from": effective_from,
        "min_centipoints": 5,
        "window_months": 6,
        "net_adds": {
            "max": 300, "each": 100, "threshold_cents": {"enterprise": 500, "smb": 100},
            "associations": ["cpor", "csp-1"],
        },
        "intermediate": {"max": 200, "each": {"enterprise": 50, "smb": 101}, "people": {"enterprise": 3, "smb": 2}},
        "advanced": {"max": 150, "each": {"enterprise": 21, "smb": 75}, "people": {"enterprise": 7, "smb": 2}},
        "usage_growth": {"max": 300, "each_percent": 10, "base_mcv": {"enterprise": 20, "smb": 10}},
        "deployments": {"max": 200, "each": 40, "threshold_mcv": {"enterprise": 10, "smb": 5}},
        "track": {"workloads": 2, "threshold_cents": 400},
        "rates": {workload: {"rate_milli": 1000, "associations": ["cpor", "pal"]} for workload in WORKLOADS},
        **figures,
    }  # fmt: skip


def scorebooks(area: str) -> list[Fact]:
    """The editions of an area: easy ones, and for some weeks one that nobody reaches."""
    hard = {"min_centipoints": 10**6, "window_months": 12}
    return [
        easy_scorebook("easy", BEGIN, area),
        easy_scorebook("easier", "2023-12-01T00:00:00Z", area, min_centipoints=1),
        easy_scorebook("hard", "2024-06-25T12:00:00Z", area, **hard),
        easy_scorebook("easy-again", "2024-07-15T00:00:00.000001Z", area, window_months=2),
    ]


def designation_facts(random: Random, memberships: Sequence[str], ids: str = "", editions: bool = True) -> list[Fact]:
    """Facts about a designation of each membership in each of the two areas; ids begin with `ids`.

    The editions come first, but for one that is published in the middle of it all, into the past.
    """
    first = [fact for area in AREAS for fact in scorebooks(area)[:3]] if editions else []
    histories = [
        _disturbed(random, list(Author(random, membership, area, ids).facts()))
        for membership in memberships
        for area in AREAS
    ]
    told = list(side_by_side(random, histories))
    for area in AREAS if editions else ():
        told.insert(random.randrange(len(told) // 2, len(told)), scorebooks(area)[3])
    return first + told


def side_by_side(random: Random, histories: Sequence[Sequence[Any]]) -> Iterator[Any]:
    """All of several histories, each in its own order."""
    left = [list(reversed(one)) for one in histories if one]
    while left:
        one = random.choices(left, [len(each) for each in left])[0]
        yield one.pop()
        left = [each for each in left if each]


def _disturbed(random: Random, facts: list[Fact]) -> list[Fact]:
    """Some come late, and some twice; the opening stays the first."""
    places = [
        (number + random.expovariate(0.1) * (random.random() < LATE_SHARE), number) for number in range(len(facts))
    ]
    places[0] = (-1.0, 0)
    told = [facts[number] for _, number in sorted(places)]
    return [fact for one in told for fact in [one] * (1 + (random.random() < DOUBLED_SHARE))]


class Author:
    """Writes what is told of one designation, in the order of what occurred."""

    def __init__(self, random: Random, membership: str, area: str, ids: str) -> None:
        self._random = random
        self._where = {"membership": membership, "area": area}
        self._ids = f"{ids}{membership}-{area}"
        self._count = 0

    def facts(self) -> Iterator[Fact]:
        """A life of two years, of about 150 facts."""
        yield self._fact("open-designation", datetime(2022, 12, 15, tzinfo=UTC), name="Contoso")
        for day in ANNIVERSARIES:
            yield self._fact("set-anniversary", datetime(2022, 12, 16, tzinfo=UTC), anniversary=day)
        yield from self._certificates()
        for number in range(24):
            yield from self._month(2023 + number // 12, number % 12 + 1)
        yield self._fact("decide-designation", LAST, anniversary=ANNIVERSARIES[1])

    def _month(self, year: int, month: int) -> Iterator[Fact]:
        random, name = self._random, f"{year}-{month:02d}"
        after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        enough = year == 2023 or random.random() < 0.6
        pairs = 1 if year == 2023 else 2
        for pair in range(pairs):
            units, cents = (10 + pair, 100 - (year == 2023)) if enough else (random.choice([0, 4, 10]), 99)
            yield self._report("usage", name, after, pair, units=units)
            yield self._report("revenue", name, after, pair, amount_cents=cents)
        if random.random() < 0.1:
            yield self._report("usage", name, after - timedelta(days=9), 0, units=1)  # month-not-over
        if random.random() < 0.1:
            yield self._report("usage", name, after, 0, workload="unrated", units=1)  # unknown-workload
        closed = after + timedelta(days=random.choice([19, 19, 19, 0, 45]), microseconds=random.choice([0, 1]))
        yield self._fact("close-month", closed, month=name)
        if random.random() < 0.15:
            moved = format_instant(_micros(after + timedelta(days=random.choice([3, 19, 30]))))
            yield self._fact("correct-close", closed + timedelta(days=31), month=name, closed_at=moved)
        if year == 2024 and random.random() < 0.5:  # the month a year ago is restated, and perhaps back again
            for units in random.choice([(9,), (11,), (9, 10), (12, 10)]):
                yield self._report("usage", f"2023-{month:02d}", closed + timedelta(days=2), 0, units=units)
        if name in ("2024-03", "2024-05", "2024-06"):
            yield self._fact("decide-designation", closed + timedelta(days=1), anniversary=ANNIVERSARIES[0])

    def _certificates(self) -> Iterator[Fact]:
        for number, (tier, begins, ends) in enumerate(
            (
                ("intermediate", "2023-06-01", "2024-02-29"),
                ("intermediate", self._random.choice(["2024-02-29", "2024-03-05"]), None),
                ("advanced", "2023-06-01", "2024-09-01"),
                ("advanced", "2024-09-10", None),
            )
        ):
            at = datetime.fromisoformat(f"{begins}T00:00:00+00:00")
            fields = {"certificate": f"z-{number}", "person": "p-1", "code": "x", "tier": tier, "valid_from": begins}
            yield self._fact("record-certificate", at, **fields, **({} if ends is None else {"valid_until": ends}))
        if self._random.random() < 0.5:
            at = datetime(2024, 11, 2, tzinfo=UTC)
            yield self._fact("end-certificate", at, certificate="z-1", on="2024-11-02")
            yield self._fact("end-certificate", at + timedelta(days=9), certificate="z-1", on="2024-12-24")

    def _report(self, what: str, month: str, at: datetime, pair: int, **fields: Any) -> Fact:
        names = {"customer": f"c-{pair}", "workload": WORKLOADS[pair], "month": month, "association": "cpor"}
        return self._fact(f"report-{what}", at, **names | fields)

    def _fact(self, kind: str, at: datetime, **fields: Any) -> Fact:
        self._count += 1
        occurred_at = format_instant(_micros(min(at, LAST)))
        return {"type": kind, "id": f"{self._ids}-{self._count}", "occurred_at": occurred_at, **self._where, **fields}


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond

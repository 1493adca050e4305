"""The cast of the capability programme: partners, their customers' workloads and their people. All made up.

Only `random.Random.random` and whole numbers are used, so that a seed gives the same bytes on every machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, NamedTuple

from console.demo.survey.companies import partner_name
from ledger.programmes.capability.editions import shipped

Bounds = tuple[int, int]

RATES: Final[dict[str, Any]] = dict(shipped()[0][1].data["rates"])
"""Of each workload with a rate: what a unit is worth in thousandths, and the associations that count."""
WORKLOADS: Final = tuple(sorted(RATES))


class Size(NamedTuple):
    """What a customer's workload brings a month: its MCV, and its revenue in cents."""

    value: Bounds
    revenue: Bounds


SMALL: Final = Size((900, 3_500), (9_000, 60_000))
MIDDLE: Final = Size((2_600, 5_600), (18_000, 90_000))
ENTERPRISE: Final = Size((5_000, 12_500), (480_000, 2_400_000))


@dataclass(frozen=True)
class Profile:
    """A kind of partner. Growth is in thousandths a month."""

    name: str
    share: int
    size: Size
    pairs: Bounds  # of customer and workload, at its opening
    new_pairs: Bounds  # a year
    growth: Bounds
    intermediate: Bounds  # people
    advanced: Bounds
    opens: Bounds = (0, 8)  # months after the programme's start
    past_months: int = 1  # reported when it opens
    lapses: bool = False  # certificates are renewed too late


PROFILES: Final = (
    Profile("growing", 6, MIDDLE, (8, 11), (3, 5), (8, 18), (3, 6), (1, 3)),
    Profile("steady", 5, MIDDLE, (8, 12), (1, 2), (4, 9), (4, 6), (2, 3)),
    Profile("flat", 4, MIDDLE, (7, 10), (0, 1), (-5, 2), (2, 5), (1, 2)),
    Profile("small", 3, SMALL, (4, 6), (1, 2), (2, 20), (1, 4), (1, 2)),
    Profile("nobody-advanced", 2, MIDDLE, (8, 11), (3, 5), (8, 18), (3, 6), (0, 0)),
    Profile("lapsing", 4, MIDDLE, (8, 11), (3, 5), (8, 16), (4, 5), (1, 2), lapses=True),
    Profile("newcomer", 4, MIDDLE, (7, 10), (3, 5), (8, 18), (3, 5), (1, 2), opens=(15, 26), past_months=12),
    Profile("enterprise-growing", 4, ENTERPRISE, (18, 22), (4, 7), (10, 18), (14, 21), (5, 8)),
    Profile("enterprise-steady", 3, ENTERPRISE, (16, 20), (2, 4), (3, 8), (12, 20), (4, 7)),
)


class Pair(NamedTuple):
    """A workload at a customer: in use from month `since` until before `until`; what is reported of it is worked out.

    Usage was credited under `wrong`, which does not count, in months before `mended`; `second` is another association
    under which less of the same usage is reported too.
    """

    customer: str
    workload: str
    since: int
    until: int
    value: int
    growth: int
    revenue: int
    association: str
    wrong: str
    mended: int
    second: str | None


@dataclass(slots=True)
class Person:
    """Somebody with certificates of a tier: the last one, and from when on (microseconds) the next is due."""

    id: str
    tier: str
    code: str
    certificate: str = ""
    due_us: int = 0


@dataclass(slots=True)
class Partner:
    """One partner while the programme runs. Its size is bounded by its customers and people, not by its history."""

    id: str
    name: str
    profile: Profile
    opens: int  # a month's number
    anniversary_month: int  # of the next anniversary
    anniversary_day: int
    pairs: list[Pair]
    people: list[Person]
    opened: dict[str, Any] = field(default_factory=dict)  # the fact that opened its designation
    certified: dict[str, Any] = field(default_factory=dict)  # the first that recorded a certificate
    decided: str | None = None  # the last anniversary that was decided


def between(random: Any, bounds: Bounds) -> int:
    """A whole number within bounds, both included."""
    low, high = bounds
    return low + int(random() * (high - low + 1))


def cast(rng: Random, count: int, first_month: int, months: int) -> Iterator[Partner]:
    """The partners; every fifth membership of the survey programme is one of them."""
    random = rng.random
    deck = [profile for profile in PROFILES for _ in range(profile.share)]
    for number in range(count):
        profile = deck[(number * 13 + int(random() * 2)) % len(deck)]
        opens = first_month + between(random, profile.opens)
        key = number * 5 + 1
        yield Partner(
            id=f"m-{key:04d}",
            name=partner_name(key - 1),
            profile=profile,
            opens=opens,
            anniversary_month=opens + 12 + int(random() * 6),
            anniversary_day=1 + int(random() * 28),
            pairs=_pairs(rng, profile, opens, first_month + months),
            people=_people(rng, profile),
        )


def _pairs(rng: Random, profile: Profile, opens: int, end: int) -> list[Pair]:
    """Those that are there from the start, and those that come while the programme runs."""
    random = rng.random
    starts = [opens - 12] * between(random, profile.pairs)
    for year in range(opens, end, 12):
        starts += [year + int(random() * 12) for _ in range(between(random, profile.new_pairs))]
    customers = [f"cust-{int(random() * 2**40):010x}" for _ in range(max(2, len(starts) // 2))]
    free = [(customer, workload) for workload in WORKLOADS for customer in customers]
    found = []
    for place, since in enumerate(starts):
        # Through the workloads in turn, so that an enterprise has five of them and more.
        workload = WORKLOADS[(place * 4 + int(random() * 2)) % len(WORKLOADS)]
        of_workload = [pair for pair in free if pair[1] == workload] or free
        pair = of_workload[int(random() * len(of_workload))]
        free.remove(pair)
        found.append(_pair(rng, profile, pair, since, is_new=since >= opens, end=end))
    return found


def _pair(rng: Random, profile: Profile, pair: tuple[str, str], since: int, *, is_new: bool, end: int) -> Pair:
    random = rng.random
    counting = RATES[pair[1]]["associations"]
    low, high = profile.size.value
    chance = random()
    return Pair(
        *pair,
        since=since,
        until=since + 14 + int(random() * 24) if chance < 0.05 else end,
        value=between(random, ((low + high) // 2, high * 5 // 4) if is_new else (low, high)),
        growth=between(random, profile.growth),
        revenue=between(random, profile.size.revenue),
        association=counting[int(random() * len(counting))],
        wrong="csp-1" if random() < 0.5 else "csp-2",
        mended=since + 3 + int(random() * 12) if 0.05 <= chance < 0.12 else since,
        second="dpor" if counting == ["cpor", "dpor"] and chance > 0.95 else None,
    )


def _people(rng: Random, profile: Profile) -> list[Person]:
    """People of both tiers; some hold certificates of either."""
    random = rng.random
    found: list[Person] = []
    for tier, bounds, code in (("intermediate", profile.intermediate, 210), ("advanced", profile.advanced, 310)):
        for place in range(between(random, bounds)):
            both = tier == "advanced" and place < len(found) and random() < 0.4
            person = found[place].id if both else f"p-{int(random() * 2**52):013x}"
            found.append(Person(person, tier, f"mb-{code + int(random() * 4) * 10}"))
    return found

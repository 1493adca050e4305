"""Two partners whose history is written by hand: their scores are known before anything is counted.

Thornbury is the worked example of the rules. Its close of May 2024 brings 74 points, so it is qualified: 40,000 of
monthly consumption value (MCV) against 25,000 a year before are 60 percent, which is 30 points; three pairs of customer
and workload against one that reach 5,000 are 8; three customers more are 9; three people with an intermediate
certificate are 12 and two with an advanced one 15. A restatement of May 2023 by five units takes one MCV off the base of
25,000 that growth needs, and 44 points are left; eight days later the restatement is corrected. From the close of June
on it has no more deployments than a year before, so that the close of May decides its anniversary (C3).

Farrowdale has 85 points in every month and never is qualified: its revenue of 2024 was reported under `pal`, which does
not count for revenue, so that its net customer adds are zero (C2, C13).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from console.demo.arrivals import HOUR_US, Fact
from ledger.instants import DAY_US, SECOND_US, format_instant, midnight_us
from ledger.programmes.capability.calendar import month_number, month_start_us, month_text
from ledger.programmes.capability.editions import SHIPPED_AREA


@dataclass(frozen=True)
class Pick:
    """A designation whose outcome at an anniversary is known by construction; `centipoints` are its best ones."""

    membership: str
    name: str
    anniversary: str
    outcome: Literal["qualified", "not-qualified"]
    centipoints: int
    why: str


@dataclass(frozen=True)
class Restatement:
    """A month's close, and instants of knowledge about it: before it was restated, while it was, and corrected again."""

    membership: str
    month: str
    closed_at: str
    before: str
    restated: str
    corrected: str
    centipoints: int
    centipoints_restated: int


PICKS: Final = (
    Pick(
        "m-thornbury",
        "Thornbury Business Apps",
        "2024-11-15",
        "qualified",
        7_400,
        "the close of May 2024 brings 74 points, that of June no deployment more than a year before: it was qualified for "
        "a month, and one day of the window is enough",
    ),
    Pick(
        "m-farrowdale",
        "Farrowdale Consulting",
        "2024-10-31",
        "not-qualified",
        8_500,
        "85 points, but its revenue of 2024 was reported under an association that does not count for revenue: a metric "
        "at zero, and no points of others make up for that",
    ),
)
RESTATEMENT: Final = Restatement(
    PICKS[0].membership,
    "2024-05",
    closed_at="2024-06-20T06:00:00Z",
    before="2024-07-02T00:00:00Z",
    restated="2024-07-04T00:00:00Z",
    corrected="2024-07-12T00:00:00Z",
    centipoints=7_400,
    centipoints_restated=4_400,
)

Use = tuple[str, str, str, int]  # customer, workload, association, units
Sale = tuple[str, str, str, int]  # customer, workload, association, cents

_THORNBURY_2023: Final[tuple[Use, ...]] = (
    ("cust-1", "business-central", "cpor", 5),  # 5,000 MCV, the one pair
    ("cust-2", "power-apps", "pal", 20),  # 4,000 each from here on
    ("cust-3", "power-automate", "pal", 20),
    ("cust-4", "power-bi", "pal", 20),
    ("cust-5", "customer-engagement", "cpor", 20),
    ("cust-6", "customer-insights", "pal", 20_000),
)
_THORNBURY_2024: Final[tuple[Use, ...]] = (
    ("cust-1", "business-central", "cpor", 10),  # 10,000 MCV each: three pairs
    ("cust-2", "power-apps", "pal", 50),
    ("cust-3", "power-automate", "pal", 50),
    ("cust-4", "power-bi", "pal", 12),  # 10,000 together, and no pair
    ("cust-5", "customer-engagement", "cpor", 13),
    ("cust-6", "customer-insights", "pal", 12_500),
    ("cust-7", "customer-insights", "pal", 12_500),
)
_BEFORE_MAY: Final = {"cust-6": 18_000}
"""Until April 2023: 24,600 MCV, less than growth needs."""
_FROM_JUNE: Final = {"cust-2": 25, "cust-3": 25}
"""From June 2023: two pairs more, the same three that there are in 2024."""
_RESTATED: Final = ("cust-6", "customer-insights", "pal", 19_995)
_FARROWDALE_2023: Final[tuple[Use, ...]] = (
    *((f"cust-{number}", "business-central", "cpor", 4) for number in range(1, 6)),  # 30,000 MCV in all
    ("cust-6", "business-central", "cpor", 10),  # the one pair
)
_FARROWDALE_2024: Final[tuple[Use, ...]] = (
    *((f"cust-{number}", "business-central", "cpor", 7) for number in range(1, 6)),  # five pairs more, 45,000 MCV
    ("cust-6", "business-central", "cpor", 10),
)
_REPORT_DAY: Final = 7
_CLOSE_DAY: Final = 19
Told = tuple[int, str, Fact]  # occurred_at in microseconds, type, fields


def scripted() -> Iterator[tuple[int, Fact]]:
    """(arrival, fact) of the two partners, in order for each; nothing of it comes from a seed."""
    thornbury, farrowdale = PICKS
    intermediate = ["2023-09-04", "2023-10-16", "2024-01-22"]
    told = [*_opening(thornbury, "2022-12-05", intermediate, ["2023-11-13", "2024-02-26"])]
    for month in range(month_number("2023-01"), month_number("2024-12")):
        of_2023 = month < month_number("2024-01")
        sold = [(f"cust-{number}", "consulting", "csp-1", 40_000) for number in range(1, 3 if of_2023 else 6)]
        told += _month(month, _thornbury_used(month), sold)
    told += _restatement()
    yield from _sent(thornbury, told)
    intermediate = [f"2023-0{month}-11" for month in range(4, 9)]
    told = [*_opening(farrowdale, "2022-12-12", intermediate, ["2023-06-19", "2023-07-17"])]
    for month in range(month_number("2023-01"), month_number("2024-12")):
        of_2023 = month < month_number("2024-01")
        used = _FARROWDALE_2023 if of_2023 else _FARROWDALE_2024
        under, customers = ("cpor", 2) if of_2023 else ("pal", 6)
        sold = [(f"cust-{number}", "business-central", under, 90_000) for number in range(1, customers + 1)]
        told += _month(month, used, sold)
    yield from _sent(farrowdale, told)


def _thornbury_used(month: int) -> list[Use]:
    used = _THORNBURY_2023 if month < month_number("2024-01") else _THORNBURY_2024
    changed: dict[str, int] = {}
    if month < month_number("2023-05"):
        changed = _BEFORE_MAY
    elif month_number("2023-06") <= month < month_number("2024-01"):
        changed = _FROM_JUNE
    return [(customer, workload, under, changed.get(customer, units)) for customer, workload, under, units in used]


def _restatement() -> Iterator[Told]:
    """May 2023 is restated by five units after May 2024 was closed, and that is corrected."""
    customer, workload, under, units = _RESTATED
    fields = {"customer": customer, "workload": workload, "month": "2023-05", "association": under}
    for day, said in (("2024-07-03", units), ("2024-07-11", units + 5)):
        yield _us(day) + 9 * HOUR_US, "report-usage", {**fields, "units": said}


def _opening(pick: Pick, opened: str, intermediate: list[str], advanced: list[str]) -> Iterator[Told]:
    """A designation is opened, its anniversaries are set, the first is decided; certificates come, good for two years."""
    yield _us(opened) + 9 * HOUR_US, "open-designation", {"name": pick.name}
    before, after = (f"{int(pick.anniversary[:4]) + years}{pick.anniversary[4:]}" for years in (-1, 1))
    for said, anniversary in ((opened, before), (before, pick.anniversary), (pick.anniversary, after)):
        yield _us(said) + 10 * HOUR_US, "set-anniversary", {"anniversary": anniversary}
    decided_us = month_start_us(month_number(before[:7]) + 1) + 2 * DAY_US + 9 * HOUR_US
    yield decided_us, "decide-designation", {"anniversary": before}
    for tier, code, days in (("intermediate", "mb-220", intermediate), ("advanced", "mb-330", advanced)):
        for place, day in enumerate(days, 1):
            certificate = {"certificate": f"{pick.membership[2:]}-{tier}-{place}", "person": f"{tier}-{place}"}
            until = f"{int(day[:4]) + 2}{day[4:]}"
            spoken_us = _us(day) + 4 * DAY_US + 11 * HOUR_US
            yield (
                spoken_us,
                "record-certificate",
                {**certificate, "code": code, "tier": tier, "valid_from": day, "valid_until": until},
            )


def _month(month: int, used: Iterable[Use], sold: Iterable[Sale]) -> Iterator[Told]:
    """A month is reported on the 8th of the next one, and closed on the 20th."""
    next_us, text = month_start_us(month + 1), month_text(month)
    at_us = next_us + _REPORT_DAY * DAY_US + 10 * HOUR_US
    for kind, figure, reported in (("report-usage", "units", used), ("report-revenue", "amount_cents", sold)):
        for customer, workload, under, said in reported:
            at_us += SECOND_US
            pair = {"customer": customer, "workload": workload, "month": text, "association": under}
            yield at_us, kind, {**pair, figure: said}
    yield next_us + _CLOSE_DAY * DAY_US + 6 * HOUR_US, "close-month", {"month": text}


def _sent(pick: Pick, told: list[Told]) -> Iterator[tuple[int, Fact]]:
    """Five seconds later the ledger hears of it."""
    for number, (at_us, kind, fields) in enumerate(sorted(told, key=lambda one: one[0]), 1):
        fact = {
            "type": kind,
            "id": f"{pick.membership[2:]}-{number:04d}",
            "membership": pick.membership,
            "area": SHIPPED_AREA,
            "occurred_at": format_instant(at_us),
            "actor": "programme-office",
            **fields,
        }
        yield at_us + 5 * SECOND_US, fact


def _us(day: str) -> int:
    return midnight_us(date.fromisoformat(day))

"""Two memberships whose history is written by hand: the outcome of their renewals is known before any counting."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final, Literal

from console.demo.survey.arrivals import HOUR_US
from console.demo.survey.companies import Fact
from ledger.instants import DAY_US, SECOND_US, format_instant, midnight_us

SCRIPT_SPAN_DAYS_MIN: Final = 550  # so far back from the end the two histories reach


@dataclass(frozen=True)
class Pick:
    """A renewal whose outcome is known by construction: responses written by hand, days before the renewal."""

    membership: str
    name: str
    renewal_date: date
    outcome: Literal["met", "not-met"]
    counted: int
    why: str


def picks(end: date) -> tuple[Pick, Pick]:
    """The renewal that will be met, and the one that will not; both are due before `end`, whatever the seed."""
    return (
        Pick(
            "m-alderbrook",
            "Alderbrook Consulting",
            end - timedelta(days=75),
            "met",
            10,
            "eleven responses of one customer count as eight; two of a second one make ten",
        ),
        Pick(
            "m-quillfield",
            "Quillfield Systems",
            end - timedelta(days=46),
            "not-met",
            9,
            "fourteen responses of one customer count as eight, one of a second one makes nine; the tenth is void, "
            "four were for another location, and one came four seconds after the renewal date began",
        ),
    )


_BIG, _SECOND, _THIRD = "Brontegard Shipping", "Lindomar Hospitals", "Ystervang Paper"
# Location, organisation, days before the renewal.
_MET_ANSWERS: Final = [("main", _BIG, days) for days in (380, 330, 318, 300, 270, 240, 200, 170, 150, 120, 90, 60)] + [
    ("main", _SECOND, days) for days in (140, 100, 45)
]
_NOT_MET_ANSWERS: Final = (
    [("Lyon", _BIG, days) for days in (350, 341, 322, 305, 288, 260, 231, 207, 180, 163, 131, 99, 61, 33)]
    + [("Lyon", _SECOND, 210), ("Lyon", _SECOND, 52), ("Lyon", _SECOND, 0)]
    + [("Porto", _BIG, 298), ("Porto", _BIG, 155), ("Porto", _THIRD, 290), ("Porto", _THIRD, 77)]
)


def scripted(rng: Random, pick: Pick) -> Iterator[tuple[int, Fact]]:
    """(arrival, fact) of a membership whose history is fixed; only the subjects' references come from the seed."""
    met = pick.outcome == "met"
    due_us, key, serial = midnight_us(pick.renewal_date), pick.membership[2:], 0
    void_days, late_days = (100, 45) if met else (52, 99)

    def fact(type_: str, occurred_us: int, **fields: object) -> tuple[int, Fact]:
        nonlocal serial
        serial += 1
        return occurred_us + 5 * SECOND_US, {
            "type": type_,
            "id": f"{key}-{serial:04d}",
            "membership": pick.membership,
            "occurred_at": format_instant(occurred_us),
            "actor": "survey-operator",
            **fields,
        }

    enrolled_us = due_us - 420 * DAY_US + 9 * HOUR_US
    yield fact(
        "enrol-membership",
        enrolled_us,
        name=pick.name,
        level="gold",
        competencies=["Collaboration"],
        solution_areas=["Collaboration"],
        business_model="consultancy",
        locations=["main"] if met else ["Lyon", "Porto"],
    )
    yield fact("set-renewal-date", enrolled_us + 600 * SECOND_US, renewal_date=pick.renewal_date.isoformat())
    for place, (location, org, days) in enumerate(_MET_ANSWERS if met else _NOT_MET_ANSWERS, 1):
        answered_us = due_us - days * DAY_US + (4 * SECOND_US if days == 0 else 8 * HOUR_US + place * 977 * SECOND_US)
        for copy in range(4):  # one answers, three do not
            subject, invitation = f"s-{int(rng.random() * 2**52):013x}", f"i-{key}-{place}-{copy}"
            asked_us = answered_us - 12 * DAY_US + copy * HOUR_US
            yield fact("record-consent", asked_us - HOUR_US, subject=subject, customer_org=org)
            yield fact(
                "record-invitation",
                asked_us,
                invitation=invitation,
                subject=subject,
                customer_org=org,
                location=location,
                channel="operator",
                language="fr",
            )
            if copy:
                yield fact("record-reminder", asked_us + 8 * DAY_US, invitation=invitation)
                continue
            response = f"r-{key}-{place}"
            arrival_us, answer = fact(
                "record-response",
                answered_us,
                response=response,
                customer_org=org,
                location=location,
                invitation=invitation,
                anonymous=place % 6 == 0,
            )
            yield arrival_us + (20 * DAY_US if days == late_days else 0), answer
            if days == void_days:
                yield fact(
                    "void-response", answered_us + 6 * DAY_US, response=response, reason="test" if met else "fraud"
                )

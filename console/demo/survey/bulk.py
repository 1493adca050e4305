"""Facts for benchmarks: any number of them, all valid, in order of occurrence, none twice, and cheap to make."""

from collections.abc import Iterator
from itertools import count, islice
from random import Random
from typing import Final

from console.demo.survey.companies import Fact, org_name, partner_name
from ledger.instants import DAY_US, format_instant

FACTS_PER_MEMBERSHIP: Final = 170
_START_US: Final = 14_613 * DAY_US  # 2010-01-04
_SPAN_US: Final = 1_820 * DAY_US  # to the end of 2014
_INVITATIONS: Final = 5  # in one campaign
_SKEW: Final = tuple(map(int, "01020130104201030210501"))  # organisations of very different size


def scale(seed: int, facts: int) -> Iterator[Fact]:
    """Exactly `facts` facts, about 170 a membership, over five years.

    A membership comes up about twice a year with a campaign of some seventeen facts in a row, as a survey operator's
    file has them. What was sent in one campaign is answered in the next, and is worked out again rather than kept:
    nothing is held in memory, however many facts are asked for.
    """
    if facts < 1:
        return
    rng = Random(seed)
    random, step_us = rng.random, _SPAN_US // facts
    memberships = max(1, (facts + FACTS_PER_MEMBERSHIP // 2) // FACTS_PER_MEMBERSHIP)
    steps = _campaigns(int(random() * 1_000), memberships)
    for number, fact in enumerate(islice(steps, facts)):
        fact["id"] = f"b-{number}"
        fact["occurred_at"] = format_instant(_START_US + number * step_us + int(random() * step_us))
        yield fact


def _campaigns(salt: int, memberships: int) -> Iterator[Fact]:
    for round_ in count():
        for member in range(memberships):
            if round_ == 0:
                yield _enrolment(member)
            if round_ % 2 == 0:
                due = f"{2011 + round_ // 2}-{1 + member % 12:02d}-{1 + member % 28:02d}"
                yield {"type": "set-renewal-date", "membership": f"m-{member}", "renewal_date": due}
            yield from _campaign(salt, member, round_)


def _enrolment(member: int) -> Fact:
    return {
        "type": "enrol-membership",
        "membership": f"m-{member}",
        "name": partner_name(member),
        "level": "silver" if member % 9 == 4 else "gold",
        "competencies": ["Learning"] if member % 8 == 0 else ["Hosting"],
        "locations": _locations(member),
    }


def _locations(member: int) -> list[str]:
    return ["east", "west"] if member % 16 == 5 else ["main"]


def _campaign(salt: int, member: int, round_: int) -> Iterator[Fact]:
    """Answers to the campaign before this one, responses through the open link, then five new invitations."""
    membership, places, place = f"m-{member}", _locations(member), salt + member * 7
    orgs = [org_name(place + n) for n in range(6)]
    if round_:
        yield from _answers(salt, member, round_ - 1, orgs)
    for n in range(2 + member % 4):
        yield {
            "type": "record-response",
            "membership": membership,
            "response": f"r-{member}-{round_}-o{n}",
            "customer_org": orgs[_SKEW[(place + round_ * 5 + n) % 23]],
            "location": places[n % len(places)],
        }
    if member % 8 == 0:
        for n in range(4):
            yield {"type": "record-evaluation", "membership": membership, "evaluation": f"e-{member}-{round_}-{n}"}
    for n in range(_INVITATIONS):
        key, org = f"{member}-{round_}-{n}", orgs[_SKEW[(place + round_ * 3 + n * 2) % 23]]
        yield {"type": "record-consent", "membership": membership, "subject": f"s-{key}", "customer_org": org}
        yield {
            "type": "record-invitation",
            "membership": membership,
            "invitation": f"i-{key}",
            "subject": f"s-{key}",
            "customer_org": org,
            "location": places[0],
            "channel": "partner" if n == 4 else "operator",
        }


def _answers(salt: int, member: int, round_: int, orgs: list[str]) -> Iterator[Fact]:
    """Of five invitations two are reminded, one is answered, and every fourth time a second one: 25 %."""
    membership, places, place = f"m-{member}", _locations(member), salt + member * 7
    for n in (2, 3):
        yield {"type": "record-reminder", "membership": membership, "invitation": f"i-{member}-{round_}-{n}"}
    for n in range(2 if (place + round_) % 4 == 0 else 1):
        key = f"{member}-{round_}-{n}"
        yield {
            "type": "record-response",
            "membership": membership,
            "response": f"r-{key}",
            "location": places[0],
            "invitation": f"i-{key}",
            "customer_org": orgs[_SKEW[(place + round_ * 3 + n * 2) % 23]],
            "anonymous": (member + round_) % 9 == 0,
        }
    if (member + round_) % 23 == 1:
        yield {
            "type": "void-response",
            "membership": membership,
            "response": f"r-{member}-{round_}-0",
            "reason": "duplicate",
        }
    elif (member + round_) % 11 == 1:
        yield {"type": "choose-anonymity", "membership": membership, "response": f"r-{member}-{round_}-o0"}

"""The life of every membership, month by month: it enrols, plans its year, surveys, changes, and perhaps leaves.

A month is planned at a time, and what was planned waits in the post. So memory holds the memberships and the facts of
a few months, not those of the whole programme.
"""

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Final

from console.demo.survey.arrivals import HOUR_US, Post
from console.demo.survey.companies import Fact, Member, MonthPlan, cast
from console.demo.survey.invitations import Survey
from console.demo.survey.scripted import SCRIPT_SPAN_DAYS_MIN, picks, scripted
from ledger.instants import DAY_US, SECOND_US, midnight_us

START: Final = date(2010, 1, 4)
END: Final = date(2014, 12, 31)
DEMO_MEMBERSHIPS: Final = 200

_NEVER_CLOSES_FROM: Final = date(2013, 4, 1)
_CAMPAIGN_MONTHS: Final = (1, 2, 3, 6, 7, 8)  # of a membership's year: two survey periods of three months
_OPEN_MONTHS: Final = tuple(range(11))  # all but the last one before the renewal, so that most answers are in time
_FACTS_PER_MEMBERSHIP_MONTH: Final = 5.3  # at a density of 1, counted over many seeds
_QUIET_FACTS_PER_MEMBERSHIP_MONTH: Final = 0.2  # those that no density changes: enrolment, renewal dates, levels


def generate(
    seed: int,
    memberships: int = DEMO_MEMBERSHIPS,
    facts: int | None = None,
    start: date = START,
    end: date = END,
) -> Iterator[tuple[int, Fact]]:
    """(arrival, fact), in order of arrival, to the end of the day `end`.

    Two of the memberships are those of `picks(end)`. With `facts`, all others are busier or quieter, so that about that
    many come out (within a seventh); without, about 310 a membership for five years. Duplicates and wrong facts are
    among them. Raises ValueError where the time or the number of memberships is too small for the two picks.
    """
    if (end - start).days < SCRIPT_SPAN_DAYS_MIN:
        raise ValueError(f"start to end is {(end - start).days} days, expected at least {SCRIPT_SPAN_DAYS_MIN}")
    if memberships < len(picks(end)):
        raise ValueError(f"memberships is {memberships}, expected at least {len(picks(end))}")
    months = (end.year - start.year) * 12 + end.month - start.month + 1
    density = 1.0
    if facts is not None:
        quiet = _QUIET_FACTS_PER_MEMBERSHIP_MONTH
        density = (facts / (memberships * months) - quiet) / (_FACTS_PER_MEMBERSHIP_MONTH - quiet)
    return _Programme(seed, max(0.0, density), start, end).run(memberships, months)


class _Programme:
    def __init__(self, seed: int, density: float, start: date, end: date) -> None:
        self._rng = Random(seed)
        self._random = self._rng.random
        self._density, self._start, self._end = density, start, end
        self._post = Post(self._rng)
        self._survey = Survey(self._rng, self._post)

    def run(self, memberships: int, months: int) -> Iterator[tuple[int, Fact]]:
        written = picks(self._end)
        members = list(cast(self._rng, memberships - len(written), self._start, months))
        for pick in written:
            for arrival_us, fact in scripted(self._rng, pick):
                self._post.put(arrival_us, fact)
        end_day = midnight_us(self._end) // DAY_US + 1
        for number in range(months):
            month = _months_on(self._start, number)
            for member in members:
                if member.enrol_month <= number < member.leaves_month:
                    self._live(member, number, month)
            next_month_day = midnight_us(_months_on(month, 1)) // DAY_US
            for day in range(midnight_us(month) // DAY_US, min(end_day, next_month_day)):
                for arrival_us, _, fact in self._post.deliver(day):
                    yield arrival_us, fact

    def _live(self, member: Member, number: int, month: date) -> None:
        """One month of a membership: nothing happens to it between enrolling and the next month."""
        if number == member.enrol_month:
            self._enrol(member, month)
            self._plan_year(member, month)
            return
        member.locations += member.locations_to_come
        member.locations_to_come.clear()
        month_of_year = (month.month - member.renewal.month) % 12
        if month >= member.renewal.replace(day=1):
            self._plan_year(member, month)
            member.renewal = member.renewal.replace(year=member.renewal.year + 1)
        elif month_of_year == 1 and number > member.enrol_month + 6:
            self._send(member, "set-renewal-date", month, renewal_date=member.renewal.isoformat())
        self._change(member, month)
        planned, month_us = member.plan[month_of_year], midnight_us(month)
        for _ in range(planned.answered):
            self._survey.invite(member, month_us, True)
        for _ in range(planned.unanswered):
            self._survey.invite(member, month_us, False)
        for _ in range(planned.by_link):
            self._survey.respond_by_link(member, month_us)
        for _ in range(planned.evaluations):
            self._send(member, "record-evaluation", month, evaluation=f"e-{self._post.serial()}")

    def _enrol(self, member: Member, month: date) -> None:
        first = max(month, self._start)
        at_us = midnight_us(first) + int(self._random() * max(1, 21 - first.day) * 20 * HOUR_US)
        enrolment: Fact = {
            "name": member.name,
            "level": member.level,
            "competencies": list(member.competencies),
            "solution_areas": [member.area],
            "business_model": member.model,
            "locations": list(member.locations),
        }
        for kind, fields in (
            ("enrol-membership", enrolment),
            ("set-renewal-date", {"renewal_date": member.renewal.isoformat()}),
        ):
            self._post.put(at_us + SECOND_US, self._post.fact(member, kind, at_us, fields, "partner-portal"))
            at_us += HOUR_US

    def _plan_year(self, member: Member, month: date) -> None:
        """Deals the year's responses out to its months: as many before the renewal as the profile says."""
        random, profile = self._random, member.profile
        quiet_year = profile.quiet_responses if member.year % 2 else None
        answers = self._figure(quiet_year or profile.responses)
        slots = _OPEN_MONTHS if month >= _NEVER_CLOSES_FROM else _CAMPAIGN_MONTHS
        plan = [MonthPlan() for _ in range(12)]
        invited = 0
        for _ in range(answers):
            planned = plan[slots[int(random() * len(slots))]]
            if random() < member.open_link:
                planned.by_link += 1
            else:
                planned.answered += 1
                invited += 1
        for _ in range(int(invited * member.unanswered + random())):
            plan[slots[int(random() * len(slots))]].unanswered += 1
        if "Learning" in member.competencies:
            for _ in range(self._figure(profile.evaluations)):
                plan[int(random() * 11)].evaluations += 1
        member.plan = plan
        member.year += 1

    def _figure(self, bounds: tuple[int, int]) -> int:
        low, high = bounds
        return int((low + int(self._random() * (high - low + 1))) * self._density + self._random())

    def _change(self, member: Member, month: date) -> None:
        """Now and then a level, a competency or a location changes."""
        chance = self._random()
        if chance < 0.004:
            member.level = "silver" if member.level == "gold" else "gold"
            self._send(member, "update-membership", month, level=member.level)
        elif chance < 0.012 and member.profile.evaluations[1]:
            learning = [] if "Learning" in member.competencies else ["Learning"]
            member.competencies = [member.area, *learning]
            self._send(member, "update-membership", month, competencies=list(member.competencies))
        elif chance > 0.99 and member.profile.locations[1] > 1:
            place = f"{member.locations[0]} {len(member.locations) + 1}"
            at_us = self._some_time(month)
            self._post.put(at_us + SECOND_US, self._post.fact(member, "add-location", at_us, {"location": place}))
            member.locations_to_come.append(place)

    def _send(self, member: Member, kind: str, month: date, **fields: object) -> None:
        """Something that happens in the month and rests on nothing but the enrolment."""
        at_us = self._some_time(month)
        self._post.send(at_us, 0, self._post.fact(member, kind, at_us, fields, "partner-portal"))

    def _some_time(self, month: date) -> int:
        return midnight_us(month) + int(self._random() * 28 * DAY_US)


def _months_on(day: date, months: int) -> date:
    month = day.year * 12 + day.month - 1 + months
    return date(month // 12, month % 12 + 1, 1)

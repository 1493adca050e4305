"""The life of every partner, month by month: it opens its designation, reports, closes, certifies, and is decided.

A month is made at a time, and what was sent waits in the post. So memory holds the partners and the facts of a few
months, not those of the whole programme.
"""

from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from random import Random
from typing import Final

from console.demo.arrivals import HOUR_US, Fact
from console.demo.capability.arrivals import Post
from console.demo.capability.partners import Partner, Person, cast
from console.demo.capability.refused import MADE, SOON_US, Occasion, wrong_fact
from console.demo.capability.reports import Reports
from console.demo.capability.scripted import PICKS, scripted
from ledger.instants import DAY_US, format_instant, midnight_us
from ledger.programmes.capability.calendar import month_start_us, month_text
from ledger.programmes.capability.editions import SHIPPED_AREA, shipped

START: Final = date(2022, 1, 1)
END: Final = date(2024, 12, 31)
DEMO_PARTNERS: Final = 40

_FIRST_MONTH: Final = START.year * 12 + START.month - 1
_MONTHS: Final = (END.year - START.year) * 12 + END.month - START.month + 1
_VALID_DAYS: Final = 365
_CLOSE_AT_US: Final = 19 * DAY_US + 6 * HOUR_US  # after the month's first instant
_EDITION_AT_US: Final = midnight_us(date(2024, 8, 15)) + 12 * HOUR_US
_EDITION_FROM: Final = "2024-10-01T00:00:00Z"


def generate(seed: int, partners: int = DEMO_PARTNERS) -> Iterator[tuple[int, Fact]]:
    """(arrival, fact), in order of arrival, from `START` to the end of the day `END`.

    Two of the partners are those of `PICKS`. About 700 facts a partner come out, duplicates and wrong ones among them.
    Raises ValueError where there is no room for the two.
    """
    if partners < len(PICKS):
        raise ValueError(f"partners is {partners}, expected at least {len(PICKS)}")
    return _Programme(seed).run(partners)


class _Programme:
    def __init__(self, seed: int) -> None:
        self._rng = Random(f"capability {seed}")
        self._random = self._rng.random
        self._post = Post(self._rng)
        self._reports = Reports(self._rng, self._post)
        self._wrong_facts = 0

    def run(self, partners: int) -> Iterator[tuple[int, Fact]]:
        members = list(cast(self._rng, partners - len(PICKS), _FIRST_MONTH, _MONTHS))
        for arrival_us, fact in scripted():
            self._post.put(arrival_us, fact)
        self._publish()
        for month in range(_FIRST_MONTH, _FIRST_MONTH + _MONTHS):
            for member in members:
                self._live(member, month)
            self._perhaps_wrong([member for member in members if member.opens + 4 <= month], month)
            for day in range(month_start_us(month) // DAY_US, month_start_us(month + 1) // DAY_US):
                for arrival_us, _, fact in self._post.deliver(day):
                    yield arrival_us, fact

    def _live(self, partner: Partner, month: int) -> None:
        """One month of a partner: nothing happens to it between opening its designation and the next month."""
        if month < partner.opens:
            return
        if month == partner.opens:
            self._open(partner, month)
            return
        start_us = month_start_us(month)
        if month == partner.opens + 1:
            for past in range(month - partner.profile.past_months, month - 1):
                self._reports.send_month(partner, past, start_us + DAY_US + int(self._random() * 6 * HOUR_US))
        reported_us = start_us + 2 * DAY_US + int(self._random() * 15 * DAY_US)
        self._reports.send_month(partner, month - 1, reported_us)
        self._close(partner, month - 1, start_us)
        for person in partner.people:
            self._renew(partner, person, start_us)
        self._anniversary(partner, month, start_us)

    def _open(self, partner: Partner, month: int) -> None:
        at_us = month_start_us(month) + int((1 + self._random() * 20) * 24) * HOUR_US
        _, partner.opened = self._post.send(at_us, partner.id, "open-designation", name=partner.name)
        self._set_anniversary(partner, at_us + HOUR_US)
        for person in partner.people:  # certified at some time of the year before
            since_us = at_us - int(self._random() * 330) * DAY_US
            self._certify(partner, person, since_us, at_us + 2 * HOUR_US)

    def _close(self, partner: Partner, month: int, start_us: int) -> None:
        """About the 20th; now and then some days later, and now and then at another time than was said."""
        chance = self._random()
        at_us = start_us + _CLOSE_AT_US + int(self._random() * 600) * SOON_US
        if chance < 0.05:
            at_us += (1 + int(chance * 100)) * DAY_US
        self._post.send(at_us, partner.id, "close-month", month=month_text(month))
        if chance > 0.96:
            closed_at = format_instant(at_us - (1 + int((1 - chance) * 1_000)) * HOUR_US)
            later_us = at_us + 2 * DAY_US
            self._post.send(later_us, partner.id, "correct-close", month=month_text(month), closed_at=closed_at)

    def _certify(self, partner: Partner, person: Person, since_us: int, heard_us: int) -> None:
        """A certificate, good for a year; the ledger hears of it within ten days."""
        certificate = f"x-{self._post.serial()}"
        since_us -= since_us % DAY_US
        until_us = since_us + _VALID_DAYS * DAY_US
        _, fact = self._post.send(
            max(heard_us, since_us + int(self._random() * 10 * DAY_US)),
            partner.id,
            "record-certificate",
            certificate=certificate,
            person=person.id,
            code=person.code,
            tier=person.tier,
            valid_from=format_instant(since_us)[:10],
            valid_until=format_instant(until_us)[:10],
        )
        partner.certified = partner.certified or fact
        person.certificate, person.due_us = certificate, until_us

    def _renew(self, partner: Partner, person: Person, start_us: int) -> None:
        """The month before a certificate expires, it is renewed in time, or late, or ended since its holder left."""
        if person.due_us >= start_us + 61 * DAY_US or not person.certificate:
            return
        chance, due_us = self._random(), person.due_us
        if chance < 0.04:
            on_us = start_us + (3 + int(self._random() * 20)) * DAY_US
            self._post.send(
                on_us + 9 * HOUR_US,
                partner.id,
                "end-certificate",
                certificate=person.certificate,
                on=format_instant(on_us)[:10],
            )
            person.certificate, person.due_us = "", 0
            return
        late = partner.profile.lapses and chance < 0.7
        since_us = due_us + (20 + int(self._random() * 70)) * DAY_US if late else due_us - 5 * DAY_US
        self._certify(partner, person, max(since_us, start_us), start_us)

    def _anniversary(self, partner: Partner, month: int, start_us: int) -> None:
        """The month after an anniversary it is decided, once and sometimes twice, and the next one is set."""
        if month != partner.anniversary_month + 1:
            return
        day, at_us = _anniversary_of(partner), start_us + 2 * DAY_US + 9 * HOUR_US
        self._post.send(at_us, partner.id, "decide-designation", anniversary=day)
        if self._random() < 0.1:  # asked for again: refused with designation-already-decided
            again = self._post.fact(partner.id, "decide-designation", at_us + 2 * SOON_US, anniversary=day)
            self._post.put(at_us + 2 * SOON_US, again)
        partner.anniversary_month += 12
        self._set_anniversary(partner, at_us + HOUR_US)

    def _set_anniversary(self, partner: Partner, at_us: int) -> None:
        self._post.send(at_us, partner.id, "set-anniversary", anniversary=_anniversary_of(partner))

    def _publish(self) -> None:
        """An edition of the demo's own, made up: two rates rise."""
        figures = deepcopy(dict(shipped()[0][1].data))
        figures |= {"edition": "demo-2024-10", "effective_from": _EDITION_FROM}
        figures["rates"]["retail"]["rate_milli"] = 150_000
        figures["rates"]["finance-and-operations"]["rate_milli"] = 120_000
        occurred_at = format_instant(_EDITION_AT_US)
        fact = {"type": "publish-scorebook", "id": "c-edition", "area": SHIPPED_AREA, "occurred_at": occurred_at}
        self._post.put(_EDITION_AT_US + SOON_US, {**fact, "actor": "programme-owner", **figures})

    def _perhaps_wrong(self, partners: list[Partner], month: int) -> None:
        """One wrong fact a month, of each kind in turn."""
        if not partners:
            return
        kind = MADE[self._wrong_facts % len(MADE)]
        place = int(self._random() * len(partners))
        at_us = month_start_us(month) + 27 * DAY_US + int(self._random() * 20) * HOUR_US
        for partner in partners[place:] + partners[:place]:
            occasion = Occasion(partner, at_us, month, month - 3)
            fact = wrong_fact(kind, f"c-wrong-{self._wrong_facts + 1}", occasion)
            if fact is not None:
                self._post.put(at_us + SOON_US, fact)
                self._wrong_facts += 1
                return


def _anniversary_of(partner: Partner) -> str:
    return f"{month_text(partner.anniversary_month)}-{partner.anniversary_day:02d}"

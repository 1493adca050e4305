"""The author of a random history: which facts it tells, about what, and when.

A history is a list of steps. A step is a fact with the instant at which the ledger is told of it, or None with an
instant: a review up to then. Most facts are acceptable, some are late, repeated, contradictory or wrong on purpose.
Two scales: "small" publishes editions with small figures, so that a few facts make and break the requirement, and
"shipped" keeps to ten, eight and two, so that responses and evaluations come in bursts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.oracle.survey.form import Fact
from tests.oracle.survey.time import MICROSECOND, add_months, instant, start_of

Step = tuple[Fact | None, datetime]
History = list[Step]
Draw = Callable[[st.SearchStrategy[Any]], Any]
T = TypeVar("T")

MEMBERSHIPS = ("m-1", "m-2", "Contoso:EU.3")
ORGANISATIONS = ("adatum", "fabrikam", "Überwald & Söhne")
LOCATIONS = ("Oslo", "Bergen", "Tromsø")
SUBJECTS = ("s-1", "s-2", "s-3")
COMPETENCIES: tuple[list[str], ...] = ([], ["Learning"], ["Hosting", "LEARNING"], ["learning"], ["Hosting"])
OFFSETS_MIN = (0, 0, 0, 120, -480, 330, -210, 840)
STARTS = (
    datetime(2007, 12, 30, tzinfo=UTC),  # before the editions that come with the ledger: the small ones stand alone
    datetime(2008, 1, 31, 8, tzinfo=UTC),
    datetime(2009, 10, 30, 12, tzinfo=UTC),
    datetime(2010, 6, 15, 10, 22, 33, 123456, tzinfo=UTC),
    datetime(2012, 2, 27, 9, tzinfo=UTC),
    datetime(2013, 3, 30, 23, 30, tzinfo=UTC),
    datetime(2015, 12, 30, tzinfo=UTC),
    datetime(2016, 1, 31, 8, tzinfo=UTC),
)
PAUSES = (
    timedelta(0),
    timedelta(0),
    MICROSECOND,
    timedelta(seconds=1),
    timedelta(hours=7),
    timedelta(days=1),
    timedelta(days=9),
    timedelta(days=31),
)
SPACINGS = (timedelta(0), MICROSECOND, timedelta(hours=1), timedelta(days=1), timedelta(days=17))
ODD_SPOTS = ("02-28T09:00:00", "02-28T10:00:00", "02-28T23:59:59.999999", "03-01T00:00:00", "08-31T00:00:00")
LEAP_SPOTS = ("02-29T00:00:00", "02-29T09:00:00", "02-29T09:30:00", "02-29T23:59:59.999999")
NUDGES = (-MICROSECOND, timedelta(0), timedelta(0), MICROSECOND)
LIVE = ("now", "now", "now", "now", "seen", "edge", "edge", "back", "spot", "ahead")
BATCH = ("day", "day", "day", "seen", "seen", "edge", "edge", "edge", "spot", "spot")
ACTIONS = (
    *("respond",) * 9,
    *("respond_often",) * 3,
    *("evaluate",) * 5,
    *("void",) * 3,
    *("update",) * 3,
    *("publish",) * 2,
    *("invite",) * 3,
    *("decide",) * 2,
    *("remind",) * 3,
    *("choose_anonymity",) * 2,
    *("consent", "withdraw", "set_renewal", "add_location", "enrol", "enrol"),
    *("repeat", "repeat", "reuse_id", "malform"),
)


class Author:
    """Writes one history, remembering what it has told so that later facts can refer to it."""

    def __init__(self, draw: Draw, scale: str, mode: str) -> None:
        self.draw = draw
        self.scale = scale
        self.mode = mode
        self.start: datetime = self.pick(STARTS)
        self.now = self.start if mode == "live" else self.start + timedelta(days=800)
        self.steps: History = []
        self.count = 0
        self.seen: list[datetime] = [self.start]
        self.boundaries: list[datetime] = [instant("2009-11-01T00:00:00Z"), instant("2013-04-01T00:00:00Z")]
        self.windows: list[int] = [12]
        self.editions: list[str] = ["2009-11", "2013-04"]
        self.locations: dict[str, list[str]] = {}
        self.responses: dict[str, list[str]] = {}
        self.consents: dict[str, list[tuple[str, str]]] = {}
        self.invitations: dict[str, list[tuple[str, str]]] = {}
        self.renewals: dict[str, list[str]] = {}

    # Choosing

    def pick(self, choices: Sequence[T]) -> T:
        chosen: T = self.draw(st.sampled_from(choices))
        return chosen

    def number(self, least: int, most: int) -> int:
        drawn: int = self.draw(st.integers(least, most))
        return drawn

    def rarely(self, one_in: int = 16) -> bool:
        return self.number(1, one_in) == one_in

    def new_name(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}-{self.count}"

    def new_or_rarely_old(self, prefix: str, old: Sequence[str], one_in: int = 16) -> str:
        return self.pick(old) if old and self.rarely(one_in) else self.new_name(prefix)

    def old_or_rarely_unknown(self, prefix: str, old: Sequence[str]) -> str:
        return f"{prefix}-unknown" if not old or self.rarely() else self.pick(old[-3:])

    def membership(self) -> str:
        """Mostly the first one, so that enough is told of it to make it change."""
        return "m-unknown" if self.rarely(40) else self.pick((*list(self.locations)[:1] * 3, *self.locations))

    # Time

    def moment(self) -> datetime:
        """When something occurred: seldom after it is told, and often at an instant where something else happens."""
        how = self.pick(LIVE if self.mode == "live" else BATCH)
        if how == "ahead":
            ahead = (timedelta(minutes=4), timedelta(minutes=5), timedelta(minutes=5) + MICROSECOND, timedelta(days=1))
            return self.now + self.pick(ahead)
        found = self.now
        if how == "seen":
            found = self.pick(self.seen[-8:])
        if how == "edge":
            found = self.edge()
        if how == "back":
            found = self.now - timedelta(days=self.number(0, 100), hours=self.number(0, 23))
        if how == "day":
            days = self.number(0, 600 if self.scale == "shipped" else 120)
            found = self.start + timedelta(days=days, hours=self.number(0, 23))
        if how == "spot":
            year = self.pick((self.start.year, self.start.year + 1))
            spots = ODD_SPOTS + (LEAP_SPOTS if year % 4 == 0 else ())
            found = instant(f"{year}-{self.pick(spots)}Z")
        return min(found, self.now)

    def edge(self) -> datetime:
        if self.rarely(3):
            return self.pick(self.boundaries) + self.pick(NUDGES)
        return add_months(self.pick(self.seen[-8:]), self.pick(self.windows)) + self.pick(NUDGES)

    def text_of(self, moment: datetime) -> str:
        """The instant with one offset or another, with and without a fraction, as RFC 3339 lets it be spelt."""
        offset = timezone(timedelta(minutes=self.pick(OFFSETS_MIN)))
        text = moment.astimezone(offset).isoformat(sep=self.pick(("T", "T", "T", "t", " ")))
        if moment.microsecond and self.rarely(4):
            text = re.sub(r"(\.\d{6})", r"\g<1>" + "0" * self.number(1, 3), text)
        return text.replace("+00:00", self.pick(("Z", "Z", "z"))) if self.number(0, 1) == 0 else text

    # Telling

    def tell(self, kind: str, membership: str | None, moment: datetime | None = None, **fields: Any) -> None:
        if self.mode == "live":
            self.now += self.pick(PAUSES)
        occurred_at = self.moment() if moment is None else moment
        self.seen.append(occurred_at)
        fact: Fact = {"type": kind, "id": self.new_name("f"), "occurred_at": self.text_of(occurred_at)}
        if membership is not None:
            fact["membership"] = membership
        fact.update({field: value for field, value in fields.items() if value is not None})
        if self.rarely():
            fact["actor"] = "survey operator"
        self.steps.append((fact, self.now))

    def enrol(self) -> None:
        left = [name for name in MEMBERSHIPS if name not in self.locations]
        membership = left[0] if left else self.pick(MEMBERSHIPS)
        locations = self.pick((None, None, ["main"], list(LOCATIONS[:2]), list(LOCATIONS)))
        moment = self.start if left and not self.rarely(32) else None
        if left:
            self.locations[membership] = list(locations or ["main"])
            for told in (self.responses, self.consents, self.invitations, self.renewals):
                told[membership] = []
        self.tell(
            "enrol-membership",
            membership,
            moment,
            name=self.pick(("Contoso", "Wingtip Toys")),
            level=self.pick(("gold", "gold", "gold", "silver", "small-business")),
            competencies=self.pick((None, *COMPETENCIES, ["Learning"], ["Learning"])),
            locations=locations,
        )

    def update(self) -> None:
        competencies = self.pick((None, *COMPETENCIES, []))
        level = self.pick((None, "gold", "silver"))
        name = "Contoso" if competencies is None and level is None else None
        self.tell("update-membership", self.membership(), competencies=competencies, level=level, name=name)

    def organisation(self, _membership: str) -> str:
        return self.pick(ORGANISATIONS)

    def spelling(self, _membership: str, organisation: str) -> str:
        """The name under which a customer is told of."""
        return organisation

    def add_location(self) -> None:
        membership = self.membership()
        location = self.pick((*LOCATIONS, "Ålesund"))
        self.locations.get(membership, []).append(location)
        self.tell("add-location", membership, location=location)

    def location_of(self, membership: str) -> str | None:
        known = self.locations.get(membership, ["main"])
        if self.rarely(24):
            return self.pick((None, "Atlantis"))
        return None if known == ["main"] and self.number(0, 1) == 0 else self.pick((*known[:1] * 4, *known))

    def respond(self, times: int = 1) -> None:
        membership = self.membership()
        organisation, location = self.organisation(membership), self.location_of(membership)
        invitation: str | None = None
        invited = self.invitations.get(membership, [])
        if times == 1 and self.rarely(2 if invited else 24):
            invitation = self.old_or_rarely_unknown("i", [name for name, _ in invited])
            if not self.rarely(3):
                organisation = dict(invited).get(invitation, organisation)
        first = self.moment()
        spacing = self.pick(SPACINGS)
        for index in range(times):
            response = self.new_or_rarely_old("r", self.responses.get(membership, []))
            self.responses.get(membership, []).append(response)
            self.tell(
                "record-response",
                membership,
                first + index * spacing if self.mode == "batch" else min(first + index * spacing, self.now),
                response=response,
                customer_org=self.spelling(membership, organisation),
                location=location,
                invitation=invitation,
                anonymous=self.pick((None, None, False, True)),
            )

    def respond_often(self) -> None:
        self.respond(self.number(2, 9 if self.scale == "shipped" else 4))

    def evaluate(self) -> None:
        membership = self.membership()
        for _ in range(self.number(4, 11) if self.scale == "shipped" else self.number(1, 2)):
            evaluation = "e-again" if self.rarely(16) else self.new_name("e")
            self.tell("record-evaluation", membership, evaluation=evaluation)

    def void(self) -> None:
        membership = self.membership()
        response = self.old_or_rarely_unknown("r", self.responses.get(membership, []))
        reason = self.pick(("test", "duplicate", "fraud", "withdrawn"))
        self.tell("void-response", membership, response=response, reason=reason)

    def choose_anonymity(self) -> None:
        membership = self.membership()
        response = self.old_or_rarely_unknown("r", self.responses.get(membership, []))
        self.tell("choose-anonymity", membership, response=response)

    def consent(self) -> None:
        membership = self.membership()
        subject, organisation = self.pick(SUBJECTS), self.organisation(membership)
        self.consents.get(membership, []).append((subject, organisation))
        moment = None if self.rarely(3) else self.start
        name = self.spelling(membership, organisation)
        self.tell("record-consent", membership, moment, subject=subject, customer_org=name)

    def withdraw(self) -> None:
        membership = self.membership()
        subject, organisation = self.pick(self.consents.get(membership) or [("s-1", "adatum")])
        name = self.spelling(membership, organisation)
        self.tell("withdraw-consent", membership, subject=subject, customer_org=name)

    def invite(self) -> None:
        membership = self.membership()
        if not self.consents.get(membership):
            self.consent()
        consents = self.consents.get(membership) or [("s-9", "adatum")]
        subject, organisation = ("s-9", "adatum") if self.rarely() else self.pick(consents)
        invitation = self.new_or_rarely_old("i", [name for name, _ in self.invitations.get(membership, [])], one_in=5)
        self.invitations.get(membership, []).append((invitation, organisation))
        self.tell(
            "record-invitation",
            membership,
            invitation=invitation,
            subject=subject,
            customer_org=self.spelling(membership, organisation),
            location=self.location_of(membership),
            channel=self.pick(("operator", "operator", "partner")),
            language=self.pick((None, "de", "zh-Hant", "nb", "pt-BR", "es-419")),
        )

    def remind(self) -> None:
        membership = self.membership()
        if not self.invitations.get(membership):
            self.invite()
        invited = [name for name, _ in self.invitations.get(membership, [])]
        self.tell("record-reminder", membership, invitation=self.old_or_rarely_unknown("i", invited))

    def set_renewal(self) -> None:
        membership = self.membership()
        around = self.pick((self.now, self.edge(), self.pick(self.seen[-8:])))
        day = (around.date() + timedelta(days=self.pick((0, 0, 1, -1)))).isoformat()
        self.boundaries.append(start_of(day))
        self.renewals.get(membership, []).append(day)
        self.tell("set-renewal-date", membership, renewal_date=day)

    def decide(self) -> None:
        membership = self.membership()
        if not self.renewals.get(membership):
            self.set_renewal()
        told = self.renewals.get(membership) or [date(2011, 3, 1).isoformat()]
        day = "2010-02-28" if self.rarely() else self.pick(told)
        moment = None if self.rarely(4) else self.now
        self.tell("decide-renewal", membership, moment, renewal_date=day)

    def publish(self) -> None:
        effective_from = self.pick((self.now, self.edge(), self.pick(self.boundaries), self.pick(self.seen[-8:])))
        effective_from += timedelta(days=self.pick((0, 0, 0, 1, 20, -20)))
        if self.scale == "small":
            figures = (self.number(2, 4), self.number(1, 3), self.number(1, 2), self.number(1, 3), self.number(1, 2))
        else:
            figures = (self.number(9, 12), self.number(6, 9), self.number(1, 3), self.pick((3, 6, 12, 24)), 10)
        edition = self.new_or_rarely_old("edition", self.editions)
        self.editions.append(edition)
        self.boundaries.append(effective_from)
        self.windows.append(figures[3])
        names = ("min_responses", "per_org_cap", "min_organisations", "window_months", "min_evaluations")
        self.tell(
            "publish-rulebook",
            None,
            edition=edition,
            effective_from=self.text_of(effective_from),
            pool_locations=self.rarely(4),
            **dict[str, Any](zip(names, figures, strict=True)),
        )

    # Telling again, and wrongly

    def _told(self) -> Fact:
        told = [fact for fact, _ in self.steps if fact is not None]
        return dict(self.pick(told[-20:]))

    def repeat(self) -> None:
        """The same fact again, with its fields in another order."""
        self.steps.append((dict(reversed(self._told().items())), self.now))

    def reuse_id(self) -> None:
        fact = self._told()
        if self.rarely(2):
            other = self._told()
            fact = {**other, "id": fact["id"], "actor": "somebody else"}
        else:
            fact["occurred_at"] = self.text_of(instant(fact["occurred_at"]) - MICROSECOND)
        self.steps.append((fact, self.now))

    def malform(self) -> None:
        fact = {**self._told(), "id": self.new_name("f")}
        fact.update(
            self.pick(
                (
                    *({"type": "record-poem"}, {"membership": "m 1"}, {"occurred_at": "2010-06-15"}, {"score": 5}),
                    *({"occurred_at": "2010-06-15T10:22:33.1234567Z"}, {"id": f"csat-ledger:{fact['id']}"}),
                )
            )
        )
        self.steps.append((fact, self.now))

    def review(self) -> None:
        self.steps.append((None, min(self.now, self.edge()) if self.rarely(3) else self.now))

    def first_edition(self) -> None:
        """A small edition in force from before anything happens."""
        self.publish()
        fact, now = self.steps.pop()
        assert fact is not None
        early = self.start - timedelta(days=60)
        self.steps.append(({**fact, **dict.fromkeys(("occurred_at", "effective_from"), self.text_of(early))}, now))

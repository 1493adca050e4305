"""An oracle: the rules of the ledger, counted by plain loops over every accepted fact.

It is slow and meant to be obviously right. It keeps nothing but the accepted facts in the order in which they came,
and answers every question by looking through all of them again. `known` is the number of accepted facts that are
known (None: all of them); the two editions that come with the ledger are known from the start and are not counted.
Instants go in as aware datetimes and come out as texts such as 2010-06-15T10:22:33.123456Z, which sort as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.oracle.survey.decisions import decision
from tests.oracle.survey.form import DEFAULTS, Fact, content_of, is_personal, is_reserved, is_well_formed
from tests.oracle.survey.organisations import as_known, groups
from tests.oracle.survey.refusals import refusals
from tests.oracle.survey.time import MICROSECOND, add_months, instant, stamp

FIRST_FIGURES = {
    "min_responses": 10,
    "per_org_cap": 8,
    "min_organisations": 2,
    "window_months": 12,
    "min_evaluations": 10,
    "pool_locations": False,
}
SHIPPED_EDITIONS: list[Fact] = [
    {
        "type": "publish-rulebook",
        "id": f"csat-ledger:edition:{edition}",
        "actor": "csat-ledger",
        "occurred_at": f"{edition}-01T00:00:00Z",
        "edition": edition,
        "effective_from": f"{edition}-01T00:00:00Z",
        **FIRST_FIGURES,
    }
    for edition in ("2009-11", "2013-04")
]


class UnknownMembershipError(KeyError):
    """The membership was not enrolled in what is known."""


@dataclass(frozen=True)
class Accepted:
    """One accepted fact; `number` counts from 1 in the order of arrival, and is 0 for the shipped editions.

    `told` is the fact as it was handed in and `fact` as it was taken, which differ where `spelt` says so: under the
    known spelling. `also` are the other names for which a withdrawal stands.
    """

    number: int
    recorded_at: datetime
    occurred_at: datetime
    fact: Fact
    location: str | None
    told: Fact
    spelt: bool = False
    also: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        return str(self.fact["type"])


@dataclass(frozen=True)
class Review:
    """The clock moved every horizon to `until` after `known` facts had been accepted."""

    known: int
    until: datetime


class Oracle:
    def __init__(self) -> None:
        self.accepted: list[Accepted] = []
        self.reviews: list[Review] = []
        self.shipped = [
            Accepted(0, instant(fact["occurred_at"]), instant(fact["occurred_at"]), fact, None, fact)
            for fact in SHIPPED_EDITIONS
        ]

    # What is known

    def known_facts(self, known: int | None = None) -> list[Accepted]:
        return self.shipped + self.accepted[:known]

    def known_by(self, moment: datetime) -> int:
        """How many accepted facts had been recorded by an instant, were each a transaction and nothing else one.

        Each is recorded at the clock's instant, or a microsecond after the one before where the clock is not past that.
        """
        return len([one for one in self.accepted if one.recorded_at <= moment])

    def memberships(self, known: int | None = None) -> list[str]:
        return [one.fact["membership"] for one in self.known_facts(known) if one.type == "enrol-membership"]

    def facts_of(self, membership: str, known: int | None = None) -> list[Accepted]:
        if membership not in self.memberships(known):
            raise UnknownMembershipError(membership)
        return [one for one in self.known_facts(known) if one.fact.get("membership") == membership]

    def locations(self, membership: str, known: int | None = None) -> list[str]:
        """The locations in the order in which they became known."""
        names: list[str] = []
        for one in self.facts_of(membership, known):
            if one.type == "enrol-membership":
                names.extend(one.fact.get("locations") or DEFAULTS["enrol-membership"]["locations"])
            if one.type == "add-location":
                names.append(one.fact["location"])
        return names

    # Recording

    def record(self, fact: Any, now: datetime, known_spelling: bool = False) -> tuple[str, str | None]:
        """Take in a fact: ("accepted", None), ("duplicate", None) or ("refused", code).

        With `known_spelling` a name that is spelt otherwise than the known one is taken under that, if there is one.
        """
        if not is_well_formed(fact):
            return "refused", "personal-data" if is_personal(fact) else "malformed"
        if is_reserved(fact["id"]):
            return "refused", "reserved-id"
        for earlier in self.known_facts():
            if earlier.told["id"] == fact["id"]:
                if content_of(earlier.told) == content_of(fact):
                    return "duplicate", None
                return "refused", "id-reused"
        occurred_at = instant(fact["occurred_at"])
        taken = as_known(self, fact, known_spelling)
        for code in refusals(self, taken.fact, occurred_at, now):
            return "refused", code
        location = None
        if fact["type"] in ("record-invitation", "record-response"):
            location = fact.get("location") or self.locations(fact["membership"])[0]
        number = len(self.accepted) + 1
        recorded_at = max([now, *(one.recorded_at + MICROSECOND for one in self.accepted)])
        self.accepted.append(
            Accepted(number, recorded_at, occurred_at, dict(taken.fact), location, dict(fact), taken.spelt, taken.also)
        )
        return "accepted", None

    # The rules at one instant

    def edition(self, at: datetime, known: int | None = None) -> Fact | None:
        """The edition in force: the latest to take effect; of two at one instant, the one published later."""
        in_force: Fact | None = None
        for one in self.known_facts(known):
            if one.type == "publish-rulebook":
                effective_from = instant(one.fact["effective_from"])
                if effective_from <= at and (in_force is None or effective_from >= instant(in_force["effective_from"])):
                    in_force = one.fact
        return in_force

    def attribute(self, membership: str, field: str, at: datetime, known: int | None = None) -> Any:
        """The value of level or competencies set by the latest fact that had occurred by then, or None."""
        latest: Accepted | None = None
        for one in self.facts_of(membership, known):
            if one.type not in ("enrol-membership", "update-membership") or one.occurred_at > at:
                continue
            sets_it = one.type == "enrol-membership" or one.fact.get(field) is not None
            if sets_it and (latest is None or one.occurred_at >= latest.occurred_at):
                latest = one
        return None if latest is None else latest.fact.get(field)

    def holds_learning(self, membership: str, at: datetime, known: int | None = None) -> bool:
        held = self.attribute(membership, "competencies", at, known) or []
        return any(competency.casefold() == "learning" for competency in held)

    def voided(self, membership: str, known: int | None = None) -> set[str]:
        """The responses that are known to be void. Such a response counts at no instant at all."""
        facts = self.facts_of(membership, known)
        return {one.fact["response"] for one in facts if one.type == "void-response"}

    def in_window(self, membership: str, kind: str, at: datetime, known: int | None = None) -> list[Accepted]:
        """The responses or evaluations, void or not, whose window holds the instant: the earliest first."""
        edition = self.edition(at, known)
        if edition is None:
            return []
        found = [
            one
            for one in self.facts_of(membership, known)
            if one.type == kind and one.occurred_at <= at < add_months(one.occurred_at, edition["window_months"])
        ]
        return sorted(found, key=lambda one: (one.occurred_at, one.number))

    def state(self, membership: str, at: datetime, known: int | None = None) -> dict[str, Any]:
        """The status at an instant, without the next change."""
        edition = self.edition(at, known)
        names = self.locations(membership, known)
        if edition is not None and edition["pool_locations"]:
            names = ["*"]
        names_of = groups(self, membership, known)
        views = {name: self._location(membership, name, names_of, at, known) for name in sorted(names)}
        best = sorted(views, key=lambda name: (not views[name]["satisfied"], -views[name]["counted"], name))[0]
        evaluations = 0
        if self.holds_learning(membership, at, known):
            evaluations = len(self.in_window(membership, "record-evaluation", at, known))
        via = None
        if edition is not None and evaluations >= edition["min_evaluations"]:
            via = "evaluations"
        if views[best]["satisfied"]:
            via = "responses"
        return {
            "membership": membership,
            "required": edition is not None and self.attribute(membership, "level", at, known) == "gold",
            "satisfied": via is not None,
            "via": via,
            "location": best,
            "counted": views[best]["counted"],
            "organisations": views[best]["organisations"],
            "edition": None if edition is None else edition["edition"],
            "locations": views,
            "evaluations": evaluations,
        }

    def _location(
        self, membership: str, name: str, names_of: dict[str, list[str]], at: datetime, known: int | None
    ) -> dict[str, Any]:
        edition = self.edition(at, known)
        if edition is None:
            return {"satisfied": False, "counted": 0, "organisations": 0, "by_org": {}}
        voided = self.voided(membership, known)
        by_org: dict[str, dict[str, Any]] = {}
        for one in self.in_window(membership, "record-response", at, known):
            if one.fact["response"] not in voided and name in ("*", one.location):
                names = names_of[one.fact["customer_org"]]
                if names[0] not in by_org:
                    by_org[names[0]] = {"received": 0, **({"names": names} if len(names) > 1 else {})}
                by_org[names[0]]["received"] += 1
        for line in by_org.values():
            line["applied"] = min(line["received"], edition["per_org_cap"])
        counted = sum(line["applied"] for line in by_org.values())
        return {
            "satisfied": counted >= edition["min_responses"] and len(by_org) >= edition["min_organisations"],
            "counted": counted,
            "organisations": len(by_org),
            "by_org": by_org,
        }

    # The questions

    def status(self, membership: str, at: datetime, known: int | None = None) -> dict[str, Any]:
        dates = [one.fact["renewal_date"] for one in self.facts_of(membership, known) if one.type == "set-renewal-date"]
        return {
            **self.state(membership, at, known),
            "next_change": self.next_change(membership, at, known),
            "next_renewal": min((day for day in dates if day >= stamp(at)[:10]), default=None),
        }

    def candidates(self, membership: str, known: int | None = None) -> list[datetime]:
        """Every instant at which anything about the membership's status can change, in order."""
        facts = self.facts_of(membership, known)
        editions = [one.fact for one in self.known_facts(known) if one.type == "publish-rulebook"]
        instants = {instant(edition["effective_from"]) for edition in editions}
        for one in facts:
            if one.type in ("enrol-membership", "update-membership", "record-response", "record-evaluation"):
                instants.add(one.occurred_at)
            if one.type in ("record-response", "record-evaluation"):
                for edition in editions:
                    instants.add(add_months(one.occurred_at, edition["window_months"]))
        return sorted(instants)

    def next_change(self, membership: str, at: datetime, known: int | None = None) -> dict[str, Any] | None:
        satisfied = self.state(membership, at, known)["satisfied"]
        for moment in self.candidates(membership, known):
            if moment > at and self.state(membership, moment, known)["satisfied"] != satisfied:
                return {"at": stamp(moment), "satisfied": not satisfied}
        return None

    def true_history(self, membership: str, until: datetime, known: int | None = None) -> list[dict[str, Any]]:
        """The flips of `satisfied` up to and including an instant. Before the first one it is not satisfied."""
        flips: list[dict[str, Any]] = []
        satisfied = False
        for moment in self.candidates(membership, known):
            if moment > until:
                break
            state = self.state(membership, moment, known)
            if state["satisfied"] != satisfied:
                satisfied = state["satisfied"]
                cause = self._cause(membership, moment, state["via"], known)
                flips.append({"effective_at": stamp(moment), **announced_part(state), "cause": cause})
        return flips

    def _cause(self, membership: str, moment: datetime, via: str | None, known: int | None) -> str:
        before = moment - MICROSECOND
        if self.edition(before, known) != self.edition(moment, known):
            return "rulebook"
        if via == "responses":
            return "response"
        held, holds = (self.holds_learning(membership, when, known) for when in (before, moment))
        if via == "evaluations":
            return "membership" if holds and not held else "evaluation"
        return "membership" if held and not holds else "expiry"

    # Renewals

    def decision(self, membership: str, renewal_date: str, known: int | None = None) -> dict[str, Any]:
        """The decision as it would be taken with what is known, or as it was taken if nothing changed since."""
        return decision(self, membership, renewal_date, known)

    # The horizon

    def review(self, until: datetime) -> None:
        """Move the horizon of every membership known so far to an instant (never back)."""
        self.reviews.append(Review(len(self.accepted), until))

    def horizon(self, membership: str, known: int | None = None) -> datetime:
        count = len(self.accepted) if known is None else known
        facts = self.facts_of(membership, known)
        reviewed = [review.until for review in self.reviews if facts[0].number <= review.known <= count]
        return max([one.occurred_at for one in facts] + reviewed)


def announced_part(state: dict[str, Any]) -> dict[str, Any]:
    fields = ("satisfied", "via", "location", "counted", "organisations", "edition")
    return {field: state[field] for field in fields}

"""A membership's state: what its stream says so far, as far as deciding needs it.

`evolve(state, event) -> state` never refuses. It changes the state that it is given and returns it, so that a stream of
100,000 responses folds in linear time; who needs the old state keeps a snapshot (see `ledger.programmes.survey.snapshot`).
"""

from __future__ import annotations

from bisect import bisect_right, insort_right
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Final, NamedTuple

from ledger.event import Event
from ledger.instants import parse_instant
from ledger.programmes.programme import State, fold_announcement
from ledger.programmes.survey import regrouping
from ledger.programmes.survey.events import Cause, Via
from ledger.programmes.survey.organisations import Organisations
from ledger.programmes.survey.responses import OrganisationReceipts
from ledger.programmes.survey.tally import LEARNING, Evidence

Word = tuple[int, int, bool]
"""What a subject said of invitations: (occurred_us, seq, whether permission was given)."""


class Announcement(NamedTuple):
    """What was announced for an instant: an EligibilityChanged, as it stands in the folded history."""

    effective_us: int
    satisfied: bool
    via: Via | None
    location: str | None
    counted: int
    organisations: int
    edition: str | None
    cause: Cause
    position: int = 0

    @property
    def holds(self) -> bool:
        """Whether it says that the requirement is satisfied."""
        return self.satisfied

    @property
    def flip(self) -> tuple[int, bool, Via | None, str | None, str | None]:
        """What makes it this flip and no other; counts and cause may be overtaken without another announcement."""
        return self.effective_us, self.satisfied, self.via, self.location, self.edition


@dataclass(slots=True)
class Invitation:
    """An invitation. Which answer came of it is not known here (DESIGN 13)."""

    subject: str
    customer_org: str
    by_operator: bool
    reminded: bool = False


@dataclass(slots=True)
class Response:
    """A response; `seq` is that of its event in the stream."""

    location: str
    customer_org: str
    received_us: int
    seq: int
    anonymous: bool
    void: bool = False


@dataclass(slots=True)
class Renewal:
    """A renewal date, and the last decision on it: what it said but for its revision, None while undecided."""

    revision: int = 0
    decided: dict[str, Any] | None = None


@dataclass(slots=True)
class Membership(State):
    """The state of one membership's stream."""

    enrolled: bool = False
    evidence: Evidence = field(default_factory=Evidence)
    renewals: dict[str, Renewal] = field(default_factory=dict)
    consents: dict[str, dict[str, list[Word]]] = field(default_factory=dict)
    """By subject and by the customer's name under which it was said, the earliest first."""
    invitations: dict[str, Invitation] = field(default_factory=dict)
    responses: MutableMapping[str, Response] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    """By the token of an invitation the last response to it; those before it are void."""
    voided: OrganisationReceipts = field(default_factory=OrganisationReceipts)
    evaluations: set[str] = field(default_factory=set)
    regrouped: regrouping.Span | None = None
    """Where the last join or separation can have changed something."""

    @property
    def organisations(self) -> Organisations:
        """The names of the customers, and which of them are one organisation."""
        return self.evidence.organisations

    @property
    def size_bytes(self) -> int:
        """About how many bytes of memory the state takes: what a bound on memory counts."""
        listed = sum(
            len(one.decided["applied"]) + len(one.decided["left_out"])
            for one in self.renewals.values()
            if one.decided is not None
        )
        return (
            4_500
            + 500 * len(self.consents)
            + 400 * len(self.invitations)
            + 500 * len(self.responses)
            + 300 * len(self.answers)
            + 800 * len(self.organisations)
            + 200 * (len(self.evaluations) + len(self.announced))
            + 500 * (len(self.renewals) + listed)
        )

    def consent_in_effect(self, subject: str, customer_org: str, at_us: int) -> bool:
        """Whether permission was given, and not withdrawn, by an instant (I1): the last word under any of its names."""
        words = self.words(subject, customer_org)
        places = [bisect_right(said, at_us, key=lambda word: word[0]) for said in words]
        last = [said[place - 1] for said, place in zip(words, places, strict=True) if place]
        return bool(last) and max(last)[2]

    def words(self, subject: str, customer_org: str) -> list[list[Word]]:
        """What a subject said under each name of an organisation under which it said anything."""
        said = self.consents.get(subject, {})
        group = self.organisations.groups.get(customer_org)
        if group is None:
            return [said[customer_org]] if customer_org in said else []
        if len(said) < len(group.names):
            return [words for name, words in said.items() if name in group.names]
        return [said[name] for name in group.names if name in said]


def evolve(state: Membership, event: Event) -> None:
    """One more event of the membership."""
    _EVOLVE[event.type](state, event)


def holds_learning(competencies: list[str]) -> bool:
    """Whether the Learning competency is among them (R9)."""
    return any(competency.casefold() == LEARNING for competency in competencies)


def _enrolled(state: Membership, event: Event) -> None:
    data = event.data
    state.enrolled = True
    for location in data["locations"]:
        state.evidence.add_location(location)
    state.evidence.levels.set(event.occurred_us, event.seq, data["level"])
    state.evidence.learning.set(event.occurred_us, event.seq, holds_learning(data["competencies"]))


def _updated(state: Membership, event: Event) -> None:
    data = event.data
    if "level" in data:
        state.evidence.levels.set(event.occurred_us, event.seq, data["level"])
    if "competencies" in data:
        state.evidence.learning.set(event.occurred_us, event.seq, holds_learning(data["competencies"]))


def _location_added(state: Membership, event: Event) -> None:
    state.evidence.add_location(event.data["location"])


def _renewal_date_set(state: Membership, event: Event) -> None:
    state.renewals.setdefault(event.data["renewal_date"], Renewal())


def _consent_given(state: Membership, event: Event) -> None:
    _said(state, event, event.data["customer_org"], True)


def _consent_withdrawn(state: Membership, event: Event) -> None:
    for name in (event.data["customer_org"], *event.data.get("also", ())):
        _said(state, event, name, False)


def _said(state: Membership, event: Event, name: str, given: bool) -> None:
    state.organisations.know(name)
    words = state.consents.setdefault(event.data["subject"], {}).setdefault(name, [])
    insort_right(words, (event.occurred_us, event.seq, given))


def _invitation_sent(state: Membership, event: Event) -> None:
    data = event.data
    state.invitations[data["invitation"]] = Invitation(
        data["subject"], data["customer_org"], data["channel"] == "operator"
    )
    state.organisations.know(data["customer_org"])


def _reminder_sent(state: Membership, event: Event) -> None:
    state.invitations[event.data["invitation"]].reminded = True


def _response_received(state: Membership, event: Event) -> None:
    data = event.data
    reference, location, organisation = data["response"], intern(data["location"]), intern(data["customer_org"])
    received_us = event.occurred_us
    state.responses[reference] = Response(location, organisation, received_us, event.seq, data["anonymous"])
    token = data["answer_token"]
    if token is not None:
        state.answers[token] = reference
    state.organisations.know(organisation)
    state.evidence.add_response(location, organisation, received_us, event.seq, reference)


def _anonymity_chosen(state: Membership, event: Event) -> None:
    state.responses[event.data["response"]].anonymous = True


def _response_voided(state: Membership, event: Event) -> None:
    reference = event.data["response"]
    response = state.responses[reference]
    response.void = True
    state.voided.add_response(response.received_us, response.seq, reference)
    state.evidence.remove_response(response.location, response.customer_org, response.received_us, response.seq)


def _evaluation_received(state: Membership, event: Event) -> None:
    state.evaluations.add(event.data["evaluation"])
    state.evidence.evaluations.add(event.occurred_us)


def _organisations_joined(state: Membership, event: Event) -> None:
    one, other = event.data["organisation"], event.data["same_as"]
    state.organisations.know(one)
    state.organisations.know(other)
    state.regrouped = regrouping.join(state.evidence, one, other)


def _organisations_separated(state: Membership, event: Event) -> None:
    state.regrouped = regrouping.separate(state.evidence, event.data["organisation"], event.data["same_as"])


def _organisation_distinguished(state: Membership, event: Event) -> None:
    state.organisations.know(event.data["from"])
    state.organisations.know(event.data["organisation"])


def _eligibility_changed(state: Membership, event: Event) -> None:
    fold_announcement(state.announced, announcement_of(event))


def announcement_of(event: Event) -> Announcement:
    """The entry of the folded history that an EligibilityChanged event makes."""
    data = event.data
    return Announcement(
        parse_instant(data["effective_at"]),
        data["satisfied"],
        data["via"],
        data["location"],
        data["counted"],
        data["organisations"],
        data["edition"],
        data["cause"],
        event.position,
    )


def _renewal_decided(state: Membership, event: Event) -> None:
    decided = {key: value for key, value in event.data.items() if key != "revision"}
    if not isinstance(decided["applied"], list) or not isinstance(decided["left_out"], list):
        raise ValueError("found a decision without lists of responses, expected what was applied and what was left out")
    state.renewals[event.data["renewal_date"]] = Renewal(event.data["revision"], decided)


_EVOLVE: Final[dict[str, Callable[[Membership, Event], None]]] = {
    "MembershipEnrolled": _enrolled,
    "MembershipUpdated": _updated,
    "LocationAdded": _location_added,
    "RenewalDateSet": _renewal_date_set,
    "ConsentGiven": _consent_given,
    "ConsentWithdrawn": _consent_withdrawn,
    "InvitationSent": _invitation_sent,
    "ReminderSent": _reminder_sent,
    "ResponseReceived": _response_received,
    "AnonymityChosen": _anonymity_chosen,
    "ResponseVoided": _response_voided,
    "EvaluationReceived": _evaluation_received,
    "OrganisationsJoined": _organisations_joined,
    "OrganisationsSeparated": _organisations_separated,
    "OrganisationDistinguished": _organisation_distinguished,
    "EligibilityChanged": _eligibility_changed,
    "RenewalDecided": _renewal_decided,
}

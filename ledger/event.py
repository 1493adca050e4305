"""Events: what they hold, and the bytes in which they stand in the book.

The stored bytes of an event are one canonical JSON object: keys sorted, no white space, no floats, UTF-8:

    {"actor":"operator","data":{"invitation":"i-7","response":"r-3",…},"fact":"f-12",
     "occurred_at":"2010-06-15T10:22:33.123456Z","prev":"<leaf hash of the stream's previous event, 64 hex digits>",
     "recorded_at":"2010-06-15T10:22:34.000000Z","seq":17,"stream":"membership-m-1","type":"ResponseReceived","v":1}

`seq` counts the stream's events from 1; `prev` is 64 zeros for the first. `fact` is the id of the fact that caused the
event, null for an announcement made by a review. The leaf hash of an event is SHA-256 over one zero byte and its stored
bytes (RFC 6962), so the chain of a stream and the proofs share one hash. Positions are no part of the bytes.

Types have names of their own, never Python paths. An old version is upcast on read, one step a version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal, NotRequired, TypedDict

import orjson

from ledger.errors import BrokenHistory
from ledger.instants import parse_instant

PROGRAMME_STREAM: Final = "programme"
MEMBERSHIP_PREFIX: Final = "membership-"
CLOCK_ACCEPTED: Final = "ClockAccepted"
FIRST_PREV: Final = "0" * 64
EVENT_BYTES_MAX: Final = 65_535
"""An event is an entry of a transparency log, whose entries have a two-byte length."""

Level = Literal["gold", "silver", "small-business"]
Channel = Literal["operator", "partner"]
VoidReason = Literal["test", "duplicate", "fraud", "withdrawn"]
Via = Literal["responses", "evaluations"]
Cause = Literal["response", "evaluation", "expiry", "void", "membership", "organisation", "rulebook"]
Outcome = Literal["met", "not-met", "not-required"]
LeftOutReason = Literal["void", "other-location", "over-cap"]


class MembershipEnrolledData(TypedDict):
    """A membership takes part from now on (R10: the membership is the unit of decision)."""

    name: str
    level: Level
    competencies: list[str]
    solution_areas: list[str]
    business_model: str | None
    locations: list[str]


class MembershipUpdatedData(TypedDict):
    """What changed of a membership; a key that is missing did not change."""

    name: NotRequired[str]
    level: NotRequired[Level]
    competencies: NotRequired[list[str]]
    solution_areas: NotRequired[list[str]]
    business_model: NotRequired[str]


class LocationAddedData(TypedDict):
    """Another location of the membership takes part (R11)."""

    location: str


class RenewalDateSetData(TypedDict):
    """A date, YYYY-MM-DD, on which the membership is to be renewed."""

    renewal_date: str


class ConsentGivenData(TypedDict):
    """Permission to be invited (I1): `subject` is a random reference, never a name.

    `spelt`, here and in other events: the fact spelt the customer's name otherwise than it is known.
    """

    subject: str
    customer_org: str
    spelt: NotRequired[Literal[True]]


class ConsentWithdrawnData(TypedDict):
    """The permission is taken back; for the names in `also` as well, which fold like the one that the fact had."""

    subject: str
    customer_org: str
    spelt: NotRequired[Literal[True]]
    also: NotRequired[list[str]]


class InvitationSentData(TypedDict):
    """An invitation, by the operator's mail or the partner's own link (I2)."""

    invitation: str
    subject: str
    customer_org: str
    location: str
    channel: Channel
    language: str | None
    spelt: NotRequired[Literal[True]]


class ReminderSentData(TypedDict):
    """The one reminder that an operator's invitation may have (I2)."""

    invitation: str


class ResponseReceivedData(TypedDict):
    """A completed survey; it counts from the event's occurred_at (R5). No answers, no scores (R4)."""

    response: str
    customer_org: str
    location: str
    invitation: str | None
    anonymous: bool
    spelt: NotRequired[Literal[True]]


class AnonymityChosenData(TypedDict):
    """The respondent stays anonymous to the partner as well; the response still counts (P2)."""

    response: str


class ResponseVoidedData(TypedDict):
    """A response that counts at no instant, once this is known; where and when it had counted is said again."""

    response: str
    reason: VoidReason
    received_at: str
    customer_org: str
    location: str


class EvaluationReceivedData(TypedDict):
    """A Metrics that Matter evaluation (R9)."""

    evaluation: str


class OrganisationsJoinedData(TypedDict):
    """Two names of customers are one organisation, at every instant, once this is known (DESIGN 4)."""

    organisation: str
    same_as: str


class OrganisationsSeparatedData(TypedDict):
    """They are not after all: the join of just these two is undone."""

    organisation: str
    same_as: str


OrganisationDistinguishedData = TypedDict("OrganisationDistinguishedData", {"from": str, "organisation": str})
OrganisationDistinguishedData.__doc__ = "A new name folds like a known one, `from`, and is another organisation."


class EligibilityChangedData(TypedDict):
    """An announcement: it replaces everything announced from `effective_at` on (DESIGN 6)."""

    satisfied: bool
    previous: bool
    via: Via | None
    location: str | None
    counted: int
    organisations: int
    edition: str | None
    effective_at: str
    cause: Cause
    revises: bool


class AppliedResponse(TypedDict):
    """A response that was applied to a renewal; `seq` is that of its ResponseReceived event in the stream.

    `group` is the name of its organisation: of all its names the one that was known first.
    """

    response: str
    customer_org: str
    group: str
    received_at: str
    seq: int


class LeftOutResponse(TypedDict):
    """A response received inside the window that was not applied to a renewal, and why; over-cap of which organisation."""

    response: str
    reason: LeftOutReason
    customer_org: NotRequired[str]
    group: NotRequired[str]


class RenewalDecidedData(TypedDict):
    """The decision on a renewal (R1, R2, R3, R7, R9): the status at `evaluated_at`, and which responses made it."""

    renewal_date: str
    evaluated_at: str
    outcome: Outcome
    via: Via | None
    location: str | None
    counted: int
    organisations: int
    edition: str | None
    applied: list[AppliedResponse]
    applied_total: int
    left_out: list[LeftOutResponse]
    left_out_total: int
    revision: int


class RulebookPublishedData(TypedDict):
    """An edition of the rules (R6), in force from `effective_from`."""

    edition: str
    effective_from: str
    min_responses: int
    per_org_cap: int
    min_organisations: int
    window_months: int
    min_evaluations: int
    pool_locations: bool


class ClockAcceptedData(TypedDict):
    """Somebody accepts the instant at which the book was last recorded, though the clock says another (DESIGN 5)."""

    last_recorded_at: str


class KeyRotatedData(TypedDict):
    """One key of the log hands over to another; both sign `statement` (see `ledger.proof.log.keys`)."""

    old: str
    new: str
    statement: str


EVENT_DATA: Final[Mapping[tuple[str, int], Any]] = {
    ("MembershipEnrolled", 1): MembershipEnrolledData,
    ("MembershipUpdated", 1): MembershipUpdatedData,
    ("LocationAdded", 1): LocationAddedData,
    ("RenewalDateSet", 1): RenewalDateSetData,
    ("ConsentGiven", 1): ConsentGivenData,
    ("ConsentWithdrawn", 1): ConsentWithdrawnData,
    ("InvitationSent", 1): InvitationSentData,
    ("ReminderSent", 1): ReminderSentData,
    ("ResponseReceived", 1): ResponseReceivedData,
    ("AnonymityChosen", 1): AnonymityChosenData,
    ("ResponseVoided", 1): ResponseVoidedData,
    ("EvaluationReceived", 1): EvaluationReceivedData,
    ("OrganisationsJoined", 1): OrganisationsJoinedData,
    ("OrganisationsSeparated", 1): OrganisationsSeparatedData,
    ("OrganisationDistinguished", 1): OrganisationDistinguishedData,
    ("EligibilityChanged", 1): EligibilityChangedData,
    ("RenewalDecided", 1): RenewalDecidedData,
    ("RulebookPublished", 1): RulebookPublishedData,
    ("KeyRotated", 1): KeyRotatedData,
    ("ClockAccepted", 1): ClockAcceptedData,
}
"""The data of every type in every released version. A version, once released, stays for ever."""

VERSIONS: Final[dict[str, int]] = {}
for _name, _version in EVENT_DATA:
    VERSIONS[_name] = max(_version, VERSIONS.get(_name, 0))
del _name, _version

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTS: Final[dict[tuple[str, int], Upcast]] = {}
"""(type, version) -> the function that turns data of that version into data of the next."""


@dataclass(slots=True)
class Event:
    """One event as it is read from the book, at the newest version of its type. `position` is 0 where unknown."""

    stream: str
    seq: int
    type: str
    v: int
    occurred_us: int
    recorded_us: int
    fact: str | None
    actor: str | None
    prev: str
    data: Any
    position: int = 0

    @property
    def membership(self) -> str | None:
        """The membership that the stream belongs to; None for the programme's stream."""
        return self.stream[len(MEMBERSHIP_PREFIX) :] if self.stream.startswith(MEMBERSHIP_PREFIX) else None


MEMBERSHIP_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def can_be_membership(text: str) -> bool:
    """Whether a text has the form of a membership's id. What has another form is in no book, and no database is asked:

    a text with a NUL, or half of a character, would be refused by the driver as if the database were at fault.
    """
    return MEMBERSHIP_ID.fullmatch(text) is not None


def membership_stream(membership: str) -> str:
    """The name of a membership's stream."""
    return MEMBERSHIP_PREFIX + membership


def leaf_hash(stored: bytes) -> str:
    """RFC 6962 leaf hash of stored bytes, as 64 hex digits."""
    return sha256(b"\x00" + stored).hexdigest()


def encode_event(
    *,
    stream: str,
    seq: int,
    event_type: str,
    occurred_at: str,
    recorded_at: str,
    fact: str | None,
    actor: str | None,
    prev: str,
    data: Any,
) -> bytes:
    """The canonical bytes of an event at the newest version of its type."""
    return orjson.dumps(
        {
            "actor": actor,
            "data": data,
            "fact": fact,
            "occurred_at": occurred_at,
            "prev": prev,
            "recorded_at": recorded_at,
            "seq": seq,
            "stream": stream,
            "type": event_type,
            "v": VERSIONS[event_type],
        },
        option=orjson.OPT_SORT_KEYS,
    )


def recorded_us_of(stored: bytes, position: int) -> int:
    """When an event was recorded; of any type and version, also of those that this program does not know."""
    try:
        return parse_instant(orjson.loads(stored)["recorded_at"])
    except Exception as error:
        raise BrokenHistory(f"position {position}: found no event of the ledger ({error!r})") from error


def decode_event(stored: bytes, position: int = 0) -> Event:
    """Reads stored bytes and upcasts their data to the newest version.

    Raises BrokenHistory where the bytes are no event, or of a type or version that this program does not know.
    """
    where = f"position {position}" if position else "stored bytes"
    try:
        raw = orjson.loads(stored)
        event_type, version, data = raw["type"], raw["v"], raw["data"]
        event = Event(
            stream=raw["stream"],
            seq=raw["seq"],
            type=event_type,
            v=version,
            occurred_us=parse_instant(raw["occurred_at"]),
            recorded_us=parse_instant(raw["recorded_at"]),
            fact=raw["fact"],
            actor=raw["actor"],
            prev=raw["prev"],
            data=data,
            position=position,
        )
    except Exception as error:
        raise BrokenHistory(f"{where}: found no event of the ledger ({error!r}): {stored[:80]!r}…") from error
    newest = VERSIONS.get(event_type)
    if newest is None or version > newest:
        known = "no such type" if newest is None else f"versions up to {newest}"
        raise BrokenHistory(f"{where}: found event type {event_type!r} version {version}, this program knows {known}")
    while event.v < newest:
        event.data = UPCASTS[event_type, event.v](event.data)
        event.v += 1
    return event

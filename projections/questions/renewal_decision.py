"""A decision on a renewal as it stands in the book: what was decided, and by which responses (R1, R2, R3, R7, R9, R11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.programmes.survey.events import LeftOutReason, Outcome, Via
from projections.questions.answer import LEFT_OUT, Count, Day, Instant, MayBeLeftOut, Number, Position


@dataclass(frozen=True, slots=True)
class AppliedResponse:
    """A response that was applied."""

    customer_org: str
    """The customer's name, as the response has it."""
    group: str
    """The name of its organisation: of all its names the one that was known first."""
    received_at: Instant
    """When it was received."""
    response: str
    """The response."""
    seq: Number
    """The place of its event in the stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutResponse:
    """A response received inside the window that was not applied."""

    customer_org: str | MayBeLeftOut = LEFT_OUT
    """The customer's name; only where its organisation has enough applied (over-cap)."""
    group: str | MayBeLeftOut = LEFT_OUT
    """The name of that organisation."""
    reason: LeftOutReason
    """Why."""
    response: str
    """The response."""


@dataclass(frozen=True, slots=True)
class RenewalDecision:
    """The decision on a renewal."""

    membership: str
    """The membership."""
    renewal_date: Day
    """YYYY-MM-DD."""
    evaluated_at: Instant
    """The last microsecond before 00:00 UTC of the renewal date."""
    outcome: Outcome
    """What was decided."""
    via: Via | None
    """By what the requirement was met; null where it was not."""
    location: str | None
    """The location that was counted; `*` where the edition pools all."""
    counted: Count
    """Responses applied."""
    organisations: Count
    """Organisations with a response that counted."""
    edition: str | None
    """The edition of the rules in force then; null before the first."""
    applied: tuple[AppliedResponse, ...]
    """The first of the responses applied, the earliest received first."""
    applied_total: Count
    """How many were applied."""
    left_out: tuple[LeftOutResponse, ...]
    """The first of those left out."""
    left_out_total: Count
    """How many were left out."""
    revision: Number
    """1, and one more each time the same renewal is decided again."""
    position: Position
    """Where the decision stands in the ledger."""


def decision_of(membership: str, position: int, data: Mapping[str, Any]) -> RenewalDecision:
    """The answer made of a RenewalDecided event."""
    said = {
        **data,
        "applied": tuple(AppliedResponse(**one) for one in data["applied"]),
        "left_out": tuple(LeftOutResponse(**one) for one in data["left_out"]),
    }
    return RenewalDecision(membership=membership, **said, position=position)

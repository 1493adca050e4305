"""Whom the operator is to invite, or to remind: by the book alone, which knows people by reference (I1, I2).

A subject is due an invitation where permission is in effect and it was never invited, by whomever. It is due the one
reminder where the operator invited it, permission is still in effect, it was reminded of no invitation, its last one is old
enough, and no answer to any stands that is not void.

Whether an invitation was answered takes the link key (DESIGN 13). Who is not due may have answered or not: the answer
to this question names no response, and nobody who answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ledger.link_key import Link
from ledger.programmes.survey.state import Membership
from ledger.store.base import Reader
from projections.survey import reading

Kind = Literal["invitation", "reminder"]


@dataclass(frozen=True, slots=True)
class Due:
    """What a subject is due."""

    kind: Kind
    """Its first invitation, or the one reminder."""
    subject: str
    """Who, by reference."""
    customer_org: str
    """The customer organisation for which permission is in effect, as the book knows it."""
    invitation: str | None
    """The invitation that the reminder is of; null for an invitation, which has no reference yet."""


@dataclass(frozen=True, slots=True)
class InvitationsDue:
    """All that is due under a membership."""

    locations: tuple[str, ...]
    """The membership's locations: where there are several, an invitation has to name one."""
    due: tuple[Due, ...]
    """In order of subject."""


def invitations_due(
    book: Reader, membership: str, at_us: int, link: Callable[[], Link], *, reminder_after_us: int
) -> InvitationsDue:
    """Who is due what at an instant, as known now. `link` gives the book's link key; it is asked for only where answers are.

    Raises UnknownMembership, BrokenHistory, and what `link` raises.
    """
    state, sent_us = Membership(), dict[str, int]()
    for step in reading.replay(book, membership):
        state = step.state
        if step.event.type == "InvitationSent":
            sent_us[step.event.data["invitation"]] = step.event.occurred_us
    invited = {invitation.subject for invitation in state.invitations.values()}
    due = [
        Due("invitation", subject, customer_org, None)
        for subject in state.consents
        if subject not in invited and (customer_org := _permitted(state, subject, at_us)) is not None
    ]
    for subject, reference in _to_be_reminded(state, membership, link).items():
        customer_org = state.invitations[reference].customer_org
        old_enough = sent_us[reference] + reminder_after_us <= at_us
        if old_enough and state.consent_in_effect(subject, customer_org, at_us):
            due.append(Due("reminder", subject, customer_org, reference))
    due.sort(key=lambda one: one.subject)
    return InvitationsDue(tuple(state.evidence.locations), tuple(due))


def _permitted(state: Membership, subject: str, at_us: int) -> str | None:
    """The organisation for which a subject gave permission that is in effect: of several the one of its last word."""
    words = [
        (max(word for word in words if word[0] <= at_us), customer_org)
        for customer_org, words in state.consents[subject].items()
        if words[0][0] <= at_us and state.consent_in_effect(subject, customer_org, at_us)
    ]
    return max(words)[1] if words else None


def _to_be_reminded(state: Membership, membership: str, link: Callable[[], Link]) -> dict[str, str]:
    """Of each subject that has an invitation by the operator, no reminder and no answer: its last invitation."""
    tied = link() if state.answers else None
    last, done = dict[str, str](), set[str]()
    for reference, invitation in state.invitations.items():
        if invitation.reminded or (tied is not None and _answered(state, tied(membership, reference))):
            done.add(invitation.subject)
        elif invitation.by_operator:
            last[invitation.subject] = reference
    return {subject: reference for subject, reference in last.items() if subject not in done}


def _answered(state: Membership, token: str) -> bool:
    answer = state.answers.get(token)
    return answer is not None and not state.responses[answer].void

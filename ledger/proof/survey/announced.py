"""What an EligibilityChanged event says: a flip, and whether it takes the place of one announced before."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from ledger.proof.form import check_event
from ledger.proof.log.errors import Words
from ledger.proof.log.event import Event, parse_instant
from ledger.proof.survey.form import ANNOUNCED, FORMS
from ledger.proof.survey.sweep import Flip

KINDS = {
    "ResponseReceived": "response", "EvaluationReceived": "evaluation", "ResponseVoided": "void",
    "MembershipEnrolled": "membership", "MembershipUpdated": "membership", "LocationAdded": "membership",
    "OrganisationsJoined": "organisation", "OrganisationsSeparated": "organisation", "RulebookPublished": "rulebook",
}  # fmt: skip
"""What an announcement in place of a flip that vanished names as its cause, by the fact that made it vanish."""

_said = itemgetter(*Flip._fields[1:])


def data_or_words(flip: Flip | None) -> Any:
    """What a report shows for a flip."""
    return Words("no change of the status") if flip is None else flip.data


def announced_flip(event: Event) -> Flip:
    """The flip that an announcement names. Raises ProofError where it is in another form than is read here."""
    check_event(event, FORMS, ANNOUNCED)
    data = event.data
    return Flip(parse_instant(data["effective_at"], event.where), *_said(data))

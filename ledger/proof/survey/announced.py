"""What an EligibilityChanged event says: a flip, and whether it takes the place of one announced before.

Event data: those of `ANNOUNCEMENT_KEYS` and `revises`, all of them and no others, version 1.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from ledger.proof.log.errors import RefutedError, Words
from ledger.proof.log.event import Event, parse_instant
from ledger.proof.log.strictjson import natural, truth
from ledger.proof.survey.replay import require_actor, require_version
from ledger.proof.survey.sweep import ANNOUNCEMENT_KEYS, Flip

ANNOUNCED_KEYS = frozenset((*ANNOUNCEMENT_KEYS, "revises"))
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
    require_actor(event)
    require_version(event)
    data, where = event.data, event.where
    if data.keys() != ANNOUNCED_KEYS:
        raise RefutedError(f"{where}: keys", found=sorted(data), expected=sorted(ANNOUNCED_KEYS))
    for key in ("satisfied", "previous", "revises"):
        truth(data[key], f"{where}: {key}")
    for key in ("counted", "organisations"):
        natural(data[key], f"{where}: {key}")
    return Flip(parse_instant(data["effective_at"], f"{where}: effective_at"), *_said(data))

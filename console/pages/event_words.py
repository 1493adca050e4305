"""What happened, in a sentence, of each type of event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Data = Mapping[str, Any]


def _enrolled(data: Data) -> str:
    return f"Enrolled at level {data['level']}"


def _changed(data: Data) -> str:
    now = "eligible" if data["satisfied"] else "not eligible"
    again = ", which replaces what was announced before" if data.get("revises") else ""
    return f"Announced: {now} from {_when(data['effective_at'])} on, {data['counted']} responses count{again}"


def _decided(data: Data) -> str:
    return f"Renewal of {data['renewal_date']} decided, revision {data['revision']}: {data['outcome']}"


def _response(data: Data) -> str:
    whose = " anonymously" if data.get("anonymous") else ""
    return f"A customer of {data['customer_org']} answered{whose}"


SENTENCES: Final[Mapping[str, Callable[[Data], str]]] = {
    "MembershipEnrolled": _enrolled,
    "MembershipUpdated": lambda _: "Level, competencies or profile updated",
    "LocationAdded": lambda data: f"Location {data['location']} added",
    "RenewalDateSet": lambda data: f"Renewal date {data['renewal_date']} set",
    "ConsentGiven": lambda data: f"A customer of {data['customer_org']} consented to be asked",
    "ConsentWithdrawn": lambda data: f"A customer of {data['customer_org']} withdrew consent",
    "InvitationSent": lambda data: f"A customer of {data['customer_org']} was invited by the {data['channel']}",
    "ReminderSent": lambda _: "A reminder was sent",
    "ResponseReceived": _response,
    "AnonymityChosen": lambda _: "A respondent chose to stay anonymous",
    "ResponseVoided": lambda data: f"A response was voided: {data['reason']}",
    "EvaluationReceived": lambda _: "An evaluation was received",
    "EligibilityChanged": _changed,
    "RenewalDecided": _decided,
}
"""By type of event; of one that stands here not, its type is shown."""


def sentence(step: Mapping[str, Any]) -> str:
    """What happened, of a step of `replay`; the type of the event where there are no words for it."""
    say = SENTENCES.get(step["type"])
    try:
        return str(step["type"]) if say is None else say(step["data"])
    except KeyError:
        return str(step["type"])


def _when(instant: str) -> str:
    return f"{instant[:10]} {instant[11:16]} UTC"

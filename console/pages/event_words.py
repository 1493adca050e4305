"""An event of a replay in a sentence. Names that others gave keep a direction of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from console.cli.points import NAMES, points
from console.pages.words import day, exact, instant, name, plural
from console.reports.page import period_name

SENTENCES: Final[Mapping[str, str]] = {
    "MembershipEnrolled": "The membership of {name} was enrolled.",
    "MembershipUpdated": "Its level, competencies or profile were updated.",
    "LocationAdded": "Location {location} was added.",
    "RenewalDateSet": "A renewal on {renewal_date} was set.",
    "ConsentGiven": "{subject} of {customer_org} agreed to be asked.",
    "ConsentWithdrawn": "{subject} of {customer_org} no longer wants to be asked.",
    "InvitationSent": "Invitation {invitation} went to {customer_org}, location {location}.",
    "ReminderSent": "The reminder of invitation {invitation} was sent.",
    "ResponseReceived": "Response {response} of {customer_org} came in, location {location}.",
    "AnonymityChosen": "Whoever gave response {response} stays anonymous.",
    "ResponseVoided": "Response {response} of {customer_org} was voided: {reason}.",
    "EvaluationReceived": "Evaluation {evaluation} came in.",
    "OrganisationsJoined": "{organisation} and {same_as} are one organisation.",
    "OrganisationsSeparated": "{organisation} and {same_as} are not one organisation after all.",
    "OrganisationDistinguished": "{organisation} is another organisation than {from}.",
    "DesignationOpened": "The designation of {name} was opened.",
    "AnniversarySet": "The anniversary {anniversary} was set.",
    "UsageReported": "{units} units of {workload} at {customer} were reported for {month}.",
    "RevenueReported": "Revenue of {workload} at {customer} was reported for {month}.",
    "MonthClosed": "The figures of {month} were closed.",
    "MonthCloseCorrected": "When the figures of {month} were closed was corrected.",
    "CertificateRecorded": "Certificate {certificate} of {person} was recorded: {tier}, from {valid_from}.",
    "CertificateEnded": "Certificate {certificate} ended on {on}.",
    "RenewalDecided": "The renewal on {renewal_date} was decided: {outcome}, revision {revision}.",
    "DesignationDecided": "The anniversary {anniversary} was decided: {outcome}, revision {revision}.",
}
"""What is shown of each type; of another one its name is."""
DAYS: Final = ("renewal_date", "anniversary", "valid_from", "on")
ANNOUNCED: Final[Mapping[str, tuple[str, str, str]]] = {
    "EligibilityChanged": (
        "satisfied",
        "Announced: the requirement is met",
        "Announced: the requirement is no longer met",
    ),
    "DesignationChanged": ("qualified", "Announced: qualified", "Announced: no longer qualified"),
}


def event_words(step: Mapping[str, Any]) -> Markup:
    """The sentence of an event."""
    data, kind = step["data"], step["type"]
    if kind in ANNOUNCED:
        which, held, ended = ANNOUNCED[kind]
        return Markup("{} from {} on ({}{}).").format(
            held if data[which] else ended, instant(data["effective_at"]), data["cause"],
            ", revises what was announced" if data["revises"] else "",
        )  # fmt: skip
    sentence = SENTENCES.get(kind)
    if sentence is None:
        return Markup("{}").format(kind)
    try:
        return Markup(sentence).format(**{key: _value(key, value) for key, value in data.items()})
    except KeyError:  # an event of another version
        return Markup("{}").format(kind)


def _value(key: str, value: Any) -> Any:
    if key in DAYS:
        return day(value)
    if key == "month":
        return period_name(value)
    if isinstance(value, int):
        return f"{value:,}"
    return name(value) if isinstance(value, str) else value


def after_words(step: Mapping[str, Any]) -> Markup:
    """Where it stood right after an event, at the event's own instant; of a decision where it stood at the one evaluated."""
    if step["type"] == "RenewalDecided":
        said = step["data"]
        return Markup("{} of {} at {}, which is evaluated: {}").format(
            plural(said["counted"], "response"), plural(said["organisations"], "organisation"),
            exact(said["evaluated_at"]), said["outcome"],
        )  # fmt: skip
    if "centipoints" in step:
        held = "qualified" if step["qualified"] else "not qualified"
        return Markup("{} points: {}").format(points(step["centipoints"]), held)
    held = "met" if step["satisfied"] else "not met"
    return Markup("{} of {}: {}").format(
        plural(step["counted"], "response"), plural(step["organisations"], "organisation"), held
    )


def metric_lines(step: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The points of each metric in a step of a designation; nothing for one of a membership."""
    return [(NAMES[metric], points(found)) for metric, found in step.get("metrics", {}).items()]

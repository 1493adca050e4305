"""The form of the events of a membership and of the rulebook: each as the docs have it, and in no other."""

from __future__ import annotations

from typing import Any

from ledger.proof.fold import require_label, require_name
from ledger.proof.form import each, one_of, or_none, pattern, recomputed, record, reference, whole
from ledger.proof.log.errors import RefutedError, Words
from ledger.proof.log.event import parse_date, parse_instant
from ledger.proof.log.strictjson import natural, truth

ANNOUNCED = "EligibilityChanged"
POOLED = "*"
"""What an edition that pools locations counts under; no location may be named so."""
CHANNELS = ("operator", "partner")
LIST_MAX = 50
FIGURE_MAX = 10**6
MONTHS_MAX = 1_200


def _location(value: Any, what: str) -> None:
    if require_label(value, what) == POOLED:
        raise RefutedError(what, found=value, expected=Words("another name: it stands for all locations together"))


def _spelt(value: Any, what: str) -> None:
    if value is not True:
        raise RefutedError(what, found=value, expected=True)


_primary = "zh|hr|cs|da|nl|en|et|fi|fr|de|el|he|hu|id|it|ja|ko|lv|lt|nb|no|pl|pt|ro|ru|sk|sl|es|sv|th|tr"
language = pattern(f"(?=.{{2,35}}$)(?i:{_primary})(-[A-Za-z0-9]{{1,8}})*", "a language of the survey")
_level = one_of("gold", "silver", "small-business")
_labels = each(require_label, 0, LIST_MAX)
_figure = whole(1, FIGURE_MAX)
_two_names = record({"organisation": require_label, "same_as": require_label})
_described = {
    "name": require_name, "level": _level, "competencies": _labels, "solution_areas": _labels,
    "business_model": require_label,
}  # fmt: skip

FORMS = {
    "MembershipEnrolled": record(
        _described | {"business_model": or_none(require_label), "locations": each(_location, 1, LIST_MAX)}
    ),
    "MembershipUpdated": record(_described, optional=_described),
    "LocationAdded": record({"location": _location}),
    "RenewalDateSet": record({"renewal_date": parse_date}),
    "ConsentGiven": record({"subject": reference, "customer_org": require_label, "spelt": _spelt}, ("spelt",)),
    "ConsentWithdrawn": record(
        {"subject": reference, "customer_org": require_label, "spelt": _spelt, "also": each(require_label, 1, 200)},
        ("spelt", "also"),
    ),
    "InvitationSent": record(
        {
            "invitation": reference, "subject": reference, "customer_org": require_label, "location": _location,
            "channel": one_of(*CHANNELS), "language": or_none(language), "spelt": _spelt,
        },
        ("spelt",),
    ),
    "ReminderSent": record({"invitation": reference}),
    "ResponseReceived": record(
        {
            "response": reference, "customer_org": require_label, "location": _location,
            "answer_token": or_none(pattern("[0-9a-f]{64}", "64 hex digits in lower case, or null")),
            "anonymous": truth, "spelt": _spelt,
        },
        ("spelt",),
    ),
    "AnonymityChosen": record({"response": reference}),
    "ResponseVoided": record(
        {
            "response": reference, "reason": one_of("test", "duplicate", "fraud", "withdrawn"),
            "received_at": parse_instant, "customer_org": require_label, "location": _location,
        }
    ),
    "EvaluationReceived": record({"evaluation": reference}),
    "OrganisationsJoined": _two_names,
    "OrganisationsSeparated": _two_names,
    "OrganisationDistinguished": record({"organisation": require_label, "from": require_label}),
    "RenewalDecided": recomputed,
    ANNOUNCED: record(
        {
            "satisfied": truth, "previous": truth, "via": or_none(one_of("responses", "evaluations")),
            "location": or_none(require_label), "counted": natural, "organisations": natural,
            "edition": or_none(require_label), "effective_at": parse_instant, "revises": truth,
            "cause": one_of("response", "evaluation", "expiry", "void", "membership", "organisation", "rulebook"),
        }
    ),
}  # fmt: skip
"""The types of events in the stream of a membership."""
RULES_FORMS = {
    "RulebookPublished": record(
        {
            "edition": require_label, "effective_from": parse_instant, "min_responses": _figure, "per_org_cap": _figure,
            "min_organisations": _figure, "window_months": whole(1, MONTHS_MAX), "min_evaluations": _figure,
            "pool_locations": truth,
        }
    )
}  # fmt: skip
"""Those in the stream of the rulebook."""

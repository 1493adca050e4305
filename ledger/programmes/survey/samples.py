"""The samples of facts and events that go with the schemas (see `ledger.programmes.schemas`): fixed, and true to the programme.

Nobody in them is a person, and no company exists.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

_MEMBERSHIP: Final = {"membership": "m-1"}
_OPERATOR: Final = {"actor": "survey-operator"}
_PORTAL: Final = {"actor": "partner-portal"}


def _fact(kind: str, fact: str, occurred_at: str, *parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"type": kind, "id": fact, "occurred_at": occurred_at}
    for part in parts:
        content |= part
    return content | fields


FACT_SAMPLES: Final[dict[str, dict[str, Any]]] = {
    sample["type"]: sample
    for sample in (
        _fact(
            "enrol-membership",
            "f-1",
            "2010-01-04T09:00:00Z",
            _MEMBERSHIP,
            _PORTAL,
            name="Cobalt Ridge Systems",
            level="gold",
            competencies=["Business Intelligence", "Learning"],
            solution_areas=["Reporting"],
            business_model="reseller",
            locations=["Lisbon", "Porto"],
        ),
        _fact(
            "update-membership",
            "f-2",
            "2010-09-01T08:30:00+01:00",
            _MEMBERSHIP,
            _PORTAL,
            level="silver",
            competencies=["Business Intelligence"],
        ),
        _fact("add-location", "f-3", "2010-02-01T10:00:00Z", _MEMBERSHIP, _PORTAL, location="Faro"),
        _fact("set-renewal-date", "f-4", "2010-01-04T10:00:00Z", _MEMBERSHIP, _PORTAL, renewal_date="2011-03-01"),
        _fact(
            "record-consent",
            "f-5",
            "2010-05-31T16:00:00.250Z",
            _MEMBERSHIP,
            _OPERATOR,
            subject="s-81f2c0",
            customer_org="Halvard Shipping",
        ),
        _fact(
            "withdraw-consent",
            "f-6",
            "2010-11-02T07:15:00Z",
            _MEMBERSHIP,
            _OPERATOR,
            subject="s-81f2c0",
            customer_org="Halvard Shipping",
        ),
        _fact(
            "record-invitation",
            "f-7",
            "2010-06-01T09:00:00Z",
            _MEMBERSHIP,
            _OPERATOR,
            invitation="i-7",
            subject="s-81f2c0",
            customer_org="Halvard Shipping",
            location="Lisbon",
            channel="operator",
            language="pt-PT",
        ),
        _fact("record-reminder", "f-8", "2010-06-08T09:00:00Z", _MEMBERSHIP, _OPERATOR, invitation="i-7"),
        _fact(
            "record-response",
            "f-9",
            "2010-06-15T10:22:33.123456Z",
            _MEMBERSHIP,
            _OPERATOR,
            response="r-3",
            customer_org="Halvard Shipping",
            location="Lisbon",
            invitation="i-7",
            anonymous=False,
        ),
        _fact("choose-anonymity", "f-10", "2010-06-16T12:00:00Z", _MEMBERSHIP, _OPERATOR, response="r-3"),
        _fact("void-response", "f-11", "2010-07-01T08:00:00Z", _MEMBERSHIP, _OPERATOR, response="r-3", reason="test"),
        _fact("record-evaluation", "f-12", "2010-08-20T14:45:00Z", _MEMBERSHIP, evaluation="e-1"),
        _fact("decide-renewal", "f-13", "2011-03-01T06:00:00Z", _MEMBERSHIP, renewal_date="2011-03-01"),
        _fact(
            "same-organisation",
            "f-15",
            "2010-12-01T09:00:00Z",
            _MEMBERSHIP,
            _OPERATOR,
            organisation="Halvard Shipping",
            same_as="Halvard Lines",
        ),
        _fact(
            "separate-organisations",
            "f-16",
            "2011-01-10T09:00:00Z",
            _MEMBERSHIP,
            _OPERATOR,
            organisation="Halvard Shipping",
            same_as="Halvard Lines",
        ),
        _fact(
            "distinct-organisation",
            "f-17",
            "2010-11-01T09:00:00Z",
            _MEMBERSHIP,
            _OPERATOR,
            organisation="HALVARD SHIPPING",
            **{"from": "Halvard Shipping"},
        ),
        _fact(
            "publish-rulebook",
            "f-14",
            "2014-01-15T00:00:00Z",
            {"actor": "programme-owner"},
            edition="2014-04",
            effective_from="2014-04-01T00:00:00Z",
            min_responses=12,
            per_org_cap=6,
            min_organisations=3,
            window_months=12,
            min_evaluations=10,
            pool_locations=False,
        ),
    )
}


class EventSample(NamedTuple):
    """What is particular to the sample of a type."""

    seq: int
    occurred_at: str
    recorded_at: str
    fact: str | None
    actor: str | None
    data: dict[str, Any]


EVENT_SAMPLES: Final[dict[str, EventSample]] = {
    "MembershipEnrolled": EventSample(
        1,
        "2010-01-04T09:00:00.000000Z",
        "2010-01-04T09:00:01.500000Z",
        "f-1",
        "partner-portal",
        {
            "name": "Cobalt Ridge Systems",
            "level": "gold",
            "competencies": ["Business Intelligence", "Learning"],
            "solution_areas": ["Reporting"],
            "business_model": "reseller",
            "locations": ["Lisbon", "Porto"],
        },
    ),
    "MembershipUpdated": EventSample(
        40,
        "2010-09-01T07:30:00.000000Z",
        "2010-09-01T07:30:02.000000Z",
        "f-2",
        "partner-portal",
        {"level": "silver", "competencies": ["Business Intelligence"]},
    ),
    "LocationAdded": EventSample(
        3,
        "2010-02-01T10:00:00.000000Z",
        "2010-02-01T10:00:00.750000Z",
        "f-3",
        "partner-portal",
        {"location": "Faro"},
    ),
    "RenewalDateSet": EventSample(
        2,
        "2010-01-04T10:00:00.000000Z",
        "2010-01-04T10:00:01.000000Z",
        "f-4",
        "partner-portal",
        {"renewal_date": "2011-03-01"},
    ),
    "ConsentGiven": EventSample(
        4,
        "2010-05-31T16:00:00.250000Z",
        "2010-05-31T16:00:01.000000Z",
        "f-5",
        "survey-operator",
        {"subject": "s-81f2c0", "customer_org": "Halvard Shipping"},
    ),
    "ConsentWithdrawn": EventSample(
        41,
        "2010-11-02T07:15:00.000000Z",
        "2010-11-02T07:15:01.000000Z",
        "f-6",
        "survey-operator",
        {"subject": "s-81f2c0", "customer_org": "Halvard Shipping", "spelt": True, "also": ["HALVARD SHIPPING"]},
    ),
    "InvitationSent": EventSample(
        5,
        "2010-06-01T09:00:00.000000Z",
        "2010-06-01T09:00:03.000000Z",
        "f-7",
        "survey-operator",
        {
            "invitation": "i-7",
            "subject": "s-81f2c0",
            "customer_org": "Halvard Shipping",
            "location": "Lisbon",
            "channel": "operator",
            "language": "pt-PT",
        },
    ),
    "ReminderSent": EventSample(
        6,
        "2010-06-08T09:00:00.000000Z",
        "2010-06-08T09:00:02.000000Z",
        "f-8",
        "survey-operator",
        {"invitation": "i-7"},
    ),
    "ResponseReceived": EventSample(
        17,
        "2010-06-15T10:22:33.123456Z",
        "2010-06-15T10:22:34.000000Z",
        "f-9",
        "survey-operator",
        {
            "response": "r-3",
            "customer_org": "Halvard Shipping",
            "location": "Lisbon",
            "answer_token": "cf6f310b15c25495d773ae5ad9bd699fe0640908a25bc7f8fe6941c1b9fe7c30",
            "anonymous": False,
        },
    ),
    "AnonymityChosen": EventSample(
        18,
        "2010-06-16T12:00:00.000000Z",
        "2010-06-16T12:00:00.400000Z",
        "f-10",
        "survey-operator",
        {"response": "r-3"},
    ),
    "ResponseVoided": EventSample(
        30,
        "2010-07-01T08:00:00.000000Z",
        "2010-07-01T08:00:01.000000Z",
        "f-11",
        "survey-operator",
        {
            "response": "r-3",
            "reason": "test",
            "received_at": "2010-06-15T10:22:33.123456Z",
            "customer_org": "Halvard Shipping",
            "location": "Lisbon",
        },
    ),
    "EvaluationReceived": EventSample(
        39,
        "2010-08-20T14:45:00.000000Z",
        "2010-08-20T14:45:02.000000Z",
        "f-12",
        None,
        {"evaluation": "e-1"},
    ),
    "OrganisationsJoined": EventSample(
        43,
        "2010-12-01T09:00:00.000000Z",
        "2010-12-01T09:00:01.000000Z",
        "f-15",
        "survey-operator",
        {"organisation": "Halvard Shipping", "same_as": "Halvard Lines"},
    ),
    "OrganisationsSeparated": EventSample(
        45,
        "2011-01-10T09:00:00.000000Z",
        "2011-01-10T09:00:02.000000Z",
        "f-16",
        "survey-operator",
        {"organisation": "Halvard Shipping", "same_as": "Halvard Lines"},
    ),
    "OrganisationDistinguished": EventSample(
        38,
        "2010-11-01T09:00:00.000000Z",
        "2010-11-01T09:00:01.000000Z",
        "f-17",
        "survey-operator",
        {"from": "Halvard Shipping", "organisation": "HALVARD SHIPPING"},
    ),
    "EligibilityChanged": EventSample(
        44,
        "2011-06-15T10:22:33.123456Z",
        "2011-06-15T10:23:00.000000Z",
        None,
        "csat-ledger",
        {
            "satisfied": False,
            "previous": True,
            "via": None,
            "location": "Lisbon",
            "counted": 9,
            "organisations": 2,
            "edition": "2009-11",
            "effective_at": "2011-06-15T10:22:33.123456Z",
            "cause": "expiry",
            "revises": False,
        },
    ),
    "RenewalDecided": EventSample(
        42,
        "2011-03-01T06:00:00.000000Z",
        "2011-03-01T06:00:01.000000Z",
        "f-13",
        None,
        {
            "renewal_date": "2011-03-01",
            "evaluated_at": "2011-02-28T23:59:59.999999Z",
            "outcome": "not-met",
            "via": None,
            "location": "Lisbon",
            "counted": 2,
            "organisations": 2,
            "edition": "2009-11",
            "applied": [
                {
                    "response": "r-1",
                    "customer_org": "Halvard Shipping",
                    "group": "Halvard Shipping",
                    "received_at": "2010-06-15T09:00:00.000000Z",
                    "seq": 15,
                },
                {
                    "response": "r-2",
                    "customer_org": "Lindomar",
                    "group": "Lindomar",
                    "received_at": "2010-06-15T09:30:00.000000Z",
                    "seq": 16,
                },
            ],
            "applied_total": 2,
            "left_out": [
                {"response": "r-3", "reason": "void"},
                {"response": "r-4", "reason": "other-location"},
                {
                    "response": "r-5",
                    "reason": "over-cap",
                    "customer_org": "Halvard Lines",
                    "group": "Halvard Shipping",
                },
            ],
            "left_out_total": 3,
            "revision": 1,
        },
    ),
    "RulebookPublished": EventSample(
        3,
        "2014-01-15T00:00:00.000000Z",
        "2014-01-15T09:00:00.000000Z",
        "f-14",
        "programme-owner",
        {
            "edition": "2014-04",
            "effective_from": "2014-04-01T00:00:00.000000Z",
            "min_responses": 12,
            "per_org_cap": 6,
            "min_organisations": 3,
            "window_months": 12,
            "min_evaluations": 10,
            "pool_locations": False,
        },
    ),
    "KeyRotated": EventSample(
        4,
        "2014-02-01T00:00:00.000000Z",
        "2014-02-01T00:00:00.000000Z",
        "csat-ledger:key-rotated:1",
        "csat-ledger",
        {
            "old": "ledger.example/renewals+a05394b1+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
            "new": "ledger.example/renewals+f9af5f7b+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk",
            "statement": "\n".join(
                (
                    "csat-ledger/key-rotated/v1",
                    "ledger.example/renewals+a05394b1+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
                    "ledger.example/renewals+f9af5f7b+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk",
                    "",
                    "— ledger.example/renewals oFOUsWeVUeMQy5VctWhHShU/6A5NGeuFl0"
                    "VsGQLj67KpNt9kRBHOWUoASHb5iuAUYaUfO9yQ56FESeFDkYkjdSCstwM=",
                    "— ledger.example/renewals +a9fe6ZiAn45FDG4/62s+6a5uyyyWuegcg"
                    "7Gn8jLMiX9GpPZCwmBsSDrqkKcXTl7Ro1itWvRbGzvsTMsQsObZUmwmw8=",
                    "",
                )
            ),
        },
    ),
    "ClockAccepted": EventSample(
        5,
        "2026-11-26T09:00:00.000000Z",
        "2099-01-01T00:00:00.000001Z",
        "csat-ledger:clock-accepted:2099-01-01T00:00:00.000000Z",
        "csat-ledger",
        {"last_recorded_at": "2099-01-01T00:00:00.000000Z"},
    ),
}

"""Which member of a fact each code of a refusal is about, where it is about one alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FIELDS: Final[Mapping[str, str]] = {
    "reserved-id": "id",
    "id-reused": "id",
    "vault-needed": "answers",
    "in-the-future": "occurred_at",
    "unknown-membership": "membership",
    "already-enrolled": "membership",
    "unknown-location": "location",
    "location-exists": "location",
    "location-needed": "location",
    "organisation-spelling": "customer_org",
    "unknown-organisation": "organisation",
    "already-joined": "same_as",
    "not-joined": "same_as",
    "already-distinct": "from",
    "consent-missing": "customer_org",
    "invitation-exists": "invitation",
    "unknown-invitation": "invitation",
    "reminder-not-operator": "invitation",
    "already-reminded": "invitation",
    "already-answered": "invitation",
    "org-mismatch": "customer_org",
    "response-exists": "response",
    "unknown-response": "response",
    "already-void": "response",
    "already-anonymous": "response",
    "evaluation-exists": "evaluation",
    "edition-exists": "edition",
    "renewal-date-not-set": "renewal_date",
    "renewal-not-due": "renewal_date",
    "renewal-already-decided": "renewal_date",
    "unknown-area": "area",
    "unknown-designation": "area",
    "already-open": "area",
    "month-not-over": "month",
    "unknown-workload": "workload",
    "month-already-closed": "month",
    "month-not-closed": "month",
    "certificate-exists": "certificate",
    "unknown-certificate": "certificate",
    "scorebook-exists": "edition",
    "anniversary-not-set": "anniversary",
    "anniversary-not-due": "anniversary",
    "designation-already-decided": "anniversary",
}
"""The member of a fact that a rule's refusal is about; with `malformed` and `personal-data` the fact's own form says which."""

"""What the facts of the capability programme become: each compared with its event (`ledger.proof.facts`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.proof.capability.programme import DESIGNATION_PREFIX, SCOREBOOK_PREFIX
from ledger.proof.facts import FactForm, compare_fact
from ledger.proof.log.event import Event

_OF = ("membership", "area")
_REPORTED = ("customer", "workload", "month", "association")
_FIGURES = (
    "edition", "effective_from", "min_centipoints", "window_months", "net_adds", "intermediate", "advanced",
    "usage_growth", "deployments", "track", "rates",
)  # fmt: skip
FORMS = {
    "open-designation": FactForm("DesignationOpened", ("name",), _OF),
    "set-anniversary": FactForm("AnniversarySet", ("anniversary",), _OF),
    "report-usage": FactForm("UsageReported", (*_REPORTED, "units"), _OF),
    "report-revenue": FactForm("RevenueReported", (*_REPORTED, "amount_cents"), _OF),
    "close-month": FactForm("MonthClosed", ("month",), _OF),
    "correct-close": FactForm("MonthCloseCorrected", ("month", "closed_at"), _OF, instants=("closed_at",)),
    "record-certificate": FactForm(
        "CertificateRecorded", ("certificate", "person", "code", "tier", "valid_from", "valid_until"), _OF
    ),
    "end-certificate": FactForm("CertificateEnded", ("certificate", "on"), _OF),
    "publish-scorebook": FactForm("ScorebookPublished", _FIGURES, ("area",), instants=("effective_from",)),
}
DECISION = "decide-designation"


def compare(fact: Mapping[str, Any], event: Event) -> None:
    """Passes if the event is what the fact became. Raises RefutedError or MalformedError."""
    type_, membership, area = (fact.get(key) for key in ("type", "membership", "area"))
    stream = f"{SCOREBOOK_PREFIX}{area}" if type_ == "publish-scorebook" else f"{DESIGNATION_PREFIX}{membership}/{area}"
    derived = event.data.keys() - {"anniversary"}
    decided = FactForm("DesignationDecided", ("anniversary",), _OF, derived=derived)
    compare_fact(fact, event, FORMS | {DECISION: decided}, stream)

"""The form of the events of a designation and of an area's scorebook: each as the docs have it, and in no other."""

from __future__ import annotations

from typing import Any

from ledger.proof.fold import require_label, require_name
from ledger.proof.form import each, one_of, or_none, pattern, recomputed, record, reference, whole
from ledger.proof.log.errors import MalformedError, Words
from ledger.proof.log.event import parse_date, parse_instant
from ledger.proof.log.strictjson import natural, truth

ANNOUNCED = "DesignationChanged"
SCOREBOOK = "ScorebookPublished"
TRACKS = ("enterprise", "smb")
TIERS = ("intermediate", "advanced")
METRICS = ("net-adds", "intermediate", "advanced", "usage-growth", "deployments")
AMOUNT_MAX = 10**12
RATE_MAX = 10**7
RATES_MAX = 200
MONTHS_MAX = 1_200


def _rates(value: Any, what: str) -> None:
    if not isinstance(value, dict) or not 0 < len(value) <= RATES_MAX:
        raise MalformedError(what, found=value, expected=Words(f"an object with 1 to {RATES_MAX} workloads"))
    for workload, rate in value.items():
        _name(workload, what)
        _rate(rate, f"{what}: {workload}")


_name = pattern("[a-z0-9-]{1,40}", "lower-case letters, digits and hyphens")
_month = pattern(
    r"(19\d\d|[2-8]\d{3}|9[0-8]\d\d|99[0-8]\d|999[0-8])-(0[1-9]|1[0-2])", "a month from 1900-01 to 9998-12"
)
_association = one_of("cpor", "csp-1", "csp-2", "dpor", "pal")
_associations = each(_association, 1, 5)
_amount = whole(0, AMOUNT_MAX)
_figure = whole(1, AMOUNT_MAX)
_by_track = record(dict.fromkeys(TRACKS, _figure))
_tier = record({"max": _figure, "each": _by_track, "people": _by_track})
_rate = record({"rate_milli": whole(1, RATE_MAX), "associations": _associations})
_reported = {"customer": reference, "workload": _name, "month": _month, "association": _association}


def _anniversary(value: Any, what: str) -> None:
    """The date of an anniversary, which lies in one of the months that there are."""
    parse_date(value, what)
    _month(value[:7], what)


FORMS = {
    "DesignationOpened": record({"name": require_name}),
    "AnniversarySet": record({"anniversary": _anniversary}),
    "UsageReported": record(_reported | {"units": _amount}),
    "RevenueReported": record(_reported | {"amount_cents": _amount}),
    "MonthClosed": record({"month": _month}),
    "MonthCloseCorrected": record({"month": _month, "closed_at": parse_instant}),
    "CertificateRecorded": record({
        "certificate": reference, "person": reference, "code": reference, "tier": one_of(*TIERS),
        "valid_from": parse_date, "valid_until": or_none(parse_date),
    }),
    "CertificateEnded": record({"certificate": reference, "on": parse_date}),
    "DesignationDecided": recomputed,
    ANNOUNCED: record(
        {
            "area": _name, "qualified": truth, "previous": truth, "centipoints": natural,
            "metrics": record(dict.fromkeys(METRICS, natural)), "month": or_none(_month), "track": one_of(*TRACKS),
            "edition": or_none(require_label), "effective_at": parse_instant, "revises": truth,
            "cause": one_of("report", "close", "certificate", "expiry", "scorebook"),
        }
    ),
}  # fmt: skip
"""The types of events in the stream of a designation."""
SCOREBOOK_FORMS = {
    SCOREBOOK: record(
        {
            "edition": require_label, "effective_from": parse_instant, "min_centipoints": _figure,
            "window_months": whole(1, MONTHS_MAX), "intermediate": _tier, "advanced": _tier,
            "net_adds": record(
                {"max": _figure, "each": _figure, "threshold_cents": _by_track, "associations": _associations}
            ),
            "usage_growth": record({"max": _figure, "each_percent": _figure, "base_mcv": _by_track}),
            "deployments": record({"max": _figure, "each": _figure, "threshold_mcv": _by_track}),
            "track": record({"workloads": _figure, "threshold_cents": _figure}), "rates": _rates,
        }
    )
}  # fmt: skip
"""Those in the stream of an area's scorebook."""

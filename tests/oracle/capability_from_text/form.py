"""The form of the capability programme's facts: which fields each type has, and what each may hold.

Readings of the text:
- An optional field that is null is as if it were left out, as in the first programme.
- A list of associations names at least one, each once; `rates` has at least one workload.
- An edition's name is a label, as a rulebook edition's. Figures go to 10^12 as the reported ones
  do, `window_months` to 1200 as in the first programme, `rate_milli` to 10^7: the text has a limit for the last alone.
- `area` and `workload` may begin with a digit or a hyphen.
- A month is four digits, a hyphen, two digits, from 1900-01 to 9998-12; an anniversary lies in one of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from tests.oracle.personal import says_of_somebody
from tests.oracle.survey.form import (
    _is_date,
    _is_fact_id,
    _is_instant,
    _is_label,
    _is_membership,
    _is_name,
    _is_one_of,
    _is_reference,
)
from tests.oracle.survey.time import instant

Fact = dict[str, Any]
Check = Callable[[Any], bool]

ASSOCIATIONS = ("cpor", "csp-1", "csp-2", "dpor", "pal")
LARGEST = 10**12
RATE_MAX = 10**7
WINDOW_MAX = 1200
AREA = re.compile(r"[a-z0-9-]{1,40}\Z", re.ASCII)
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])\Z", re.ASCII)
INSTANTS = ("occurred_at", "effective_from", "closed_at")


def _is_area(value: Any) -> bool:
    return isinstance(value, str) and AREA.match(value) is not None


def _is_month(value: Any) -> bool:
    return isinstance(value, str) and MONTH.match(value) is not None and "1900-01" <= value <= "9998-12"


def _is_anniversary(value: Any) -> bool:
    return _is_date(value) and _is_month(value[:7])


def _is_quantity(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _is_figure(value: Any) -> bool:
    return type(value) is int and 1 <= value <= LARGEST


def _is_window(value: Any) -> bool:
    return _is_figure(value) and value <= WINDOW_MAX


def _is_rate(value: Any) -> bool:
    return _is_figure(value) and value <= RATE_MAX


def _are_associations(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(one, str) and one in ASSOCIATIONS for one in value) and len(set(value)) == len(value)


def _object(**checks: Check) -> Check:
    """An object with exactly these keys."""

    def holds(value: Any) -> bool:
        if not isinstance(value, dict) or set(value) != set(checks):
            return False
        return all(check(value[key]) for key, check in checks.items())

    return holds


_by_track = _object(enterprise=_is_figure, smb=_is_figure)
_is_rate_entry = _object(rate_milli=_is_rate, associations=_are_associations)


def _are_rates(value: Any) -> bool:
    if not isinstance(value, dict) or not value:
        return False
    return all(_is_area(workload) and _is_rate_entry(entry) for workload, entry in value.items())


_USED = {"customer": _is_reference, "workload": _is_area, "month": _is_month}
_UNDER = {"association": _is_one_of(*ASSOCIATIONS)}
NEEDED: dict[str, dict[str, Check]] = {
    "open-designation": {"name": _is_name},
    "set-anniversary": {"anniversary": _is_anniversary},
    "report-usage": {**_USED, "units": _is_quantity, **_UNDER},
    "report-revenue": {**_USED, "amount_cents": _is_quantity, **_UNDER},
    "close-month": {"month": _is_month},
    "correct-close": {"month": _is_month, "closed_at": _is_instant},
    "record-certificate": {
        "certificate": _is_reference,
        "person": _is_reference,
        "code": _is_reference,
        "tier": _is_one_of("intermediate", "advanced"),
        "valid_from": _is_date,
    },
    "end-certificate": {"certificate": _is_reference, "on": _is_date},
    "decide-designation": {"anniversary": _is_anniversary},
    "publish-scorebook": {
        "edition": _is_label,
        "effective_from": _is_instant,
        "min_centipoints": _is_figure,
        "window_months": _is_window,
        "net_adds": _object(max=_is_figure, each=_is_figure, threshold_cents=_by_track, associations=_are_associations),
        "intermediate": _object(max=_is_figure, each=_by_track, people=_by_track),
        "advanced": _object(max=_is_figure, each=_by_track, people=_by_track),
        "usage_growth": _object(max=_is_figure, each_percent=_is_figure, base_mcv=_by_track),
        "deployments": _object(max=_is_figure, each=_is_figure, threshold_mcv=_by_track),
        "track": _object(workloads=_is_figure, threshold_cents=_is_figure),
        "rates": _are_rates,
    },
}
OPTIONAL: dict[str, dict[str, Check]] = {"record-certificate": {"valid_until": _is_date}}
COMMON = ("type", "id", "membership", "area", "occurred_at", "actor")


def is_well_formed(fact: Any) -> bool:
    """Whether every field that the type needs is there, nothing else is, and each holds what it may hold."""
    if not isinstance(fact, dict) or not isinstance(fact.get("type"), str) or fact["type"] not in NEEDED:
        return False
    kind = fact["type"]
    needed: dict[str, Check] = {"type": _is_name, "id": _is_fact_id, "area": _is_area, "occurred_at": _is_instant}
    needed |= NEEDED[kind]
    if kind != "publish-scorebook":
        needed["membership"] = _is_membership
    optional: dict[str, Check] = {"actor": _is_label} | OPTIONAL.get(kind, {})
    for field, check in needed.items():
        if field not in fact or not check(fact[field]):
            return False
    for field, value in fact.items():
        if field not in needed and field not in optional:
            return False
        if field in optional and value is not None and not optional[field](value):
            return False
    until = fact.get("valid_until")
    if until is not None and date.fromisoformat(until) <= date.fromisoformat(fact["valid_from"]):
        return False
    return not is_personal(fact)


def is_personal(fact: Any) -> bool:
    """Whether a fact of a known type says of somebody what it must not (DESIGN 13), well-formed or not."""
    kind = fact.get("type") if isinstance(fact, dict) else None
    if not isinstance(kind, str) or kind not in NEEDED:
        return False
    whose = () if kind == "publish-scorebook" else ("membership",)
    common = ("id", "area", "occurred_at", "actor", *whose)
    return says_of_somebody(fact, {*common, *NEEDED[kind], *OPTIONAL.get(kind, {})})


def content_of(fact: Fact) -> Fact:
    """What a fact says, however it is spelt: nulls left out, instants in UTC. Equal ids must mean equal content."""
    return {field: instant(value) if field in INSTANTS else value for field, value in fact.items() if value is not None}


def own_fields(fact: Fact) -> Fact:
    """What its event says: the fields of the fact's type alone."""
    return {field: value for field, value in fact.items() if field not in COMMON and value is not None}

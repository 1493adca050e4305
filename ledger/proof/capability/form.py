"""The form of the events of a designation and of an area's scorebook: each as the docs have it, and in no other.

Every function raises MalformedError where a value has another form; `what` names the value in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ledger.proof.fold import refused_at, require_label
from ledger.proof.log.errors import MalformedError, Words
from ledger.proof.log.event import Event, parse_date, parse_instant
from ledger.proof.log.strictjson import array, members, natural, text

ASSOCIATIONS = frozenset(("cpor", "csp-1", "csp-2", "dpor", "pal"))
TRACKS = ("enterprise", "smb")
TIERS = ("intermediate", "advanced")
AMOUNT_MAX = 10**12
RATE_MAX = 10**7
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=~#-]{0,63}", re.ASCII)
_NAME = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_MONTH = re.compile(r"(19|[2-9]\d)\d\d-(0[1-9]|1[0-2])", re.ASCII)

KEYS: Mapping[str, frozenset[str]] = {
    "DesignationOpened": frozenset(("name",)),
    "AnniversarySet": frozenset(("anniversary",)),
    "UsageReported": frozenset(("association", "customer", "month", "units", "workload")),
    "RevenueReported": frozenset(("amount_cents", "association", "customer", "month", "workload")),
    "MonthClosed": frozenset(("month",)),
    "MonthCloseCorrected": frozenset(("closed_at", "month")),
    "CertificateRecorded": frozenset(("certificate", "code", "person", "tier", "valid_from", "valid_until")),
    "CertificateEnded": frozenset(("certificate", "on")),
}
"""The keys of the data of each type that a fact makes."""


def check_fact(event: Event) -> None:
    """The data of an event that a fact makes, whatever its type among those of `KEYS`."""
    require_known_form(event)
    data, where = event.data, event.where
    if data.keys() != KEYS[event.type]:
        members(data, where, KEYS[event.type])
    for key, value in data.items():
        _CHECKS[key](value, f"{where}: {key}")


def require_known_form(event: Event) -> None:
    """The version that is read here, and an actor without characters that no label may hold."""
    if event.version != 1:
        raise MalformedError(f"{event.where}: version", found=event.version, expected=1)
    if event.actor is not None and refused_at(event.actor) is not None:
        require_label(event.actor, f"{event.where}: actor")  # raises


def reference(value: Any, what: str) -> str:
    """An opaque reference."""
    if not isinstance(value, str) or not _REFERENCE.fullmatch(value):
        raise MalformedError(what, found=value, expected=Words("a reference"))
    return value


def name(value: Any, what: str) -> str:
    """A workload or an area."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise MalformedError(what, found=value, expected=Words("lower-case letters, digits and hyphens"))
    return value


def month(value: Any, what: str) -> str:
    """A month, YYYY-MM."""
    if not isinstance(value, str) or not _MONTH.fullmatch(value) or value > "9998-12":
        raise MalformedError(what, found=value, expected=Words("a month from 1900-01 to 9998-12"))
    return value


def date(value: Any, what: str) -> str:
    """A date, YYYY-MM-DD."""
    parse_date(value, what)
    return text(value, what)


def anniversary(value: Any, what: str) -> str:
    """The date of an anniversary, which lies in one of the months that there are."""
    month(date(value, what)[:7], what)
    return text(value, what)


def association(value: Any, what: str) -> str:
    """One of the five kinds."""
    if value not in ASSOCIATIONS:
        raise MalformedError(what, found=value, expected=Words(f"one of {sorted(ASSOCIATIONS)}"))
    return text(value, what)


def amount(value: Any, what: str) -> int:
    """Units or cents."""
    if natural(value, what) > AMOUNT_MAX:
        raise MalformedError(what, found=value, expected=Words(f"at most {AMOUNT_MAX}"))
    return int(value)


def figure(value: Any, what: str, at_most: int = AMOUNT_MAX) -> int:
    """A figure of an edition: whole, at least 1."""
    if not 1 <= natural(value, what) <= at_most:
        raise MalformedError(what, found=value, expected=Words(f"an integer from 1 to {at_most}"))
    return int(value)


def associations(value: Any, what: str) -> frozenset[str]:
    """Kinds of association that count, each once, one at least."""
    kinds = [association(one, what) for one in array(value, what, max_items=len(ASSOCIATIONS))]
    if not kinds or len(set(kinds)) != len(kinds):
        raise MalformedError(what, found=kinds, expected=Words("some kinds of association, each once"))
    return frozenset(kinds)


def by_track(value: Any, what: str) -> dict[str, int]:
    """A figure for each track."""
    return {track: figure(value[track], f"{what}: {track}") for track in members(value, what, TRACKS)}


def _tier(value: Any, what: str) -> str:
    if value not in TIERS:
        raise MalformedError(what, found=value, expected=Words("intermediate or advanced"))
    return text(value, what)


def _date_or_none(value: Any, what: str) -> str | None:
    return None if value is None else date(value, what)


_CHECKS = {
    "name": require_label,
    "anniversary": anniversary,
    "association": association,
    "customer": reference,
    "workload": name,
    "month": month,
    "units": amount,
    "amount_cents": amount,
    "closed_at": parse_instant,
    "certificate": reference,
    "person": reference,
    "code": reference,
    "tier": _tier,
    "valid_from": date,
    "valid_until": _date_or_none,
    "on": date,
}

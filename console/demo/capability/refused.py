"""Facts of the capability programme that the ledger must refuse: what a source gets wrong now and then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from console.demo.arrivals import HOUR_US, Fact
from ledger.instants import DAY_US, format_instant
from ledger.programmes.capability.calendar import month_end_us, month_text
from ledger.programmes.capability.editions import SHIPPED_AREA, shipped

if TYPE_CHECKING:
    from console.demo.capability.partners import Partner


@dataclass(frozen=True)
class Occasion:
    """When a wrong fact is made, about whom, and which month was closed there some months ago."""

    partner: Partner
    at_us: int
    month: int  # the present one, not over
    closed: int


def wrong_fact(kind: str, fact_id: str, occasion: Occasion) -> Fact | None:
    """A fact that is refused with the code `kind`; None where the partner gives no occasion for it."""
    fields = _MAKERS[kind](occasion)
    if fields is None:
        return None
    fact = {
        "id": fact_id,
        "membership": occasion.partner.id,
        "area": SHIPPED_AREA,
        "occurred_at": format_instant(occasion.at_us),
        **fields,
    }
    if fact["type"] == "publish-scorebook":
        del fact["membership"]
    return fact


def _malformed(_: Occasion) -> Fact:
    """Units are whole."""
    return _report(units=12.5)


def _id_reused(occasion: Occasion) -> Fact:
    return occasion.partner.opened | {"name": "Somebody Else"}


def _unknown_area(_: Occasion) -> Fact:
    return {"type": "open-designation", "area": "telepathy", "name": "Anybody"}


def _unknown_designation(_: Occasion) -> Fact:
    return _report(membership="m-nobody")


def _already_open(occasion: Occasion) -> Fact:
    return {"type": "open-designation", "name": occasion.partner.name}


def _month_not_over(occasion: Occasion) -> Fact:
    return {"type": "close-month", "month": month_text(occasion.month)}


def _unknown_workload(_: Occasion) -> Fact:
    return _report(workload="crystal-ball")


def _month_already_closed(occasion: Occasion) -> Fact:
    return {"type": "close-month", "month": month_text(occasion.closed)}


def _month_not_closed(_: Occasion) -> Fact:
    return {"type": "correct-close", "month": "2020-05", "closed_at": "2020-06-20T06:00:00Z"}


def _in_the_future(occasion: Occasion) -> Fact:
    """A close is put after the correction that says so."""
    closed_at = format_instant(max(occasion.at_us, month_end_us(occasion.closed)) + DAY_US)
    return {"type": "correct-close", "month": month_text(occasion.closed), "closed_at": closed_at}


def _certificate_exists(occasion: Occasion) -> Fact | None:
    known = occasion.partner.certified
    return {name: known[name] for name in known if name not in ("id", "occurred_at")} if known else None


def _unknown_certificate(_: Occasion) -> Fact:
    return {"type": "end-certificate", "certificate": "x-nobody", "on": "2023-07-01"}


def _anniversary_not_set(_: Occasion) -> Fact:
    return {"type": "decide-designation", "anniversary": "2021-02-28"}


def _anniversary_not_due(occasion: Occasion) -> Fact | None:
    """The window of the next anniversary has not begun."""
    partner = occasion.partner
    if partner.anniversary_month - 6 < occasion.month:
        return None
    day = f"{month_text(partner.anniversary_month)}-{partner.anniversary_day:02d}"
    return {"type": "decide-designation", "anniversary": day}


def _scorebook_exists(_: Occasion) -> Fact:
    return {"type": "publish-scorebook", **shipped()[0][1].data}


def _report(**fields: object) -> Fact:
    return {
        "type": "report-usage",
        "customer": "cust-wrong",
        "workload": "power-apps",
        "month": "2021-12",
        "units": 12,
        "association": "pal",
        **fields,
    }


_MAKERS: Final[dict[str, Callable[[Occasion], Fact | None]]] = {
    "unknown-designation": _unknown_designation,
    "month-not-over": _month_not_over,
    "already-open": _already_open,
    "unknown-workload": _unknown_workload,
    "malformed": _malformed,
    "month-already-closed": _month_already_closed,
    "id-reused": _id_reused,
    "certificate-exists": _certificate_exists,
    "month-not-closed": _month_not_closed,
    "anniversary-not-due": _anniversary_not_due,
    "unknown-certificate": _unknown_certificate,
    "unknown-area": _unknown_area,
    "in-the-future": _in_the_future,
    "anniversary-not-set": _anniversary_not_set,
    "scorebook-exists": _scorebook_exists,
}
MADE: Final = tuple(_MAKERS)
"""The codes of the facts that `wrong_fact` makes, in the order in which they come up."""
KINDS: Final = (*MADE, "designation-already-decided")
"""Every code with which a fact of the programme is refused; the last one where a decision is asked for twice."""
SOON_US: Final = HOUR_US // 60
"""So soon after a decision the same is asked for again, that nothing has changed in between."""

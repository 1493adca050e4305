"""The score of a designation at one instant (C1 to C15), its flips, and the answer that shows it.

Readings of the text:
- Certificates score as soon as an edition is in force, closed month or not; the track is then "smb".
- A metric's points are never more than its `max`, also where people × each would be.
- `base_met` is null where no month was closed, as the other figures are. The base is that of the month's track.
- In `left_out` usage without a rate is `no-rate` whatever its association is; of the eligible reports of one
  (customer, workload, month) the largest counts, of equal ones the first association by name; the rest are `smaller`.
  `total` counts all of them. `known_at` is given back as it was asked.
- The certificate's `code` plays no part; an end that lies before its start lets it count at no instant.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.oracle.capability_from_text.book import Book
from tests.oracle.capability_from_text.calendar import a_year_before
from tests.oracle.capability_from_text.form import Fact
from tests.oracle.survey.time import MICROSECOND, instant, stamp, start_of

METRICS = ("net-adds", "intermediate", "advanced", "usage-growth", "deployments")
LISTED_MAX = 100
LEFT_OUT_KEYS = ("what", "customer", "workload", "month", "association", "reason")
WHAT = {"report-usage": "usage", "report-revenue": "revenue"}
FIGURE = {"usage": "units", "revenue": "amount_cents"}


def last_month(oracle: Book, membership: str, area: str, at: datetime, known: int | None = None) -> str | None:
    """The latest month that was closed at or before an instant (C5, C11)."""
    closed = [month for month, when in oracle.closes(membership, area, known).items() if when <= at]
    return max(closed) if closed else None


def reports(
    oracle: Book, membership: str, area: str, month: str, what: str, known: int | None = None
) -> dict[tuple[str, str, str], int]:
    """The latest figure of each (customer, workload, association) of a month."""
    latest: dict[tuple[str, str, str], int] = {}
    for one in oracle.facts_of(membership, area, known):
        if WHAT.get(one.type) == what and one.fact["month"] == month:
            key = (one.fact["customer"], one.fact["workload"], one.fact["association"])
            latest[key] = one.fact[FIGURE[what]]
    return latest


def eligible(edition: Fact, what: str, workload: str) -> list[str]:
    """The associations that count (C13); none for usage of a workload without a rate."""
    if what == "revenue":
        return list(edition["net_adds"]["associations"])
    return list(edition["rates"][workload]["associations"]) if workload in edition["rates"] else []


def counting(
    oracle: Book, membership: str, area: str, edition: Fact, month: str, what: str, known: int | None = None
) -> dict[tuple[str, str], tuple[int, str]]:
    """What counts for each (customer, workload): the largest eligible figure, and the association it came under."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for (customer, workload, association), figure in sorted(
        reports(oracle, membership, area, month, what, known).items()
    ):
        if association not in eligible(edition, what, workload):
            continue
        pair = (customer, workload)
        if pair not in found or figure > found[pair][0]:
            found[pair] = (figure, association)
    return found


def values(
    oracle: Book, membership: str, area: str, edition: Fact, month: str, known: int | None = None
) -> dict[tuple[str, str], int]:
    """The MCV of each (customer, workload) in thousandths (C6)."""
    usage = counting(oracle, membership, area, edition, month, "usage", known)
    return {pair: units * edition["rates"][pair[1]]["rate_milli"] for pair, (units, _) in usage.items()}


def revenues(
    oracle: Book, membership: str, area: str, edition: Fact, month: str, known: int | None = None
) -> dict[tuple[str, str], int]:
    found = counting(oracle, membership, area, edition, month, "revenue", known)
    return {pair: cents for pair, (cents, _) in found.items()}


def track_of(edition: Fact, now: dict[tuple[str, str], int], before: dict[tuple[str, str], int]) -> str:
    """Enterprise where enough workloads exceed the figure at some customer, in each of the two months (C12)."""
    for month in (now, before):
        workloads = {pair[1] for pair, cents in month.items() if cents > edition["track"]["threshold_cents"]}
        if len(workloads) < edition["track"]["workloads"]:
            return "smb"
    return "enterprise"


def spans(oracle: Book, membership: str, area: str, known: int | None = None) -> list[dict[str, Any]]:
    """Every certificate with the instant from which it counts and the one (or None) from which it no longer does."""
    facts = oracle.facts_of(membership, area, known)
    found = []
    for one in facts:
        if one.type != "record-certificate":
            continue
        until = one.fact.get("valid_until")
        ends = [start_of(until)] if until is not None else []
        on = [
            end.fact["on"]
            for end in facts
            if end.type == "end-certificate" and end.fact["certificate"] == one.fact["certificate"]
        ]
        if on:
            ends.append(start_of(on[-1]))
        since = start_of(one.fact["valid_from"])
        found.append({**one.fact, "since": since, "until": min(ends) if ends else None, "number": one.number})
    return found


def people(oracle: Book, membership: str, area: str, tier: str, at: datetime, known: int | None = None) -> set[str]:
    return {
        one["person"]
        for one in spans(oracle, membership, area, known)
        if one["tier"] == tier and one["since"] <= at and (one["until"] is None or at < one["until"])
    }


def whole_percent(now: int, before: int) -> int | None:
    """The growth in whole percents, rounded towards zero; None where there was nothing a year before."""
    if before == 0:
        return None
    difference = (now - before) * 100
    return difference // before if difference >= 0 else -(-difference // before)


def _certified(figures: dict[str, Any], track: str, number: int) -> dict[str, Any]:
    if number >= figures["people"][track]:
        points = figures["max"]
    else:
        points = min(figures["max"], number * figures["each"][track])
    return {"centipoints": points, "people": number}


def _added(figures: dict[str, Any], now: int, before: int) -> dict[str, Any]:
    points = min(figures["max"], max(0, now - before) * figures["each"])
    return {"centipoints": points, "now": now, "year_before": before}


def _grown(figures: dict[str, Any], track: str, now: int, before: int) -> dict[str, Any]:
    percent = whole_percent(now, before)
    base_met = before >= figures["base_mcv"][track] * 1000
    points = 0
    if base_met and percent is not None and percent > 0:
        points = min(figures["max"], percent * figures["each_percent"])
    return {
        "centipoints": points,
        "mcv_milli": str(now),
        "mcv_milli_year_before": str(before),
        "percent": None if percent is None else str(percent),
        "base_met": base_met,
    }


def state(oracle: Book, membership: str, area: str, at: datetime, known: int | None = None) -> dict[str, Any]:
    """Edition, track, months, points and metrics at an instant; `qualified` by C2."""
    edition = oracle.edition(area, at, known)
    oracle.facts_of(membership, area, known)
    nothing = {"centipoints": 0, "now": None, "year_before": None}
    nothing_grown = {"mcv_milli": None, "mcv_milli_year_before": None, "percent": None, "base_met": None}
    metrics: dict[str, dict[str, Any]] = {
        "net-adds": dict(nothing),
        "intermediate": {"centipoints": 0, "people": 0},
        "advanced": {"centipoints": 0, "people": 0},
        "usage-growth": {"centipoints": 0, **nothing_grown},
        "deployments": dict(nothing),
    }
    track, month, before = "smb", None, None
    if edition is not None:
        month = last_month(oracle, membership, area, at, known)
    if edition is not None and month is not None:
        before = a_year_before(month)
        about = (oracle, membership, area, edition)
        revenue = [revenues(*about, each, known) for each in (month, before)]
        usage = [values(*about, each, known) for each in (month, before)]
        track = track_of(edition, *revenue)
        least_cents = edition["net_adds"]["threshold_cents"][track]
        least_milli = edition["deployments"]["threshold_mcv"][track] * 1000
        adds = [len([cents for cents in each.values() if cents >= least_cents]) for each in revenue]
        deployed = [len([milli for milli in each.values() if milli >= least_milli]) for each in usage]
        metrics["net-adds"] = _added(edition["net_adds"], *adds)
        metrics["deployments"] = _added(edition["deployments"], *deployed)
        metrics["usage-growth"] = _grown(edition["usage_growth"], track, *[sum(each.values()) for each in usage])
    if edition is not None:
        for tier in ("intermediate", "advanced"):
            number = len(people(oracle, membership, area, tier, at, known))
            metrics[tier] = _certified(edition[tier], track, number)
    points = sum(metrics[name]["centipoints"] for name in METRICS)
    above_zero = all(metrics[name]["centipoints"] > 0 for name in METRICS)
    return {
        "edition": None if edition is None else edition["edition"],
        "track": track,
        "month": month,
        "compared_with": before,
        "centipoints": points,
        "qualified": edition is not None and points >= edition["min_centipoints"] and above_zero,
        "metrics": metrics,
    }


def qualified(oracle: Book, membership: str, area: str, at: datetime, known: int | None = None) -> bool:
    return bool(state(oracle, membership, area, at, known)["qualified"])


def left_out(oracle: Book, membership: str, area: str, at: datetime, known: int | None = None) -> list[dict[str, Any]]:
    """The reports above zero of the two compared months that do not count, each with the reason."""
    now = state(oracle, membership, area, at, known)
    edition = oracle.edition(area, at, known)
    if edition is None or now["month"] is None:
        return []
    found = []
    for month in (now["month"], now["compared_with"]):
        for what in ("usage", "revenue"):
            counts = counting(oracle, membership, area, edition, month, what, known)
            for (customer, workload, association), figure in reports(
                oracle, membership, area, month, what, known
            ).items():
                if figure == 0:
                    continue
                if what == "usage" and workload not in edition["rates"]:
                    reason = "no-rate"
                elif association not in eligible(edition, what, workload):
                    reason = "association"
                elif counts[(customer, workload)][1] != association:
                    reason = "smaller"
                else:
                    continue
                entry = (what, customer, workload, month, association, reason)
                found.append(dict(zip(LEFT_OUT_KEYS, entry, strict=True)))
    return sorted(found, key=lambda one: tuple(one[key] for key in LEFT_OUT_KEYS))


def instants(oracle: Book, membership: str, area: str, known: int | None = None) -> list[datetime]:
    """Every instant at which anything of the score can change, in order."""
    found = list(oracle.closes(membership, area, known).values())
    found += [instant(one["effective_from"]) for one in oracle.editions(area, known)]
    for one in spans(oracle, membership, area, known):
        found += [one["since"]] + ([one["until"]] if one["until"] is not None else [])
    return sorted(set(found))


def flips(oracle: Book, membership: str, area: str, known: int | None = None) -> list[tuple[datetime, bool]]:
    """Every instant at which `qualified` changes, with what holds from it on. Before the first it is not qualified."""
    history: list[tuple[datetime, bool]] = []
    holds = False
    for moment in instants(oracle, membership, area, known):
        now = qualified(oracle, membership, area, moment, known)
        if now != holds:
            history.append((moment, now))
            holds = now
    return history


def next_change(
    oracle: Book, membership: str, area: str, at: datetime, known: int | None = None
) -> dict[str, Any] | None:
    for moment, holds in flips(oracle, membership, area, known):
        if moment > at:
            return {"at": stamp(moment), "qualified": holds}
    return None


def score(oracle: Book, membership: str, area: str, at: datetime, known: int | None = None) -> dict[str, Any]:
    """The whole answer of `score`."""
    without = left_out(oracle, membership, area, at, known)
    return {
        "membership": membership,
        "area": area,
        "at": stamp(at),
        "known_at": len(oracle.accepted) if known is None else known,
        **state(oracle, membership, area, at, known),
        "left_out": {"total": len(without), "reports": without[:LISTED_MAX]},
        "next_change": next_change(oracle, membership, area, at, known),
    }


def cause_at(oracle: Book, membership: str, area: str, at: datetime, holds: bool, known: int | None = None) -> str:
    """What takes effect at an instant: an edition, a close that changes the last month, else a person won or lost."""
    earlier = at - MICROSECOND
    if oracle.edition(area, at, known) != oracle.edition(area, earlier, known):
        return "scorebook"
    if last_month(oracle, membership, area, at, known) != last_month(oracle, membership, area, earlier, known):
        return "close"
    return "certificate" if holds else "expiry"

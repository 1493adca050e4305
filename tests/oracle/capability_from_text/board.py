"""The board: what state each designation is in, what it lacks, and what takes the next points.

Readings of the text:
- Decisions that are known and had occurred at or before *T* count: of those, the last one recorded of the latest
  anniversary says who is enrolled, from its own occurred_at.
- The first anniversary after *T* is the earliest known one whose day starts after *T*; it is the line's `anniversary`.
  It is "not decided" where no known decision of it had occurred by *T*. A day that has begun is not after *T*.
- `missing_centipoints` is what lacks to the edition's minimum, 0 where it is reached, null without an edition.
- `zero` names the metrics without points in the order of the rules: net-adds, intermediate, advanced, usage-growth,
  deployments. Lines are sorted by membership, then area.
- `next_steps`: for each metric the least of its own unit that brings points, the track staying as it is, and the
  points that this brings: `{"needed": n, "centipoints": gained}`. Null at the maximum, and where nothing of the unit
  brings points: without an edition, without a closed month (but for people), for growth without the base.
  The unit is a pair that reaches the threshold (net-adds, deployments), a person who holds none of the tier, and for
  usage-growth a percent over the whole percents that it has; `mcv_milli` is then how much more value makes it so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.oracle.capability_from_text.book import Accepted, Book
from tests.oracle.capability_from_text.calendar import a_year_on
from tests.oracle.capability_from_text.decisions import window_of
from tests.oracle.capability_from_text.form import Fact
from tests.oracle.capability_from_text.score import METRICS, state
from tests.oracle.survey.time import start_of


def designations(book: Book, at: datetime, known: int | None = None) -> list[dict[str, Any]]:
    """A line for each designation that is known."""
    return [line(book, membership, area, at, known) for membership, area in sorted(book.designations(known))]


def line(book: Book, membership: str, area: str, at: datetime, known: int | None = None) -> dict[str, Any]:
    score, edition = state(book, membership, area, at, known), book.edition(area, at, known)
    return {
        "membership": membership,
        "area": area,
        "state": standing(book, membership, area, at, known),
        "centipoints": score["centipoints"],
        "missing_centipoints": None if edition is None else max(0, edition["min_centipoints"] - score["centipoints"]),
        "zero": [name for name in METRICS if score["metrics"][name]["centipoints"] == 0],
        "next_steps": next_steps(score, edition),
        "anniversary": first_anniversary(book, membership, area, at, known),
    }


def first_anniversary(book: Book, membership: str, area: str, at: datetime, known: int | None = None) -> str | None:
    ahead = [day for day in book.anniversaries(membership, area, known) if start_of(day) > at]
    return ahead[0] if ahead else None


def enrolling(book: Book, membership: str, area: str, at: datetime, known: int | None = None) -> Accepted | None:
    """The decision that counts: of the latest anniversary that had been decided by then, the one recorded last."""
    made = [
        one
        for one in book.facts_of(membership, area, known)
        if one.type == "decide-designation" and one.occurred_at <= at
    ]
    if not made:
        return None
    latest = max(one.fact["anniversary"] for one in made)
    return [one for one in made if one.fact["anniversary"] == latest][-1]


def standing(book: Book, membership: str, area: str, at: datetime, known: int | None = None) -> str:
    """enrolled, renewal-due, qualified or in-progress (C4)."""
    decision = enrolling(book, membership, area, at, known)
    is_enrolled = (
        decision is not None
        and decision.content is not None
        and decision.content["outcome"] == "qualified"
        and at < a_year_on(decision.fact["anniversary"])
    )
    if not is_enrolled:
        return "qualified" if state(book, membership, area, at, known)["qualified"] else "in-progress"
    ahead = first_anniversary(book, membership, area, at, known)
    if ahead is None:
        return "enrolled"
    is_decided = [one for one in book.decisions(membership, area, ahead, known) if one.occurred_at <= at]
    is_inside = window_of(book, area, ahead, known)[0] <= at
    return "renewal-due" if is_inside and not is_decided else "enrolled"


def next_steps(score: dict[str, Any], edition: Fact | None) -> dict[str, dict[str, Any] | None]:
    """For each metric what brings the next points, or null."""
    return {name: None if edition is None else _next_step(name, score, edition) for name in METRICS}


def _next_step(name: str, score: dict[str, Any], edition: Fact) -> dict[str, Any] | None:
    metric, figures, track = score["metrics"][name], edition[name.replace("-", "_")], score["track"]
    if metric["centipoints"] >= figures["max"]:
        return None
    if name in ("intermediate", "advanced"):
        # One person more may bring nothing where people x each is at the maximum before the number is full.
        number = metric["people"] + 1
        is_full = number >= figures["people"][track]
        points = figures["max"] if is_full else min(figures["max"], number * figures["each"][track])
        return {"needed": 1, "centipoints": points - metric["centipoints"]}
    if score["month"] is None:
        return None
    if name in ("net-adds", "deployments"):
        net = metric["now"] - metric["year_before"]
        points = min(figures["max"], (max(0, net) + 1) * figures["each"])
        return {"needed": max(0, net) + 1 - net, "centipoints": points - metric["centipoints"]}
    if not metric["base_met"]:
        return None
    now, before = int(metric["mcv_milli"]), int(metric["mcv_milli_year_before"])
    has = max(0, int(metric["percent"]))
    aimed_at = -(-before * (101 + has) // 100)
    points = min(figures["max"], (has + 1) * figures["each_percent"])
    return {
        "needed": has + 1 - int(metric["percent"]),
        "centipoints": points - metric["centipoints"],
        "mcv_milli": str(aimed_at - now),
    }

"""A membership: where it stands, how the count moved over the years, each organisation against the cap, and its decisions."""

from __future__ import annotations

from typing import Any, Final

from console.pages.board import TIMES, link_times
from console.pages.charts.rolling_count import Mark, rolling_count
from console.pages.decision.page import with_pages
from console.pages.event_words import event_words
from console.pages.rendering import Shown
from console.pages.visiting import Visit
from ledger.instants import format_instant

EVENTS: Final = 100


async def membership(visit: Visit) -> Shown:
    """The membership at an instant, as known by a position."""
    times = {name: visit.query.get(name) for name in TIMES}
    whose = {"membership": visit.values["membership"]}
    known = {"known_at": times["known_at"]}
    asked = [("status", {**whose, **times}), ("rolling", {**whose, **times}), ("decisions", {**whose, **known})]
    if visit.may("history"):
        asked.append(("history", {**whose, **known}))
    found, rolling, decisions, *history = await visit.gather(*asked)
    undecided = await visit.get_if_there("membership-renewals", **whose, **times, within=0) or []
    renewals = [one for one in decisions if "renewal_date" in one]
    return Shown("membership.html.j2", {
        "title": rolling["name"], "found": found, "rolling": rolling,
        "decisions": with_pages(visit, renewals),
        "history": history[0][::-1] if history else None, "chart": rolling_count("count", rolling, _marks(found, renewals)),
        "slides_to": max(rolling["to"], format_instant(visit.now_us))[:10], "overdue": undecided,
        "times": link_times(times), "needed": _needed(rolling, found["at"]), "position": visit.position,
        "has_events": visit.may("replay"), "query": visit.query,
    })  # fmt: skip


async def membership_events(visit: Visit) -> Shown:
    """The events of a membership in words, the last ones first, with the count after each."""
    known = visit.query.get("known_at")
    whose = visit.values["membership"]
    before = visit.query.get("before")
    found = await visit.get("replay", membership=whose, known_at=known, last=EVENTS, before=before)
    shown = [(one, event_words(one)) for one in found if "seq" in one][::-1]
    return Shown("membership-events.html.j2", {
        "title": f"Events of {whose}", "whose": whose, "shown": shown, "earlier": before is not None,
        "following": shown[-1][0]["seq"] if shown and shown[-1][0]["seq"] > 1 else None,
        "times": link_times({name: visit.query.get(name) for name in TIMES}), "known": known,
    })  # fmt: skip


def _marks(found: Any, renewals: list[Any]) -> list[Mark]:
    """The renewals that were decided, the last revision of each, and the next one."""
    last = {one["renewal_date"]: one["outcome"] for one in renewals}
    marks = [Mark(day, "not-met" if outcome == "not-met" else "met") for day, outcome in last.items()]
    upcoming = found["next_renewal"]
    return marks if upcoming is None or upcoming in last else [*marks, Mark(upcoming, "renewal")]


def _needed(rolling: Any, at: str) -> int | None:
    """What the edition in force asks for, as `rolling` says of the instant."""
    points = [one for one in rolling["points"] if one["at"] <= at]
    return points[-1]["min_responses"] if points else None

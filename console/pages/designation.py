"""A designation: its score over two years, the months that are compared, and each change explained by what is behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from console.http.problems import Problem
from console.pages.board import TIMES, link_times
from console.pages.charts.scores import METRICS as IN_ORDER
from console.pages.charts.scores import scores
from console.pages.designations import METRICS, UNITS
from console.pages.rendering import Shown
from console.pages.visiting import Visit
from projections.questions.what_would_it_take import MORE
from projections.results.periods import month_before

MONTHS: Final = 24
CAUSES_MAX: Final = 60
KINDS: Final = {
    "scorebook": "another edition of the rules is in force",
    "close": "another month is the one that was closed last",
    "report": "what was reported counts otherwise",
    "certificate": "a certificate counts that did not",
    "expiry": "a certificate no longer counts",
}
"""What kinds of causes mean."""


async def designation(visit: Visit) -> Shown:
    """The designation at an instant, as known by a position; with `from` and `to` also why its score differs between them."""
    query = visit.query
    times = {name: query.get(name) for name in TIMES}
    one = {"membership": visit.values["membership"], "area": visit.values["area"]}
    found = await visit.get("score", **one, **times)
    months = _months(found["at"][:7])
    asked: list[tuple[str, Mapping[str, object]]] = [
        ("score", {**one, "at": f"{month}-01", "known_at": times["known_at"]}) for month in months
    ]
    asked.append(("what-would-it-take", {**one, **times, **{name: query.get(name) for name in MORE.values()}}))
    asked.append(("expiring", {**one, **times}))
    asked.append(("designation-decisions", {**one, "known_at": times["known_at"]}))
    if visit.may("designation-history"):
        asked.append(("designation-history", {**one, "known_at": times["known_at"]}))
    answers = await visit.gather(*asked)
    by_month, (supposed, expiring, decisions, *history) = answers[: len(months)], answers[len(months) :]
    explained = None
    if "from" in query and "to" in query and visit.may("explain"):
        explained = await visit.get("explain", **one, **{side: query[side] for side in ("from", "to")})
    return Shown("designation.html.j2", {
        "title": f"{one['membership']}, {one['area']}", **one, "found": found, "times": link_times(times), "query": query,
        "metrics": METRICS, "in_order": IN_ORDER, "months": list(zip(months, by_month, strict=True)),
        "chart": scores("score", list(zip(months, by_month, strict=True))), "decisions": decisions,
        "supposed": supposed, "expiring": expiring, "more": MORE, "units": UNITS,
        "history": history[0][::-1] if history else None, "explained": explained,
        "kinds": KINDS, "causes_max": CAUSES_MAX, "may_explain": visit.may("explain"),
    })  # fmt: skip


def _months(last: str) -> list[str]:
    """The months up to one, the earliest first."""
    if last <= "0003-01":
        raise Problem(400, "bad-input", f"found {last}, expected a later instant", "at")
    found = [last]
    while len(found) < MONTHS:
        found.append(month_before(found[-1]))
    return found[::-1]

"""A designation: its score over two years, the months that are compared, what it would take, and why it became otherwise.

Where a month's score is another one than was known then, it was restated: it stands beside, and leads to the reports behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from console.cli.points import points, value
from console.pages.board import TIMES, link_times
from console.pages.charts.scores import METRICS as IN_ORDER
from console.pages.charts.scores import scores
from console.pages.decision.page import with_pages
from console.pages.designations import METRICS, UNITS
from console.pages.rendering import Shown
from console.pages.visiting import Visit
from projections.questions.what_would_it_take import MORE

CAUSES_MAX: Final = 60
KINDS: Final = {
    "scorebook": "another edition of the rules is in force",
    "close": "another month is the one that was closed last",
    "report": "what was reported counts otherwise",
    "certificate": "a certificate counts that did not",
    "expiry": "a certificate no longer counts",
}
"""What kinds of causes mean."""
BECAUSE: Final = {
    "restated": ("warn", "Restated", "a report was replaced by another"),
    "added": ("warn", "Came later", "it was reported only afterwards"),
    "time": ("idle", "Another month", "its month is compared on one side only"),
    "rules": ("idle", "Other rules", "another edition counts it otherwise"),
}
"""How it is shown why a report counts otherwise: the state, a word, and the same in words."""
SIDES: Final = ("from", "to")


async def designation(visit: Visit) -> Shown:
    """The designation at an instant, as known by a position; with `from` and `to` also why its score differs between them."""
    query = visit.query
    times = {name: query.get(name) for name in TIMES}
    one = {"membership": visit.values["membership"], "area": visit.values["area"]}
    asked: dict[str, Mapping[str, object]] = {
        "score": {**one, **times},
        "score-months": {**one, **times},
        "what-would-it-take": {**one, **times, **{name: query.get(name) for name in MORE.values()}},
        "expiring": {**one, **times},
        "designation-decisions": {**one, "known_at": times["known_at"]},
        "designation-history": {**one, "known_at": times["known_at"]},
        "designations": {**one, **times},
        "explain": {**one, **sides_of(query)},
    }
    answers = await asked_for(visit, asked)
    history = answers.get("designation-history")
    return Shown("designation.html.j2", {
        "title": f"{one['membership']}, {one['area']}", **one, **of_the_years(visit, answers), "times": link_times(times),
        "path": f"/console/memberships/{one['membership']}/designations/{one['area']}", "units": UNITS, "more": MORE,
        "supposed": answers["what-would-it-take"], "expiring": answers["expiring"],
        "line": line_of(answers["designations"], one["membership"]),
        "decisions": with_pages(visit, answers["designation-decisions"]),
        "history": None if history is None else history[::-1],
    })  # fmt: skip


def sides_of(query: Mapping[str, str]) -> dict[str, str | None]:
    """The two sides between which a score is explained: each as known at what is asked of it, else of the whole page."""
    known = query.get("known_at")
    return {side: query.get(side) for side in SIDES} | {
        f"{side}_known_at": query.get(f"{side}_known_at", known) for side in SIDES
    }


def line_of(lines: Sequence[Mapping[str, Any]], membership: str) -> Mapping[str, Any] | None:
    """What `designations` says of a membership's designation in the area asked for."""
    return next((one for one in lines if one["membership"] == membership), None)


async def asked_for(visit: Visit, asked: Mapping[str, Mapping[str, object]]) -> dict[str, Any]:
    """The answers of those routes that the caller has; an explanation where both sides are named."""
    explained = all(asked["explain"][side] is not None for side in SIDES)
    wanted = [name for name in asked if visit.may(name) and (name != "explain" or explained)]
    return dict(zip(wanted, await visit.gather(*((name, asked[name]) for name in wanted)), strict=True))


def of_the_years(visit: Visit, answers: Mapping[str, Any]) -> dict[str, Any]:
    """What the parts of a page name that show the score over the years, and why it became otherwise."""
    months = answers["score-months"]["months"]
    return {
        "found": answers["score"], "query": visit.query, "metrics": METRICS, "in_order": IN_ORDER, "months": months,
        "restated": [one for one in months if one["restated"]][::-1],
        "chart": scores("score", months, answers["what-would-it-take"]["min_centipoints"]),
        "explained": answers.get("explain"), "kinds": KINDS, "because": BECAUSE, "causes_max": CAUSES_MAX,
        "may_explain": visit.may("explain"), "figure_of": figure_of,
    }  # fmt: skip


def figure_of(cause: Mapping[str, Any], side: str) -> str:
    """What a cause says of one side: a value or dollars of a report, whether a certificate counts, else a name."""
    figure = cause[f"figure_{side}"]
    if figure is None:
        return "none"
    if cause["kind"] == "report":
        return value(figure) if isinstance(figure, str) else f"${points(figure)}"
    if cause["kind"] in ("certificate", "expiry"):
        return "counts" if figure else "does not count"
    return str(figure)

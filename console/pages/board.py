"""The board: how many are eligible and how that moved, who changes next, what is due, and what needs somebody."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from console.http.problems import Problem
from console.pages.charts.over_months import over_months
from console.pages.rendering import Shown
from console.pages.visiting import Visit, leaves

ROWS: Final = 50
DUE: Final = 12
NEXT: Final = 10
WITHIN: Final = ("30", "90", "365")
TIMES: Final = ("at", "known_at")
SIGNS: Final = {
    "lag": "Projections behind the book",
    "gaps": "Gaps in the feed",
    "late-reviews": "Reviews late",
    "streams-set-aside": "Streams set aside",
    "streams-parked": "Streams parked",
    "refusals": "Refused facts",
    "sealing-age": "Unsealed for",
    "webhook-parked": "Parked by webhooks",
    "webhook-oldest": "Oldest undelivered",
}
"""What a sign of `operations` is called on a page."""
SECONDS: Final = frozenset({"late-reviews", "sealing-age", "webhook-oldest"})
PATIENCE_S: Final = 15.0
"""So long the counts and lists are waited for; then the board says how the service stands, and nothing else."""
TODO: Final = {
    "store-unreachable": "Look at the store: its file, its disk and the room there, or its server. It goes on by itself.",
    "different-book": "Another book is in its place, and the projections are built anew; else `csat-ledger project --rebuild`.",
    "projections-failed": "`csat-ledger project --status` says why; `csat-ledger project --rebuild` builds them anew.",
    "projections-stalled": "Look for what holds locks in the store, and for a slow disk.",
    "projections-behind": "Look for workers, and for the disk: the projections do not keep up.",
    "recording-failed": "Look at the disk's room and at the clock. What was refused meanwhile is to be handed in again.",
    "recording-stalled": "Look for what holds locks in the store, and for a slow disk. It goes on by itself.",
    "log-unreadable": "Mount its disk, or put the folder back from its mirror. It goes on by itself.",
    "sealing-late": "Look at the sealer and its witnesses.",
    "sealing-failed": "Look at the sealer's key, the log's folder and the witnesses.",
    "clock-failed": "Set this machine's clock; if it is right, `csat-ledger clock-accept` accepts the book's last instant.",
    "deadline": "Look for what holds locks in the store, for a slow disk, and for who asks so much.",
    "webhooks-failed": "`csat-ledger webhook list` says what troubles each.",
}
"""What there is to do about what is missing, by its code."""


async def board(visit: Visit) -> Shown:
    """The board at an instant, as known by a position, with what is searched for and filtered in its address."""
    query = visit.query
    times = {name: query.get(name) for name in TIMES}
    within = query.get("within", "90")
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = await _found(visit, times, within)
    except (ExceptionGroup, TimeoutError) as error:
        return await _unwell(visit, error)
    return Shown("board.html.j2", {
        "title": "Board", "query": query, "asked": {name: text for name, text in query.items() if name != "cursor"},
        "within": within, "choices": choices(within), "times": link_times(times), "chart": chart_of(found["overview"]),
        **GLANCE, **found,
    })  # fmt: skip


async def _found(visit: Visit, times: dict[str, str | None], within: str) -> dict[str, Any]:
    """The answers of which the board is made; None for those that it has not."""
    query = visit.query
    page: dict[str, Any] = {"limit": ROWS}
    if "cursor" in query:
        page["cursor"] = query["cursor"]
    else:
        page |= {"search": query.get("search"), "state": query.get("state"), "within": within, **times}
    overview, rows = await visit.gather(("overview", times), ("board", page))
    others: dict[str, Any] = {"upcoming": None, "renewals": None, "designations": None, "operations": None}
    if "cursor" not in query:
        asked: dict[str, Any] = {
            "upcoming": {"within": within, "limit": NEXT, "at": times["at"]},
            "renewals": {"within": within, "limit": DUE, **times},
            "designations": {"limit": DUE, **times},
            "operations": {},
        }
        if times["known_at"] is not None:  # what was ahead then is not to be had of all memberships at once
            del asked["upcoming"]
        wanted = [name for name in asked if visit.may(name)]
        found = await visit.gather(*((name, asked[name]) for name in wanted))
        others |= dict(zip(wanted, found, strict=True))
    return {"overview": overview, "rows": rows, **others}


async def _unwell(visit: Visit, error: ExceptionGroup | TimeoutError) -> Shown:
    """The board where its counts cannot be had: what is amiss, and what to do about it. Raises what it cannot tell of."""
    problem = next(leaves(error))
    if isinstance(problem, TimeoutError):
        problem = Problem(504, "deadline", f"found no answer within {PATIENCE_S:g} seconds")
    if not (isinstance(problem, Problem) and problem.status >= 500 and visit.may("operations")):
        raise problem
    found = await visit.get("operations")
    context = {"title": "Board", "problem": problem, "operations": found, **GLANCE}
    return Shown("board-unwell.html.j2", context, problem.status, problem.headers)


def todo(code: str) -> str:
    """What there is to do where a service lacks something."""
    return TODO.get(code, "The service's log, its stderr, says why.")


def choices(within: str) -> list[str]:
    """The spans that a form offers, with the one that is in force: a form that showed another would ask for that next."""
    return sorted({*WITHIN, within}, key=lambda days: (len(days), days))


def link_times(times: dict[str, str | None]) -> dict[str, str]:
    """The times of a page that its links keep."""
    return {name: value for name, value in times.items() if value is not None}


def chart_of(overview: Any) -> Any:
    """What an overview says of each month, drawn; None where there is nothing yet."""
    months = overview["months"]
    if not months:
        return None
    lines = [("eligible memberships", [one["eligible"] for one in months])]
    if overview["designations"]:
        lines.append(("qualified designations", [one["qualified"] for one in months]))
    svg = over_months(
        "standing", "How many were eligible at the end of each month", [one["month"] for one in months], lines
    )
    return {"svg": svg, "lines": [name for name, _ in lines]}


GLANCE: Final[dict[str, Any]] = {"signs": SIGNS, "seconds": SECONDS, "todo": todo}
"""What the signs of `operations` are shown with."""

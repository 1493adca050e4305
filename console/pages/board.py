"""The board: how many are eligible and how that moved, who changes next, what is due, and what needs somebody."""

from __future__ import annotations

from typing import Any, Final

from console.pages.charts.over_months import over_months
from console.pages.rendering import Shown
from console.pages.visiting import Visit

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


async def board(visit: Visit) -> Shown:
    """The board at an instant, as known by a position, with what is searched for and filtered in its address."""
    query = visit.query
    times = {name: query.get(name) for name in TIMES}
    within = query.get("within", "90")
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
    return Shown("board.html.j2", {
        "title": "Board", "query": query, "asked": {name: text for name, text in query.items() if name != "cursor"},
        "within": within, "choices": choices(within), "times": link_times(times),
        "overview": overview, "rows": rows, "chart": chart_of(overview), "signs": SIGNS, "seconds": SECONDS, **others,
    })  # fmt: skip


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

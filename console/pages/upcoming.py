"""Who changes status next, and when: all changes ahead, a page at a time."""

from __future__ import annotations

from typing import Any, Final

from console.pages.board import choices, link_times
from console.pages.rendering import Shown
from console.pages.visiting import Visit

ROWS: Final = 50


async def upcoming(visit: Visit) -> Shown:
    """The changes within so many days of an instant, or the page that a cursor in the address stands for."""
    query = visit.query
    within, at = query.get("within", "90"), query.get("at")
    asked: dict[str, Any] = {"limit": ROWS, "within": within, "at": at}
    if "cursor" in query:
        asked = {"limit": ROWS, "cursor": query["cursor"]}
    found = await visit.get("upcoming", **asked)
    kept = {"within": within, **link_times({"at": at})}
    return Shown("upcoming.html.j2", {
        "title": "Changes ahead", "query": query, "within": within, "choices": choices(within), "found": found, "kept": kept,
        "following": None if found["next"] is None else {**kept, "cursor": found["next"]}, "times": link_times({"at": at}),
    })  # fmt: skip

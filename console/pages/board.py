"""The board: who is eligible, and who loses it next."""

from __future__ import annotations

from console.pages.rendering import Shown
from console.pages.visiting import Visit


async def board(visit: Visit) -> Shown:
    """The board as of now, or as of `at` and `known_at`."""
    query = visit.query
    found = await visit.get(
        "board", **{name: query.get(name) for name in ("search", "state", "at", "known_at", "cursor")}
    )
    return Shown("board.html.j2", {"title": "Board", "board": found, "query": query})

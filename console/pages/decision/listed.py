"""The decisions of both programmes, the newest first, a page at a time."""

from __future__ import annotations

from typing import Any, Final

from console.http.problems import Problem
from console.pages.decision.page import with_pages
from console.pages.rendering import Shown
from console.pages.visiting import Visit

ROWS: Final = 50
TIMES: Final = ("at", "known_at")
CHOICES: Final = ("membership", "programme", "outcome", "edition", *TIMES)
PROGRAMMES: Final = {"survey": "Renewals", "capability": "Designations"}
OUTCOMES: Final = {
    "met": "met", "not-met": "not met", "not-required": "not required", "qualified": "qualified",
    "not-qualified": "not qualified", "no-edition": "no edition in force",
}  # fmt: skip
"""What the outcomes are called on a page."""


async def decisions_page(visit: Visit) -> Shown:
    """Those that are asked for in the address; where the membership is in no programme, the form and why."""
    query = visit.query
    asked: dict[str, Any] = {"limit": ROWS}
    if "cursor" in query:
        asked["cursor"] = query["cursor"]
    else:
        asked |= {name: query.get(name) for name in CHOICES}
    page: dict[str, Any] = {"decisions": [], "next": None}
    problem: Problem | None = None
    try:
        page = await visit.get("decisions-page", **asked)
    except Problem as error:
        if error.status != 404:
            raise
        problem = error
    kept = {name: query[name] for name in CHOICES if name in query}
    context = {
        "title": "Decisions",
        "query": query,
        "problem": problem,
        "rows": with_pages(visit, page["decisions"]),
        "following": None if page["next"] is None else {**kept, "cursor": page["next"]},
        "kept": kept,
        "times": {name: query[name] for name in TIMES if name in query},
        "programmes": PROGRAMMES,
        "outcomes": OUTCOMES,
    }
    return Shown("decisions.html.j2", context)

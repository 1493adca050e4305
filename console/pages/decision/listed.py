"""The decisions of a membership, in both programmes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from console.http.problems import Problem
from console.pages.decision.page import Which
from console.pages.rendering import Shown
from console.pages.visiting import Visit


async def decisions_page(visit: Visit) -> Shown:
    """Those of the membership that is asked for; without one the form alone."""
    query = visit.query
    membership = query.get("membership")
    found: list[dict[str, Any]] | None = None
    problem: Problem | None = None
    if membership:
        values = {name: query.get(name) for name in ("at", "known_at")}
        try:
            found = await visit.get("decisions", membership=membership, **values)
        except Problem as error:
            if error.status != 404:
                raise
            problem = error
    rows = [(one, _page_of(one)) for one in reversed(found or ())]
    return Shown(
        "decisions.html.j2",
        {"title": "Decisions", "query": query, "rows": rows, "asked": found is not None, "problem": problem},
    )


def _page_of(decision: dict[str, Any]) -> str:
    """The page of a decision."""
    area = decision.get("area")
    on = decision["renewal_date"] if area is None else decision["anniversary"]
    path = Which("", decision["membership"], area, on).path
    return f"{path}?revision={quote(str(decision['revision']))}"

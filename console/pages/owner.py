"""The programme's owner: how many are eligible, how the survey is taken up, and the benchmark; nobody is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from console.pages.board import chart_of
from console.pages.own import PUBLISHED
from console.pages.rendering import Shown
from console.pages.visiting import Visit
from console.reports.page import ASKED

QUARTERS: Final = 24
"""Lines of quarters and editions that are shown of a programme, the last ones."""
PROGRAMMES: Final = {
    "survey": ("Renewals", {"met": "Met", "not-met": "Not met", "not-required": "Not required"}),
    "capability": (
        "Designations",
        {"qualified": "Qualified", "not-qualified": "Not qualified", "no-edition": "No edition in force"},
    ),
}
"""What the decisions of a programme are on, and what its outcomes are called."""


async def owner(visit: Visit) -> Shown:
    """Counts and benchmark by quarter, or by month."""
    by = visit.query.get("by", "quarter")
    overview, taken_up, lines, decided = await visit.gather(
        ("overview", {}), ("participation", {"by": by}), ("benchmark", {"by": by}), ("decision-counts", {}),
        if_answered=PUBLISHED,
    )  # fmt: skip
    return Shown("owner.html.j2", {
        "title": "Programme",
        "away": bool(visit.away), "overview": overview, "chart": chart_of(overview), "taken_up": taken_up[::-1], "by": by,
        "benchmark": (lines or [])[::-1][:60], "asked": ASKED, "decided": decisions_of(decided),
    })  # fmt: skip


def decisions_of(counts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Counts of decisions as a table for each programme: a line for a quarter and an edition, a column for an outcome."""
    tables = []
    for programme, (what, outcomes) in PROGRAMMES.items():
        lines: dict[tuple[str, str | None], dict[str, int | None]] = {}
        for one in counts:
            if one["programme"] == programme:
                lines.setdefault((one["quarter"], one["edition"]), {})[one["outcome"]] = one["decisions"]
        if lines:
            rows = [
                (*key, [(outcome in found, found.get(outcome)) for outcome in outcomes])
                for key, found in reversed(lines.items())
            ]
            tables.append({"what": what, "outcomes": list(outcomes.values()), "rows": rows[:QUARTERS], "of": len(rows)})
    return tables

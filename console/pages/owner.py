"""The programme's owner: how many are eligible, how the survey is taken up, and the benchmark; nobody is named."""

from __future__ import annotations

from console.pages.board import chart_of
from console.pages.own import PUBLISHED
from console.pages.rendering import Shown
from console.pages.visiting import Visit
from console.reports.page import ASKED


async def owner(visit: Visit) -> Shown:
    """Counts and benchmark by quarter, or by month."""
    by = "month" if visit.query.get("by") == "month" else "quarter"
    overview, taken_up, lines = await visit.gather(
        ("overview", {}), ("participation", {"by": by}), ("benchmark", {"by": by}), if_there=PUBLISHED
    )
    return Shown("owner.html.j2", {
        "title": "Programme", "overview": overview, "chart": chart_of(overview), "taken_up": taken_up[::-1], "by": by,
        "benchmark": (lines or [])[::-1][:60], "asked": ASKED,
    })  # fmt: skip

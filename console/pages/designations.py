"""Designations: what state each is in, what it lacks to the minimum, and what brings points."""

from __future__ import annotations

from typing import Any, Final

from console.pages.board import TIMES, link_times
from console.pages.rendering import Shown
from console.pages.visiting import Visit
from ledger.instants import format_instant

ROWS: Final = 50
METRICS: Final = {
    "net-adds": "net customer adds",
    "intermediate": "intermediate certificates",
    "advanced": "advanced certificates",
    "usage-growth": "usage growth",
    "deployments": "deployments",
}
"""What the metrics are called on a page."""
UNITS: Final = {
    "net-adds": ("more customer", "more customers"),
    "intermediate": ("more person", "more people"),
    "advanced": ("more person", "more people"),
    "usage-growth": ("more percent", "more percent"),
    "deployments": ("more deployment", "more deployments"),
}
"""What the units of the metrics are called: one of them, and several."""


async def designations(visit: Visit) -> Shown:
    """All designations, a page at a time, of one area or of all."""
    query = visit.query
    times = {name: query.get(name) for name in TIMES}
    asked: dict[str, Any] = {"limit": ROWS + 1, "area": query.get("area"), "after": query.get("after"), **times}
    found = await visit.get("designations", **asked)  # one more than is shown: else the last page could be an empty one
    following = f"{found[ROWS - 1]['membership']}/{found[ROWS - 1]['area']}" if len(found) > ROWS else None
    kept = {name: query[name] for name in ("area", *TIMES) if name in query}
    return Shown("designations.html.j2", {
        "title": "Designations", "query": query, "times": link_times(times), "rows": found[:ROWS], "following": following,
        "kept": kept, "metrics": METRICS, "units": UNITS, "now": format_instant(visit.now_us), "position": visit.position,
    })  # fmt: skip

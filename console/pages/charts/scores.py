"""A score at the beginning of each month as stacked bars: five metrics from bottom to top, and the least that qualifies.

The parts of a bar are told apart by lines between them and by their order; each total is written above its bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from console.pages.charts.drawing import FLOOR, LEFT, RIGHT, TOP, WIDTH, Drawing, height_of

METRICS: Final = ("net-adds", "intermediate", "advanced", "usage-growth", "deployments")
HIGHEST: Final = 100
QUALIFIES: Final = 70
"""C3."""


def scores(identity: str, months: Sequence[tuple[str, Any]]) -> Markup:
    """Of each month YYYY-MM its answer of `score`, from left to right; None where there was none."""
    told = "; ".join(f"{month}: {'none' if found is None else found['centipoints'] // 100}" for month, found in months)
    drawing = Drawing(identity, "The score at the beginning of each month", told or "nothing yet")
    drawing.scale(HIGHEST)
    step = (WIDTH - LEFT - RIGHT) / max(1, len(months))
    width = min(step * 0.72, 40)
    heights: list[tuple[float, float]] = []
    for place, (_, found) in enumerate(months):
        if found is None:
            continue
        x, reached = LEFT + step * (place + 0.5) - width / 2, 0.0
        for number, metric in enumerate(METRICS, 1):
            points = found["metrics"][metric]["centipoints"] / 100
            top = height_of(min(HIGHEST, reached + points), HIGHEST)
            height = height_of(min(HIGHEST, reached), HIGHEST) - top
            if height > 0:
                drawing.element("rect", f"part part-{number}", x=x, y=top, width=width, height=height)
            reached += points
        heights.append((x + width / 2, reached))
    y = height_of(QUALIFIES, HIGHEST)
    drawing.element("line", "limit", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y)
    for x, reached in heights:  # over the line, where it runs through them
        drawing.text("value", x, max(TOP - 4, height_of(min(HIGHEST, reached), HIGHEST) - 4), f"{reached:.0f}")
    drawing.text("label", WIDTH - 2, y + 4, f"{QUALIFIES}", "end")
    drawing.beneath([(LEFT + step * (place + 0.5), month) for place, (month, _) in enumerate(months)])
    drawing.element("line", "axis", x1=LEFT, x2=WIDTH - RIGHT, y1=FLOOR, y2=FLOOR)
    return drawing.done()

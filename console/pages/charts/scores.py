"""A score at the beginning of each month as stacked bars: five metrics from bottom to top, and the least that qualifies.

The parts of a bar are told apart by lines between them and by their order; each total is written above its bar, in whole
points that are reached: 69.60 is no 70, which would qualify. A diamond is
at what was known then, where that was another score or other parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from console.pages.charts.drawing import FLOOR, LEFT, RIGHT, TOP, WIDTH, Drawing, height_of

METRICS: Final = ("net-adds", "intermediate", "advanced", "usage-growth", "deployments")
HIGHEST: Final = 100
DIAMOND: Final = 5
"""So far a diamond reaches from its middle."""


def scores(identity: str, months: Sequence[Mapping[str, Any]], needed: int | None) -> Markup:
    """The months of an answer of `score-months`, from left to right; of one that was restated also what was known then.

    `needed` are the hundredths of points that the edition in force at the instant asked about asks for; None before the first.
    """
    told = "; ".join(f"{one['at'][:7]}: {one['now']['centipoints'] // 100}" for one in months)
    drawing = Drawing(identity, "The score at the beginning of each month", told or "nothing yet")
    drawing.scale(HIGHEST)
    step = (WIDTH - LEFT - RIGHT) / max(1, len(months))
    width = min(step * 0.72, 40)
    heights: list[tuple[float, float]] = []
    for place, one in enumerate(months):
        x, reached = LEFT + step * (place + 0.5) - width / 2, 0.0
        for number, metric in enumerate(METRICS, 1):
            points = one["now"]["metrics"][metric] / 100
            top = height_of(min(HIGHEST, reached + points), HIGHEST)
            height = height_of(min(HIGHEST, reached), HIGHEST) - top
            if height > 0:
                drawing.element("rect", f"part part-{number}", x=x, y=top, width=width, height=height)
            reached += points
        heights.append((x + width / 2, reached))
    limit = None if needed is None else height_of(min(HIGHEST, needed / 100), HIGHEST)
    if limit is not None:
        drawing.element("line", "limit", x1=LEFT, x2=WIDTH - RIGHT, y1=limit, y2=limit)
    for (x, reached), one in zip(heights, months, strict=True):  # over the line, where it runs through them
        above = height_of(min(HIGHEST, reached), HIGHEST)
        if one["restated"]:
            was = height_of(min(HIGHEST, one["then"]["centipoints"] / 100), HIGHEST)
            drawing.element("path", "was", d=f"M{x - DIAMOND:.1f} {was:.1f} l5 -5 l5 5 l-5 5 z")
            if -DIAMOND <= above - was <= 3 * DIAMOND:  # the number would lie on the diamond
                above = min(above, was - DIAMOND)
        drawing.text("value", x, max(TOP - 4, above - 4), f"{int(reached)}")
    if limit is not None and needed is not None:
        drawing.text("label", WIDTH - 2, limit + 4, f"{needed / 100:g}", "end")
    drawing.beneath([(LEFT + step * (place + 0.5), one["at"][:7]) for place, one in enumerate(months)])
    drawing.element("line", "axis", x1=LEFT, x2=WIDTH - RIGHT, y1=FLOOR, y2=FLOOR)
    return drawing.done()

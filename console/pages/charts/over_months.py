"""Counts at the end of each month, as a line in steps; two of them are told apart by their dashes and their names."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from console.pages.charts.drawing import (
    FLOOR,
    LEFT,
    RIGHT,
    WIDTH,
    Drawing,
    height_of,
    round_up,
    steps,
    written,
)
from console.reports.page import period_name


def over_months(identity: str, title: str, months: Sequence[str], lines: Sequence[tuple[str, Sequence[int]]]) -> Markup:
    """`months` YYYY-MM from left to right; of each line its name and a count for each month."""
    highest = round_up(max((max(counts, default=0) for _, counts in lines), default=0))
    drawing = Drawing(identity, title, _told(months, lines))
    drawing.scale(highest)
    width = (WIDTH - LEFT - RIGHT) / max(1, len(months))
    for number, (_, counts) in enumerate(lines, 1):
        points = [(LEFT + width * place, height_of(count, highest)) for place, count in enumerate(counts)]
        corners = " ".join(f"{written(x)},{written(y)}" for x, y in steps(points, WIDTH - RIGHT))
        drawing.element("polyline", f"line line-{number}", points=corners)
    years = [(LEFT + width * place, month[:4]) for place, month in enumerate(months) if month.endswith("-01")]
    for x, _ in years:
        drawing.element("line", "grid", x1=x, x2=x, y1=FLOOR, y2=FLOOR + 5)
    drawing.beneath(years or [(LEFT + width * place, month) for place, month in enumerate(months)])
    return drawing.done()


def _told(months: Sequence[str], lines: Sequence[tuple[str, Sequence[int]]]) -> str:
    if not months:
        return "nothing yet"
    said = [
        f"{name}: {counts[-1]:,} in {period_name(months[-1])}, at most {max(counts):,} in "
        f"{period_name(months[max(range(len(counts)), key=lambda place: counts[place])])}"
        for name, counts in lines
    ]
    return f"{period_name(months[0])} to {period_name(months[-1])}. {'; '.join(said)}."

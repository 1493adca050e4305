"""What all charts are drawn with: an SVG with a title, axes, and text that lies over no other.

A chart has no style of its own: classes (`line`, `bar`, `limit`, `label` …) get theirs from the style sheet, so it is dark
where the page is. Numbers have one decimal, so that a page is the same each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.etree import ElementTree as ET

from markupsafe import Markup

WIDTH: Final = 720
HEIGHT: Final = 240
LEFT: Final = 44
RIGHT: Final = 16
TOP: Final = 18
BOTTOM: Final = 30
FLOOR: Final = HEIGHT - BOTTOM
LABEL_WIDTH: Final = 58
"""So much room a label beneath the axis takes."""
GRID_LINES: Final = 4


class Drawing:
    """An SVG under way; `identity` is unlike any other on the page."""

    def __init__(self, identity: str, title: str, told: str) -> None:
        """`told` says in words what is to be seen."""
        self.svg = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "role": "img",
                "viewBox": f"0 0 {WIDTH} {HEIGHT}",
                "aria-labelledby": f"{identity}-title {identity}-told",
            },
        )
        ET.SubElement(self.svg, "title", {"id": f"{identity}-title"}).text = title
        ET.SubElement(self.svg, "desc", {"id": f"{identity}-told"}).text = told

    def element(self, name: str, kind: str, **places: float | str) -> ET.Element:
        """An element of a class; underscores in names stand for hyphens."""
        said = {key.replace("_", "-"): written(value) for key, value in places.items()}
        return ET.SubElement(self.svg, name, {"class": kind, **said})

    def text(self, kind: str, x: float, y: float, text: str, anchor: str = "middle") -> None:
        """A text, by default centred at a place."""
        self.element("text", kind, x=x, y=y, text_anchor=anchor).text = text

    def scale(self, highest: float) -> None:
        """The axis on the left, from 0 to a value, and lines across."""
        for number in range(GRID_LINES + 1):
            value = highest * number / GRID_LINES
            y = height_of(value, highest)
            self.element("line", "axis" if number == 0 else "grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y)
            self.text("label", LEFT - 6, y + 4, f"{value:,.0f}", "end")

    def beneath(self, labels: Sequence[tuple[float, str]]) -> None:
        """Labels beneath the axis, at places from left to right: as many as there is room for."""
        free = 0.0
        for x, label in labels:
            at = min(max(x, LEFT + LABEL_WIDTH / 2 - 20), WIDTH - LABEL_WIDTH / 2)
            if at - LABEL_WIDTH / 2 >= free:
                self.text("label", at, HEIGHT - 10, label)
                free = at + LABEL_WIDTH / 2

    def done(self) -> Markup:
        """The SVG as it goes into a page; what is in it was escaped when it was written."""
        return Markup(ET.tostring(self.svg, encoding="unicode"))


def written(value: float | str) -> str:
    """A number with one decimal."""
    return value if isinstance(value, str) else f"{value:.1f}"


def height_of(value: float, highest: float) -> float:
    """The y of a value on the scale."""
    return FLOOR - (FLOOR - TOP) * value / highest


def round_up(value: float) -> int:
    """The end of a scale for values up to one: a multiple of 4 that is easily read."""
    step = 4
    while value > step * 5:
        step *= 10 if str(step)[0] == "4" and value > step * 50 else 5 if str(step)[0] == "4" else 2
    return max(4, int(-(-value // step) * step))


def steps(points: Sequence[tuple[float, float]], end_x: float) -> Iterator[tuple[float, float]]:
    """The corners of a line that holds each value until the next place, and the last one until the end."""
    last_y: float | None = None
    for x, y in points:
        if last_y is not None:
            yield x, last_y
        yield x, y
        last_y = y
    if last_y is not None:
        yield end_x, last_y

"""Charts as SVG, each with a title and a description of what it shows; the page has a table of the same figures beside it.

A figure that is withheld or missing is a gap. No chart needs its colours to be read: what it shows is written at it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.etree import ElementTree as ET

WIDTH: Final = 640
HEIGHT: Final = 200
TOP: Final = 24
BOTTOM: Final = 28
SIDE: Final = 12
FLOOR: Final = HEIGHT - BOTTOM
SCORE_MAX: Final = 10

Points = Sequence[tuple[str, float | None]]
"""A label and a value for each place from left to right; None is a gap."""


def bars(identity: str, title: str, points: Points) -> str:
    """A bar for each place, from 0, with its value written above. `identity` is unlike any other on the page."""
    highest = max((value for _, value in points if value is not None), default=0.0) or 1.0
    svg = _svg(identity, title, points)
    step = _step(points)
    for place, (label, value) in enumerate(points):
        middle = SIDE + step * (place + 0.5)
        _label(svg, middle, label)
        if value is None:
            continue
        height = (FLOOR - TOP) * value / highest
        width = min(step * 0.7, 48)
        x, y = _number(middle - width / 2), _number(FLOOR - height)
        ET.SubElement(svg, "rect", {"class": "bar", "x": x, "y": y, "width": _number(width), "height": _number(height)})
        _text(svg, "value", middle, FLOOR - height - 6, _shown(value))
    return _written(svg)


def line(identity: str, title: str, points: Points) -> str:
    """Scores of 0 to 10 over time, a dot with its value for each. Neighbours are joined; a gap is not bridged."""
    svg = _svg(identity, title, points)
    step = _step(points)
    for place, (label, _) in enumerate(points):
        _label(svg, SIDE + step * (place + 0.5), label)
    for run in _runs(points):
        path = " ".join(f"{_number(SIDE + step * (place + 0.5))},{_number(_height(value))}" for place, value in run)
        ET.SubElement(svg, "polyline", {"class": "line", "points": path})
    for place, (_, value) in enumerate(points):
        if value is not None:
            x, y = SIDE + step * (place + 0.5), _height(value)
            ET.SubElement(svg, "circle", {"class": "dot", "cx": _number(x), "cy": _number(y), "r": "3.5"})
            _text(svg, "value", x, y - 8 if y > TOP + 14 else y + 18, _shown(value))
    return _written(svg)


def _runs(points: Points) -> Iterator[list[tuple[int, float]]]:
    """The stretches without a gap, of two places at least."""
    run: list[tuple[int, float]] = []
    for place, (_, value) in enumerate([*points, ("", None)]):
        if value is not None:
            run.append((place, value))
            continue
        if len(run) > 1:
            yield run
        run = []


def _svg(identity: str, title: str, points: Points) -> ET.Element:
    svg = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "role": "img",
            "viewBox": f"0 0 {WIDTH} {HEIGHT}",
            "aria-labelledby": f"{identity}-title {identity}-desc",
        },
    )
    ET.SubElement(svg, "title", {"id": f"{identity}-title"}).text = title
    told = "; ".join(f"{label}: {'none shown' if value is None else _shown(value)}" for label, value in points)
    ET.SubElement(svg, "desc", {"id": f"{identity}-desc"}).text = told or "nothing"
    ET.SubElement(
        svg, "line", {"class": "axis", "x1": "0", "x2": str(WIDTH), "y1": _number(FLOOR), "y2": _number(FLOOR)}
    )
    return svg


def _step(points: Points) -> float:
    return (WIDTH - 2 * SIDE) / max(len(points), 1)


def _height(score: float) -> float:
    return FLOOR - (FLOOR - TOP) * score / SCORE_MAX


def _label(svg: ET.Element, x: float, label: str) -> None:
    _text(svg, "label", x, HEIGHT - 8, label)


def _text(svg: ET.Element, kind: str, x: float, y: float, text: str) -> None:
    ET.SubElement(svg, "text", {"class": kind, "x": _number(x), "y": _number(y)}).text = text


def _number(value: float) -> str:
    return f"{value:.1f}"


def _shown(value: float) -> str:
    """Means to one decimal, counts whole."""
    return f"{value:.1f}" if isinstance(value, float) else f"{value:,}"


def _written(svg: ET.Element) -> str:
    return ET.tostring(svg, encoding="unicode")

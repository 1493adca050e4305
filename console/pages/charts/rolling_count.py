"""The rolling count over the years: a line in steps, what was asked dashed, renewals as marks, what lies ahead dotted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from markupsafe import Markup

from console.pages.charts.drawing import (
    FLOOR,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Drawing,
    height_of,
    round_up,
    steps,
    written,
)


class Mark(NamedTuple):
    """Something that was on a day."""

    day: str
    """YYYY-MM-DD."""
    kind: str
    """`renewal`, `met` or `not-met`."""


LAST_S: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""The last day that there is: a second more, as a fraction of it is rounded, is none of the calendar."""


def rolling_count(identity: str, found: Any, marks: Sequence[Mark]) -> Markup:
    """`found` is the answer of `rolling`; marks beyond its ends are left out."""
    begin, end, at = (_seconds(found[name]) for name in ("from", "to", "at"))
    points = found["points"]
    needed = [one["min_responses"] or 0 for one in points]
    highest = round_up(max([*(one["counted"] for one in points), *needed, 1]) * 1.15)
    span = max(1.0, end - begin)

    def place(seconds: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (min(max(seconds, begin), end) - begin) / span

    drawing = Drawing(identity, "Responses that counted, over time", _told(found))
    drawing.scale(highest)
    now_x = place(at)
    corners = [(place(_seconds(one["at"])), height_of(one["counted"], highest)) for one in points]
    line = list(steps(corners, WIDTH - RIGHT))
    past = [corner for corner in line if corner[0] <= now_x]
    ahead = [corner for corner in line if corner[0] >= now_x]
    if past:
        past.append((now_x, past[-1][1]))
        ahead.insert(0, (now_x, past[-1][1]))
    drawing.element("polyline", "line", points=_corners(past))
    if at < end:
        drawing.element("polyline", "line ahead", points=_corners(ahead))
    asked = [(place(_seconds(one["at"])), height_of(value, highest)) for one, value in zip(points, needed, strict=True)]
    drawing.element("polyline", "limit", points=_corners(list(steps(asked, WIDTH - RIGHT))), fill="none")
    for mark in marks:
        seconds = _seconds(f"{mark.day}T00:00:00Z")
        if begin <= seconds <= end:
            _mark(drawing, place(seconds), mark.kind)
    if begin <= at <= end:
        drawing.element("line", "now", x1=now_x, x2=now_x, y1=TOP, y2=FLOOR)
    drawing.beneath(_years(begin, end, place))
    return drawing.done()


def _mark(drawing: Drawing, x: float, kind: str) -> None:
    """A renewal: a circle where it is not decided, a filled one where it was met, a cross where it was not."""
    y = TOP - 8
    if kind == "not-met":
        drawing.element("path", "mark not-met", d=f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8")
    else:
        drawing.element("circle", f"mark {kind}", cx=x, cy=y, r=4)
    drawing.element("line", "grid", x1=x, x2=x, y1=y + 5, y2=FLOOR)


def _corners(corners: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{written(x)},{written(y)}" for x, y in corners)


def _years(begin: float, end: float, place: Any) -> list[tuple[float, str]]:
    first = datetime.fromtimestamp(begin, UTC).year
    last = datetime.fromtimestamp(min(end, LAST_S), UTC).year
    found = []
    for year in range(first + 1, min(last, first + 200) + 1):
        found.append((place(datetime(year, 1, 1, tzinfo=UTC).timestamp()), str(year)))
    return found


def _seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()


def _told(found: Any) -> str:
    points = found["points"]
    highest = max(points, key=lambda one: one["counted"])
    return (
        f"From {found['from'][:10]} to {found['to'][:10]}; at most {highest['counted']}, from {highest['at'][:10]} on. The "
        f"instant asked about is {found['at'][:10]}; after the last receipt it is what becomes of it if nothing comes."
    )

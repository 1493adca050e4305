"""How pages write instants, figures and states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from markupsafe import Markup, escape

from console.reports.page import NOTHING, period_name


def instant(text: str | None) -> Markup:
    """An instant to the minute; the element holds all of it."""
    if not text:
        return Markup(NOTHING)
    shown = f"{text[:10]} {text[11:16]} UTC" if "T" in text else text
    return Markup('<time datetime="{}">{}</time>').format(text, shown)


def exact(text: str | None) -> Markup:
    """An instant to the microsecond, where the order of two matters."""
    if not text:
        return Markup(NOTHING)
    return Markup('<time datetime="{}">{} UTC</time>').format(text, text.replace("T", " ").removesuffix("Z"))


def day(text: str | None) -> Markup:
    """The day of an instant, or a date."""
    return Markup('<time datetime="{}">{}</time>').format(text, text[:10]) if text else Markup(NOTHING)


def count(value: int | None) -> str:
    """A whole number."""
    return NOTHING if value is None else f"{value:,}"


def points(centipoints: int) -> str:
    """Hundredths of points as points."""
    return f"{centipoints / 100:,.2f}"


def mean(value: float | None) -> str:
    """A mean to two decimals."""
    return NOTHING if value is None else f"{value:.2f}"


def trend(value: float | None) -> str:
    """A difference of means, with its sign."""
    return NOTHING if value is None else f"{value:+.2f}".replace("-", "−")


def share(value: float | None) -> str:
    """A share as percents; what is not all of it is no 100, what is something no 0."""
    if value is None:
        return NOTHING
    if 0 < value < 0.000_5:
        return "under 0.1%"
    return "over 99.9%" if 0.999_5 <= value < 1 else f"{value:.1%}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """1 response, 2 responses."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def name(text: str | None) -> Markup:
    """What somebody else named, in a direction of its own: a right-to-left name leaves its neighbours where they are."""
    return Markup("<bdi>{}</bdi>").format(NOTHING if text is None else text)


def sentence(text: str) -> Markup:
    """A sentence of an answer, whose first letter is a capital here."""
    return escape(text[:1].upper() + text[1:])


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "instant": instant,
    "exact": exact,
    "day": day,
    "period": period_name,
    "count": count,
    "points": points,
    "mean": mean,
    "trend": trend,
    "share": share,
    "plural": plural,
    "name": name,
    "sentence": sentence,
}
"""What templates call them."""

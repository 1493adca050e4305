"""How points and metrics of the capability score stand in words: 7400 hundredths are 74.00."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

from console.cli.output import Output

Value = TypeVar("Value")

NAMES: Final = {
    "net-adds": "net customer adds",
    "intermediate": "intermediate certifications",
    "advanced": "advanced certifications",
    "usage-growth": "usage growth",
    "deployments": "deployments",
}

SHORT: Final = {
    "net-adds": "net adds",
    "intermediate": "intermediate",
    "advanced": "advanced",
    "usage-growth": "growth",
    "deployments": "deployments",
}
WIDTH: Final = 6
"""In a column points stand to the right in so many characters: `100.00`."""


def points(centipoints: int) -> str:
    """Hundredths of points: 1284 is `12.84`."""
    sign, whole = ("-" if centipoints < 0 else ""), abs(centipoints)
    return f"{sign}{whole // 100:,}.{whole % 100:02d}"


def qualified(holds: bool) -> str:
    """Whether a designation is qualified, in words."""
    return "qualified" if holds else "not qualified"


def value(milli: str) -> str:
    """A value in thousandths as digits: `25000000` is `25,000`, `24999200` is `24,999.2`."""
    whole, rest = divmod(int(milli), 1_000)
    return f"{whole:,}" + f".{rest:03d}".rstrip("0").rstrip(".")


def people(number: int) -> str:
    """`1 person`, `3 people`."""
    return f"{number:,} {'person' if number == 1 else 'people'}"


NO_EDITION: Final = "no edition is in force"
"""Why nothing counts, whatever was closed and whoever is certified."""


def print_metrics(output: Output, metrics: Mapping[str, Any], edition: str | None, indent: str = "  ") -> None:
    """A line for each metric: its points, and what they are made of under an edition."""
    output.table(
        (f"{indent}metric", "points", "made of"),
        [
            (
                indent + NAMES[name],
                points(metric["centipoints"]).rjust(WIDTH),
                NO_EDITION if edition is None else _made_of(name, metric),
            )
            for name, metric in in_order(metrics)
        ],
        wrap=("made of",),
    )


def in_order(metrics: Mapping[Any, Value]) -> Iterator[tuple[str, Value]]:
    """The metrics in the order of the rules, whatever order they are stored in."""
    return ((name, metrics[name]) for name in NAMES if name in metrics)


def named(metrics: Iterable[str]) -> str:
    """Some metrics in a sentence."""
    return ", ".join(NAMES[name] for name in metrics)


def _made_of(name: str, metric: Mapping[str, Any]) -> str:
    if "people" in metric:
        return people(metric["people"])
    if name == "usage-growth":
        return _growth(metric)
    if metric["now"] is None:
        return "no month was closed"
    return f"{metric['now']:,}, a year before {metric['year_before']:,}"


def _growth(metric: Mapping[str, Any]) -> str:
    if metric["mcv_milli"] is None:
        return "no month was closed"
    percent = "" if metric["percent"] is None else f" ({int(metric['percent']):,} %)"
    base = "" if metric["base_met"] else ", which does not reach the base"
    return f"{value(metric['mcv_milli'])}, a year before {value(metric['mcv_milli_year_before'])}{base}{percent}"

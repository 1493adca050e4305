"""Why a score changed, for people: the metrics whose points differ, each with what is not the same on the two sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from console.cli.output import Output, short
from console.cli.points import NAMES, points, qualified, value

if TYPE_CHECKING:
    from projections.questions.explain import Cause, ExplainAnswer, MetricExplained, SideAnswer

CAUSES_MAX: Final = 20
"""So many causes of a metric are shown; --json has all."""
REPORTS: Final = {
    "time": "another month's report",
    "rules": "report counted otherwise",
    "restated": "report restated",
    "added": "report added",
}
"""What is said of a report by why it counts otherwise."""


def print_explanation(output: Output, answer: ExplainAnswer) -> None:
    """Both sides, then each metric with its causes."""
    output.flowing(f"from {_side(answer.from_)}")
    output.flowing(f"to   {_side(answer.to)}")
    if not answer.metrics:
        output.text("no metric has other points")
    for metric in answer.metrics:
        output.text()
        output.flowing(f"{NAMES[metric.metric]}: {points(metric.from_)} -> {points(metric.to)}")
        _print_causes(output, metric)


def _print_causes(output: Output, metric: MetricExplained) -> None:
    rows = [(_kind(cause), _about(cause), _figure(cause, cause.figure_from), _figure(cause, cause.figure_to), cause.position)
            for cause in metric.causes[:CAUSES_MAX]]  # fmt: skip
    output.table(("cause", "of", "from", "to", "position"), rows, wrap=("of",), spare=("position",))
    if len(metric.causes) > CAUSES_MAX:
        output.flowing(f"and {len(metric.causes) - CAUSES_MAX:,} more, which --json has")


def _side(side: SideAnswer) -> str:
    return (
        f"{short(side.at)} as known at position {side.known_at:,}: {points(side.centipoints)} points, "
        f"{qualified(side.qualified)}"
    )


def _kind(cause: Cause) -> str:
    return REPORTS.get(cause.because, cause.kind) if isinstance(cause.because, str) else cause.kind


def _about(cause: Cause) -> str | None:
    named = (cause.customer, cause.workload, cause.month, cause.association, cause.certificate)
    return ", ".join(name for name in named if isinstance(name, str)) or None


def _figure(cause: Cause, figure: int | str | None) -> str | None:
    """Values of usage are thousandths in digits, revenue is cents; a certificate counts or does not."""
    if figure is None:
        return None
    if cause.kind == "report":
        return value(figure) if isinstance(figure, str) else f"${points(figure)}"
    if cause.kind in ("certificate", "expiry"):
        return "counts" if figure else "-"
    return str(figure)

"""The report as a page: one HTML file that needs nothing else, prints on A4 or Letter, and reads without its charts.

No script and no address of anything: it opens from a folder, and asks no host for anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from console.reports.charts import bars, line
from projections.questions.report import MonthlyReport
from projections.questions.results import PeriodResults
from projections.results.cells import LIFE, QUESTIONS, CoreQuestion

ASKED: Final[Mapping[CoreQuestion, str]] = {
    "overall": "Overall satisfaction",
    "continue": "Would continue to work with you",
    "re_engage": "Would engage you again",
    "recommend": "Would recommend you",
}
"""What each of the core questions is called on a page."""
PLACES: Final = {
    "upper-quarter": "in the upper quarter",
    "upper-middle": "in the second quarter from the top",
    "lower-middle": "in the third quarter from the top",
    "lower-quarter": "in the lower quarter",
}
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
NOTHING: Final = "–"
"""In the place of a figure that is withheld, and of one of which there is nothing."""


def report_page(found: MonthlyReport) -> str:
    """The report as HTML."""
    return _template().render(
        report=found,
        charts=_charts(found),
        overall=next(one for one in found.of_month.questions if one.question == "overall"),
        rows=list(zip(QUESTIONS, found.of_month.questions, found.life.questions, strict=True)),
        peers=found.peers[0] if found.peers else None,
    )


def period_name(period: str) -> str:
    """A period in words: 2010-03 is March 2010, 2010-Q1 the first quarter of 2010 as Q1 2010."""
    if period == LIFE:
        return "all time"
    if "Q" in period:
        return f"{period[5:]} {period[:4]}"
    return f"{MONTHS[int(period[5:]) - 1]} {period[:4]}"


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("console.reports", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["period"] = period_name
    environment.filters["count"] = lambda value: NOTHING if value is None else f"{value:,}"
    environment.filters["mean"] = lambda value: NOTHING if value is None else f"{value:.2f}"
    environment.filters["trend"] = lambda value: NOTHING if value is None else f"{value:+.2f}".replace("-", "−")
    environment.filters["rate"] = lambda value: NOTHING if value is None else f"{value:.1%}"
    environment.filters["plural"] = lambda number, one: f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"
    environment.globals.update(asked=ASKED, places=PLACES, life=LIFE)
    return environment.get_template("report.html.j2")


def _charts(found: MonthlyReport) -> dict[str, Markup]:
    """The charts by name: `responses`, and of each question its means over the months and its answers of the month."""
    charts = {
        "responses": bars(
            "responses", "Responses by month", [(_short(one.period), one.responses) for one in found.months]
        )
    }
    for place, question in enumerate(QUESTIONS):
        charts[question] = line(question, f"{ASKED[question]}: mean by month, 0 to 10", _means(found.months, place))
        distribution = found.of_month.questions[place].distribution
        if distribution is not None:
            charts[f"answers-{question}"] = bars(
                f"answers-{question}",
                f"{ASKED[question]}: how many answered 0, 1, … 10 in {period_name(found.month)}",
                [(str(score), count) for score, count in enumerate(distribution)],
            )
    return {name: Markup(svg) for name, svg in charts.items()}  # made by ElementTree, which escapes


def _means(periods: Sequence[PeriodResults], place: int) -> list[tuple[str, Any]]:
    return [(_short(one.period), one.questions[place].mean) for one in periods]


def _short(month: str) -> str:
    return f"{MONTHS[int(month[5:]) - 1][:3]} {month[2:4]}"

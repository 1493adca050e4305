"""A partner's own page: its count and score, what comes when, its customers' answers over time and its place among peers.

It shows what the partner's own routes answer, in which nothing leads to a respondent who is anonymous. A figure that is
withheld looks like one of which there is nothing, here too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup
from pydantic import TypeAdapter

from console.http.problems import Problem
from console.pages.board import link_times
from console.pages.designation import asked_for, line_of, of_the_years, sides_of
from console.pages.designations import METRICS, UNITS
from console.pages.rendering import Download, Shown
from console.pages.visiting import Visit
from console.reports.charts import bars, line
from console.reports.figures import report_csv
from console.reports.page import ASKED, PLACES, period_name
from projections.questions.report import MonthlyReport
from projections.questions.what_would_it_take import MORE

PUBLISHED: Final = ("results", "peers", "benchmark")
"""What there is where results are published; a ledger may have no vault, or one that is away."""
SURVEY: Final = ("status", "membership-renewals", "decisions")
"""What there is of who takes part in the survey."""
WITHIN_DAYS: Final = 36_500
RENEWALS: Final = 50
"""So many renewals that are not decided are looked at."""
PERIODS: Final = 16
"""So many of the last periods are drawn."""
CSV: Final = "text/csv; charset=utf-8"


async def own(visit: Visit) -> Shown:
    """A partner's own page; where a partner has several memberships, a choice of them first."""
    whose = _whose(visit)
    if whose is None:
        return Shown(
            "own-choice.html.j2", {"title": "Your memberships", "memberships": sorted(visit.caller.memberships)}
        )
    of, at = {"membership": whose}, {"at": visit.query.get("at")}
    by = visit.query.get("by", "quarter")
    lines, status, renewals, decisions, found, peers, months = await visit.gather(
        ("designations", at),
        ("status", {**of, **at}),
        ("membership-renewals", {**of, **at, "within": WITHIN_DAYS, "limit": RENEWALS}),
        ("decisions", of),
        ("results", {**of, "by": by}),
        ("peers", {**of, "by": by}),
        ("results", {**of, "by": "month"}),
        if_there=SURVEY,
        if_answered=PUBLISHED,
    )
    designations = [one for one in lines if one["membership"] == whose]
    if status is None and not designations:
        await visit.get("status", **of)  # the problem that it is: somebody else's, or nobody's
    return Shown("own.html.j2", {
        "title": "Your membership",
        "away": bool(visit.away), "whose": whose, "status": status, "at": visit.query.get("at"), "found": found,
        "peers": peers[-1] if peers else None,
        "upcoming": next((one for one in renewals or () if not one["overdue"]), None),
        "overdue": [one for one in renewals or () if one["overdue"]],
        "decisions": [one for one in decisions or () if "renewal_date" in one], "by": by, "asked": ASKED, "places": PLACES,
        "designations": designations, "metrics": METRICS, "units": UNITS,
        "charts": charts(found["periods"][-PERIODS:] if found else ()),
        "months": [one["period"] for one in months["periods"]][::-1] if months else [],
        "several": len(visit.caller.memberships) > 1,
    })  # fmt: skip


async def own_designation(visit: Visit) -> Shown:
    """A designation of a partner's own: what its score is made of, what would be enough, what will expire, what changed."""
    query, whose, area = visit.query, _whose(visit) or _no_membership(), visit.values["area"]
    named, at = {"membership": whose, "area": area}, {"at": query.get("at")}
    answers = await asked_for(visit, {
        "score": {**named, **at},
        "score-months": {**named, **at},
        "what-would-it-take": {**named, **at, **{name: query.get(name) for name in MORE.values()}},
        "expiring": {**named, **at},
        "designation-decisions": named,
        "designations": {**named, **at},
        "explain": {**named, **sides_of(query)},
    })  # fmt: skip
    return Shown("own-designation.html.j2", {
        "title": area, "whose": whose, "area": area, **of_the_years(visit, answers), "times": link_times(at),
        "path": f"/console/own/{whose}/designations/{area}", "supposed": answers["what-would-it-take"],
        "expiring": answers["expiring"], "decisions": answers["designation-decisions"], "more": MORE, "units": UNITS,
        "line": line_of(answers["designations"], whose),
    })  # fmt: skip


async def own_report(visit: Visit) -> Shown:
    """The report of a month that is closed, as a page that prints well."""
    whose = _whose(visit) or _no_membership()
    report = await visit.get("report", membership=whose, month=await _month(visit, whose))
    return Shown("own-report.html.j2", {
        "title": f"Report of {period_name(report['month'])}", "whose": whose, "report": report, "asked": ASKED,
        "places": PLACES, "charts": charts(report["months"][-PERIODS:]),
        "rows": list(zip(report["of_month"]["questions"], report["life"]["questions"], strict=True)),
    })  # fmt: skip


async def own_report_csv(visit: Visit) -> Download:
    """The same for spreadsheets."""
    whose = _whose(visit) or _no_membership()
    reply = await visit.reply("report", membership=whose, month=await _month(visit, whose))
    found = TypeAdapter(MonthlyReport).validate_json(reply.body)
    return Download(report_csv(found).encode(), CSV, f"{whose.replace(':', '-')}-{found.month}.csv")


async def _month(visit: Visit, whose: str) -> str:
    """The month that is asked for, else the last one that is closed. Raises Problem (404) where none is."""
    if "month" in visit.query:
        return visit.query["month"]
    found = await visit.get("results", membership=whose, by="month")
    if found["closed_through"] is None:
        raise Problem(404, "not-found", "found no month that is closed yet, expected one", "month")
    return str(found["closed_through"])


def charts(periods: Sequence[Mapping[str, Any]]) -> dict[str, Markup]:
    """Responses, and the mean of each core question, over some periods."""
    names = [_short(one["period"]) for one in periods]
    made = {
        "responses": bars(
            "responses", "Responses", list(zip(names, (one["responses"] for one in periods), strict=True))
        )
    }
    for place, question in enumerate(ASKED):
        means = [one["questions"][place]["mean"] for one in periods]
        made[question] = line(question, f"{ASKED[question]}: mean, 0 to 10", list(zip(names, means, strict=True)))
    return {name: Markup(svg) for name, svg in made.items()}  # made by ElementTree, which escapes


def _whose(visit: Visit) -> str | None:
    """The membership that is meant: the one in the path, else the only one of the caller."""
    named = visit.values.get("membership")
    if named is not None:
        return named
    return next(iter(visit.caller.memberships)) if len(visit.caller.memberships) == 1 else None


def _no_membership() -> str:
    raise Problem(404, "unknown-membership", "found no membership, expected one of yours", "membership")


def _short(period: str) -> str:
    return f"{period[5:]} {period[2:4]}" if "Q" in period else period[2:]

"""What if: other figures in the place of an edition's, who would have gained or lost status, and which decisions would differ.

The form has a field for each figure of the edition that was in force last, and says what it is; what is left free stays. The
programme's owner is told how many, and asks by months.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from console.http.problems import Problem
from console.pages.rendering import Shown
from console.pages.visiting import Visit

ROWS: Final = 50
SPANS: Final = 3
"""So many spans of a membership are shown at once."""
FIGURES: Final = {
    "min_responses": "Responses needed (R1)",
    "per_org_cap": "Responses of one organisation that count (R2)",
    "min_organisations": "Organisations needed (R3)",
    "window_months": "Months for which a response counts (R5)",
    "min_evaluations": "Evaluations that do instead (R9)",
    "pool_locations": "All locations counted together (R11)",
}
PARTS: Final = {
    "min_centipoints": "Points needed, in hundredths: 7,000 are 70 points (C2)",
    "window_months": "Months of the window (C3)",
    "net_adds": "Net customer adds (C9)",
    "intermediate": "Intermediate certificates (C10)",
    "advanced": "Advanced certificates (C10)",
    "usage_growth": "Usage growth (C7)",
    "deployments": "Deployments (C8)",
    "track": "Track (C12)",
    "rates": "Rates, in thousandths (C6)",
}
LEAVES: Final = {
    "max": "at most, in hundredths of points",
    "each": "each, in hundredths of points",
    "each_percent": "each percent, in hundredths of points",
    "people": "people for the most",
    "threshold_cents": "revenue, in cents",
    "threshold_mcv": "consumption value",
    "base_mcv": "consumption value of a year before",
    "workloads": "workloads",
    "enterprise": "enterprise",
    "smb": "SMB",
    "rate_milli": "rate",
}
"""What the members of a scorebook's figures are called."""
KEPT: Final = (400, 404, 422, 503)
"""Where the answer is one of these the form stays, with what was filled in."""
NOT_THE_OWNERS: Final = ("known_at", "after", "membership")
"""What the programme's owner asks nothing by."""
DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
MONTH: Final = re.compile(r"\d{4}-\d\d")


async def what_if(visit: Visit) -> Shown:
    """The form, and what came of the figures in it; where they are refused the form as it was sent, and why."""
    query = visit.query
    area = query.get("area")
    counts_alone = "owner" in visit.caller.roles and "auditor" not in visit.caller.roles
    whole: dict[str, Any] = {} if area is None else {"type": "publish-scorebook", "area": area}
    problem: Problem | None = None
    try:
        tried = _tried(query)
        found = await visit.get("what-if", edition=orjson.dumps(whole | tried).decode(), **_asked(query, counts_alone))
    except Problem as error:
        if error.status not in KEPT:
            raise
        problem, tried = error, {}
        found = await _as_it_is(visit, whole, counts_alone, error)
    last = found["editions"][-1]["figures"] if found and found["editions"] else {}
    groups = _fields(last, query, FIGURES if area is None else PARTS, problem)
    kept = {name: text for name, text in query.items() if name != "after"}
    if found and found.get("after"):  # the next page is of the same span, however long this one is looked at
        kept["to"] = found["to"]
    return Shown("what-if.html.j2", {
        "title": "What if", "found": found, "area": area, "groups": groups, "tried": bool(tried), "kept": kept,
        "query": query, "counts_alone": counts_alone, "few": "fewer than five", "shown": SPANS, "problem": problem,
        "marked": any(one["refused"] for group in groups for one in group["fields"]),
        "days": [_day(name, title, query, counts_alone) for name, title in (("from", "From"), ("to", "Until before"))],
    }, *((problem.status, problem.headers) if problem else ()))  # fmt: skip


def _asked(query: Mapping[str, str], counts_alone: bool) -> dict[str, Any]:
    """What is asked beside the figures. Raises Problem (400) for what the owner may not ask."""
    asked: dict[str, Any] = {name: _month_begin(query.get(name)) for name in ("from", "to")}
    if not counts_alone:
        return asked | {name: query.get(name) for name in NOT_THE_OWNERS} | {"limit": ROWS}
    for name in NOT_THE_OWNERS:
        if name in query:
            raise Problem(400, "bad-input", "found what this role may not ask, expected figures and months alone", name)
    return asked | {"counts": "true"}


async def _as_it_is(visit: Visit, whole: Mapping[str, Any], counts_alone: bool, problem: Problem) -> Any:
    """What is found without any figures, for the fields of the form; None where not even that can be had, or not at once."""
    if problem.status == 503:
        return None
    page: dict[str, Any] = {"counts": "true"} if counts_alone else {"limit": ROWS}
    try:
        return await visit.get("what-if", edition=orjson.dumps(whole).decode(), **page)
    except Problem:
        return None


def _tried(query: Mapping[str, str]) -> dict[str, Any]:
    """The figures that somebody has filled in: `figure.usage_growth.max=…` is a member of a member."""
    tried: dict[str, Any] = {}
    for name, text in query.items():
        first, *way = name.split(".")
        if first != "figure" or not way:
            continue
        inside: Any = tried
        for step in way[:-1]:
            inside = inside.setdefault(step, {}) if isinstance(inside, dict) else None
        if not isinstance(inside, dict) or way[-1] in inside:
            raise Problem(
                400, "bad-input", "found a figure that another field is a member of, expected one of them", name
            )
        inside[way[-1]] = _value(text)
    return tried


def _value(text: str) -> Any:
    """A whole number, yes or no; anything else is for the ledger to refuse."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if _is_number(text) else text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 15


def _fields(
    figures: Mapping[str, Any], query: Mapping[str, str], titles: Mapping[str, str], problem: Problem | None
) -> list[dict[str, Any]]:
    """The fields of the form: a group for each figure that has members, and one for those that have none.

    What was filled in and is no figure of the edition stands in a group of its own, so that it can be taken out.
    """
    plain: dict[str, Any] = {"title": None, "fields": []}
    groups, rest = [plain], {name: text for name, text in query.items() if name.startswith("figure.")}
    for name, title in titles.items():
        if name not in figures:
            continue
        fields = []
        for way, now in _leaves(figures[name]):
            field = ".".join(["figure", name, *way])
            label = ", ".join(LEAVES.get(step, step) for step in way) or title
            fields.append(_field(field, label, now, rest.pop(field, ""), problem))
        if isinstance(figures[name], Mapping):
            groups.append({"title": title, "fields": fields})
        else:
            plain["fields"] += fields
    if rest:
        fields = [_field(name, name.removeprefix("figure."), None, text, problem) for name, text in rest.items()]
        groups.append({"title": "Filled in beside these", "fields": fields})
    return groups


def _field(name: str, label: str, now: Any, text: str, problem: Problem | None) -> dict[str, Any]:
    """A field: what it is called, what is in force, what was filled in, how it is typed, and whether that was refused."""
    kind = "number" if now is not None and (not text or _is_number(text)) else "text"
    if isinstance(now, bool) and text in ("", "true", "false"):
        kind = "choice"
    refused = problem is not None and bool(text) and _is_about(problem, name)
    return {"name": name, "label": label, "now": now, "value": text, "kind": kind, "refused": refused}


def _is_about(problem: Problem, name: str) -> bool:
    """Whether a problem names a figure: the ledger's sentence does, by the way to it, a colon behind it, or between quotes."""
    way = re.escape(name.removeprefix("figure."))
    return problem.field == name or re.search(rf"(?:^|[ '])(?:{way})(?:'|: )", problem.detail) is not None


def _day(name: str, title: str, query: Mapping[str, str], months: bool) -> dict[str, str]:
    """A field for a day, or for a month; one that holds neither is a text, in which nothing of what was asked is lost."""
    text = query.get(name, "")
    value = text if months else (_month_begin(text) or "")
    kind, form = ("month", MONTH) if months else ("date", DAY)
    return {
        "name": name,
        "title": title,
        "value": value,
        "kind": kind if not value or form.fullmatch(value) else "text",
    }


def _leaves(figures: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The numbers in a figure, and the way to each."""
    if isinstance(figures, Mapping):
        for name, inner in figures.items():
            yield from _leaves(inner, (*way, name))
    elif isinstance(figures, bool | int):
        yield way, figures


def _month_begin(text: str | None) -> str | None:
    """A month of a form as its first day; anything else as it is."""
    return f"{text}-01" if text is not None and len(text) == len("2010-06") else text

"""What if: other figures in the place of an edition's, who would have gained or lost status, and which decisions would differ.

The form has a field for each figure of the edition that was in force last, and says what it is; what is left free stays. The
programme's owner is told how many, and asks by months.
"""

from __future__ import annotations

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


async def what_if(visit: Visit) -> Shown:
    """The form, and what came of the figures in it."""
    query = visit.query
    area = query.get("area")
    counts_alone = "owner" in visit.caller.roles and "auditor" not in visit.caller.roles
    whole: dict[str, Any] = {} if area is None else {"type": "publish-scorebook", "area": area}
    tried = _tried(query)
    asked: dict[str, Any] = {name: _month_begin(query.get(name)) for name in ("from", "to")}
    if counts_alone:
        asked |= {"counts": "true"}
    else:
        asked |= {name: query.get(name) for name in ("known_at", "after", "membership")} | {"limit": ROWS}
    found = await visit.get("what-if", edition=orjson.dumps(whole | tried).decode(), **asked)
    last = found["editions"][-1]["figures"] if found["editions"] else {}
    groups = _fields(last, query, FIGURES if area is None else PARTS)
    kept = {name: text for name, text in query.items() if name != "after"}
    if found.get("after"):  # the next page is of the same span, however long this one is looked at
        kept["to"] = found["to"]
    return Shown("what-if.html.j2", {
        "title": "What if", "found": found, "area": area, "groups": groups, "tried": bool(tried), "kept": kept,
        "query": query, "counts_alone": counts_alone, "few": "fewer than five", "shown": SPANS,
    })  # fmt: skip


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
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else text


def _fields(figures: Mapping[str, Any], query: Mapping[str, str], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """The fields of the form: a group for each figure that has members, and one for those that have none."""
    plain: dict[str, Any] = {"title": None, "fields": []}
    groups = [plain]
    for name, title in titles.items():
        if name not in figures:
            continue
        fields = []
        for way, value in _leaves(figures[name]):
            field = ".".join(["figure", name, *way])
            label = ", ".join(LEAVES.get(step, step) for step in way) or title
            fields.append({"name": field, "label": label, "now": value, "value": query.get(field, "")})
        if isinstance(figures[name], Mapping):
            groups.append({"title": title, "fields": fields})
        else:
            plain["fields"] += fields
    return groups


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

"""The page of a decision: what was decided, from what, how it is proved, and the way to it event by event.

/console/memberships/m-1/renewals/2011-03-01                          the newest decision on a renewal
/console/memberships/m-1/renewals/2011-03-01?revision=1&step=12       an earlier one, at the twelfth event before it
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from console.cli.points import NAMES, points
from console.http.problems import Problem
from console.pages.event_words import after_words, event_words, metric_lines
from console.pages.rendering import Download, Shown
from console.pages.visiting import Visit

OF_RENEWAL: Final = ("decisions", "replay", "proof")
OF_DESIGNATION: Final = ("designation-decisions", "designation-replay", "designation-proof")
"""Routes that the page of a decision needs."""
STEPS_SHOWN: Final = 25
"""So many steps are in the table at once."""


@dataclass(frozen=True, slots=True)
class Which:
    """On what the decisions of a page are."""

    programme: str
    membership: str
    area: str | None
    on: str

    @property
    def path(self) -> str:
        """Of the page."""
        return self.page_of(self.on)

    def page_of(self, on: str) -> str:
        """The page of decisions on another date."""
        beneath = f"/console/memberships/{quote(self.membership, safe='')}"
        if self.area is None:
            return f"{beneath}/renewals/{quote(on, safe='')}"
        return f"{beneath}/designations/{quote(self.area, safe='')}/anniversaries/{quote(on, safe='')}"

    def asked(self, route: str) -> tuple[str, dict[str, object]]:
        """A route of the programme's own, and what names the membership or the designation there."""
        if self.area is None:
            return route, {"membership": self.membership}
        return f"designation-{route}", {"membership": self.membership, "area": self.area}

    def dated(self, route: str, revision: int) -> tuple[str, dict[str, object]]:
        """The same with what was decided on."""
        name, values = self.asked(route)
        return name, values | {"renewal" if self.area is None else "anniversary": self.on, "revision": revision}

    def is_on(self, decision: Mapping[str, Any]) -> bool:
        """Whether a decision is on this."""
        return self.on == (decision.get("renewal_date") if self.area is None else decision["anniversary"])


def which_of(visit: Visit) -> Which:
    """What a page is about, by its path."""
    values = visit.values
    if "area" in values:
        return Which("capability", values["membership"], values["area"], values["anniversary"])
    return Which("survey", values["membership"], None, values["renewal"])


def with_pages(visit: Visit, decisions: Iterable[dict[str, Any]]) -> list[tuple[dict[str, Any], str | None]]:
    """Each decision beside its own page, None for who may not see that: no link leads him to a refusal."""
    return [(one, _page_for(visit, one)) for one in decisions]


def _page_for(visit: Visit, decision: Mapping[str, Any]) -> str | None:
    area = decision.get("area")
    if not visit.may(*(OF_RENEWAL if area is None else OF_DESIGNATION)):
        return None
    on = decision["renewal_date"] if area is None else decision["anniversary"]
    path = Which("", decision["membership"], area, on).path
    return f"{path}?revision={quote(str(decision['revision']))}"


async def decision_page(visit: Visit) -> Shown:
    """A decision. Raises Problem (404) where there is none on that date."""
    which = which_of(visit)
    route, values = which.asked("decisions")
    known_at = visit.query.get("known_at")
    taken = [one for one in await visit.get(route, **values, known_at=known_at) if which.is_on(one)]
    decision = _chosen(taken, visit.query.get("revision"))
    replayed, proof = await asyncio.gather(
        _asked(visit, *_replay_of(which, decision)), _asked(visit, *which.dated("proof", decision["revision"]))
    )
    steps = [] if isinstance(replayed, Problem) else [one for one in replayed if "seq" in one]
    looked_at = await _steps(visit, which, decision, steps)
    context = {
        "title": f"Decision on {which.on}",
        "which": which,
        "decision": decision,
        "taken": taken,
        "data": steps[-1]["data"] if steps else None,
        "check": _check(replayed, decision),
        "replay_problem": replayed if isinstance(replayed, Problem) else None,
        "proof": None if isinstance(proof, Problem) else proof,
        "proof_problem": proof if isinstance(proof, Problem) else None,
        "link": _Links(which, visit.query),
        "points": points,
        "metric_names": NAMES,
        "event_words": event_words,
        "after_words": after_words,
        "metric_lines": metric_lines,
        **looked_at,
    }
    return Shown("decision.html.j2", context)


async def evidence_file(visit: Visit) -> Download:
    """The evidence of a decision, as the service answers it. Raises Problem where there is none."""
    which = which_of(visit)
    text = visit.query.get("revision", "")
    route, values = which.asked("evidence")
    values |= {"renewal" if which.area is None else "anniversary": which.on, "revision": text or None}
    reply = await visit.reply(route, **values)
    return Download(reply.body, "application/json", file_name(which, text))


def file_name(which: Which, revision: str) -> str:
    """The name of a file of evidence: nothing but letters, digits, dots, dashes and underlines."""
    parts = ["evidence", which.membership, which.area, which.on, f"revision-{revision}" if revision else None]
    name = re.sub(r"[^A-Za-z0-9._-]", "_", "-".join(filter(None, parts)))
    return f"{name}.json"


class _Links:
    """Addresses of the page with another revision or step; what was known when stays."""

    def __init__(self, which: Which, query: Mapping[str, str]) -> None:
        self._which = which
        self._kept = {name: query[name] for name in ("known_at", "revision") if name in query}

    def __call__(self, **values: object) -> str:
        said = {name: str(value) for name, value in (self._kept | values).items() if value is not None}
        return f"{self._which.path}?{urlencode(said)}".rstrip("?")

    def evidence(self, revision: int) -> str:
        """The address of the evidence."""
        return f"{self._which.path}/evidence?revision={revision}"


def _chosen(taken: list[dict[str, Any]], revision: str | None) -> dict[str, Any]:
    """The decision that is shown: the newest where nothing else is asked for. Raises Problem."""
    if not taken:
        raise Problem(404, "not-decided", "found no decision on that date, expected one that was taken")
    if revision is None:
        return taken[-1]
    found = next((one for one in taken if str(one["revision"]) == revision), None)
    if found is None:
        raise Problem(404, "not-decided", f"found {len(taken)} decisions on it, expected the number of one", "revision")
    return found


def _replay_of(which: Which, decision: Mapping[str, Any]) -> tuple[str, dict[str, object]]:
    route, values = which.asked("replay")
    return route, values | {"known_at": decision["position"], "last": STEPS_SHOWN}


async def _asked(visit: Visit, route: str, values: Mapping[str, object]) -> Any:
    """An answer, or the problem that it is: the rest of the page stands without it."""
    try:
        return await visit.get(route, **values)
    except Problem as problem:
        return problem


def _check(replayed: Any, decision: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The decision taken once more, out of a replay."""
    if isinstance(replayed, Problem):
        return None
    return next((one for one in replayed if "checked" in one and one["position"] == decision["position"]), None)


async def _steps(
    visit: Visit, which: Which, decision: Mapping[str, Any], last: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The step that is looked at, the last where none is asked for, and those around it. Raises Problem (400).

    `last` are the last steps, up to the decision; others are asked for.
    """
    if not last:
        return {"step": None, "around": [], "steps": 0}
    number = total = last[-1]["seq"]
    text = visit.query.get("step")
    if text is not None:
        if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= total):
            raise Problem(400, "bad-input", f"found another step, expected one from 1 to {total:,}", "step")
        number = int(text)
    first = (number - 1) // STEPS_SHOWN * STEPS_SHOWN
    if first + 1 < last[0]["seq"]:
        route, values = _replay_of(which, decision)
        last = [one for one in await visit.get(route, **values, before=first + STEPS_SHOWN + 1) if "seq" in one]
    around = [(one["seq"], one) for one in last if first < one["seq"] <= first + STEPS_SHOWN]
    return {"step": number, "at": around[number - first - 1][1], "around": around, "steps": total}

"""What a decision says, when it is due, and when it would say something new (C3, C4).

Readings of the text:
- What is looked at reaches to min(now, occurred_at), the last microsecond of the window at most; the same instant
  is the one that has to have reached the month after, and the window's first instant.
- An instant without an edition has 0 points and can be the best one, where all have 0: the earliest is.
- `no-edition` where none was in force at any of the instants looked at.
- The window's length is that of the edition in force at its last microsecond as it is known when it is decided.
- A decision is that of the last one where all of it but revision and position is the same: window, points, metrics too.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.oracle.capability_from_text.calendar import last_microsecond, window
from tests.oracle.capability_from_text.form import Fact
from tests.oracle.capability_from_text.score import instants, state
from tests.oracle.survey.time import stamp

if TYPE_CHECKING:
    from tests.oracle.capability_from_text.book import Book

WINDOW_WITHOUT_EDITION = 6


def window_of(oracle: Book, area: str, anniversary: str, known: int | None = None) -> tuple[datetime, datetime]:
    edition = oracle.edition(area, last_microsecond(anniversary[:7]), known)
    months = WINDOW_WITHOUT_EDITION if edition is None else edition["window_months"]
    return window(anniversary, months)


def looked_at(
    oracle: Book, membership: str, area: str, anniversary: str, until: datetime, known: int | None = None
) -> list[tuple[datetime, dict[str, Any]]]:
    """The window's first instant and every one in it at which the score can change, up to `until`, with the score."""
    first, last = window_of(oracle, area, anniversary, known)
    moments = [moment for moment in instants(oracle, membership, area, known) if first < moment <= min(last, until)]
    if first <= until:
        moments.insert(0, first)
    return [(moment, state(oracle, membership, area, moment, known)) for moment in moments]


def decided(oracle: Book, fact: Fact, until: datetime, known: int | None = None) -> dict[str, Any]:
    """The content of a decision: all of it but revision and position."""
    membership, area, anniversary = fact["membership"], fact["area"], fact["anniversary"]
    first, last = window_of(oracle, area, anniversary, known)
    content: dict[str, Any] = {
        "membership": membership,
        "area": area,
        "anniversary": anniversary,
        "window_from": stamp(first),
        "window_to": stamp(last),
        "outcome": "no-edition",
        "first_qualified_at": None,
        "at_first": None,
        "best": None,
        "edition": None,
        "track": "smb",
        "month": None,
    }
    seen = looked_at(oracle, membership, area, anniversary, until, known)
    if not any(score["edition"] for _, score in seen):
        return content
    best_at, best = seen[0]
    for moment, score in seen:
        if score["centipoints"] > best["centipoints"]:
            best_at, best = moment, score
    content["best"] = {"at": stamp(best_at), "centipoints": best["centipoints"], "metrics": best["metrics"]}
    content["outcome"], shown = "not-qualified", best
    for moment, score in seen:
        if score["qualified"]:
            shown = score
            content["outcome"], content["first_qualified_at"] = "qualified", stamp(moment)
            content["at_first"] = {"centipoints": score["centipoints"], "metrics": score["metrics"]}
            break
    for field in ("edition", "track", "month"):
        content[field] = shown[field]
    return content


def has_changed(oracle: Book, fact: Fact, until: datetime) -> bool:
    """Whether anything is different from the decision recorded last. True where there is none."""
    made = oracle.decisions(fact["membership"], fact["area"], fact["anniversary"])
    return not made or made[-1].content != decided(oracle, fact, until)


def is_due(oracle: Book, fact: Fact, until: datetime) -> bool:
    first, last = window_of(oracle, fact["area"], fact["anniversary"])
    if until < first:
        return False
    if until > last:
        return True
    if decided(oracle, fact, until)["first_qualified_at"] is not None:
        return True
    made = oracle.decisions(fact["membership"], fact["area"], fact["anniversary"])
    return bool(made) and has_changed(oracle, fact, until)

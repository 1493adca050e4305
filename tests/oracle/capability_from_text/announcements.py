"""What must have been announced, found by looking at the true history of a designation after every step (DESIGN 6).

When a fact or a review has been taken in and the horizon has moved, what stands announced must be the flips of the
true history up to the horizon. From the first difference on all is issued anew; where that is a flip which vanished,
what holds at its instant is issued first.

Readings of the text:
- A flip is as announced where its instant and `qualified` are: "not when figures change without a flip". Edition,
  track and month of what stands may be overtaken.
- The cause goes by each entry's own `revises`: one with it has the fact's kind, one without what takes effect there.
- Where several things take effect at one instant the first of scorebook, close, certificate, expiry is named.
- An edition moves no horizon. `previous` is what stands announced just before.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.oracle.capability_from_text.book import Accepted, Book, Review
from tests.oracle.capability_from_text.score import METRICS, cause_at, flips, state
from tests.oracle.survey.time import instant, stamp

KIND = {
    "report-usage": "report",
    "report-revenue": "report",
    "close-month": "close",
    "correct-close": "close",
    "record-certificate": "certificate",
    "end-certificate": "certificate",
    "publish-scorebook": "scorebook",
}
Issue = dict[str, Any]


def announcements(oracle: Book, membership: str, area: str) -> list[Issue]:
    """Every announcement of the designation in the order of its issue, each with the number of what made it."""
    issued: list[Issue] = []
    horizon: datetime | None = None
    for number, step in _steps(oracle):
        if (membership, area) not in oracle.designations(number):
            continue
        moved = horizon
        if isinstance(step, Review):
            moved = max(step.until, moved) if moved else step.until
        elif (step.fact.get("membership"), step.fact["area"]) == (membership, area):
            moved = max(step.occurred_at, moved) if moved else step.occurred_at
        elif step.type != "publish-scorebook" or step.fact["area"] != area:
            continue
        assert moved is not None
        kind = None if isinstance(step, Review) else KIND.get(step.type)
        issued += _issue(oracle, (membership, area), number, fold(issued), horizon, moved, kind)
        horizon = moved
    return issued


def _steps(oracle: Book) -> Iterator[tuple[int, Accepted | Review]]:
    for number in range(len(oracle.accepted) + 1):
        if number:
            yield number, oracle.accepted[number - 1]
        for review in oracle.reviews:
            if review.known == number:
                yield number, review


def fold(issued: list[Issue]) -> list[Issue]:
    """What stands: each announcement replaces everything announced from its instant on."""
    standing: list[Issue] = []
    for one in issued:
        standing = [old for old in standing if old["effective_at"] < one["effective_at"]] + [one]
    return standing


def folded_flips(issued: list[Issue]) -> list[tuple[datetime, bool]]:
    """The history that who folds the announcements has."""
    return [
        (instant(one["effective_at"]), one["qualified"]) for one in fold(issued) if one["qualified"] != one["previous"]
    ]


def first_difference(said: list[tuple[datetime, bool]], true: list[tuple[datetime, bool]]) -> datetime | None:
    for moment in sorted({at for at, _ in said + true}):
        if [flip for flip in said if flip[0] == moment] != [flip for flip in true if flip[0] == moment]:
            return moment
    return None


def _issue(
    oracle: Book,
    designation: tuple[str, str],
    known: int,
    standing: list[Issue],
    horizon: datetime | None,
    moved: datetime,
    kind: str | None,
) -> list[Issue]:
    true = [flip for flip in flips(oracle, *designation, known) if flip[0] <= moved]
    first = first_difference(folded_flips(standing), true)
    if first is None:
        return []
    due = [(at, holds, not holds) for at, holds in true if at >= first]
    if not due or due[0][0] != first:
        holds = bool(state(oracle, *designation, first, known)["qualified"])
        due.insert(0, (first, holds, holds))
    issue: list[Issue] = []
    for at, holds, previous in due:
        stands = any(instant(old["effective_at"]) >= at for old in standing)
        revises = stands or (horizon is not None and at < horizon)
        if issue and at == horizon:
            revises = issue[0]["revises"]
        cause = kind if revises else cause_at(oracle, *designation, at, holds, known)
        assert cause is not None
        issue.append(
            _said(oracle, designation, known, at, previous) | {"cause": cause, "revises": revises, "by": known}
        )
    return issue


def _said(oracle: Book, designation: tuple[str, str], known: int, at: datetime, previous: bool) -> Issue:
    score = state(oracle, *designation, at, known)
    return {
        "area": designation[1],
        "qualified": score["qualified"],
        "previous": previous,
        "centipoints": score["centipoints"],
        "metrics": {name: score["metrics"][name]["centipoints"] for name in METRICS},
        "month": score["month"],
        "track": score["track"],
        "edition": score["edition"],
        "effective_at": stamp(at),
    }

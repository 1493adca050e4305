"""What the ledger must have announced, found by looking at the true history of a membership after every step.

The rule is one for every kind of step: when a fact or a review has been taken in and the horizon has moved, what
stands announced must be the flips of the true history up to the horizon. From the first flip on that is not, or is not
as announced, all is issued anew; where the first difference is a flip that vanished, the status at that instant is
issued, which flips nothing.

Readings of the text:
- A flip is as announced where its instant, `satisfied`, `via`, `location` and `edition` are. Its counts and its cause
  are not looked at: where only they have changed since, what stands is overtaken, and nothing is issued.
- What is issued anew has the counts and the cause of the true history as it is known now. So a true flip has the cause
  of the flip (never that of the fact that made it be issued anew), and one in place of a vanished flip the fact's kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.oracle.survey.status import Accepted, Oracle, Review, announced_part
from tests.oracle.survey.time import stamp

CAUSE_OF_A_FACT = {
    "record-response": "response",
    "record-evaluation": "evaluation",
    "void-response": "void",
    "publish-rulebook": "rulebook",
    "same-organisation": "organisation",
    "separate-organisations": "organisation",
}
MAKES_A_FLIP = ("effective_at", "satisfied", "via", "location", "edition")


def announcements(oracle: Oracle, membership: str) -> list[dict[str, Any]]:
    """Every announcement of the membership in the order of its issue, by looking at the truth after each step."""
    issued: list[dict[str, Any]] = []
    horizon: datetime | None = None
    for number, step in _steps(oracle):
        if membership not in oracle.memberships(number):
            continue
        moved = horizon
        if isinstance(step, Review):
            moved = max(step.until, moved) if moved else step.until
        elif step.fact.get("membership") == membership:
            moved = max(step.occurred_at, moved) if moved else step.occurred_at
        elif step.type != "publish-rulebook":
            continue
        assert moved is not None
        kind = "" if isinstance(step, Review) else step.type
        issued += _issue(oracle, membership, number, fold(issued), horizon, moved, kind)
        horizon = moved
    return issued


def _steps(oracle: Oracle) -> Iterator[tuple[int, Accepted | Review]]:
    for number in range(len(oracle.accepted) + 1):
        if number:
            yield number, oracle.accepted[number - 1]
        for review in oracle.reviews:
            if review.known == number:
                yield number, review


def _issue(
    oracle: Oracle,
    membership: str,
    known: int,
    announced: list[dict[str, Any]],
    horizon: datetime | None,
    moved: datetime,
    kind: str,
) -> list[dict[str, Any]]:
    truth = oracle.true_history(membership, moved, known)
    first = first_difference([one for one in announced if one["satisfied"] != one["previous"]], truth)
    if first is None:
        return []
    due = [{**flip, "previous": not flip["satisfied"]} for flip in truth if flip["effective_at"] >= first]
    if not due or due[0]["effective_at"] != first:
        state = oracle.state(membership, datetime.fromisoformat(first), known)
        cause = CAUSE_OF_A_FACT.get(kind, "membership")
        vanished = {"effective_at": first, **announced_part(state), "cause": cause}
        due.insert(0, {**vanished, "previous": vanished["satisfied"]})
    reviewed = "" if horizon is None else stamp(horizon)
    is_first_word = first == reviewed and not [old for old in announced if old["effective_at"] >= first]
    for one in due:
        one["revises"] = one["effective_at"] <= reviewed and not is_first_word
    return due


def fold(announcements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The history that stands: each announcement replaces everything announced from its instant on."""
    standing: list[dict[str, Any]] = []
    for one in announcements:
        standing = [old for old in standing if old["effective_at"] < one["effective_at"]] + [one]
    return standing


def first_difference(announced: list[dict[str, Any]], truth: list[dict[str, Any]]) -> str | None:
    """The first instant at which what was announced is not what is true, or None."""

    def said_at(flips: list[dict[str, Any]], moment: str) -> list[dict[str, Any]]:
        return [{field: flip[field] for field in MAKES_A_FLIP} for flip in flips if flip["effective_at"] == moment]

    for moment in sorted({str(flip["effective_at"]) for flip in announced + truth}):
        if said_at(announced, moment) != said_at(truth, moment):
            return moment
    return None

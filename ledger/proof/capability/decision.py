"""The decision on an anniversary, recomputed (C2 to C4): what DesignationDecided has to say, after the events before it.

Looked at are the instants of the window that were reached when it was decided: the earlier of the event's occurred_at and
recorded_at. It is due once a day of the window was qualified, or the window is over, or where what was decided before would
be otherwise; and it is not taken again where nothing but its revision would be.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

from ledger.proof.capability.designation import Designation, Score
from ledger.proof.capability.form import FORMS
from ledger.proof.capability.months import month_index, month_start
from ledger.proof.capability.scorebook import Scorebook
from ledger.proof.form import check_event
from ledger.proof.log.errors import RefutedError, Words
from ledger.proof.log.event import Event, format_instant, require_same
from ledger.proof.log.strictjson import text

WITHOUT_EDITION = 6
"""Months of a window where no edition is in force at its end (C3)."""
FIRST_MONTH = 12
"""January of the year 1: the calendar has none before."""


def recompute(before: Iterable[Event], decision: Event) -> dict[str, Any]:
    """The data that a decision has to have, after the events before it in the log, of its stream and of the scorebook."""
    scorebook = Scorebook()
    designation = Designation(scorebook)
    for event in before:
        if event.stream != decision.stream:
            scorebook.publish(event)
            continue
        if event.type == decision.type:  # the one that is asked for rests on it
            require_same(event, check_decision(designation, event))
        designation.apply(event)
    return check_decision(designation, decision)


def check_decision(designation: Designation, event: Event) -> dict[str, Any]:
    """The recomputed data of a decision; raises ProofError where it could not be made at all.

    The designation is as it was just before the event.
    """
    check_event(event, FORMS)
    where = event.where
    day = text(event.data.get("anniversary"), f"{where}: anniversary")
    decided = designation.decided.get(day)
    if decided is None:
        raise RefutedError(f"{where}: anniversary", found=day, expected=sorted(designation.decided))
    reached_us = min(event.occurred_us, event.recorded_us)
    from_us, to_us = _window(designation.scorebook, day)
    if reached_us < from_us:
        raise RefutedError(
            f"{where}: instant of the decision", found=format_instant(reached_us),
            expected=Words(f"{format_instant(from_us)} or later"),
        )  # fmt: skip
    content = _content(designation, day, from_us, to_us, min(to_us, reached_us))
    content["revision"] = len(decided) + 1
    before = decided[-1] if decided else None
    same = before is not None and before.data | {"revision": content["revision"]} == content
    if not (content["outcome"] == "qualified" or reached_us > to_us or (decided and not same)):
        raise RefutedError(
            f"{where}: instant of the decision", found=format_instant(reached_us),
            expected=Words(f"one after {format_instant(to_us)}, since it was not qualified so far"),
        )  # fmt: skip
    if before is not None and same:
        raise RefutedError(
            where, found=Words("another revision"), expected=Words(f"none: nothing changed since {before.where}")
        )
    return content


def _window(scorebook: Scorebook, day: str) -> tuple[int, int]:
    """The first and last instant of the window of an anniversary (C3)."""
    month = month_index(day[:7])
    to_us = month_start(month + 1) - 1
    edition = scorebook.at(to_us)
    months = WITHOUT_EDITION if edition is None else edition.window_months
    return month_start(max(FIRST_MONTH, month + 1 - months)), to_us


def _content(designation: Designation, day: str, from_us: int, to_us: int, last_us: int) -> dict[str, Any]:
    """What the decision says but for its revision, from the instants of the window up to `last_us`."""
    starts = designation.timeline.starts
    within = starts[bisect_right(starts, from_us) : bisect_right(starts, last_us)]
    editions = (one.effective_us for one in designation.scorebook.editions)
    looked_at = [from_us, *sorted({*within, *(at_us for at_us in editions if from_us < at_us <= last_us)})]
    scores = [(designation.score(at_us), at_us) for at_us in looked_at]
    first = next(((score, at_us) for score, at_us in scores if score.qualified), None)
    best = max(scores, key=lambda found: (found[0].centipoints, -found[1]))
    content: dict[str, Any] = {
        "anniversary": day,
        "window_from": format_instant(from_us),
        "window_to": format_instant(to_us),
        "outcome": "not-qualified" if first is None else "qualified",
        "first_qualified_at": None if first is None else format_instant(first[1]),
        "at_first": None if first is None else _told(first[0]),
        "best": {"at": format_instant(best[1]), **_told(best[0])},
    }
    chosen = (first or best)[0]
    if all(score.edition is None for score, _ in scores):
        content |= {"outcome": "no-edition", "best": None}
    return content | {"edition": chosen.edition, "track": chosen.track, "month": chosen.month}


def _told(score: Score) -> dict[str, Any]:
    return {"centipoints": score.centipoints, "metrics": score.metrics}

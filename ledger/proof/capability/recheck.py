"""Recomputation of the stream of a designation: every announcement and every decision, from the facts alone.

`DesignationCheck` takes the events of the stream, and those of its area's scorebook, in log order. Whenever the
announcements of one cause are complete, what stands announced (one at e replaces everything from e on) are the true flips
of `qualified` up to the horizon, and nothing else. Each announcement has the score of its instant as known then; the
first is at the first instant at which what stood announced and the truth differ, each other is later than the one
before; one that takes effect before the horizon, or in the place of others, has `revises`, and then its cause is the
kind of its fact, else what takes effect at its instant.

The horizon is the latest of the occurred_at of the facts and the effective_at of the announcements. A review that found
nothing leaves no event, so the ledger's own horizon may be later; what is checked holds for either.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import zip_longest
from typing import Any, NamedTuple

from ledger.proof.capability.designation import METRICS, Designation, Score, month_index, month_start
from ledger.proof.capability.form import KEYS, date, require_known_form
from ledger.proof.capability.scorebook import Scorebook
from ledger.proof.log.errors import ProofError, RefutedError, Words
from ledger.proof.log.event import Event, format_instant, parse_instant
from ledger.proof.log.strictjson import members, truth

BEGINNING_OF_TIME_US = -62_135_596_800_000_000
SCOREBOOK = "ScorebookPublished"
ANNOUNCED, DECIDED = "DesignationChanged", "DesignationDecided"
ANNOUNCED_KEYS = (
    "area", "cause", "centipoints", "edition", "effective_at", "metrics", "month", "previous", "qualified", "revises",
    "track",
)  # fmt: skip
KINDS = {
    "UsageReported": "report", "RevenueReported": "report", "MonthClosed": "close", "MonthCloseCorrected": "close",
    "CertificateRecorded": "certificate", "CertificateEnded": "certificate", SCOREBOOK: "scorebook",
}  # fmt: skip
WITHOUT_EDITION = 6
"""Months of a window where no edition is in force at its end (C3)."""

Flip = tuple[int, bool]


class Difference(NamedTuple):
    """Where a recorded event and its recomputation part."""

    what: str
    found: Any
    expected: Any


class DesignationCheck:
    """Takes events in log order; `differences` holds what does not follow."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.scorebook = Scorebook()
        self.designation = Designation(self.scorebook)
        self.differences: list[Difference] = []
        self.announcements = 0
        self.decisions = 0
        self._horizon_us = BEGINNING_OF_TIME_US
        self._status: list[Flip] = []
        """The true status at each instant up to the horizon at which anything can become otherwise."""
        self._before_us = BEGINNING_OF_TIME_US
        """The horizon before the last cause."""
        self._stale_us: int | None = BEGINNING_OF_TIME_US
        """From here on the status has to be worked out anew."""
        self._announced: list[Flip] = []
        self._batch: list[Event] = []
        self._cause: Event | None = None
        self._open = False
        self._decided: dict[str, dict[str, Any]] = {}

    def take(self, event: Event) -> None:
        """The next event, of the stream or of the scorebook."""
        try:
            if event.stream == self.stream and event.type == ANNOUNCED:
                self.announcements += 1
                self._check_form(event)
                self._batch.append(event)
                return
            self._close()
            self._cause, self._open = event, True
            self._before_us = self._horizon_us
            if event.stream != self.stream:
                self._take_edition(event)
            elif event.type == DECIDED:
                self.decisions += 1
                self._take_decision(event)
                self._move_horizon(event.occurred_us)
            elif event.type in KEYS:
                self.designation.apply(event)
                self._mark_stale(event)
                self._move_horizon(event.occurred_us)
        except ProofError as error:
            self.differences.append(Difference(error.what, error.found, error.expected))

    def finish(self) -> list[Difference]:
        """Everything that does not follow, once all events were taken."""
        try:
            self._close()
        except ProofError as error:
            self.differences.append(Difference(error.what, error.found, error.expected))
        return self.differences

    def _take_edition(self, event: Event) -> None:
        if event.type == SCOREBOOK:
            self._doubt(self.scorebook.publish(event).effective_us)

    def _mark_stale(self, event: Event) -> None:
        """The first instant whose status the event can have changed."""
        data, designation = event.data, self.designation
        if "Reported" in event.type:
            month = month_index(data["month"])
            reigns = [closed for number, closed in designation.closed.items() if number in (month, month + 12)]
            if reigns:
                self._doubt(min(reigns))
        elif event.type in KINDS:  # a close or a certificate moved: when things change is another list of instants
            self._doubt(BEGINNING_OF_TIME_US)

    def _doubt(self, from_us: int) -> None:
        if from_us <= self._horizon_us:
            self._stale_us = from_us if self._stale_us is None else min(from_us, self._stale_us)

    def _move_horizon(self, to_us: int) -> None:
        if to_us > self._horizon_us:
            self._stale_us = self._horizon_us + 1 if self._stale_us is None else self._stale_us
            self._horizon_us = to_us

    def _true_flips(self) -> list[Flip]:
        """The flips of `qualified` up to the horizon."""
        if self._stale_us is not None:
            del self._status[bisect_left(self._status, (self._stale_us, False)) :]
            instants = sorted({*self.designation.instants, *(one.effective_us for one in self.scorebook.editions)})
            first, last = bisect_left(instants, self._stale_us), bisect_right(instants, self._horizon_us)
            for at_us in instants[first:last]:
                self._status.append((at_us, self.designation.score(at_us).qualified))
            self._stale_us = None
        return _flips(self._status)

    def _check_form(self, event: Event) -> None:
        require_known_form(event)
        members(event.data, event.where, ANNOUNCED_KEYS)
        for key in ("qualified", "previous", "revises"):
            truth(event.data[key], f"{event.where}: {key}")
        parse_instant(event.data["effective_at"], f"{event.where}: effective_at")

    def _close(self) -> None:
        """The announcements of the last cause, and of reviews since, are complete."""
        if not self._open and not self._batch:
            return
        batch, self._batch, self._open = self._batch, [], False
        for events, cause in (
            ([event for event in batch if event.fact is not None], self._cause),
            ([event for event in batch if event.fact is None], None),
        ):
            if events:
                self._check_announcements(events, cause)
            if events or cause is not None:
                self._require_agreement()

    def _require_agreement(self) -> None:
        """What stands announced are the true flips up to the horizon."""
        if (differing := self._first_difference()) is not None:
            where = "announcements" if self._cause is None else f"announcements after {self._cause.where}"
            true, stands = differing
            raise RefutedError(where, found=_words(stands), expected=_words(true))

    def _first_difference(self) -> tuple[Flip | None, Flip | None] | None:
        """The first true flip that does not stand announced, or the other way round."""
        pairs = zip_longest(self._true_flips(), _flips(self._announced))
        return next((pair for pair in pairs if pair[0] != pair[1]), None)

    def _check_announcements(self, batch: list[Event], cause: Event | None) -> None:
        """Content, order, `revises` and cause of the announcements that one fact, or some reviews, made."""
        last_us = None
        self._move_horizon(max(parse_instant(event.data["effective_at"], event.where) for event in batch))
        differing = self._first_difference()
        first_us = None if differing is None else min(flip[0] for flip in differing if flip is not None)
        for event in batch:
            data, where = event.data, event.where
            at_us = parse_instant(data["effective_at"], where)
            if last_us is None and at_us != first_us:
                expected = Words("no announcement" if first_us is None else format_instant(first_us))
                raise RefutedError(f"{where}: effective_at", found=data["effective_at"], expected=expected)
            if last_us is not None and at_us <= last_us:
                raise RefutedError(
                    f"{where}: effective_at", found=data["effective_at"], expected=Words("a later instant")
                )
            last_us = at_us
            if cause is not None and event.fact != cause.fact:
                raise RefutedError(f"{where}: fact", found=event.fact, expected=cause.fact)
            replaces = bool(self._announced) and self._announced[-1][0] >= at_us
            if (replaces or (cause is not None and at_us < self._before_us)) and not data["revises"]:
                raise RefutedError(f"{where}: revises", found=False, expected=True)
            if cause is None and data["revises"]:
                raise RefutedError(f"{where}: revises", found=True, expected=False)
            before = [flip for flip in self._announced if flip[0] < at_us]
            self._compare(event, self.designation.score(at_us), bool(before) and before[-1][1], cause, at_us)
            self._announced = [*before, (at_us, data["qualified"])]

    def _compare(self, event: Event, score: Score, previous: bool, cause: Event | None, at_us: int) -> None:
        data = event.data
        kind = KINDS.get(cause.type, "") if cause is not None else ""
        expected = {
            "area": self.stream[self.stream.rindex("/") + 1 :],
            "cause": kind if data["revises"] else self._what_takes_effect(at_us, score.qualified),
            "centipoints": score.centipoints,
            "edition": score.edition,
            "metrics": {name: score.points[name] for name in METRICS},
            "month": score.month,
            "previous": previous,
            "qualified": score.qualified,
            "track": score.track,
        }
        for key, value in expected.items():
            if data[key] != value or type(data[key]) is not type(value):
                raise RefutedError(f"{event.where}: {key}", found=data[key], expected=value)

    def _what_takes_effect(self, at_us: int, qualified: bool) -> str:
        if any(edition.effective_us == at_us for edition in self.scorebook.editions):
            return "scorebook"
        designation = self.designation
        if at_us in designation.closed.values() and designation.last_month(at_us) != designation.last_month(at_us - 1):
            return "close"
        return "certificate" if qualified else "expiry"

    def _take_decision(self, event: Event) -> None:
        require_known_form(event)
        where, data = event.where, event.data
        day = date(data.get("anniversary"), f"{where}: anniversary")
        if day not in self.designation.anniversaries:
            raise RefutedError(f"{where}: anniversary", found=day, expected=sorted(self.designation.anniversaries))
        before = self._decided.get(day)
        reached_us = min(event.occurred_us, event.recorded_us)
        content, from_us, to_us = self._decision(day, reached_us)
        expected = {**content, "revision": 1 if before is None else before["revision"] + 1}
        for key in (*expected, *data):
            if key not in data or key not in expected or data[key] != expected[key]:
                missing = Words("nothing of that name")
                raise RefutedError(f"{where}: {key}", found=data.get(key, missing), expected=expected.get(key, missing))
        again = before is not None and {**before, "revision": 0} != {**expected, "revision": 0}
        if reached_us < from_us or not (content["outcome"] == "qualified" or reached_us > to_us or again):
            raise RefutedError(
                where, found=Words(format_instant(reached_us)), expected=Words("an anniversary that is due")
            )
        if before is not None and not again:
            raise RefutedError(where, found=Words("what was decided before"), expected=Words("something that changed"))
        self._decided[day] = data

    def _decision(self, day: str, reached_us: int) -> tuple[dict[str, Any], int, int]:
        """What the decision says but for its revision, and the first and last instant of its window (C3)."""
        month = month_index(day[:7])
        to_us = month_start(month + 1) - 1
        edition = self.scorebook.at(to_us)
        from_us = month_start(max(12, month + 1 - (WITHOUT_EDITION if edition is None else edition.window_months)))
        last_us = min(to_us, reached_us)
        known = {*self.designation.instants, *(one.effective_us for one in self.scorebook.editions)}
        looked_at = [from_us, *sorted(at_us for at_us in known if from_us < at_us <= last_us)]
        scores = [(self.designation.score(at_us), at_us) for at_us in looked_at]
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
        return content | {"edition": chosen.edition, "track": chosen.track, "month": chosen.month}, from_us, to_us


def _told(score: Score) -> dict[str, Any]:
    return {"centipoints": score.centipoints, "metrics": score.metrics}


def _flips(entries: list[Flip]) -> list[Flip]:
    """Without those that change nothing; a designation starts out not qualified."""
    kept: list[Flip] = []
    for at_us, qualified in entries:
        if qualified != (bool(kept) and kept[-1][1]):
            kept.append((at_us, qualified))
    return kept


def _words(flip: Flip | None) -> Words:
    if flip is None:
        return Words("no change of the status")
    return Words(f"{'qualified' if flip[1] else 'not qualified'} from {format_instant(flip[0])}")

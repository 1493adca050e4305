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

from collections.abc import Callable

from ledger.proof.capability.decision import check_decision
from ledger.proof.capability.designation import Designation, Score
from ledger.proof.capability.flips import Flip, Flips
from ledger.proof.capability.form import ANNOUNCED, METRICS, SCOREBOOK
from ledger.proof.capability.programme import SCOREBOOK_PREFIX, Capability
from ledger.proof.capability.scorebook import Scorebook
from ledger.proof.capability.timeline import END_US
from ledger.proof.log.errors import ProofError, RefutedError, Words
from ledger.proof.log.event import BEGINNING_OF_TIME_US, Event, format_instant, parse_instant, require_same
from ledger.proof.programme import Difference

KINDS = {
    "UsageReported": "report", "RevenueReported": "report", "MonthClosed": "close", "MonthCloseCorrected": "close",
    "CertificateRecorded": "certificate", "CertificateEnded": "certificate", SCOREBOOK: "scorebook",
}  # fmt: skip


class DesignationCheck:
    """Takes events in log order; `differences` holds what does not follow."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.scorebook = Scorebook()
        self.designation = Designation(self.scorebook)
        self.differences: list[Difference] = []
        self.announcements = 0
        self.decisions = 0
        self._flips = Flips(self.designation)
        self._horizon_us = BEGINNING_OF_TIME_US
        self._before_us = BEGINNING_OF_TIME_US
        """The horizon before the last cause."""
        self._said_us = BEGINNING_OF_TIME_US - 1
        """When the last announcement that stands takes effect."""
        self._batch: list[Event] = []
        self._cause: Event | None = None
        self._open = False

    def take(self, event: Event) -> None:
        """The next event, of the stream or of the scorebook."""
        of_rules = event.stream.startswith(SCOREBOOK_PREFIX)
        if event.type == ANNOUNCED and not of_rules:
            self.announcements += 1
            self._attempt(self._take_announcement, event)
            return
        self._attempt(self._close)
        self._cause, self._open = event, True
        self._before_us = self._horizon_us
        self._attempt(self._take_edition if of_rules else self._take_own, event)

    def finish(self) -> list[Difference]:
        """Everything that does not follow, once all events were taken."""
        self._attempt(self._close)
        return self.differences

    def next_change(self, until_us: int) -> int | None:
        """The first flip after the horizon, and up to an instant."""
        return self._flips.next_after(self._horizon_us, until_us)

    def _attempt(self, step: Callable[..., None], *events: Event) -> None:
        """Takes a step; keeps what does not follow."""
        try:
            step(*events)
        except ProofError as error:
            self.differences.append(Difference(error.what, error.found, error.expected))

    def _take_announcement(self, event: Event) -> None:
        self.designation.apply(event)
        self._batch.append(event)

    def _take_edition(self, event: Event) -> None:
        effective_us = self.scorebook.publish(event).effective_us
        self.designation.timeline.cut(effective_us)
        until_us = self.scorebook.next_us(effective_us)
        self._flips.look_again(effective_us, END_US if until_us is None else until_us)

    def _take_own(self, event: Event) -> None:
        """A fact or a decision."""
        recomputed = None
        if event.type == Capability.decision:
            self.decisions += 1
            recomputed = check_decision(self.designation, event)
        for spell in self.designation.apply(event):
            self._flips.look_again(*spell)
        self._move_horizon(event.occurred_us)
        if recomputed is not None:
            require_same(event, recomputed)

    def _move_horizon(self, to_us: int) -> None:
        self._horizon_us = max(self._horizon_us, to_us)

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
        """What stands announced are the true flips up to the horizon. A difference is named once."""
        if (differing := self._flips.first_difference(self._horizon_us)) is not None:
            where = "announcements" if self._cause is None else f"announcements after {self._cause.where}"
            true, stands = differing
            self._flips.agree(self._horizon_us)
            raise RefutedError(where, found=_words(stands), expected=_words(true))

    def _check_announcements(self, batch: list[Event], cause: Event | None) -> None:
        """Content, order, `revises` and cause of the announcements that one fact, or some reviews, made."""
        last_us = None
        self._move_horizon(max(parse_instant(event.data["effective_at"], event.where) for event in batch))
        differing = self._flips.first_difference(self._horizon_us)
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
            if (self._said_us >= at_us or (cause is not None and at_us < self._before_us)) and not data["revises"]:
                raise RefutedError(f"{where}: revises", found=False, expected=True)
            if cause is None and data["revises"]:
                raise RefutedError(f"{where}: revises", found=True, expected=False)
            previous = self._flips.announce(at_us, data["qualified"])
            self._said_us = at_us
            self._compare(event, self.designation.score(at_us), previous, cause, at_us)

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
            if data[key] != value:
                raise RefutedError(f"{event.where}: {key}", found=data[key], expected=value)

    def _what_takes_effect(self, at_us: int, qualified: bool) -> str:
        edition, timeline = self.scorebook.at(at_us), self.designation.timeline
        if edition is not None and edition.effective_us == at_us:
            return "scorebook"
        if timeline.months[timeline.piece(at_us)] != timeline.months[timeline.piece(at_us - 1)]:
            return "close"
        return "certificate" if qualified else "expiry"


def _words(flip: Flip | None) -> Words:
    if flip is None:
        return Words("no change of the status")
    return Words(f"{'qualified' if flip[1] else 'not qualified'} from {format_instant(flip[0])}")

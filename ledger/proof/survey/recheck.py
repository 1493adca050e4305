"""Recomputation of a whole stream: every announcement and every decision, from the facts alone.

`StreamCheck` takes a membership's events, and the rulebook's, in log order, and compares what was announced with what
was true (see `sweep`) at every point of the ledger:

    - EligibilityChanged events fold into the announced history: one effective at e replaces everything from e on.
    - An announcement has the content of the flip at its instant, as known then.
    - Whenever the announcements of one cause are complete, every flip up to the horizon stands announced, and nothing
      else. A flip is announced as it is if its instant, satisfied, via, location and edition are; its counts and its
      cause may be overtaken.
    - The first announcement after a cause is at the first instant at which what stands announced differs from that, and
      each of the others is later than the one before it: nothing is issued anew that need not be.
    - If a flip vanished at that first instant, the announcement there has satisfied equal to previous, says the status
      at its instant, and its cause is the kind of the fact.
    - One that replaces another has `revises`.

The horizon is the latest of the occurred_at of the stream's facts and the effective_at of its announcements. A review
that found nothing leaves no event, so the ledger's own horizon may be later; what is checked holds for either.

Organisations that are joined or separated are so at every instant, from the event's place in the stream on.

An event in time order costs a logarithm; one that changes the past costs a sweep of the window that it touches; one
that counts for nothing, and comes before anything else falls due, costs a comparison. Once a stream's sweeps have gone
through its responses `SWEPT_MAX` times over, the counts of its past are kept (`past`): then only what changes
`satisfied` costs a sweep.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from operator import attrgetter, itemgetter
from typing import Any

from ledger.proof.log.errors import ProofError, Words
from ledger.proof.log.event import (
    BEGINNING_OF_TIME_US,
    END_OF_TIME_US,
    Event,
    add_months,
    format_instant,
    parse_instant,
    require_same,
)
from ledger.proof.programme import Difference
from ledger.proof.survey.announced import KINDS, announced_flip, data_or_words
from ledger.proof.survey.form import ANNOUNCED
from ledger.proof.survey.organisations import Regrouping
from ledger.proof.survey.past import Change, Past
from ledger.proof.survey.programme import RULEBOOK
from ledger.proof.survey.replay import Membership, Response, Rulebook, earliest_us
from ledger.proof.survey.rules import check_decision, status
from ledger.proof.survey.sweep import Flip, Sweep

COUNT_FOR_NOTHING = frozenset(
    (
        "ConsentGiven",
        "ConsentWithdrawn",
        "InvitationSent",
        "ReminderSent",
        "AnonymityChosen",
        "OrganisationDistinguished",
    )
)
"""Types of facts that move the horizon and may make a name known; most of a ledger's events are such."""
TELL_COMPETENCIES = frozenset(("MembershipEnrolled", "MembershipUpdated"))
BEGIN_TO_COUNT = TELL_COMPETENCIES | {"EvaluationReceived"}
"""Types of facts, besides responses, of which something new holds from their occurred_at on."""
ADD_LOCATIONS = frozenset(("MembershipEnrolled", "LocationAdded"))
SWEPT_MAX = 32
"""Keeping the counts of the past costs about as much, for each response and edition, as to sweep over so many."""
FEW = 50
"""Over so few responses any number of sweeps costs little."""

Cause = tuple[Any, ...]
"""The event whose announcements are looked at; or another tuple that begins with its stream, seq and type."""

_effective = attrgetter("effective_us")
_received = attrgetter("received_us")
_identity = itemgetter(*map(Flip._fields.index, ("effective_us", "satisfied", "via", "location", "edition")))
"""What of a flip has to stand announced as it is."""


class StreamCheck:
    """Takes a membership's events and the rulebook's in log order; `differences` holds what does not follow."""

    def __init__(self) -> None:
        self.membership = Membership()
        self.known_labels = self.membership.organisations.known
        self.rulebook = Rulebook()
        self.differences: list[Difference] = []
        self.announcements = 0
        self.decisions = 0
        self._sweep = Sweep(self.membership, self.rulebook, BEGINNING_OF_TIME_US)
        """It stands at the horizon."""
        self._past: Past | None = None
        self._swept = 0
        """Over how many responses the sweeps of the past, and the decisions, have gone."""
        self._true: list[Flip] = []
        self._announced: list[Flip] = []
        """The flips that stand announced; `_agreed` of them are known to be the first of the true ones."""
        self._agreed = 0
        self._said_us = BEGINNING_OF_TIME_US
        """When the last announcement that stands takes effect."""
        self._batch: list[tuple[Event, Flip]] = []
        self._changed = False
        self._cause: Cause | None = None

    def take(self, event: Event) -> None:
        """The next event."""
        type_name = event.type
        try:
            if type_name in COUNT_FOR_NOTHING and event.stream != RULEBOOK:
                self.take_instant(event.occurred_us, event)
                self.membership.apply(event)
                return
            if type_name == ANNOUNCED and event.stream != RULEBOOK:
                self.announcements += 1
                self._batch.append((event, announced_flip(event)))
                return
            if self._batch or self._changed:
                self._close()
            self._cause = event
            if event.stream == RULEBOOK:
                self._take_edition(event)
            else:
                self._take_fact(event)
        except ProofError as error:
            self._differ(error)

    def take_instant(self, occurred_us: int, cause: Cause) -> None:
        """The next event, of a type in COUNT_FOR_NOTHING: all that matters here is when it was so."""
        if self._batch or self._changed:
            self._close()
        sweep, self._cause = self._sweep, cause[:3]
        if occurred_us >= sweep.next_us:
            self._move_horizon(occurred_us)
        elif occurred_us > sweep.at_us:
            sweep.at_us = occurred_us

    def take_label(self, label: str, cause: Cause) -> None:
        """The organisation that such an event names, where the source spelt it so."""
        try:
            self.membership.organisations.use({"customer_org": label}, "event {}/{} {}".format(*cause))
        except ProofError as error:
            self._differ(error)

    def _differ(self, error: ProofError) -> None:
        self.differences.append(Difference(error.what, error.found, error.expected))

    def finish(self) -> list[Difference]:
        """Everything that does not follow, once all events were taken."""
        self._close()
        return self.differences

    def next_change(self, until_us: int) -> int | None:
        """The first flip after the horizon, and up to an instant; nothing can be taken any more afterwards."""
        flip = self._sweep.next_flip(until_us)
        return None if flip is None else flip.effective_us

    def _take_edition(self, event: Event) -> None:
        edition = self.rulebook.publish(event)
        if self._past is not None:
            self._past, self._swept = None, 0
            self._sweep.doubt(self._sweep.at_us)  # its margins were not kept
        if edition.effective_us > self._sweep.at_us:
            self._sweep.expect_edition(edition.effective_us)
        else:
            self._retrace(edition.effective_us, self.rulebook.next_us(edition.effective_us))

    def _take_fact(self, event: Event) -> None:
        type_name, occurred_us = event.type, event.occurred_us
        if type_name == "RenewalDecided":
            self.decisions += 1
            self._take_decision(event)
        regrouping = self.membership.apply(event)
        if regrouping is not None:
            self._take_regrouping(regrouping)
        elif type_name == "ResponseReceived":
            self._take_response(self.membership.responses[event.data["response"]])
        elif type_name == "ResponseVoided":
            self._amend(self.membership.responses[event.data["response"]], -1)
        elif occurred_us > self._sweep.at_us and type_name in BEGIN_TO_COUNT:
            self._sweep.expect(occurred_us)
        elif type_name == "EvaluationReceived":
            self._take_late_evaluation(occurred_us)
        elif type_name in TELL_COMPETENCIES and "competencies" in event.data:
            self._take_late_competencies(occurred_us)
        if type_name in ADD_LOCATIONS:  # a new name can be the first of those that count nothing
            self._retrace_locations()
        if occurred_us > self._sweep.at_us:
            self._move_horizon(occurred_us)

    def _take_response(self, response: Response) -> None:
        if response.received_us <= self._sweep.at_us:
            self._amend(response, 1)
            return
        self._extend(self._sweep.receive(response))
        if self._past is not None:
            self._past.change(response, self.membership.organisations.key(response.customer_org), 1)

    def _amend(self, response: Response, change: int) -> None:
        """Counts a response of the past in (1) or out (-1)."""
        if self._past is not None:
            changes = self._past.change(response, self.membership.organisations.key(response.customer_org), change)
            self._sweep.count_late(response, change)
            self._recount(self._past, response.received_us, self._last_us(response.received_us), response, change)
            self._retrace_doubtful(self._past, changes)
        elif not self._lies_between_flips(response, change) and not self._sweep.amend(response, change):
            self._retrace_window(response.received_us)

    def _lies_between_flips(self, response: Response, change: int) -> bool:
        """Whether a response that counts at the horizon no more can make no flip.

        It cannot where it has been satisfied as long as it can count, and it is one more; and the other way round.
        """
        first_us, last_us = response.received_us, self._last_us(response.received_us)
        return last_us < self._sweep.at_us and self._unbroken(first_us, last_us) is (change > 0)

    def _unbroken(self, first_us: int, last_us: int) -> bool | None:
        """Whether it has been satisfied, or not, from an instant on until another; None if it flips there."""
        index = bisect_left(self._true, first_us, key=_effective)
        if index < len(self._true) and self._true[index].effective_us <= last_us:
            return None
        return index > 0 and self._true[index - 1].satisfied

    def _take_late_evaluation(self, received_us: int) -> None:
        """One more changes nothing where it has been satisfied, or Learning was not held, as long as it can count."""
        last_us = self._last_us(received_us)
        learning = self.membership.holds_learning(received_us)
        if self._unbroken(received_us, last_us) or (
            not learning and self.membership.next_competencies_us(received_us) > last_us
        ):
            self._sweep.count_late_evaluation(received_us)
        else:
            self._retrace_window(received_us)

    def _take_regrouping(self, change: Regrouping) -> None:
        """Counts anew where what an organisation had received, and now counts with another or apart, can count."""
        moved = [r for r in self.membership.responses_of(change.moved) if r.response not in self.membership.void]
        self._sweep.regroup(change, moved)
        changes = self._past.regroup(change, moved) if self._past is not None else []
        if not moved:
            return
        first_us = min(map(_received, moved))
        last_us = self._last_us(max(map(_received, moved)))
        if self._past is not None:
            self._recount(self._past, first_us, last_us)
            self._retrace_doubtful(self._past, changes)
            return
        joined = len(change.after) == 1
        if self._unbroken(first_us, last_us) is (not joined):
            return  # joined, less counts than before, which cannot satisfy; and the other way round
        cap = max((edition.per_org_cap for edition in self.rulebook.editions), default=0)
        most = max(1, min(len(moved), cap))
        if not self._sweep.bear(first_us, -most if joined else most):
            self._retrace(first_us, last_us)

    def _recount(self, past: Past, from_us: int, to_us: int, response: Response | None = None, change: int = 0) -> None:
        """Says anew what the flips between two instants counted, since a response came or went; or several did."""
        first = bisect_left(self._true, from_us, key=_effective)
        for index in range(first, bisect_right(self._true, to_us, key=_effective)):
            flip = past.recounted(self._true[index], self.membership.locations, response, change)
            if flip != self._true[index]:
                self._true[index] = flip
                self._agreed = min(self._agreed, index)
                self._changed = True

    def _retrace_doubtful(self, past: Past, changes: list[Change]) -> None:
        if doubtful := past.doubtful(changes):
            self._retrace(*doubtful)

    def _take_late_competencies(self, since_us: int) -> None:
        if self.membership.changes_learning(since_us):
            self._retrace(since_us, self.membership.next_competencies_us(since_us))

    def _take_decision(self, event: Event) -> None:
        known = self._past.counts if self._past is not None else lambda _: None
        recomputed = check_decision(self.membership, self.rulebook, event, known)
        try:
            require_same(event, recomputed)
        except ProofError as error:
            self._differ(error)
        evaluated_us = parse_instant(recomputed["evaluated_at"], "evaluated_at")
        self._count_swept(evaluated_us, evaluated_us)

    def _retrace_window(self, received_us: int) -> None:
        """Finds the flips anew wherever something received at this instant can count."""
        self._retrace(received_us, self._last_us(received_us))

    def _last_us(self, received_us: int) -> int:
        """The last instant at which something received at this one can make a difference."""
        return add_months(received_us, self.rulebook.longest_window)

    def _retrace_locations(self) -> None:
        """Finds anew what depends on the names of locations that count nothing."""
        self._retrace(min((flip.effective_us for flip in self._true if flip.counted == 0), default=END_OF_TIME_US))

    def _retrace(self, from_us: int, to_us: int = END_OF_TIME_US) -> None:
        horizon_us = self._sweep.at_us
        if from_us > horizon_us:
            return
        self._changed = True
        self._count_swept(from_us, min(to_us, horizon_us))
        sweep = Sweep(self.membership, self.rulebook, from_us - 1)
        first = bisect_left(self._true, from_us, key=_effective)
        self._agreed = min(self._agreed, first)
        if to_us < horizon_us:  # the counts of the present sweep stay true
            rest = self._true[bisect_right(self._true, to_us, key=_effective) :]
            self._true[first:] = sweep.advance(to_us) + rest
            self._sweep.doubt(to_us)
        else:
            self._true[first:] = sweep.advance(horizon_us)
            self._sweep = sweep

    def _count_swept(self, from_us: int, to_us: int) -> None:
        """Counts the responses that are gone over, and keeps the counts of the past if these are too many."""
        if self._past is not None:
            return
        by_time = self.membership.by_time
        first = bisect_left(by_time, earliest_us(self.rulebook.longest_window, from_us), key=_received)
        self._swept += bisect_right(by_time, to_us, key=_received) - first
        dear = SWEPT_MAX * max(len(by_time), FEW) * len(self.rulebook.editions)
        if self._swept > dear:
            self._past = Past(self.membership, self.rulebook)

    def _move_horizon(self, to_us: int) -> None:
        self._extend(self._sweep.advance(to_us))

    def _extend(self, flips: list[Flip]) -> None:
        if flips:
            self._true += flips
            self._changed = True

    def _close(self) -> None:
        """Compares, now that the announcements of the last cause are complete."""
        before_us = None
        for event, flip in self._batch:
            self._move_horizon(flip.effective_us)
            if before_us is None:
                self._check_need(event, flip)
            elif flip.effective_us <= before_us:
                expected = Words(f"one later than that of {format_instant(before_us)}, which was issued with it")
                self.differences.append(Difference(event.where, flip.data, expected))
            self._check_content(event, flip, first=before_us is None)
            before_us = flip.effective_us
            self._replace(event, flip)
        self._batch.clear()
        self._compare()

    def _check_need(self, event: Event, flip: Flip) -> None:
        """The first announcement after a cause stands where what was announced and what is true begin to differ."""
        found, expected = self._first_difference()
        first_us = min((one.effective_us for one in (found, expected) if one), default=END_OF_TIME_US)
        if flip.effective_us < first_us:
            self.differences.append(
                Difference(event.where, flip.data, Words("no announcement: nothing changed by then"))
            )

    def _check_content(self, event: Event, flip: Flip, *, first: bool) -> None:
        """An announcement says what is true of its instant; that nothing flips there only the first of a cause may say."""
        if event.occurred_us != flip.effective_us:
            self.differences.append(
                Difference(f"{event.where}: occurred_at", format_instant(event.occurred_us), flip.data["effective_at"])
            )
        expected = self._flip_at(flip.effective_us)
        if expected is None and first and flip.satisfied == flip.previous:
            at = status(self.membership, self.rulebook, flip.effective_us)
            cause = KINDS.get(self._cause[2], "none") if self._cause else "none"
            expected = Flip(
                flip.effective_us, at.satisfied, at.satisfied, at.via, at.location, at.counted, at.organisations, at.edition,
                cause,
            )  # fmt: skip
        if flip != expected:
            self.differences.append(Difference(event.where, flip.data, data_or_words(expected)))

    def _replace(self, event: Event, flip: Flip) -> None:
        """An announcement takes the place of what was announced from its instant on."""
        if flip.effective_us <= self._said_us and not event.data["revises"]:
            self.differences.append(Difference(f"{event.where}: revises", False, True))
        self._said_us = flip.effective_us
        first = bisect_left(self._announced, flip.effective_us, key=_effective)
        true = self._flip_at(flip.effective_us)  # what is said otherwise is a difference already
        self._announced[first:] = [true] if true else []
        self._agreed = min(self._agreed, first)
        self._changed = True

    def _flip_at(self, instant_us: int) -> Flip | None:
        index = bisect_left(self._true, instant_us, key=_effective)
        return self._true[index] if index < len(self._true) and self._true[index].effective_us == instant_us else None

    def _first_difference(self) -> tuple[Flip | None, Flip | None]:
        """The first flip that stands announced and is not true as it is, and the true one in its place."""
        announced, true, index = self._announced, self._true, self._agreed
        while index < len(announced) and index < len(true) and _identity(announced[index]) == _identity(true[index]):
            index += 1
        self._agreed = index
        found = announced[index] if index < len(announced) else None
        return found, true[index] if index < len(true) else None

    def _compare(self) -> None:
        if not self._changed:
            return
        self._changed = False
        found, expected = self._first_difference()
        if found is not expected:
            cause = "event {}/{} {}".format(*self._cause) if self._cause else "the beginning of the stream"
            what = f"history announced after {cause}"
            self.differences.append(Difference(what, data_or_words(found), data_or_words(expected)))
            self._announced = list(self._true)  # one difference is reported once, not again after every later event
            self._agreed = len(self._true)


def check_stream(events: Iterable[Event]) -> StreamCheck:
    """The finished check of a membership's and the programme's events, merged in log order."""
    check = StreamCheck()
    for event in events:
        check.take(event)
    check.finish()
    return check

"""Recomputation of a whole stream: every announcement and every decision, from the facts alone.

`StreamCheck` takes a membership's events, and the rulebook's, in log order, and compares what was announced with what
was true (see `sweep`) at every point of the ledger:

    - EligibilityChanged events fold into the announced history: one effective at e replaces everything from e on.
    - Whenever the announcements of one cause are complete, every flip up to the horizon has to be announced, and nothing
      else, with its instant, satisfied, via, location and edition.
    - Counts and cause are compared once, when they are announced: later facts may overtake them unannounced.
    - A location added later may take the place of another that counts nothing in the content of an old flip. Such a
      name, too, is compared once.
    - An announcement with satisfied equal to previous stands for a flip that vanished: it says the status at its
      instant, and there is no flip there.
    - One that replaces another has `revises`.

The horizon is the latest of the occurred_at of the stream's facts and the effective_at of its announcements. A review
that found nothing leaves no event, so the ledger's own horizon may be later; what is checked holds for either.

An event in time order costs a logarithm; one that changes the past costs a sweep of the window that it touches; one
that counts for nothing, and comes before anything else falls due, costs a comparison.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import zip_longest
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from ledger.proof.errors import ProofError, RefutedError, Words
from ledger.proof.event import END_OF_TIME_US, PROGRAMME, Event, add_months, format_instant, parse_instant
from ledger.proof.replay import Membership, Response, Rulebook
from ledger.proof.rules import check_decision, enough_responses, first_difference, status
from ledger.proof.strictjson import natural, truth
from ledger.proof.sweep import ANNOUNCEMENT_KEYS, Flip, Sweep

BEGINNING_OF_TIME_US = -62_135_596_800_000_000
COUNT_FOR_NOTHING = frozenset(("ConsentGiven", "ConsentWithdrawn", "InvitationSent", "ReminderSent", "AnonymityChosen"))
"""Types of facts that move the horizon and change nothing else; most of a ledger's events are such."""
BEGIN_TO_COUNT = frozenset(("EvaluationReceived", "MembershipEnrolled", "MembershipUpdated"))
"""Types of facts, besides responses, of which something new holds from their occurred_at on."""
ADD_LOCATIONS = frozenset(("MembershipEnrolled", "LocationAdded"))
NO_FLIP_CAUSES = frozenset(("response", "evaluation", "expiry", "void", "membership", "rulebook"))

Cause = tuple[Any, ...]
"""The event whose announcements are looked at; or another tuple that begins with its stream, seq and type."""

SAID_ONCE = ("location", "counted", "organisations", "cause")
"""What is compared when it is announced, since later facts may overtake it; a location only where it counts nothing."""

ANNOUNCED_KEYS = frozenset((*ANNOUNCEMENT_KEYS, "revises"))

_effective = attrgetter("effective_us")
_said = itemgetter(*Flip._fields[1:])
_identity = attrgetter("effective_us", "satisfied", "previous", "via", "location", "edition")


class Difference(NamedTuple):
    """Where a recorded event and its recomputation part."""

    what: str
    found: Any
    expected: Any


class StreamCheck:
    """Takes a membership's events and the rulebook's in log order; `differences` holds what does not follow."""

    def __init__(self) -> None:
        self.membership = Membership()
        self.rulebook = Rulebook()
        self.differences: list[Difference] = []
        self.announcements = 0
        self.decisions = 0
        self._sweep = Sweep(self.membership, self.rulebook, BEGINNING_OF_TIME_US)
        """It stands at the horizon."""
        self._true: list[Flip] = []
        self._announced: list[Flip] = []
        self._batch: list[tuple[Event, Flip]] = []
        self._changed = False
        self._cause: Cause | None = None

    def take(self, event: Event) -> None:
        """The next event."""
        type_name = event.type
        if type_name in COUNT_FOR_NOTHING and event.stream != PROGRAMME:
            self.take_horizon(event.occurred_us, event)
            return
        try:
            if type_name == "EligibilityChanged":
                self.announcements += 1
                self._batch.append((event, _announced_flip(event)))
                return
            if self._batch or self._changed:
                self._close()
            self._cause = event
            if event.stream == PROGRAMME:
                self._take_edition(event)
            else:
                self._take_fact(event)
        except ProofError as error:
            self.differences.append(Difference(error.what, error.found, error.expected))

    def take_horizon(self, occurred_us: int, cause: Cause) -> None:
        """The next event, of a type in COUNT_FOR_NOTHING: all that matters of it is when it was so."""
        if self._batch or self._changed:
            self._close()
        sweep, self._cause = self._sweep, cause
        if occurred_us >= sweep.next_us:
            self._move_horizon(occurred_us)
        elif occurred_us > sweep.at_us:
            sweep.at_us = occurred_us

    def finish(self) -> list[Difference]:
        """Everything that does not follow, once all events were taken."""
        self._close()
        return self.differences

    def _take_edition(self, event: Event) -> None:
        if event.type != "RulebookPublished":
            return
        edition = self.rulebook.publish(event)
        if edition.effective_us > self._sweep.at_us:
            self._sweep.expect_edition(edition.effective_us)
        else:
            self._retrace(edition.effective_us, END_OF_TIME_US)

    def _take_fact(self, event: Event) -> None:
        type_name, occurred_us = event.type, event.occurred_us
        if type_name == "RenewalDecided":
            self.decisions += 1
            self._take_decision(event)
        self.membership.apply(event)
        if type_name == "ResponseReceived":
            self._take_response(self.membership.responses[event.data["response"]])
        elif type_name == "ResponseVoided":
            self._amend(self.membership.responses[event.data["response"]], -1)
        elif occurred_us > self._sweep.at_us and type_name in BEGIN_TO_COUNT:
            self._sweep.expect(occurred_us)
        elif type_name == "EvaluationReceived":
            self._retrace_window(occurred_us)
        elif type_name in ("MembershipEnrolled", "MembershipUpdated"):
            self._retrace(occurred_us, END_OF_TIME_US)
        if type_name in ADD_LOCATIONS:  # a new name can be the first of those that count nothing
            self._retrace_locations()
        if occurred_us > self._sweep.at_us:
            self._move_horizon(occurred_us)

    def _take_response(self, response: Response) -> None:
        if response.received_us > self._sweep.at_us:
            self._extend(self._sweep.receive(response))
        else:
            self._amend(response, 1)

    def _amend(self, response: Response, change: int) -> None:
        """Counts a response of the past in (1) or out (-1)."""
        if not self._sweep.amend(response, change):
            self._retrace_window(response.received_us)

    def _take_decision(self, event: Event) -> None:
        recomputed = check_decision(self.membership, self.rulebook, event)
        if difference := first_difference(event.data, recomputed):
            key, found, expected = difference
            self.differences.append(Difference(f"{event.where}: {key}", found, expected))

    def _retrace_window(self, received_us: int) -> None:
        """Finds the flips anew wherever something received at this instant can count."""
        longest = max((edition.window_months for edition in self.rulebook.editions), default=0)
        self._retrace(received_us, add_months(received_us, longest))

    def _retrace_locations(self) -> None:
        """Finds anew what depends on the names of locations that count nothing."""
        if any(enough_responses(edition, 0, 0) for edition in self.rulebook.editions):
            self._retrace(BEGINNING_OF_TIME_US)
        else:
            self._retrace(min((flip.effective_us for flip in self._true if flip.counted == 0), default=END_OF_TIME_US))

    def _retrace(self, from_us: int, to_us: int = END_OF_TIME_US) -> None:
        horizon_us = self._sweep.at_us
        if from_us > horizon_us:
            return
        self._changed = True
        sweep = Sweep(self.membership, self.rulebook, from_us - 1)
        first = bisect_left(self._true, from_us, key=_effective)
        if to_us < min(horizon_us, self._sweep.calm_since_us):  # what the present sweep knows stays true
            rest = self._true[bisect_right(self._true, to_us, key=_effective) :]
            self._true[first:] = sweep.advance(to_us) + rest
        else:
            self._true[first:] = sweep.advance(horizon_us)
            self._sweep = sweep

    def _move_horizon(self, to_us: int) -> None:
        self._extend(self._sweep.advance(to_us))

    def _extend(self, flips: list[Flip]) -> None:
        if flips:
            self._true += flips
            self._changed = True

    def _close(self) -> None:
        """Compares, now that the announcements of the last cause are complete."""
        for event, flip in self._batch:
            self._move_horizon(flip.effective_us)
            self._check_form(event, flip)
            first = bisect_left(self._announced, flip.effective_us, key=_effective)
            if first < len(self._announced) and not event.data["revises"]:
                self.differences.append(Difference(f"{event.where}: revises", False, True))
            self._announced[first:] = [flip]
            self._changed = True
        self._batch.clear()
        self._compare()

    def _check_form(self, event: Event, flip: Flip) -> None:
        if event.occurred_us != flip.effective_us:
            self.differences.append(
                Difference(f"{event.where}: occurred_at", format_instant(event.occurred_us), flip.data["effective_at"])
            )
        index = bisect_left(self._true, flip.effective_us, key=_effective)
        true = self._true[index] if index < len(self._true) else flip
        if flip.effective_us == true.effective_us and flip.satisfied != flip.previous:
            differing = [key for key in SAID_ONCE if getattr(flip, key) != getattr(true, key)]
            for key in differing if true.counted == 0 else [key for key in differing if key != "location"]:
                self.differences.append(Difference(f"{event.where}: {key}", getattr(flip, key), getattr(true, key)))
        if flip.satisfied == flip.previous:
            if not any(said.effective_us == flip.effective_us for said in self._announced):
                self.differences.append(Difference(event.where, flip.data, Words("an instant announced before")))
            at = status(self.membership, self.rulebook, flip.effective_us)
            expected = flip._replace(
                satisfied=at.satisfied, previous=at.satisfied, via=at.via, location=at.location, counted=at.counted,
                organisations=at.organisations, edition=at.edition,
            )  # fmt: skip
            if flip != expected or flip.cause not in NO_FLIP_CAUSES:
                self.differences.append(Difference(event.where, flip.data, expected.data))

    def _compare(self) -> None:
        if not self._changed:
            return
        self._changed = False
        announced, true = self._announced, self._true
        if announced == true:
            return
        announced = [flip for flip in announced if flip.satisfied != flip.previous]
        for found, expected in zip_longest(announced, true):
            if found is None or expected is None or not _is_same_flip(found, expected):
                cause = "event {}/{} {}".format(*self._cause) if self._cause else "the beginning of the stream"
                what = f"history announced after {cause}"
                self.differences.append(Difference(what, _data_or_words(found), _data_or_words(expected)))
                break
        self._announced = list(self._true)  # one difference is reported once, not again after every later event


def check_stream(events: Iterable[Event]) -> StreamCheck:
    """The finished check of a membership's and the programme's events, merged in log order."""
    check = StreamCheck()
    for event in events:
        check.take(event)
    check.finish()
    return check


def _is_same_flip(announced: Flip, true: Flip) -> bool:
    if true.counted == 0:
        true = true._replace(location=announced.location)
    return _identity(announced) == _identity(true)


def _data_or_words(flip: Flip | None) -> Any:
    return Words("no change of the status") if flip is None else flip.data


def _announced_flip(event: Event) -> Flip:
    data, where = event.data, event.where
    if data.keys() != ANNOUNCED_KEYS:
        raise RefutedError(f"{where}: keys", found=sorted(data), expected=sorted(ANNOUNCED_KEYS))
    for key in ("satisfied", "previous", "revises"):
        truth(data[key], f"{where}: {key}")
    for key in ("counted", "organisations"):
        natural(data[key], f"{where}: {key}")
    return Flip(parse_instant(data["effective_at"], f"{where}: effective_at"), *_said(data))

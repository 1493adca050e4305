"""Announcing by horizon: which flips of a status a fact or a review brings to light (DESIGN 6). The same for every programme.

The true history of a subject, as known now, is the list of instants at which its status flips. It is announced up to the
subject's *horizon*. A fact after the horizon moves it on and announces the flips in between, a fact before it may change
what was announced: then everything from the first differing instant on is announced anew.

Of the programme this needs two things: the flips in a span, and the span that an event can have changed.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, NamedTuple

from ledger.event import Event
from ledger.instants import BEGINNING_US
from ledger.programmes.programme import Programme, Span, State


class Issue(NamedTuple):
    """Announcements to be made, in order; `previous` is what holds just before the first of them.

    Those that take effect up to and including `revises_through_us` revise what was announced, the others are new; `kind`
    is that of the fact behind those. `quiet_until_us` is the instant before which nothing flips by itself once they are
    made; None where it must be worked out anew. It is kept beside the state, and nobody else says what it is.
    """

    entries: list[Any]
    previous: bool
    revises_through_us: int
    kind: str
    quiet_until_us: int | None

    def data(self, programme: Programme, stream: str) -> list[dict[str, Any]]:
        """The data of the events that announce them in a subject's stream."""
        previous = self.previous
        result = []
        for entry in self.entries:
            revises = entry.effective_us <= self.revises_through_us
            result.append(programme.announcement_data(stream, entry, previous, revises, self.kind))
            previous = entry.holds
        return result


def nothing(quiet_until_us: int | None) -> Issue:
    """No announcement, and how long it stays quiet."""
    return Issue([], False, BEGINNING_US, "", quiet_until_us)


def held(state: State) -> bool:
    """What was announced last; every subject starts out without."""
    return bool(state.announced) and state.announced[-1].holds


def announce_event(
    programme: Programme, state: State, rules: Any, event: Event, horizon_us: int, quiet_until_us: int | None
) -> Issue | None:
    """What an event brings to light; None where that is nothing, and it stays as quiet as it was: most often.

    `state` has evolved by it; the horizon and the quiet are those before it.
    """
    span, occurred_us = programme.span(state, rules, event, horizon_us), event.occurred_us
    if programme.disturbs(state, event):
        quiet_until_us = None
    elif span is None:
        quiet = quiet_until_us is not None and occurred_us < quiet_until_us
        if occurred_us <= horizon_us or not programme.flips_at_once(state, rules, event, held(state), quiet):
            return None
    issue = nothing(quiet_until_us)
    if span is not None:
        issue = _revise_unless(programme, state, rules, span, horizon_us, quiet_until_us)
    if occurred_us <= horizon_us:
        return issue
    if issue.entries:
        later, quiet_us = programme.flips(state, rules, horizon_us, occurred_us, issue.entries[-1].holds)
        return issue._replace(entries=issue.entries + later, quiet_until_us=quiet_us)
    quiet = quiet_until_us is not None and occurred_us < quiet_until_us
    if not programme.flips_at_once(state, rules, event, held(state), quiet):
        return issue
    return advance(programme, state, rules, horizon_us, occurred_us, None)


def announce_edition(programme: Programme, state: State, rules: Any, effective_us: int, horizon_us: int) -> Issue:
    """What an edition brings to light that took effect before the horizon: it is in force until the next one."""
    next_us = rules.next_start(effective_us)
    last_us = horizon_us if next_us is None else min(next_us, horizon_us)
    span = Span(effective_us, last_us, programme.edition_kind)
    return _revise(programme, state, rules, span, horizon_us, None)


def advance(
    programme: Programme, state: State, rules: Any, horizon_us: int, to_us: int, quiet_until_us: int | None
) -> Issue:
    """Moves the horizon on: every flip in (horizon_us, to_us], however late the clock runs."""
    if quiet_until_us is not None and to_us < quiet_until_us:
        return nothing(quiet_until_us)
    previous = held(state)
    entries, quiet_us = programme.flips(state, rules, horizon_us, to_us, previous)
    return Issue(entries, previous, BEGINNING_US, "", quiet_us)


def _revise_unless(
    programme: Programme, state: State, rules: Any, span: Span, horizon_us: int, quiet_until_us: int | None
) -> Issue:
    """Revises, but not where throughout the span there has been what the event can only bring about."""
    span = span._replace(last_us=min(span.last_us, horizon_us))
    if span.first_us > span.last_us:
        return nothing(quiet_until_us)
    if span.only is not None:
        place = bisect_left(state.announced, span.first_us, key=lambda entry: entry.effective_us)
        undisturbed = place == len(state.announced) or state.announced[place].effective_us > span.last_us
        before = bool(place) and state.announced[place - 1].holds
        if undisturbed and before == span.only:
            return nothing(quiet_until_us)
    return _revise(programme, state, rules, span, horizon_us, quiet_until_us)


def _revise(
    programme: Programme, state: State, rules: Any, span: Span, horizon_us: int, quiet_until_us: int | None
) -> Issue:
    """Announces anew from the first instant at which what was announced and the true history differ.

    They can differ only in the span, whose last instant is at most the horizon.
    """
    announced, first_us, last_us = state.announced, span.first_us, span.last_us
    begin = bisect_left(announced, first_us, key=lambda entry: entry.effective_us)
    end = bisect_left(announced, last_us + 1, key=lambda entry: entry.effective_us)
    before = announced[begin - 1].holds if begin else False
    claimed = _flips_only(announced[begin:end], before)
    true, _ = programme.flips(state, rules, first_us - 1, last_us, before)
    same = 0
    while same < len(claimed) and same < len(true) and claimed[same].flip == true[same].flip:
        same += 1
    claimed, true, before = claimed[same:], true[same:], (true[same - 1].holds if same else before)
    if not claimed and not true:
        return nothing(quiet_until_us)
    effective_us = min(entry.effective_us for entry in claimed[:1] + true[:1])
    entries = list(true)
    if not true or true[0].effective_us != effective_us:
        entries.insert(0, programme.entry_at(state, rules, effective_us, span.kind))
    for entry in _flips_only(announced[end:], entries[-1].holds):
        entries.append(programme.entry_at(state, rules, entry.effective_us, None))
    revises = effective_us < horizon_us or (bool(announced) and announced[-1].effective_us >= effective_us)
    return Issue(entries, before, horizon_us if revises else BEGINNING_US, span.kind, None)


def _flips_only(entries: list[Any], before: bool) -> list[Any]:
    """Without those that change nothing: they only took the place of what is none any more."""
    kept = []
    for entry in entries:
        if entry.holds != before:
            kept.append(entry)
            before = entry.holds
    return kept

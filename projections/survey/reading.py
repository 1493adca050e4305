"""Reading the survey programme's part of the book: the rulebook, and one membership's stream folded up to a position."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.book import Step, read_rules
from ledger.book import replay as replay_stream
from ledger.errors import UnknownMembership
from ledger.membership import can_be_membership
from ledger.programmes.registry import PROGRAMMES
from ledger.programmes.survey.editions import Rulebook
from ledger.programmes.survey.events import RULEBOOK_STREAM, membership_stream
from ledger.programmes.survey.programme import SURVEY
from ledger.programmes.survey.state import Membership
from ledger.store.base import Reader


def read_rulebook(book: Reader, through: int | None = None) -> Rulebook:
    """The editions published up to and including a position."""
    rulebook: Rulebook = read_rules(book, PROGRAMMES, SURVEY, RULEBOOK_STREAM, through)
    return rulebook


def replay(book: Reader, membership: str, through: int | None = None) -> Iterator[Step]:
    """A membership's stream, event by event, up to and including a position; the chain is checked on the way.

    Raises UnknownMembership where there is no such stream, BrokenHistory where an event does not follow the one before.
    """
    if not can_be_membership(membership):
        raise UnknownMembership(membership)
    found = False
    for step in replay_stream(book, PROGRAMMES, membership_stream(membership), through):
        found = True
        yield step
    if not found:
        raise UnknownMembership(membership)


def fold(book: Reader, membership: str, through: int | None = None) -> Membership:
    """The state of a membership after all its events up to and including a position; errors as `replay`."""
    state = Membership()
    for step in replay(book, membership, through):
        state = step.state
    return state

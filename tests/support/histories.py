"""Hypothesis strategies for histories of facts as they might arrive, and for the instants worth asking about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.oracle.survey.status import Oracle
from tests.oracle.survey.time import start_of
from tests.support.history_author import ACTIONS, NUDGES, Author, Draw, History, Step
from tests.support.history_names import NAMING_ACTIONS, NamingAuthor

__all__ = ["ANSWERED_INVITATIONS", "History", "Step", "edges", "histories", "play", "points", "recorded_instants"]

_OF_ALL = {"occurred_at": "2014-03-01T00:00:00Z", "membership": "m-1"}
_OF_ALL_BUT_ENROLMENT = {**_OF_ALL, "customer_org": "fabrikam"}
ANSWERED_INVITATIONS: list[dict[str, Any]] = [
    {**_OF_ALL, "type": "enrol-membership", "id": "a-1", "name": "Contoso", "level": "gold"},
    {**_OF_ALL_BUT_ENROLMENT, "type": "record-consent", "id": "a-2", "subject": "s-1"},
    *(
        {**_OF_ALL_BUT_ENROLMENT, **invited, "channel": "partner", "subject": "s-1"}
        for invited in (
            {"type": "record-invitation", "id": "a-3", "invitation": "i-1"},
            {"type": "record-invitation", "id": "a-4", "invitation": "i-2"},
        )
    ),
    {**_OF_ALL_BUT_ENROLMENT, "type": "record-response", "id": "a-5", "response": "r-1", "invitation": "i-1"},
    {**_OF_ALL_BUT_ENROLMENT, "type": "record-response", "id": "a-6", "response": "r-2", "invitation": "i-2"},
]
"""Answers that need the link key: as an example, since a draw has seldom more than one to an invitation."""


@st.composite
def histories(
    draw: Draw,
    scale: str | None = None,
    mode: str | None = None,
    max_actions: int = 25,
    reviews: bool = False,
    names: bool = False,
) -> History:
    """Histories of up to about three times `max_actions` steps.

    `scale` is "small" or "shipped", `mode` is "live" (each fact is told about when it occurs, some late) or "batch"
    (all are told long after, in no order); None leaves the choice to the draw. With `reviews` some steps are reviews.
    With `names` customers have several names and spellings, are joined, separated and told apart.
    """
    chosen_scale = scale or draw(st.sampled_from(("small", "small", "small", "shipped")))
    chosen_mode = mode or draw(st.sampled_from(("live", "live", "batch")))
    author = (NamingAuthor if names else Author)(draw, chosen_scale, chosen_mode)
    if chosen_scale == "small":
        author.first_edition()
    author.enrol()
    actions = ACTIONS + ("review",) * (6 if reviews else 0) + (NAMING_ACTIONS if names else ())
    least = draw(st.sampled_from((1, max_actions // 2, max_actions * 4 // 5, max_actions * 4 // 5)))
    for action in draw(st.lists(st.sampled_from(actions), min_size=least, max_size=max_actions)):
        getattr(author, action)()
    return author.steps


def play(history: History, known_spelling: bool = False) -> Oracle:
    """An oracle that has been told the whole history."""
    oracle = Oracle()
    for fact, now in history:
        if fact is None:
            oracle.review(now)
        else:
            oracle.record(fact, now, known_spelling)
    return oracle


def edges(oracle: Oracle, membership: str) -> list[datetime]:
    """Receipts, expiries under every window, changes of the membership, editions, and the cutoffs of its renewals."""
    renewals = [one.fact["renewal_date"] for one in oracle.facts_of(membership) if "renewal_date" in one.fact]
    return sorted({*oracle.candidates(membership), *(start_of(day) for day in renewals)})


@st.composite
def points(draw: Draw, oracle: Oracle, membership: str) -> tuple[datetime, int | None]:
    """(T, K): an instant, mostly at or a microsecond beside an edge, and how many accepted facts are known.

    K is never so early that the membership is unknown.
    """
    found = edges(oracle, membership)
    at: datetime = draw(st.sampled_from(found)) + draw(st.sampled_from((*NUDGES, timedelta(hours=5))))
    if draw(st.integers(1, 10)) == 10:
        at = draw(st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))
    count = len(oracle.accepted)
    first = oracle.facts_of(membership)[0].number
    known: int | None = draw(st.one_of(st.none(), st.integers(first, count)))
    return at, known


@st.composite
def recorded_instants(draw: Draw, oracle: Oracle) -> datetime:
    """An instant for K: at or a microsecond beside one at which something was recorded."""
    moment: datetime = draw(st.sampled_from([one.recorded_at for one in oracle.accepted])) + draw(
        st.sampled_from(NUDGES)
    )
    return moment

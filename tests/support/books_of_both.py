"""Hypothesis strategies for books that hold both programmes: a history of each, told in turn.

    for of, step in draw(books_of_both()): …     # of is "survey", "capability" or "review"

All is told at one instant, long after everything occurred: how a survey is told as it happens is tried in its own tests.
A review moves the horizons of both.
"""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any, Final, Literal, NamedTuple

from hypothesis import strategies as st

from tests.oracle.capability_from_text.histories import histories as capability_histories
from tests.oracle.capability_from_text.oracle import Oracle as CapabilityOracle
from tests.oracle.survey.status import Oracle as SurveyOracle
from tests.oracle.survey.time import instant
from tests.support.designations import side_by_side
from tests.support.histories import histories as survey_histories
from tests.support.real_book import RealBook

NOW: Final = instant("2025-03-02T00:00:00Z")
Of = Literal["survey", "capability", "review"]


class Step(NamedTuple):
    """A fact that is told, or a review up to an instant."""

    of: Of
    fact: Any
    until: datetime | None = None


@st.composite
def books_of_both(draw: st.DrawFn, max_actions: int = 10, facts_max: int = 15) -> list[Step]:
    """Steps of both programmes, mixed in any way, each in its own order. Ids are unique over both."""
    survey = [
        Step("survey", fact) if fact is not None else Step("review", None, now)
        for fact, now in draw(survey_histories(max_actions=max_actions, reviews=True, names=True))
    ]
    capability = [
        Step("capability", fact | {"id": f"d:{fact['id']}"}) for fact in draw(capability_histories(facts_max))
    ]
    for moment in draw(st.lists(st.sampled_from(["2023-07-01T00:00:00Z", "2024-03-01T00:00:00Z"]), max_size=2)):
        capability.insert(draw(st.integers(0, len(capability))), Step("review", None, instant(moment)))
    return list(side_by_side(Random(draw(st.integers(0, 2**32 - 1))), [survey, capability]))


class Told:
    """What two oracles, each of which knows its own programme alone, make of what is told to a real book."""

    def __init__(self, book: RealBook) -> None:
        self.book = book
        self.survey = SurveyOracle()
        self.capability = CapabilityOracle()

    def tell(self, step: Step) -> None:
        """The book's outcome has to be that of the step's own oracle."""
        if step.until is not None:
            until = min(step.until, NOW)
            self.survey.review(until)
            self.capability.review(until)
            self.book.review(until)
            return
        said = self.book.tell(step.fact, NOW)
        if step.of == "survey":
            assert said == self.survey.record(step.fact, NOW), step
            return
        status, what = self.capability.record(step.fact, NOW)
        assert said == (status, what if status == "refused" else None), step

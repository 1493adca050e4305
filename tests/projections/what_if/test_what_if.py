"""What would have been under other figures is what the rules themselves say of it: a membership and a decision at a time."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.book import read_rules
from ledger.errors import UnknownDesignation, UnknownMembership
from ledger.instants import BEGINNING_US, END_US, format_instant, parse_instant
from ledger.programmes.capability.editions import Scorebook
from ledger.programmes.capability.events import scorebook_stream
from ledger.programmes.capability.flips import flip_after, score_at
from ledger.programmes.capability.outcome import decide_designation, window
from ledger.programmes.capability.programme import CAPABILITY
from ledger.programmes.registry import PROGRAMMES
from ledger.programmes.survey.editions import Edition, Rulebook
from ledger.programmes.survey.flips import is_satisfied, next_flip
from ledger.programmes.survey.outcome import decide_renewal
from projections.capability.reading import replay as replay_designation
from projections.capability.score_reader import ScoreReader
from projections.questions.answer import LEFT_OUT
from projections.questions.view import View
from projections.questions.what_if import WhatIfSpan
from projections.survey.reading import fold, read_rulebook
from projections.what_if.figures import Hypothesis, hypothesis
from projections.what_if.found import Spans as SpansFound
from projections.what_if.found import counts, told
from projections.what_if.question import what_if
from tests.projections.what_if.books import AREA, merged, score_figures, survey_figures, tell_scores, tell_survey
from tests.support.books_of_both import Step, Told, books_of_both
from tests.support.real_book import RealBook, projected, real_book
from tests.support.soak import scaled

Spans = list[tuple[int, int]]


def in_spans(spans: Spans, at_us: int) -> bool:
    return any(from_us <= at_us < to_us for from_us, to_us in spans)


def overridden(rulebook: Rulebook, other: Hypothesis) -> Rulebook:
    """Written from the words: in the span the named figures take the place of those of whatever edition is in force."""
    starts = sorted({other.from_us, other.to_us, *(one.effective_us for one in rulebook.editions)})
    found = []
    for start_us in starts:
        edition = rulebook.in_force(start_us)
        if edition is not None:
            data = {**edition.to_data(), "effective_from": format_instant(start_us)}
            inside = other.from_us <= start_us < other.to_us
            found.append(Edition.from_data({**data, **other.figures} if inside else data))
    return Rulebook(found)


def satisfied_spans(evidence: Any, rulebook: Rulebook, from_us: int, to_us: int) -> Spans:
    found, instant, holds = [], from_us, is_satisfied(evidence, rulebook, from_us)
    while True:
        flip = next_flip(evidence, rulebook, instant, holds, to_us - 1)
        if holds:
            found.append((instant, to_us if flip is None else flip))
        if flip is None:
            return found
        instant, holds = flip, not holds


def without(these: Spans, those: Spans) -> Spans:
    """The instants of some spans that are in none of the others."""
    bounds = sorted({bound for span in (*these, *those) for bound in span})
    pieces = [
        pair for pair in pairwise(bounds)
        if in_spans(these, pair[0]) and not in_spans(those, pair[0])
    ]  # fmt: skip
    joined: Spans = []
    for from_us, to_us in pieces:
        if joined and joined[-1][1] == from_us:
            joined[-1] = (joined[-1][0], to_us)
        else:
            joined.append((from_us, to_us))
    return joined


def as_spans(told: tuple[WhatIfSpan, ...]) -> Spans:
    return [(parse_instant(one.from_), parse_instant(one.to)) for one in told]


def drawn_hypothesis(random: Random, figures: dict[str, Any], begin: str, end: str) -> Hypothesis:
    """Over a span between two instants, or from always on."""
    from_us, to_us = sorted(random.randint(parse_instant(begin), parse_instant(end)) for _ in range(2))
    return hypothesis(orjson.dumps(figures), None if random.random() < 0.4 else from_us, to_us + 1)


@settings(max_examples=scaled(20), deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_survey_is_what_its_rules_say(seed: int) -> None:
    random = Random(seed)
    with real_book() as book, projected(book) as projections:
        tell_survey(book, random, 60)
        projections.catch_up()
        with projections.view() as view:
            for _ in range(3):
                other = drawn_hypothesis(random, survey_figures(random), "2009-12-01T00:00:00Z", "2014-06-01T00:00:00Z")
                require_survey(book, view, other, random.choice([None, random.randint(0, view.eligibility().position)]))


@settings(max_examples=scaled(15), deadline=None)
@given(books_of_both(), st.integers(0, 2**32 - 1))
def test_books_of_both_programmes_are_what_their_rules_say(steps: list[Step], seed: int) -> None:
    random = Random(seed)
    with real_book() as book, projected(book) as projections:
        told = Told(book)
        for step in steps:
            told.tell(step)
        projections.catch_up()
        with projections.view() as view:
            known = random.choice([None, random.randint(0, view.eligibility().position)])
            other = drawn_hypothesis(random, survey_figures(random), "2008-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
            require_survey(book, view, other, known)
            for area in ("business-applications", AREA):
                figures = {
                    "type": "publish-scorebook",
                    "area": area,
                    "min_centipoints": random.choice([1, 300, 514, 900]),
                }
                other = drawn_hypothesis(random, figures, "2023-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
                require_scores(book, view, other, known)


@settings(max_examples=scaled(12), deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_scores_are_what_their_rules_say(seed: int) -> None:
    random = Random(seed)
    with real_book() as book, projected(book) as projections:
        tell_scores(book, random)
        projections.catch_up()
        with projections.view() as view:
            for _ in range(3):
                figures = {"type": "publish-scorebook", "area": AREA, **score_figures(random)}
                other = drawn_hypothesis(random, figures, "2022-01-01T00:00:00Z", "2025-01-01T00:00:00Z")
                require_scores(book, view, other, random.choice([None, random.randint(0, view.scores().position)]))


def test_pages_of_it_are_all_of_it() -> None:
    with real_book() as book, projected(book) as projections:
        tell_survey(book, Random(1), 120)
        projections.catch_up()
        with projections.view() as view:
            found = what_if(view, hypothesis('{"min_responses":1,"min_organisations":1}', None, END_US))
    whole = told(found, limit=None)
    status: list[Any] = []
    decisions: list[Any] = []
    after: str | None = ""
    while after is not None:
        page = told(found, limit=1, after=after)
        assert {one.membership for one in (*page.status, *page.decisions)} <= {page.after, *found.memberships[-1:]}
        status, decisions, after = [*status, *page.status], [*decisions, *page.decisions], page.after
    assert (tuple(status), tuple(decisions)) == (whole.status, whole.decisions)
    assert len(status) > 1
    (first,) = told(found, status[0].membership).status
    assert first == status[0]
    with pytest.raises(UnknownMembership):
        told(found, "m-9")
    few = counts(found)
    assert (few.gained, few.lost, few.status, few.outcomes) == (None, None, LEFT_OUT, ())
    several = [found._replace(gained=SpansFound([*range(number), *range(number)])) for number in (0, 4, 5, 9, 10, 14)]
    assert [counts(one).gained for one in several] == [None, None, 5, 5, 10, 10]
    assert counts(found, 1).gained == len(set(found.gained.places))


def test_reports_of_an_area_are_read_without_going_through_its_designations_for_each() -> None:
    with real_book() as book, projected(book) as projections:
        tell_scores(book, Random(1))
        projections.catch_up()
        with projections.view() as view:
            name = view.scores()._prefix
        with projections.database.reading() as connection:
            asked: list[tuple[str, Any]] = []

            class Noting:
                def query(self, statement: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
                    asked.append((statement, parameters))
                    return connection.query(statement, parameters)

            reader = ScoreReader(Noting(), name, 1 << 40)  # type: ignore[arg-type]
            assert reader.reports(AREA, 1 << 40, (0, 0, 0), 10)
            (one,) = asked
            plan = connection.query(f"EXPLAIN QUERY PLAN {one[0]}", one[1])
    assert not [line for line in plan if "CORRELATED" in line[-1]], plan


def require_survey(book: RealBook, view: View, other: Hypothesis, known_at: int | None) -> None:
    """Status by status, and decision by decision."""
    found = what_if(view, other, known_at)
    reader = view.eligibility()
    known = reader.known_at(known_at)
    rulebook = reader.rulebook(known)
    changed = overridden(rulebook, other)
    memberships = [name for chunk in reader.memberships(known) for name, _ in chunk]
    assert found.memberships == memberships
    for place, name in enumerate(memberships):
        evidence = reader.evidence_from([name], BEGINNING_US, known)[name]
        was = satisfied_spans(evidence, rulebook, other.from_us, other.to_us)
        would = satisfied_spans(evidence, changed, other.from_us, other.to_us)
        assert as_spans(found.gained.of(place)) == without(would, was)
        assert as_spans(found.lost.of(place)) == without(was, would)
    standing = {(one.membership, one.renewal_date): one for one in view.renewals().decisions(None, END_US, known)}
    assert found.decided == len(standing)
    expected = {}
    for (name, day), row in standing.items():
        state = fold(book.store, name, row.position - 1)
        outcome = decide_renewal(state, overridden(read_rulebook(book.store, row.position - 1), other), day)["outcome"]
        if outcome != row.outcome:
            expected[name, day] = outcome
    assert {(name, day): would_be for name, day, _, _, would_be, _ in found.differing} == expected


def overridden_scores(scorebook: Scorebook, other: Hypothesis) -> Scorebook:
    """Written from the words, as `overridden`; an object keeps what the figures leave out of it.

    The rules know an edition by its name, so each has one of its own.
    """
    found = Scorebook()
    for start_us in sorted({other.from_us, other.to_us, *(one.effective_us for one in scorebook.editions)}):
        edition = scorebook.in_force(start_us)
        if edition is not None:
            name = f"{edition.edition} from {start_us} on"
            data = {**edition.figures, "edition": name, "effective_from": format_instant(start_us)}
            found.publish(merged(data, other.figures) if other.from_us <= start_us < other.to_us else data)
    return found


def qualified_spans(one: Any, scorebook: Scorebook, from_us: int, to_us: int) -> Spans:
    found, instant = [], from_us
    holds = score_at(one, scorebook, instant).qualified
    while True:
        flip = min(flip_after(one, scorebook, instant, holds), to_us)
        if holds:
            found.append((instant, flip))
        if flip >= to_us:
            return found
        instant, holds = flip, not holds


def require_scores(book: RealBook, view: View, other: Hypothesis, known_at: int | None) -> None:
    """Score by score, and decision by decision."""
    area = str(other.area)
    designations = view.designations()
    known = designations.known_at(known_at)
    keys = [key for chunk in designations.keys(known, area) for key in chunk]
    if not keys:
        with pytest.raises(UnknownDesignation):
            what_if(view, other, known_at)
        return
    found = what_if(view, other, known_at)
    assert found.memberships == [name for name, _ in keys]
    for place, (name, _) in enumerate(keys):
        state, scorebook = folded(book, name, area, known)
        was = qualified_spans(state, scorebook, other.from_us, other.to_us)
        would = qualified_spans(state, overridden_scores(scorebook, other), other.from_us, other.to_us)
        assert as_spans(found.gained.of(place)) == without(would, was)
        assert as_spans(found.lost.of(place)) == without(was, would)
    rows = designations.all_decisions(None, area, END_US, known)
    standing = {(one.membership, one.anniversary): one for one in rows}
    assert found.decided == len(standing)
    expected = {}
    for (name, day), row in standing.items():
        state, scorebook = folded(book, name, area, row.position - 1)
        reached_us = min(row.decided_us, recorded_us(book, row.position))
        changed = overridden_scores(scorebook, other)
        outcome = decide_designation(state, changed, day, reached_us)["outcome"]
        if outcome == "qualified" and reached_us < window(changed, day)[0]:
            outcome = "not-qualified"  # it could not have been decided then: no instant of the window was reached
        if outcome != row.outcome:
            expected[name, day] = outcome
    assert {(name, day): would_be for name, day, _, _, would_be, _ in found.differing} == expected


def folded(book: RealBook, membership: str, area: str, through: int) -> tuple[Any, Scorebook]:
    """The state of a designation and the scorebook of its area, from their streams."""
    state: Any = None
    for step in replay_designation(book.store, membership, area, through):
        state = step.state
    return state, read_rules(book.store, PROGRAMMES, CAPABILITY, scorebook_stream(area), through)


def recorded_us(book: RealBook, position: int) -> int:
    (row,) = book.store.read_feed(position - 1, 1)
    return parse_instant(orjson.loads(row.stored)["recorded_at"])

"""Scores from the projection against the oracle, and against the folded stream, at any instant as known at any position."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import UnknownDesignation
from ledger.programmes.capability.flips import NEVER, flip_after, score_at
from projections.questions.answer import plain
from projections.questions.score import score
from tests.ledger.programmes.capability.book import micros
from tests.oracle.capability_from_text.histories import histories
from tests.oracle.capability_from_text.score import score as score_from_text
from tests.projections.capability.support import STEPS, ScoreBook, dense_history, score_book, some_instant
from tests.support.real_book import some_folder
from tests.support.soak import scaled


def check_against_the_text(told: ScoreBook, random: Random, questions: int) -> None:
    with told.reader() as reader:
        for _ in range(questions):
            membership, area = random.choice(sorted(told.oracle.designations()))
            known = random.randint(0, len(told.oracle.accepted))
            position = told.position_of(known)
            if (membership, area) not in told.oracle.designations(known):
                with pytest.raises(UnknownDesignation):
                    score(reader, membership, area, 0, position)
                continue
            at = some_instant(random, told.oracle, membership, area, known)
            expected = score_from_text(told.oracle, membership, area, at, known)
            found = plain(score(reader, membership, area, micros(at), position))
            assert found == {**expected, "known_at": position}


def check_against_the_stream(told: ScoreBook, random: Random, questions: int) -> None:
    """Every position may be asked for, also one between a fact and what it announces."""
    with told.reader() as reader:
        for _ in range(questions):
            membership, area = random.choice(sorted(told.oracle.designations()))
            position = random.randint(0, reader.position)
            state, scorebook = told.book.state(membership, area, position), told.book.scorebook(area, position)
            if not state.opened:
                continue
            at_us = micros(some_instant(random, told.oracle, membership, area, len(told.oracle.accepted)))
            expected = score_at(state, scorebook, at_us)
            assert reader.score(membership, area, at_us, position) == expected
            one = reader.designation(membership, area, at_us, position)
            flip_us = flip_after(state, scorebook, at_us, expected.qualified)
            assert reader.next_change(one, at_us, expected.qualified) == (None if flip_us == NEVER else flip_us)


@settings(max_examples=scaled(40), deadline=None, suppress_health_check=[*HealthCheck])
@given(histories(), st.sampled_from(STEPS), st.randoms(use_true_random=False))
def test_every_answer_is_that_of_the_text_and_of_the_stream(facts: list[Any], step: int, random: Random) -> None:
    with some_folder() as folder, score_book(folder, step) as told:
        told.tell(facts, random)
        if told.oracle.designations():
            check_against_the_text(told, random, 12)
            check_against_the_stream(told, random, 12)
        assert told.rebuilt_differences() == 0


@pytest.mark.parametrize("seed", range(12))
def test_months_of_many_reports_restated_under_many_editions(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    with score_book(tmp_path, random.choice(STEPS)) as told:
        told.tell(dense_history(random), random)
        check_against_the_text(told, random, 40)
        check_against_the_stream(told, random, 20)
        assert told.rebuilt_differences() == 0

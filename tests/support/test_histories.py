"""The strategies reach what they are for, and the oracle agrees with itself over whatever they write."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle.survey.announcements import MAKES_A_FLIP, announcements, fold
from tests.oracle.survey.form import NotStrictError, read_line
from tests.oracle.survey.form import is_well_formed as is_of_the_survey
from tests.oracle.survey.organisations import groups
from tests.oracle.survey.status import Oracle
from tests.oracle.survey.time import instant, stamp
from tests.support.broken_lines import broken_files, malformed_lines, valid_lines
from tests.support.capability_examples import is_well_formed as is_of_either
from tests.support.histories import History, edges, histories, play, points

SLOW = settings(deadline=None, suppress_health_check=list(HealthCheck))
COUNTED = settings(SLOW, derandomize=True, database=None)
"""The same draw in each run: what it reaches is counted, and another draw may miss what is seldom."""

CODES = (
    *(
        "malformed",
        "reserved-id",
        "id-reused",
        "in-the-future",
        "unknown-membership",
        "already-enrolled",
        "unknown-location",
    ),
    *("location-exists", "location-needed", "consent-missing", "invitation-exists", "unknown-invitation"),
    *("reminder-not-operator", "already-reminded", "already-answered", "org-mismatch", "response-exists"),
    *("unknown-response", "already-void", "already-anonymous", "evaluation-exists", "edition-exists"),
    *("renewal-date-not-set", "renewal-not-due", "renewal-already-decided"),
)
NAME_CODES = ("organisation-spelling", "unknown-organisation", "already-joined", "not-joined", "already-distinct")
FLIPS = (
    *((True, "response"), (True, "evaluation"), (True, "membership"), (True, "rulebook")),
    *((False, "expiry"), (False, "membership"), (False, "rulebook")),
)


def test_the_histories_reach_every_refusal_and_every_cause() -> None:
    said: Counter[Any] = Counter()
    flips: Counter[Any] = Counter()

    @settings(COUNTED, max_examples=350)
    @given(histories())
    def collect(history: History) -> None:
        oracle = Oracle()
        for fact, now in history:
            verdict, code = oracle.record(fact, now)
            said[code or verdict] += 1
        for membership in oracle.memberships():
            for flip in oracle.true_history(membership, history[-1][1] + timedelta(days=1000)):
                flips[flip["satisfied"], flip["cause"]] += 1

    collect()
    print(said.most_common(), flips.most_common(), sep="\n")
    assert not [code for code in ("accepted", "duplicate", *CODES) if not said[code]]
    assert not [flip for flip in FLIPS if not flips[flip]]
    assert said["accepted"] > 0.6 * said.total()


def test_the_histories_with_names_reach_every_refusal_of_a_name_and_what_a_join_changes() -> None:
    said: Counter[Any] = Counter()
    causes: Counter[Any] = Counter()

    @settings(COUNTED, max_examples=250)
    @given(histories(names=True, reviews=True, max_actions=20))
    def collect(history: History) -> None:
        oracle = Oracle()
        for fact, now in history:
            if fact is None:
                oracle.review(now)
                continue
            verdict, code = oracle.record(fact, now)
            said[code or verdict] += 1
            if verdict == "accepted" and oracle.accepted[-1].spelt:
                said["spelt for several" if oracle.accepted[-1].also else "spelt"] += 1
        for membership in oracle.memberships():
            sizes = {tuple(group) for group in groups(oracle, membership).values()}
            said.update(f"group of {len(group)}" for group in sizes)
            causes.update(one["cause"] for one in announcements(oracle, membership))

    collect()
    print(said.most_common(), causes.most_common(), sep="\n")
    wanted = (*NAME_CODES, "org-mismatch", "spelt", "spelt for several", "group of 2", "group of 3")
    assert not [one for one in wanted if not said[one]]
    assert causes["organisation"]
    assert said["accepted"] > 0.5 * said.total()


@settings(SLOW, max_examples=60)
@given(histories(reviews=True, max_actions=15, names=True))
def test_what_was_announced_folds_into_the_true_history(history: History) -> None:
    oracle = play(history)
    for membership in oracle.memberships():
        standing = [one for one in fold(announcements(oracle, membership)) if one["satisfied"] != one["previous"]]
        truth = oracle.true_history(membership, oracle.horizon(membership))
        assert [[flip[field] for field in MAKES_A_FLIP] for flip in truth] == [
            [one[field] for field in MAKES_A_FLIP] for one in standing
        ]


@settings(SLOW, max_examples=100)
@given(st.data(), histories(names=True))
def test_the_next_change_is_the_next_flip_of_the_true_history(data: st.DataObject, history: History) -> None:
    oracle = play(history)
    membership = data.draw(st.sampled_from(oracle.memberships() or [""]))
    if not membership:
        return
    at, known = data.draw(points(oracle, membership))
    status = oracle.status(membership, at, known)
    last = edges(oracle, membership)[-1]
    flips = oracle.true_history(membership, last, known)
    before = [flip for flip in flips if flip["effective_at"] <= stamp(at)]
    after = [flip for flip in flips if flip["effective_at"] > stamp(at)]
    assert status["satisfied"] == (before[-1]["satisfied"] if before else False)
    expected = {"at": after[0]["effective_at"], "satisfied": after[0]["satisfied"]} if after else None
    assert status["next_change"] == expected


@settings(SLOW, max_examples=60)
@given(st.data(), histories(names=True))
def test_nothing_changes_between_two_candidate_instants(data: st.DataObject, history: History) -> None:
    oracle = play(history)
    membership = data.draw(st.sampled_from(oracle.memberships() or [""]))
    if not membership:
        return
    at, known = data.draw(points(oracle, membership))
    earlier = [moment for moment in oracle.candidates(membership, known) if moment <= at]
    if earlier:
        assert oracle.state(membership, at, known) == oracle.state(membership, earlier[-1], known)
    else:
        assert oracle.state(membership, at, known)["satisfied"] is False


@settings(SLOW, max_examples=200)
@given(malformed_lines())
def test_malformed_lines_are_never_a_fact(line: bytes) -> None:
    try:
        fact = read_line(line)
    except NotStrictError:
        return
    assert not is_of_either(fact)


@settings(SLOW, max_examples=50)
@given(valid_lines())
def test_valid_lines_are_facts(line: bytes) -> None:
    assert is_of_either(read_line(line))


@settings(SLOW, max_examples=50)
@given(broken_files())
def test_a_broken_file_is_bytes_of_a_bounded_size(content: bytes) -> None:
    assert len(content) < 50_000_000


@settings(SLOW, max_examples=100)
@given(histories())
def test_what_is_recorded_never_goes_back_in_time(history: History) -> None:
    recorded = [now for _, now in history]
    assert recorded == sorted(recorded)
    assert all(instant(fact["occurred_at"]) for fact, _ in history if fact and is_of_the_survey(fact))

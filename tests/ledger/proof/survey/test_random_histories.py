"""Whatever is told to the ledger: what its writer records is found right by the verifier, which shares no rule with it."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.proof.log.event import Event, parse_event
from ledger.proof.survey import recheck
from ledger.proof.survey.programme import MEMBERSHIP_PREFIX, RULEBOOK
from ledger.proof.survey.recheck import Difference, check_stream
from ledger.proof.survey.replay import Membership, Rulebook
from ledger.proof.survey.rules import LISTED_MAX, decision, status
from tests.ledger.programmes.survey.test_properties import retell
from tests.oracle.survey.decisions import decided
from tests.oracle.survey.organisations import groups
from tests.support.histories import History, histories, points
from tests.support.real_book import RealBook, micros, real_book
from tests.support.soak import scaled

SAME_AS_THE_ORACLE = (
    "required", "satisfied", "via", "location", "counted", "organisations", "edition", "evaluations",
)  # fmt: skip


def differences(book: RealBook, swept_max: int = recheck.SWEPT_MAX) -> list[Difference]:
    """What the verifier finds in all streams of a book; 0: when it keeps the counts of the past at once."""
    rows = [(row.stream, parse_event(row.stored)) for row in book.feed()]
    found: list[Difference] = []
    for stream in {name for name, _ in rows} - {RULEBOOK}:
        events: list[Event] = [event for name, event in rows if name in (RULEBOOK, stream)]
        with patch.object(recheck, "SWEPT_MAX", swept_max):
            found += check_stream(events).differences
    return found


@settings(max_examples=scaled(60))
@given(histories(reviews=True, names=True), st.booleans())
def test_the_verifier_finds_nothing_in_what_the_writer_records(history: History, known_spelling: bool) -> None:
    with real_book() as book:
        for fact, now in history:
            if fact is None:
                book.review(now)
            else:
                book.tell(fact, now, known_spelling)
        assert differences(book) == []
        assert differences(book, swept_max=0) == []


def folded(book: RealBook, membership: str, position: int | None) -> tuple[Membership, Rulebook]:
    """What the verifier makes of the events up to a position."""
    state, rulebook = Membership(), Rulebook()
    for row in book.feed()[:position]:
        event = parse_event(row.stored)
        if event.stream == MEMBERSHIP_PREFIX + membership:
            state.apply(event)
        elif event.type == "RulebookPublished":
            rulebook.publish(event)
    return state, rulebook


@settings(max_examples=scaled(50))
@given(st.data(), histories(max_actions=15, names=True), st.booleans())
def test_the_verifier_counts_and_decides_as_the_oracle_does(
    data: st.DataObject, history: History, known_spelling: bool
) -> None:
    """The oracle is told the facts; the verifier reads the events that became of them."""
    with real_book() as book:
        oracle = retell(history, book, known_spelling)
        for membership in oracle.memberships():
            for _ in range(3):
                at, known = data.draw(points(oracle, membership))
                state, rulebook = folded(book, membership, book.position_of(known))
                expected = oracle.state(membership, at, known)
                ours = status(state, rulebook, micros(at))._asdict()
                assert ours == {key: expected[key] for key in SAME_AS_THE_ORACLE}
                names = groups(oracle, membership, known)
                assert [*state.organisations.known] == [*names]
                assert {name: state.organisations.named(name) for name in names} == {n: g[0] for n, g in names.items()}
                date = (at.date()).isoformat()
                told, taken = decided(oracle, membership, date, known), decision(state, rulebook, date)
                for key in ("outcome", "via", "location", "counted", "organisations", "edition"):
                    assert taken[key] == told[key]
                for key in ("applied", "left_out"):
                    assert (taken[f"{key}_total"], len(taken[key])) == (len(told[key]), min(len(told[key]), LISTED_MAX))
                    assert [without_seq(entry) for entry in taken[key]] == [
                        without_seq(e) for e in told[key][:LISTED_MAX]
                    ]


def without_seq(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "seq"}

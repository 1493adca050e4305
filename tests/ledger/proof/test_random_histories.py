"""Whatever is told to the ledger: what its writer records is found right by the verifier, which shares no rule with it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.proof.event import PROGRAMME, Event, parse_event
from ledger.proof.recheck import Difference, check_stream
from tests.histories import History, histories
from tests.real_book import RealBook, real_book
from tests.soak import scaled


def differences(book: RealBook) -> list[Difference]:
    """What the verifier finds in all streams of a book."""
    rows = [(row.stream, parse_event(row.stored)) for row in book.feed()]
    found: list[Difference] = []
    for stream in {name for name, _ in rows} - {PROGRAMME}:
        events: list[Event] = [event for name, event in rows if name in (PROGRAMME, stream)]
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

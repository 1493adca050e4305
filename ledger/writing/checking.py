"""Checking the snapshots: each is held against the state that its stream folds to, from the first event on.

A writer believes a snapshot that makes sense (`ledger.writing.loading`): folding 100,000 events for each decision would
make the one on a long stream cost a hundred times one on a short. So whoever may write to the table can sway what is
decided next. The decision is refuted all the same by whoever recomputes it from the events; this finds the cause, and
before anything was decided on it. It costs a fold of the streams that have a snapshot, in one process, a state at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ledger.book import follow_row, read_rules
from ledger.errors import BrokenHistory, StoreUnreachable
from ledger.programmes.programme import Programme, Programmes
from ledger.store.base import Reader, Snapshot, Unguarded

EXPECTED: Final = "the state that the events fold to; `csat-ledger review --rebuild` makes it anew"


def snapshot_differences(book: Reader, programmes: Programmes) -> Iterator[Unguarded]:
    """The snapshots that say something else than the events. Those of another format, which nobody reads, are passed over."""
    after = ""
    while page := book.read_snapshots(after, 1):
        (snapshot,) = page
        after = snapshot.stream
        programme = programmes.of(snapshot.stream) if isinstance(snapshot.stream, str) else None
        if programme is not None and (found := _difference(book, programmes, programme, snapshot)) is not None:
            yield Unguarded(f"snapshot of {snapshot.stream}", found, EXPECTED)


def _difference(book: Reader, programmes: Programmes, programme: Programme, snapshot: Snapshot) -> str | None:
    try:
        if type(snapshot.seq) is not int:  # SQLite keeps anything in a column
            return "a seq that is no number"
        if programme.load(snapshot.state) is None:
            return None
    except Exception:  # whatever somebody has put there
        return "bytes that hold no state"
    state = programme.new_state()
    try:
        for row in book.read_stream(snapshot.stream):
            if row.seq > snapshot.seq:
                break
            follow_row(programmes, programme, state, row)
        rules = read_rules(book, programmes, programme, programme.rules_stream(snapshot.stream))
    except StoreUnreachable:
        raise
    except Exception as error:  # whatever stands in the events: what is wrong with them is listed by itself
        why = str(error) if isinstance(error, BrokenHistory) else f"{type(error).__name__}"
        return f"one of a stream that cannot be read ({why})"
    if state.seq != snapshot.seq:
        return f"one of {snapshot.seq} events, of a stream of {state.seq}"
    try:
        return None if programme.is_of(snapshot.state, state, rules) else "another state"
    except Exception:  # it can be loaded, and does not hold together
        return "bytes that make no sense"

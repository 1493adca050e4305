"""Whether the clock can be believed, asked by who records nothing and yet does what cannot be undone by it."""

from __future__ import annotations

from ledger.clock import LastRecorded, check_clock, is_behind
from ledger.errors import BrokenHistory, ClockWrong
from ledger.programmes.registry import PROGRAMMES
from ledger.store.base import Store
from ledger.writing.editions import EditionCache


def require_clock(store: Store, now_us: int) -> None:
    """Holds an instant against the book as the writer does (`ledger.clock`); reads alone. Raises ClockWrong."""
    row = store.last_event()
    last = None
    if row is not None:
        last = LastRecorded(row.position, PROGRAMMES.decode(row.stored, row.position).recorded_us)
    accepted = EditionCache(PROGRAMMES).clock_accepted(store) if is_behind(now_us, last) else None
    check_clock(now_us, last, accepted, None)


def is_believed(store: Store, now_us: int) -> bool:
    """Whether `require_clock` is content; it is not where the end of the book cannot be read."""
    try:
        require_clock(store, now_us)
    except (BrokenHistory, ClockWrong):
        return False
    return True

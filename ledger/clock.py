"""The clock: whether it can be believed, and the instant at which a transaction is recorded. Pure; the time is handed in.

One record under a wrong clock would spoil a book for good: from then on everything would carry that instant, and no
question by date would be of use. So a clock that is far from what the book and the database server say records nothing
(`check_clock` raises ClockWrong) until it is mended, or until somebody accepts the book's last instant with
`csat-ledger clock-accept`:

    the book was last recorded at   the clock says          then
    2026-11-26T09:00:00Z            2026-11-26T08:58:00Z    recorded at 09:00:00.000001: it stepped back a little
    2026-11-26T09:00:00Z            2026-11-26T08:30:00Z    clock-behind
    2026-11-26T09:00:00Z            2028-03-01T00:00:00Z    clock-ahead
    2099-01-01T00:00:00Z            2026-11-26T09:00:00Z    clock-behind; once 2099-01-01T00:00:00Z was accepted,
                                                            recorded at 2099-01-01T00:00:00.000002Z, .000003, …

Each transaction is recorded a microsecond later than the one before it at least, so that what was known at an instant
never becomes more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.errors import ClockWrong
from ledger.instants import DAY_US, END_US, SECOND_US, add_months, format_instant, parse_instant

BEHIND_MAX_US: Final = 5 * 60 * SECOND_US
"""So far behind the book's last instant a clock may stand."""
AHEAD_MAX_US: Final = 400 * DAY_US
"""So long may nothing be recorded, before a clock is asked about."""
SERVER_DIFFERENCE_MAX_US: Final = 5 * 60 * SECOND_US
RELEASED_US: Final = parse_instant("2026-11-26T00:00:00Z")
"""When this program was released: an empty book has no other measure."""
RELEASE_USED_MONTHS: Final = 120


@dataclass(frozen=True, slots=True)
class LastRecorded:
    """The end of a book: the position of its last event, and when that was recorded."""

    position: int
    recorded_us: int


def recording_us(now_us: int, last: LastRecorded | None) -> int:
    """When the next transaction is recorded: now, or a microsecond after the one before it where that is later.

    Raises ClockWrong at the end of the calendar, after which there is no instant.
    """
    instant_us = now_us if last is None else max(now_us, last.recorded_us + 1)
    if instant_us > END_US:
        raise ClockWrong(
            "clock-ahead", "the book was recorded at the calendar's last instant: nothing can be recorded after it"
        )
    return instant_us


def check_clock(now_us: int, last: LastRecorded | None, accepted: LastRecorded | None, server_us: int | None) -> None:
    """Raises ClockWrong where the clock cannot be believed; see the module.

    `last` is the end of the book, None for an empty one; `accepted` what the last ClockAccepted event accepts, with that
    event's position; `server_us` the clock of the database server, None where there is none.
    """
    if server_us is not None:
        _compare_with_server(now_us, server_us)
    if last is None:
        latest_us = add_months(RELEASED_US, RELEASE_USED_MONTHS)
        if now_us > latest_us:
            raise ClockWrong(
                "clock-ahead",
                f"found the clock at {format_instant(now_us)}, expected at most {format_instant(latest_us)}, ten years "
                "after the release of this program: set the clock, or take a newer release; nothing was recorded",
            )
    elif is_behind(now_us, last):
        if not _holds(accepted, last, now_us):
            raise ClockWrong("clock-behind", _sentence(now_us, last, "at most five minutes before"))
    elif now_us > last.recorded_us + AHEAD_MAX_US:
        raise ClockWrong("clock-ahead", _sentence(now_us, last, "at most 400 days after"))


def is_behind(now_us: int, last: LastRecorded | None) -> bool:
    """Whether the clock is so far behind the end of the book that an acceptance is asked for."""
    return last is not None and now_us < last.recorded_us - BEHIND_MAX_US


def _compare_with_server(now_us: int, server_us: int) -> None:
    if abs(now_us - server_us) > SERVER_DIFFERENCE_MAX_US:
        raise ClockWrong(
            "clock-ahead" if now_us > server_us else "clock-behind",
            f"found this machine's clock at {format_instant(now_us)} and the database server's at "
            f"{format_instant(server_us)}, expected them within five minutes: set the one that is wrong; "
            "nothing was recorded",
        )


def _holds(accepted: LastRecorded | None, last: LastRecorded, now_us: int) -> bool:
    """Whether an acceptance explains that the book is ahead of the clock.

    It does until the clock has passed the accepted instant, and only as long as the book has moved on by microseconds,
    one for each transaction: a book that moved on by more was recorded by a clock that was wrong again.
    """
    if accepted is None or now_us > accepted.recorded_us:
        return False
    return last.recorded_us - accepted.recorded_us <= last.position - accepted.position + 1


def _sentence(now_us: int, last: LastRecorded, expected: str) -> str:
    recorded_at = format_instant(last.recorded_us)
    return (
        f"found the clock at {format_instant(now_us)}, expected {expected} {recorded_at}, when the book was last "
        f"recorded: set the clock or, if it is right, accept that instant with `csat-ledger clock-accept {recorded_at}`; "
        "nothing was recorded"
    )

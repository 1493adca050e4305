"""The lies of a host to those who hold its receipts: the log itself is as it should be."""

from __future__ import annotations

from ledger.instants import SECOND_US, parse_instant
from tests.ledger.monitor.lies import LIES, PROMISE_S, Host, Lie

AFTER_US = parse_instant("2025-04-15T00:00:00Z")
"""After every promise."""


def dropped_promise(host: Host) -> None:
    """A fact for which a receipt was handed out is not recorded, and another takes its place."""
    host.end_transaction()
    host.promise(host.extra("promised"))
    host.left = []
    host.log.take([host.extra("instead")])
    host.log.heads()


def dropped_with_all_that_follows(host: Host) -> None:
    """The rest of the book was never recorded, though there are receipts for some of it."""
    host.end_transaction()
    count = host.drawn.randint(1, 9)
    host.hand_out(host.log.events + count)
    host.promise(host.extra("promised"), host.log.events + count)
    host.left = []
    host.log.take([host.extra("next")])
    host.log.heads()


def dropped_while_its_stream_goes_on(host: Host) -> None:
    """Its place is never reached, but the next event of its stream stands in the log."""
    host.promise(host.extra("promised"), host.log.events + 500)
    grow(host)


def withheld(host: Host) -> None:
    """What was promised comes into the log when the promise is over, or later still."""
    host.now_us = AFTER_US
    if host.promised:
        host.handed.append(host.promised.pop(0)[1])
        grow(host)
        return
    event = host.extra("withheld")
    host.promise(event)
    host.log.take([event])
    host.log.heads()


def promised_twice(host: Host) -> None:
    """Two facts were promised one place, far ahead of the log."""
    for name in ("one", "other"):
        host.promise(host.extra(name, seq=900), host.log.events + 500)
    grow(host)


def promised_too_long(host: Host) -> None:
    """A promise for a time that no policy allows."""
    far = parse_instant("2035-01-01T00:00:00Z")
    host.promise(host.extra("far"), host.log.events + 500, promised_us=far)
    grow(host)


def promised_of_another_time(host: Host) -> None:
    """The note says another recorded_at than the event, so that its promise is over later."""
    at_us = parse_instant("2025-02-28T00:00:00Z")
    host.promise(
        host.extra("other-time", seq=900),
        host.log.events + 500,
        recorded_us=at_us,
        promised_us=at_us + PROMISE_S * SECOND_US,
    )
    grow(host)


def promised_from_the_future(host: Host) -> None:
    """The event says itself that it is recorded in years."""
    event = host.extra("future", recorded_at="2029-01-01T00:00:00.000000Z", seq=900)
    host.promise(event, host.log.events + 500)
    grow(host)


def grow(host: Host) -> None:
    """The next piece of the book, honestly."""
    host.log.take(host.some() or [host.extra("grown")])
    host.log.heads()


LIES_IN_RECEIPTS: tuple[Lie, ...] = (
    dropped_promise, dropped_with_all_that_follows, dropped_while_its_stream_goes_on, withheld, promised_twice,
    promised_too_long, promised_of_another_time, promised_from_the_future,
)  # fmt: skip
"""In these the log itself is as it should be: only who holds receipts can find them."""
ALL_LIES = (*LIES, *LIES_IN_RECEIPTS)

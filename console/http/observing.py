"""Who is told of the requests of a service, as its options and its environment say."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from console.http.access_log import STDERR, AccessLog
from console.http.observed import Observers
from console.http.tracing import Tracing, is_asked_for, start_tracing
from console.wiring import wall_clock
from ledger.errors import ExtraMissing

if TYPE_CHECKING:
    from console.cli.session import Session
    from console.http.figures import Figures


@contextmanager
def observers(session: Session, figures: Figures, complain: Callable[[str], None]) -> Iterator[Observers]:
    """The observers, for as long as requests come. Raises BadInput, and ExtraMissing where our own setting asks for traces."""
    place: str | None = session.options.access_log
    tracing = _tracing(session.settings.http_traces, complain)
    log = None if place is None else AccessLog(place, figures.dropped.inc, complain)
    try:
        with _reopening(None if place == STDERR else log):
            yield Observers(figures, wall_clock, log, tracing)
    finally:
        if log is not None:
            log.close()
        if tracing is not None:
            tracing.close()


def _tracing(asked: bool, complain: Callable[[str], None]) -> Tracing | None:
    if not asked and not is_asked_for(os.environ):
        return None
    try:
        return start_tracing(complain)
    except ExtraMissing as missing:
        if asked:
            raise
        # A platform may set OpenTelemetry's variables for whatever it runs: that is no reason not to serve.
        complain(f"the environment asks for traces, and none are sent: {missing}")
        return None


@contextmanager
def _reopening(log: AccessLog | None) -> Iterator[None]:
    """SIGHUP has the log opened anew, as whoever rotates it does; without a file the signal means what it always does."""
    if log is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGHUP, lambda _signum, _frame: log.reopen())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)

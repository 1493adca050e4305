"""SIGINT and SIGTERM: an exception where the program waits, put off where it must not be cut in the middle."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """The program was told to stop."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class Signals:
    """Turns the signals into `Interrupted`. A second signal is never put off."""

    def __init__(self) -> None:
        self._put_off = False
        self._pending: int | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handles the signals inside; only the main thread can, elsewhere this does nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = [(signum, signal.signal(signum, self._handle)) for signum in STOPPING]
        try:
            yield
        finally:
            for signum, handler in before:
                signal.signal(signum, handler)

    @contextmanager
    def put_off(self) -> Iterator[None]:
        """What is inside is finished first, then the signal takes effect; where it fails, once it is heeded."""
        self._put_off = True
        try:
            yield
        finally:
            self._put_off = False
        self.heed()

    def heed(self) -> None:
        """Stops where a signal was put off for what has failed then: for who goes on after a failure."""
        if self._pending is not None:
            raise Interrupted(self._pending)

    def _handle(self, signum: int, _frame: FrameType | None) -> None:
        if self._put_off and self._pending is None:
            self._pending = signum
            return
        raise Interrupted(signum)

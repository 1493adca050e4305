"""How far the projections are that the bookkeeper keeps up (`console.http.bookkeeper`); once it is gone, this process does."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from console.http.bookkeeper import CHUNK, Messages
from console.http.reading import Following, Open

if TYPE_CHECKING:
    from console.http.bookkeeper import Bookkeeper

BEGIN: Final = b"b"
WANTED: Final = b"w"
QUIET_S: Final = 900.0
"""So long a turn of the bookkeeper's may take: one in which all is built anew takes minutes."""


class FollowingApart(Following):
    """Hears of each turn of the bookkeeper's. The first is taken here: what is wrong is said before the service answers."""

    def __init__(
        self, process: Bookkeeper, opened: Open, name: str, complain: Callable[[str], None], quiet_s: float = QUIET_S
    ) -> None:
        super().__init__(opened, name, complain)
        self._process = process
        self._quiet_s = quiet_s
        self._is_apart = True

    def want(self) -> None:
        """As `Following.want`, there or here."""
        super().want()
        if self._is_apart:
            with suppress(OSError):
                self._process.follows.send(WANTED, socket.MSG_DONTWAIT)

    def close(self) -> None:
        """As `Following.close`; the bookkeeper follows no more."""
        self._stopping.set()
        with suppress(OSError):
            self._process.follows.shutdown(socket.SHUT_RDWR)
        super().close()

    def _run(self) -> None:
        if self._first is not None:
            self._first.close()
            self._first = None
        with suppress(OSError):
            self._process.follows.sendall(BEGIN)
            self._hear()
        self._is_apart = False
        if not self._stopping.is_set():
            self._process.gone()
            super()._run()

    def _hear(self) -> None:
        """What the bookkeeper says, until it is gone, or says nothing for long."""
        messages, poll = Messages(), select.poll()
        poll.register(self._process.follows, select.POLLIN)  # a timeout of the socket's own would have `want` wait, too
        while poll.poll(self._quiet_s * 1000) and (data := self._process.follows.recv(CHUNK)):
            for position, end, self.failed_with, self.turned_s in messages.feed(data):
                if self.failed_with is not None:  # it may not have come as far as this process was at the beginning
                    self.end = end or self.end
                    continue
                self.end = end
                if position != self.position:
                    self._moved(position)

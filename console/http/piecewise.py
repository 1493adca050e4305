"""Long answers, sent piece by piece: of one that a slow client takes, no more than a piece waits in the connection's buffer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from console.http.problems import RETRY_AFTER_S, Problem

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

PIECE_BYTES: Final = 1 << 16


class LongAnswers:
    """A bound on how many long answers are held at once, from before they are made until they are sent."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0

    def begin(self) -> None:
        """Takes a place, which `end` gives back. Raises Problem (503) where none is free."""
        if self._held >= self._most:
            raise Problem(
                503, "busy", f"found {self._held} long answers under way, expected fewer: ask again later",
                headers={"Retry-After": RETRY_AFTER_S},
            )  # fmt: skip
        self._held += 1

    def end(self) -> None:
        """Gives a place back."""
        self._held -= 1


class Piecewise(Response):
    """An answer in pieces; `on_sent` is called when it is sent, or nobody takes it any more."""

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str], on_sent: Callable[[], None]) -> None:
        super().__init__(body, status, headers)
        self._on_sent = on_sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as the framework calls it
        """Sends it."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            body = memoryview(self.body)
            for start in range(0, max(1, len(body)), PIECE_BYTES):
                more = start + PIECE_BYTES < len(body)
                piece = bytes(body[start : start + PIECE_BYTES])
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        finally:
            self._on_sent()

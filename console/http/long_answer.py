"""An answer that waits in a spool for its client: its length is known, and each part has a time to be taken in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.responses import Response

from console.http.door import without_deadline

if TYPE_CHECKING:
    from console.http.dispatch import Receive, Scope, Send
    from console.http.spool import Spool


class LongAnswer(Response):
    """The bytes of a spool."""

    def __init__(self, spool: Spool, headers: Mapping[str, str], idle_s: float) -> None:
        """`idle_s`: within that some of it has to be taken."""
        self._spool = spool
        self._told = {**headers, "Content-Length": str(len(spool))}
        self._idle_s = idle_s

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Sends them."""
        without_deadline(scope)
        headers = [(name.lower().encode(), value.encode()) for name, value in self._told.items()]
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._idle_s) as idle:
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                while len(self._spool):
                    part = self._spool.read()
                    more = len(self._spool) > 0
                    await send({"type": "http.response.body", "body": part, "more_body": more})
                    idle.reschedule(loop.time() + self._idle_s)
        finally:
            self._spool.close()

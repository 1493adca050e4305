"""An answer that is at hand as a whole, as most are: nothing of the framework's way of making headers is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from console.http.dispatch import Receive, Scope, Send


class Whole(Response):
    """A body with its length and type, and other headers before them."""

    def __init__(self, body: bytes, media_type: str, headers: Mapping[str, str], status: int = 200) -> None:
        self.status_code = status
        self.body = body
        self.raw_headers = [
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()),
            (b"content-length", b"%d" % len(body)),
            (b"content-type", media_type.encode("latin-1")),
        ]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Sends it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})

"""The sealed log beneath `/log`, by the paths of c2sp.org/tlog-tiles, as `log-server` serves it: `--log http://…/log` reads it.

Checkpoint, its history and the hash tiles are for anybody: they tell nothing of what the events say. Entry bundles are for
auditors. What is served, and with which types and cache headers, says `ledger.seal.published_log`; anything else is 404.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.http.door import caller_for
from console.http.parameters import read_values
from console.http.piecewise import LongAnswers, Piecewise
from console.http.problems import Problem
from console.http.roles import is_entries

if TYPE_CHECKING:
    from fastapi import Request, Response

    from ledger.seal.published_log import Served

BASE: Final = "/log"
PATH: Final = f"{BASE}/{{path:path}}"
HISTORY: Final = f"{BASE}/checkpoints.jsonl"
ENTRIES: Final = "log-entries"
"""The route of the entry bundles in the table of roles."""
LONG_MAX: Final = 32
"""So many bundles, and as many parts of the history, which is for anybody, are sent at once, of 16 MiB each at most."""
CODES: Final = {
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "range-not-satisfiable",
}


class ServedLog:
    """The log in a folder, or none."""

    def __init__(self, folder: Path | None, complain: Callable[[str], None]) -> None:
        """`complain` is told of files that do not hold together."""
        self._log = None
        if folder is not None:
            from ledger.seal.published_log import PublishedLog

            self._log = PublishedLog(folder)
        self._complain = complain
        self._bundles, self._histories = LongAnswers(LONG_MAX), LongAnswers(LONG_MAX)

    async def get(self, request: Request) -> Response:
        """The answer to a GET beneath /log. Raises Problem."""
        path: str = request.scope["path"]
        entries = is_entries(path)
        if entries:
            caller_for(request.scope, ENTRIES)
        read_values((), {}, request.scope["query_string"])
        if self._log is None:
            raise _problem(404, "not-found", "found a service without a log, expected one with --tiles")
        with ExitStack() as held:
            if long := self._bundles if entries else self._histories if path == HISTORY else None:
                long.begin()
                held.callback(long.end)
            part = request.headers.get("range", "")
            served = await asyncio.to_thread(self._log.read, path.removeprefix(BASE), entries=entries, part=part)
            self._require_served(served)
            body, headers = await asyncio.to_thread(served.for_client, request.headers.get("accept-encoding", ""))
            if entries:
                headers["Vary"] = f"Authorization, {headers['Vary']}"
            return Piecewise(body, served.status, headers, held.pop_all().close)

    def _require_served(self, served: Served) -> None:
        """Raises Problem for what is no answer but an error."""
        if served.complaint is not None:
            self._complain(f"the log cannot be served: {served.complaint}")
            raise _problem(500, "log-damaged", "the log's files do not hold together; the service's log says how")
        if served.status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            found = _problem(served.status, CODES[served.status], served.body.decode().strip())
            if served.content_range is not None:
                found.headers["Content-Range"] = served.content_range
            raise found


def _problem(status: int, code: str, detail: str) -> Problem:
    """What is not there now may be there soon: no cache keeps that it was not."""
    return Problem(status, code, detail, headers={"Cache-Control": "no-store"})

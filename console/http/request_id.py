"""Under which id a request is told of: in its answer (`X-Request-Id`), in the access log, in traces.

    traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01   ->  4bf92f3577b34da6a3ce929d0e0e4736
    X-Request-Id: crm-4711                                                 ->  crm-4711
    neither, or not in form                                                ->  32 hex digits, drawn

What a caller names may hold letters, digits, `.`, `_`, `:` and `-`, 64 at most: no mail address, no line break, no token.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Final

HEADER: Final = b"x-request-id"
TRACEPARENT: Final = b"traceparent"
_TRACEPARENT: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
ID_BYTES: Final = 16
DRAWN_AT_ONCE: Final = 256


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The id of a request with these headers, their names in lower case."""
    found = dict(headers)
    if TRACEPARENT in found and (trace := trace_of(found[TRACEPARENT])) is not None:
        return trace
    given = found.get(HEADER)
    return given.decode() if given is not None and _ID.fullmatch(given) else _drawn()


_ids: list[str] = []


def _drawn() -> str:
    """An id of 32 hex digits. Many are drawn at once: while the system draws, the thread lets go of the interpreter's lock,

    and waiting for it behind the thread that commits takes longer than all else that is done for a request.
    """
    while True:
        try:
            return _ids.pop()
        except IndexError:
            digits = os.urandom(ID_BYTES * DRAWN_AT_ONCE).hex()
            _ids.extend(digits[start : start + 2 * ID_BYTES] for start in range(0, len(digits), 2 * ID_BYTES))


def trace_of(traceparent: bytes | None) -> str | None:
    """The id of the trace that a header names (W3C Trace Context, version 00); None where it is not in form."""
    matched = _TRACEPARENT.fullmatch(traceparent or b"")
    return None if matched is None else matched[1].decode()

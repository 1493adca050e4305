"""Under which id a request is told of: in its answer (`X-Request-Id`), in the access log, in traces.

    traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01   ->  4bf92f3577b34da6a3ce929d0e0e4736
    X-Request-Id: crm-4711                                                 ->  crm-4711
    neither, or not in form                                                ->  32 hex digits, drawn

What a caller names may hold letters, digits, `.`, `_`, `:` and `-`, 64 at most: no mail address, no line break, no token.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from secrets import token_hex
from typing import Final

HEADER: Final = b"x-request-id"
TRACEPARENT: Final = b"traceparent"
_TRACEPARENT: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The id of a request with these headers, their names in lower case."""
    found = dict(headers)
    trace = trace_of(found.get(TRACEPARENT))
    if trace is not None:
        return trace
    given = found.get(HEADER, b"")
    return given.decode() if _ID.fullmatch(given) else token_hex(16)


def trace_of(traceparent: bytes | None) -> str | None:
    """The id of the trace that a header names (W3C Trace Context, version 00); None where it is not in form."""
    matched = _TRACEPARENT.fullmatch(traceparent or b"")
    return None if matched is None else matched[1].decode()

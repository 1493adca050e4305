"""What the service answers where it does not do what it is asked (RFC 9457), as the exception that says so."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
from pydantic import BaseModel, ValidationError

from csat_ledger_client.errors import NotAllowed, NotKnown, NotNow, PositionUnknown, Problem

PROBLEM_BYTES_MAX: Final = 65_536
SHOWN: Final = 200
RETRY_AFTER_MAX_S: Final = 86_400.0
KINDS: Final[Mapping[int, type[Problem]]] = {
    401: NotAllowed, 403: NotAllowed, 404: NotKnown, 409: PositionUnknown,
    429: NotNow, 502: NotNow, 503: NotNow, 504: NotNow,
}  # fmt: skip


class _Details(BaseModel):
    code: str
    detail: str = ""
    field: str | None = None


def problem_of(status: int, headers: Mapping[str, str], body: bytes) -> Problem:
    """The exception for an answer that is none of those that were hoped for."""
    kind = KINDS.get(status, Problem)
    retry_after_s = read_retry_after(headers.get("retry-after"))
    try:
        said = _Details.model_validate_json(body)
    except ValidationError:  # something between the service and us has answered
        text = body[:SHOWN].decode("utf-8", "replace")
        return kind(status, f"http-{status}", f"found {text!r}, expected the service's answer", None, retry_after_s)
    return kind(status, said.code, said.detail, said.field, retry_after_s)


def read_retry_after(text: str | None) -> float | None:
    """The seconds that a header Retry-After asks to wait; None where it is not there, or not to be read."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), RETRY_AFTER_MAX_S)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(0.0, (until - datetime.now(UTC)).total_seconds()), RETRY_AFTER_MAX_S)


def read_some(response: httpx.Response, at_most: int, wait_s: float) -> tuple[bytes, bool]:
    """The body of an answer that is read as it comes, up to a bound; whether that is all of it.

    Raises httpx.ReadTimeout where it is not there within so many seconds, however it trickles.
    """
    deadline = time.monotonic() + wait_s
    body = bytearray()
    for part in response.iter_bytes():
        body += part
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout(f"found {len(body):,} bytes within {wait_s:.3g} s, expected all of the answer")
        if len(body) > at_most:
            return bytes(body[:at_most]), False
    return bytes(body), True

"""Bodies: of bounded size, and cut into the elements of an array or the lines of ndjson, byte for byte as they came."""

from __future__ import annotations

from codecs import BOM_UTF8
from io import BytesIO
from typing import TYPE_CHECKING, Final

import orjson
from starlette.requests import ClientDisconnect

from console.cli.fact_files.lines import Torn
from console.cli.fact_files.values import Values
from console.http.problems import Problem

if TYPE_CHECKING:
    from fastapi import Request

BODY_BYTES_MAX: Final = 8 << 20
ELEMENTS_MAX: Final = 10_000
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
IDENTITY: Final = "identity"
"""The content coding of a body that is not compressed (RFC 9110, 12.5.3)."""
SHOWN_MAX: Final = 80
"""So many characters of a header are shown to who sent it."""


async def read_body(request: Request, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The whole body, without a byte order mark. Raises Problem (413) for one that is too long, without reading the rest."""
    declared = _header(request, b"content-length", b"0")
    if declared.isdigit() and int(declared[:20]) > bytes_max:
        raise _too_long(bytes_max)
    receive = request.receive
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        whole: bytes = message.get("body", b"")
        if len(whole) > bytes_max:
            raise _too_long(bytes_max)
        return whole.removeprefix(BOM_UTF8)
    body = bytearray()
    while message["type"] == "http.request":
        body += message.get("body", b"")
        if len(body) > bytes_max:
            raise _too_long(bytes_max)
        if not message.get("more_body", False):
            return bytes(body).removeprefix(BOM_UTF8)
        message = await receive()
    raise ClientDisconnect


def media_type(request: Request) -> str:
    """JSON or ndjson. Raises Problem (415) for anything else, or what is compressed; without a header it is JSON."""
    coding = _header(request, b"content-encoding", IDENTITY.encode()).strip().lower().decode("latin-1")
    if coding != IDENTITY:
        raise Problem(
            415, "bad-input", f"found a body compressed by {coding[:SHOWN_MAX]!r}, expected one that is not compressed",
            "Content-Encoding", {"Accept-Encoding": IDENTITY},
        )  # fmt: skip
    found = _header(request, b"content-type", JSON.encode()).partition(b";")[0].strip().lower().decode("latin-1")
    if found in (JSON, NDJSON):
        return found
    raise Problem(
        415, "bad-input", f"found a body of type {found[:SHOWN_MAX]!r}, expected {JSON} or {NDJSON}", "Content-Type"
    )


def _header(request: Request, name: bytes, otherwise: bytes) -> bytes:
    """The first value of a header, as it came: what the framework makes of all headers costs more than a look at them."""
    found: bytes = next((value for one, value in request.scope["headers"] if one == name), otherwise)
    return found


def is_array(body: bytes) -> bool:
    """Whether the body is an array, or means to be one."""
    return body[:64].lstrip(b" \t\r\n").startswith(b"[") or body.lstrip(b" \t\r\n").startswith(b"[")


def elements_of(body: bytes, media: str, elements_max: int = ELEMENTS_MAX) -> list[tuple[int, bytes]]:
    """The elements of an array, or the lines of ndjson that are not blank, each with its number in the body from 1 on.

    Raises Problem where it is no array, or too long.
    """
    if media == NDJSON:
        found = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    else:
        try:
            whole = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Problem(400, "malformed", f"found no JSON: {error}") from None
        if not isinstance(whole, list):
            raise Problem(400, "malformed", "found no array, expected one")
        try:
            elements = Values("the body", BytesIO(body), False).lines()
            found = [(number, element.content) for number, element in enumerate(elements, 1)]
        except Torn as error:
            raise Problem(400, "malformed", str(error)) from None
    if len(found) > elements_max:
        raise Problem(413, "too-many", f"found {len(found):,} elements, expected {elements_max:,} at most")
    return found


def _too_long(bytes_max: int) -> Problem:
    return Problem(
        413, "too-long", f"found a body that is too long, expected {bytes_max:,} bytes at most",
        headers={"Connection": "close"},
    )  # fmt: skip

"""Bodies: of bounded size, and cut into the elements of an array or the lines of ndjson, byte for byte as they came."""

from __future__ import annotations

import asyncio
import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from console.http.problems import Problem
from ledger.telling import has_keys_once
from ledger.wording import no_utf8, told

if TYPE_CHECKING:
    from fastapi import Request

ModelT = TypeVar("ModelT", bound=BaseModel)

BODY_BYTES_MAX: Final = 8 << 20
ELEMENTS_MAX: Final = 10_000
VALUES_MIN: Final = 50_000
VALUES_OF_ELEMENT: Final = 50
"""So many values an array may hold for each element that it may have, about, and VALUES_MIN in any case: a value of two
bytes takes fifty in memory, and its time."""
AT_ONCE_BYTES: Final = 64 << 10
"""A longer body is cut by a thread: everybody else waits for the event loop."""
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
IDENTITY: Final = "identity"
"""The content coding of a body that is not compressed (RFC 9110, 12.5.3)."""
_IDENTITY: Final = IDENTITY.encode()
_JSON: Final = JSON.encode()
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


def read_as(kind: type[ModelT], body: bytes, code: str, place: Callable[[Sequence[int | str]], str | None]) -> ModelT:
    """A body as a model, with each member once. Raises Problem (400) with a code, and what is wrong where by its `place`."""
    try:
        found = kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Problem(400, code, no_utf8(body) or told(first), place(first["loc"])) from None
    if not has_keys_once(body):
        raise Problem(400, code, "found a member more than once, expected each once")
    return found


def media_type(request: Request, taken: tuple[str, ...] = (JSON, NDJSON)) -> str:
    """JSON or ndjson. Raises Problem (415) for what is not taken, or is compressed; without a header it is JSON."""
    coding = _header(request, b"content-encoding", _IDENTITY).strip().lower().decode("latin-1")
    if coding != IDENTITY:
        raise Problem(
            415, "bad-input", f"found a body compressed by {coding[:SHOWN_MAX]!r}, expected one that is not compressed",
            "Content-Encoding", {"Accept-Encoding": IDENTITY},
        )  # fmt: skip
    said = _header(request, b"content-type", _JSON)
    if said == _JSON:
        return JSON
    found = said.partition(b";")[0].strip().lower().decode("latin-1")
    if found in taken:
        return found
    raise Problem(
        415, "bad-input", f"found a body of type {found[:SHOWN_MAX]!r}, expected {' or '.join(taken)}", "Content-Type"
    )


def _header(request: Request, name: bytes, otherwise: bytes) -> bytes:
    """The first value of a header, as it came: what the framework makes of all headers costs more than a look at them."""
    headers: list[tuple[bytes, bytes]] = request.scope["headers"]
    for one, value in headers:
        if one == name:
            return value
    return otherwise


def is_array(body: bytes) -> bool:
    """Whether the body is an array, or means to be one."""
    return body[:64].lstrip(b" \t\r\n").startswith(b"[") or body.lstrip(b" \t\r\n").startswith(b"[")


async def read_elements(body: bytes, media: str, elements_max: int = ELEMENTS_MAX) -> list[tuple[int, bytes]]:
    """As `elements_of`, while the event loop goes on."""
    if len(body) <= AT_ONCE_BYTES:
        return elements_of(body, media, elements_max)
    return await asyncio.to_thread(elements_of, body, media, elements_max)


def elements_of(body: bytes, media: str, elements_max: int = ELEMENTS_MAX) -> list[tuple[int, bytes]]:
    """The elements of an array, or the lines of ndjson that are not blank, each with its number in the body from 1 on.

    Raises Problem where it is no array, or too long.
    """
    values_max = max(VALUES_MIN, VALUES_OF_ELEMENT * elements_max)
    if media == NDJSON:
        if body.count(b"\n") > values_max:
            raise _too_many("lines", elements_max)
        found = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
        if len(found) > elements_max:
            raise _too_many("lines", elements_max)
        return found
    if sum(body.count(sign) for sign in (b",", b"[", b"{")) > values_max:
        raise _too_many("elements and what they hold", elements_max)
    try:
        whole = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "malformed", no_utf8(body) or f"found no JSON: {error}") from None
    if not isinstance(whole, list):
        raise Problem(400, "malformed", "found no array, expected one")
    if len(whole) > elements_max:
        raise _too_many("elements", elements_max)
    return list(enumerate(_cut(body.decode()), 1))


def _cut(array: str) -> list[bytes]:
    """The elements of an array that was read as JSON before, byte for byte."""
    found: list[bytes] = []
    at = _past_white(array, array.index("[") + 1)
    while array[at] != "]":
        begins = at
        try:
            _, at = _DECODER.raw_decode(array, begins)
        except RecursionError:
            raise Problem(400, "malformed", "found an array that is nested too deeply, expected facts") from None
        found.append(array[begins:at].encode())
        at = _past_white(array, at)
        if array[at] == ",":
            at = _past_white(array, at + 1)
    return found


def _past_white(text: str, at: int) -> int:
    matched = _WHITE.match(text, at)
    return at if matched is None else matched.end()


_WHITE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder(parse_int=bool, parse_float=bool)
"""Finds where a value ends; what it is does not matter, and numbers may be long."""


def _too_many(what: str, elements_max: int) -> Problem:
    return Problem(413, "too-many", f"found too many {what}, expected {elements_max:,} elements at most")


def _too_long(bytes_max: int) -> Problem:
    return Problem(
        413, "too-long", f"found a body that is too long, expected {bytes_max:,} bytes at most",
        headers={"Connection": "close"},
    )  # fmt: skip

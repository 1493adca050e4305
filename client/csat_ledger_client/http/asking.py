"""How a question becomes a path and a query, and the bytes of its answer a typed one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from functools import cache
from itertools import chain
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from csat_ledger_client.errors import BadAnswer, BadRequest
from csat_ledger_client.instants import instant_text

When = datetime | date | str
"""An instant: RFC 3339 text, a date for its beginning, or a datetime with a time zone."""
Known = int | datetime | date | str
"""What was known when: a position, or an instant."""
AnAnswer = TypeVar("AnAnswer")

ELEMENT_CHARACTERS_MAX: Final = 4 << 20
_NAME: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def of_membership(membership: str, what: str, area: str | None = None) -> str:
    """The path of a question about a membership, or about its designation. Raises BadRequest for what can be no name."""
    for name in (membership, *(() if area is None else (area,))):
        if not isinstance(name, str) or not _NAME.fullmatch(name) or set(name) == {"."}:
            raise BadRequest(
                f"found the name {repr(name)[:80]}, expected letters, digits and ._:- (64 characters at most)"
            )
    return f"/v1/memberships/{membership}" + ("" if area is None else f"/designations/{area}") + f"/{what}"


def query_of(
    *, at: When | None = None, known_at: Known | None = None, **others: str | int | None
) -> dict[str, str | int | None]:
    """The parameters of a question. Those that are None are left out when it is asked."""
    return {"at": None if at is None else instant_text(at), "known_at": known_text(known_at), **others}


def known_text(known: Known | None) -> str | int | None:
    """What was known when, as a parameter. Raises BadRequest for what is no position and no instant."""
    if isinstance(known, bool):  # which Python takes for a number
        raise BadRequest(f"found {known}, expected a position, or an instant")
    return known if known is None or isinstance(known, int) else instant_text(known)


def read_one(kind: Callable[..., AnAnswer], body: bytes) -> AnAnswer:
    """The answer. Raises BadAnswer where it is another."""
    try:
        found: AnAnswer = _adapter(kind).validate_json(body)
    except ValidationError as error:
        raise bad_answer(kind, error) from error
    return found


def read_many(kind: Any, body: bytes) -> list[Any]:
    """All answers of a list. Raises BadAnswer."""
    found: list[Any] = read_one(list[kind], body)
    return found


def read_each(kind: Any, parts: Iterable[str]) -> Iterator[Any]:
    """The answers of a list whose text comes in parts, one by one as they are whole. Raises BadAnswer."""
    elements = _Elements()
    for part, last in chain(((part, False) for part in parts), [("", True)]):
        for element in elements.take(part, last):
            try:
                yield _adapter(kind).validate_python(element)
            except ValidationError as error:
                raise bad_answer(kind, error) from error
    if not elements.ended:
        raise BadAnswer("found an answer that ends in the middle, expected the end of a list")


def bad_answer(kind: Any, error: ValidationError) -> BadAnswer:
    """What is wrong with an answer, at its first place."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "answer"
    return BadAnswer(f"found no {getattr(kind, '__name__', kind)}: {where}: {first['msg']}")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


class _Elements:
    """The elements of a JSON array whose text comes in parts. What is not whole is tried again once it is twice as long."""

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._try_at = 0
        self._begun = False
        self.ended = False

    def take(self, part: str, last: bool = False) -> Iterator[Any]:
        """What is whole with one more part. Raises BadAnswer."""
        self._text += part
        if len(self._text) < self._try_at and not last:
            return
        start = 0
        while not self.ended and (start := _next_start(self._text, start)) < len(self._text):
            if not self._begun:
                if self._text[start] != "[":
                    raise BadAnswer(f"found {self._text[start : start + 40]!r}, expected a list")
                self._begun, start = True, start + 1
                continue
            if self._text[start] == "]":
                self.ended = True
                break
            try:
                element, start = self._decoder.raw_decode(self._text, start)
            except json.JSONDecodeError:
                break
            yield element
        self._text = self._text[start:]
        self._try_at = 2 * len(self._text)
        if len(self._text) > ELEMENT_CHARACTERS_MAX:
            raise BadAnswer(
                f"found an element of more than {ELEMENT_CHARACTERS_MAX:,} characters, expected shorter ones"
            )


def _next_start(text: str, start: int) -> int:
    while start < len(text) and text[start] in " \t\r\n,":
        start += 1
    return start

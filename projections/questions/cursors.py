"""Cursors of pages: what the next page is asked with, as text that goes into a URL.

A cursor holds all that the first page was asked, and where it ended. It is opaque to whoever carries it and is not signed: what
stands in one could have been asked without.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Final

import orjson

from ledger.errors import BadInput

CURSOR_MAX: Final = 2_000
POSITION_MAX: Final = 1 << 62


def cursor_text(said: Sequence[Any]) -> str:
    """A cursor that holds texts, numbers and nulls."""
    return urlsafe_b64encode(orjson.dumps([*said])).decode().rstrip("=")


def cursor_values(text: str, number: int) -> list[Any]:
    """The values in a cursor that holds so many. Raises BadInput; of what kind each is, the caller looks."""
    if len(text) > CURSOR_MAX:
        raise no_cursor()
    try:
        said: Any = orjson.loads(urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}"))
    except ValueError:
        raise no_cursor() from None
    if not isinstance(said, list) or len(said) != number:
        raise no_cursor()
    return said


def no_cursor() -> BadInput:
    """What is to be raised for a text that is none."""
    return BadInput("found what is no cursor, expected the `next` of a page")


def is_number(value: object, least: int, most: int) -> bool:
    """Whether a value is a whole number within bounds."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

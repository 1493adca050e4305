"""What all answers have in common: each is a frozen dataclass of its own, and this is how it becomes JSON.

    @dataclass(frozen=True, slots=True)
    class NextChange:
        at: Instant
        qualified: bool

    plain(NextChange("2024-07-01T00:00:00.000000Z", True))  ->  {"at": "2024-07-01T00:00:00.000000Z", "qualified": true}

A field whose name Python keeps to itself ends in an underscore, and has none in JSON: `from_` is `from`. A field that is
LEFT_OUT is not in the JSON at all. A string beneath a field is its description in `schemas/answers`, which
`projections.questions.schemas` makes of these classes. Whoever renders an answer computes nothing of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Annotated, Any, Final, Literal, NamedTuple


class LeftOut(Enum):
    """The type of LEFT_OUT."""

    LEFT_OUT = "left out"


LEFT_OUT: Final = LeftOut.LEFT_OUT
MayBeLeftOut = Literal[LeftOut.LEFT_OUT]
"""For the type of a field that may be left out: `tuple[str, ...] | MayBeLeftOut = LEFT_OUT`."""


class Form(NamedTuple):
    """What a schema says of a text or a number beside its type; None where it says nothing."""

    format: str | None = None
    pattern: str | None = None
    minimum: int | None = None


Instant = Annotated[str, Form("date-time", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$")]
"""An instant in UTC, to the microsecond."""
Day = Annotated[str, Form("date", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
"""A date, YYYY-MM-DD."""
Position = Annotated[int, Form(minimum=0)]
"""A position of the ledger: 1 is the first event's, 0 is before it."""
Count = Annotated[int, Form(minimum=0)]
"""How many."""
Number = Annotated[int, Form(minimum=1)]
"""The place of something in a row, the first is 1."""


def plain(answer: Any) -> Any:
    """An answer, or a part of one, as JSON has it: objects, lists, texts, numbers, true, false and null."""
    if is_dataclass(answer):
        return {shown: plain(value) for shown, value in members(answer).items()}
    if isinstance(answer, Mapping):
        return {key: plain(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [plain(value) for value in answer]
    return answer


def members(answer: Any) -> dict[str, Any]:
    """The fields of a dataclass that JSON has, by their names in JSON; what they hold stays as it is."""
    kind: Any = type(answer)
    values = ((shown, getattr(answer, name)) for name, shown in json_names(kind))
    return {shown: value for shown, value in values if value is not LEFT_OUT}


@cache
def json_names(kind: Any) -> tuple[tuple[str, str], ...]:
    """(name of the field, name in JSON) of each field of a dataclass, in order."""
    return tuple((field.name, field.name.removesuffix("_")) for field in fields(kind))

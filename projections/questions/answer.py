"""What all answers have in common: each is a frozen dataclass of its own, and this is how it becomes JSON.

    @dataclass(frozen=True, slots=True)
    class NextChange:
        at: str
        qualified: bool

    plain(NextChange("2024-07-01T00:00:00.000000Z", True))  ->  {"at": "2024-07-01T00:00:00.000000Z", "qualified": true}

A field whose name Python keeps to itself ends in an underscore, and has none in JSON: `from_` is `from`. A field that is
LEFT_OUT is not in the JSON at all. Whoever renders an answer computes nothing of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Final, Literal


class LeftOut(Enum):
    """The type of LEFT_OUT."""

    LEFT_OUT = "left out"


LEFT_OUT: Final = LeftOut.LEFT_OUT
MayBeLeftOut = Literal[LeftOut.LEFT_OUT]
"""For the type of a field that may be left out: `tuple[str, ...] | MayBeLeftOut = LEFT_OUT`."""


def plain(answer: Any) -> Any:
    """An answer, or a part of one, as JSON has it: objects, lists, texts, numbers, true, false and null."""
    if is_dataclass(answer):
        kind: type = type(answer)
        values = ((shown, getattr(answer, name)) for name, shown in _names(kind))
        return {shown: plain(value) for shown, value in values if value is not LEFT_OUT}
    if isinstance(answer, Mapping):
        return {key: plain(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [plain(value) for value in answer]
    return answer


@cache
def _names(kind: Any) -> tuple[tuple[str, str], ...]:
    return tuple((field.name, field.name.removesuffix("_")) for field in fields(kind))

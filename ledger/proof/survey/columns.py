"""The light types of events, and the form of many of one type at once: as `form` has it for one, a key at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from ledger.proof.fold import is_label
from ledger.proof.form import REFERENCE
from ledger.proof.programme import Light
from ledger.proof.survey.form import CHANNELS, POOLED, language

_references = re.compile(rf"(?:{REFERENCE}\n)*", re.ASCII).fullmatch

Column = Callable[[Sequence[Any]], bool]


def references(values: Sequence[str]) -> bool:
    """All are references. Raises TypeError where one is no text."""
    lines = "\n".join(values) + "\n"
    return lines.count("\n") == len(values) and _references(lines) is not None


def labels(values: Sequence[str]) -> bool:
    """All are labels. Raises TypeError where one is no text."""
    return all(map(is_label, {*values}))


def locations(values: Sequence[str]) -> bool:
    """All are names of a location."""
    return labels(values) and POOLED not in values


def channels(values: Sequence[str]) -> bool:
    """All are channels of an invitation."""
    return {*values} <= {*CHANNELS}


def languages(values: Sequence[str | None]) -> bool:
    """All are languages, or null. Raises ProofError where one is not."""
    return all(map(_is_language, {*values}))


@lru_cache(maxsize=1_000)
def _is_language(value: str | None) -> bool:
    if value is not None:
        language(value, "language")
    return True


COLUMNS: dict[str, dict[str, Column]] = {
    "ReminderSent": {"invitation": references},
    "AnonymityChosen": {"response": references},
    "ConsentGiven": {"customer_org": labels, "subject": references},
    "InvitationSent": {
        "channel": channels, "customer_org": labels, "invitation": references, "language": languages,
        "location": locations, "subject": references,
    },
}  # fmt: skip


def sound(type_name: str, data: Sequence[dict[str, Any]]) -> bool:
    """Whether all are of the type's form. ProofError, TypeError or KeyError: one of them is not."""
    columns = COLUMNS[type_name]
    key, *more = columns
    of_each = zip(*map(itemgetter(key, *more), data), strict=True) if more else ([one[key] for one in data],)
    return {*map(len, data)} == {len(columns)} and all(
        holds(values) for holds, values in zip(columns.values(), of_each, strict=True)
    )


LIGHT = Light(
    nothing=frozenset(("ReminderSent", "AnonymityChosen")),
    labels={"ConsentGiven": "customer_org", "InvitationSent": "customer_org"},
    unless="spelt",
    sound=sound,
)

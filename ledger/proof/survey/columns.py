"""The light types of events, and the form of many of one type at once: as `form` has it for one, a key at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from ledger.proof.fold import is_label
from ledger.proof.programme import Light
from ledger.proof.survey.form import POOLED, language

_references = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._:/+=~#-]{0,63}\n)*", re.ASCII).fullmatch

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
    return {*values} <= {"operator", "partner"}


def languages(values: Sequence[str | None]) -> bool:
    """All are languages, or null. Raises ProofError where one is not."""
    for value in {*values} - {None}:
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
    return {*map(len, data)} == {len(columns)} and all(
        holds([*map(itemgetter(key), data)]) for key, holds in columns.items()
    )


LIGHT = Light(
    nothing=frozenset(("ReminderSent", "AnonymityChosen")),
    labels={"ConsentGiven": "customer_org", "InvitationSent": "customer_org"},
    unless="spelt",
    sound=sound,
)

"""One fact of a row: what does not change from row to row is done once, and what was looked at before is not again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from console.importing.cells import Convert, Problem, trimmed, unrounded
from console.importing.fact_fields import ANSWERS, COMMENT, OWN
from console.importing.ids import fact_id, reference_of
from ledger.errors import Refused
from ledger.personal_data import looks_personal
from ledger.programmes.registry import PROGRAMMES

KEY_CHARACTERS_MAX: Final = 1_000
QUOTED_FROM: Final = 2
"""Cells of fewer characters than that are not looked for in a sentence."""
KNOWN_MAX: Final = 20_000
"""So many cells of a column, and facts without what makes each of them another, are known at most."""
KNOWN_CHARACTERS_MAX: Final = 200
SOUND: Final = frozenset(("id", "type", "occurred_at"))
"""Members that are sound by how they are made: no parser needs to look at them row by row."""
_MISSING: Final = object()

Cells = Sequence[str]
Get = Callable[[Cells], Any]


def known(convert: Convert) -> Convert:
    """A conversion that remembers: organisations and scores come again and again."""
    values: dict[str, Any] = {}

    def convert_known(text: str) -> Any:
        found = values.get(text, _MISSING)
        if found is _MISSING:
            found = convert(text)
            if len(values) < KNOWN_MAX and len(text) <= KNOWN_CHARACTERS_MAX:
                values[text] = found
        return found

    return convert_known


class FactMaker:
    """Makes the facts of one rule."""

    def __init__(
        self,
        kind: str,
        source: str,
        fields: Sequence[tuple[str, Get]],
        key: Sequence[int | str],
        referring: Sequence[str],
        only_with: int | None,
    ) -> None:
        """`key` are places of cells and names of fields; the fields in `referring` have the reference that comes of it."""
        self._kind = kind
        self._source = source
        self._bare = [(name, get) for name, get in fields if name != COMMENT and not name.startswith(ANSWERS)]
        self._answers = [
            (name.removeprefix(ANSWERS), get)
            for name, get in fields
            if name.startswith(ANSWERS) and not name.startswith(OWN)
        ]
        self._own = [(name.removeprefix(OWN), get) for name, get in fields if name.startswith(OWN)]
        self._comment = next((get for name, get in fields if name == COMMENT), None)
        self._key = key
        self._referring = referring
        self._only_with = only_with
        self._sound = SOUND | set(referring)
        self._checked: set[tuple[Any, ...]] = set()

    def make(self, cells: Cells) -> dict[str, Any] | None:
        """The fact of a row; None of one in which the rule has nothing to say. Raises Problem."""
        if self._only_with is not None and not trimmed(cells[self._only_with]):
            return None
        fact: dict[str, Any] = {"type": self._kind}
        for name, get in self._bare:
            value = get(cells)
            if value is not None:
                fact[name] = value
        reference = reference_of(self._source, self._identity(cells, fact))
        fact["id"] = fact_id(self._kind, reference)
        for name in self._referring:
            fact[name] = reference
        self._check(fact, cells)
        if self._answers or self._own:
            self._add_answers(fact, cells)
        if self._comment is not None and (comment := self._comment(cells)) is not None:
            fact[COMMENT] = comment
        return fact

    def _add_answers(self, fact: dict[str, Any], cells: Cells) -> None:
        answers = {name: value for name, get in self._answers if (value := get(cells)) is not None}
        own = {name: value for name, get in self._own if (value := get(cells)) is not None}
        if own:
            answers["own"] = own
        if answers:
            fact["answers"] = answers

    def _identity(self, cells: Cells, fact: Mapping[str, Any]) -> list[str]:
        """What identifies a row: cells, and fields of the fact, which were looked at already."""
        found = []
        for part in self._key:
            if isinstance(part, str):
                found.append(str(fact.get(part, "")))
                continue
            text = trimmed(cells[part])
            if not text:
                raise Problem("no-id", "key", "found an empty cell, expected what identifies the row in its source")
            if (not text.isalnum() or text[0] == "0") and (
                len(text) > KEY_CHARACTERS_MAX or "@" in text or looks_personal(text)
            ):
                sentence = "found what looks like a mail address, a phone or an IP number, expected an id"
                raise Problem("personal-data", "key", sentence)
            found.append(unrounded("key", text))
        return found

    def _check(self, fact: Mapping[str, Any], cells: Cells) -> None:
        """Raises Problem where a fact has not the form of its type; the sentence repeats no cell.

        What is sound by how it is made is passed over, so that facts which differ in nothing else are looked at once.
        Answers and the comment come to it afterwards: each of them was looked at as it was converted.
        """
        rest = tuple((name, str(value)) for name, value in fact.items() if name not in self._sound)
        if rest in self._checked:
            return
        try:
            PROGRAMMES.facts.parse(orjson.dumps(fact))
        except Refused as refused:
            sentence = refused.sentence
            for cell in cells:
                text = trimmed(cell)
                if len(text) >= QUOTED_FROM:
                    sentence = sentence.replace(repr(text), "…").replace(text, "…")
            raise Problem(refused.code, refused.field or "fact", sentence) from None
        if len(self._checked) < KNOWN_MAX:
            self._checked.add(rest)

"""What became of each row: made facts, passed over, blank, or refused; nothing is left out of the sum."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

FIRST: Final = 3
"""So many problems of a kind are kept with their places."""


class Found(NamedTuple):
    """A problem at its place."""

    place: int
    sentence: str


class Kind(NamedTuple):
    """Problems of one code in one field; no field where the row as a whole is wrong."""

    code: str
    field: str


class Account:
    """Counts rows. After a whole export, records = made + skipped + blank + refused."""

    def __init__(self) -> None:
        self.records = 0
        self.rows = 0
        """Rows that were read; more than records where several make one."""
        self.made = 0
        self.blank = 0
        self.skipped: Counter[str] = Counter()
        self.facts: Counter[str] = Counter()
        self.contacts: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.problems: dict[Kind, tuple[int, list[Found]]] = {}
        self.first_us: int | None = None
        self.last_us: int | None = None

    @property
    def refused(self) -> int:
        """Records that make no facts for what is wrong with them."""
        return sum(count for count, _ in self.problems.values())

    def refuse(self, place: int, code: str, field: str, sentence: str) -> None:
        """Counts a record that is refused."""
        kind = Kind(code, field)
        count, first = self.problems.get(kind, (0, []))
        if len(first) < FIRST:
            first.append(Found(place, sentence))
        self.problems[kind] = count + 1, first

    def fact(self, kind: str, at_us: int) -> None:
        """Counts a fact."""
        self.facts[kind] += 1
        self.first_us = at_us if self.first_us is None else min(self.first_us, at_us)
        self.last_us = at_us if self.last_us is None else max(self.last_us, at_us)

    def kinds(self) -> list[tuple[Kind, int, list[Found]]]:
        """The problems, the most frequent kind first."""
        found = [(kind, count, first) for kind, (count, first) in self.problems.items()]
        return sorted(found, key=lambda one: (-one[1], one[0]))

"""The organisations of a membership: which names are known, which of them fold alike, and which are one organisation.

A name is known from the first accepted event that holds it; names keep the order in which they became known. A join
says that two names are one organisation, and undoing it says that they are not: the joins of a membership are a forest,
whose trees of several names are the groups. A group is named by its member that was known first.

A join or a separation moves the smaller side to its new group and costs what it moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from ledger.fold import fold

SEARCHED_MAX: Final = 1_000
"""Names that are looked through for the joins between two names, before the search is given up."""

_fold = lru_cache(maxsize=4_096)(fold)


class Group:
    """Several names that are one organisation."""

    __slots__ = ("_by_order", "name", "names")

    def __init__(self, ordered: Iterable[tuple[int, str]]) -> None:
        self._by_order = list(ordered)
        heapify(self._by_order)
        self.names = {name for _, name in self._by_order}
        self.name = self._by_order[0][1]

    def add(self, ordered: Iterable[tuple[int, str]]) -> None:
        """Takes names in, each with its place in the order in which names became known."""
        for entry in ordered:
            self.names.add(entry[1])
            heappush(self._by_order, entry)
        self._name_anew()

    def remove(self, names: Iterable[str]) -> None:
        """Gives names away; one at least stays."""
        self.names.difference_update(names)
        if len(self._by_order) > 2 * len(self.names) + 16:
            self._by_order = [entry for entry in self._by_order if entry[1] in self.names]
            heapify(self._by_order)
        self._name_anew()

    def _name_anew(self) -> None:
        while self._by_order[0][1] not in self.names:  # it was given away since
            heappop(self._by_order)
        self.name = self._by_order[0][1]


class Part(NamedTuple):
    """One of the two that a join puts together or a separation takes apart; `single` where it is one name alone."""

    name: str
    single: bool


class Regrouping(NamedTuple):
    """What a join or a separation did: the name of the whole, its two parts, and all names of the smaller one."""

    whole: str
    smaller: Part
    larger: Part
    moved: Sequence[str]


class Organisations:
    """The names of one membership's customers. `groups` has an entry for each name of a group of several."""

    __slots__ = ("_alike", "_joins", "_order", "groups")

    def __init__(self) -> None:
        self._order: dict[str, int] = {}
        self._alike: dict[str, list[str]] = {}
        self._joins: dict[str, dict[str, None]] = {}
        self.groups: dict[str, Group] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._order

    def __iter__(self) -> Iterator[str]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._order)

    def know(self, name: str, folded: str | None = None) -> None:
        """The name is known from now on; `folded` spares the fold to who has it."""
        if name not in self._order:
            self._order[name] = len(self._order)
            self._alike.setdefault(_fold(name) if folded is None else folded, []).append(name)

    def folds(self) -> Iterator[tuple[str, str]]:
        """(name, fold) of every known name, in their order."""
        folded = {name: fold for fold, names in self._alike.items() for name in names}
        return ((name, folded[name]) for name in self._order)

    def joins(self) -> list[tuple[str, str]]:
        """Every join that stands, once."""
        order = self._order
        return [(one, other) for one, joined in self._joins.items() for other in joined if order[one] < order[other]]

    def alike(self, name: str) -> Sequence[str]:
        """The known names that fold like this one, the first known first; none where it is known as it is spelt."""
        return () if name in self._order else self._alike.get(_fold(name), ())

    def name_of(self, name: str) -> str:
        """The name of the organisation that this is a name of."""
        group = self.groups.get(name)
        return name if group is None else group.name

    def names_of(self, name: str) -> list[str]:
        """All names of the organisation that this is a name of, the first known first."""
        group = self.groups.get(name)
        return [name] if group is None else sorted(group.names, key=self._order.__getitem__)

    def joined(self, one: str, other: str) -> bool:
        """Whether a join of just these two stands."""
        return other in self._joins.get(one, ())

    def between(self, one: str, other: str) -> list[tuple[str, str]] | None:
        """The joins that lead from one name to another of its group; None where there are too many to look through."""
        came_from: dict[str, str] = {one: one}
        ahead = [one]
        for name in ahead:
            for neighbour in self._joins.get(name, ()):
                if neighbour not in came_from:
                    came_from[neighbour] = name
                    ahead.append(neighbour)
            if other in came_from or len(came_from) > SEARCHED_MAX:
                break
        if other not in came_from:
            return None
        path = []
        while other != one:
            path.append((came_from[other], other))
            other = came_from[other]
        return path[::-1]

    def join(self, one: str, other: str) -> Regrouping:
        """Two known names of different organisations are one organisation."""
        self._joins.setdefault(one, {})[other] = None
        self._joins.setdefault(other, {})[one] = None
        smaller, larger = sorted((one, other), key=self._size)
        moved_group, group = self.groups.get(smaller), self.groups.get(larger)
        moved = [smaller] if moved_group is None else sorted(moved_group.names)
        parts = self._part(smaller), self._part(larger)
        if group is None:
            group = self.groups[larger] = Group([(self._order[larger], larger)])
        group.add((self._order[name], name) for name in moved)
        for name in moved:
            self.groups[name] = group
        return Regrouping(group.name, *parts, moved)

    def separate(self, one: str, other: str) -> Regrouping:
        """Undoes the join of just these two."""
        group = self.groups[one]
        whole = group.name
        for name, joined in ((one, other), (other, one)):
            del self._joins[name][joined]
            if not self._joins[name]:
                del self._joins[name]
        moved = self._smaller_side(one, other)
        group.remove(moved)
        gone, stays = (one, other) if one in moved else (other, one)
        if len(moved) == 1:
            del self.groups[gone]
        else:
            self.groups.update(dict.fromkeys(moved, Group((self._order[name], name) for name in moved)))
        if len(group.names) == 1:
            del self.groups[stays]
        return Regrouping(whole, self._part(gone), self._part(stays), sorted(moved))

    def _size(self, name: str) -> int:
        group = self.groups.get(name)
        return 1 if group is None else len(group.names)

    def _part(self, name: str) -> Part:
        group = self.groups.get(name)
        return Part(name, True) if group is None else Part(group.name, False)

    def _smaller_side(self, one: str, other: str) -> set[str]:
        """All names that are still joined to one of the two; walked from both, until the smaller side is at its end."""
        sides = [_Side(self._joins, one), _Side(self._joins, other)]
        while True:
            for side in sides:
                if not side.step():
                    return side.names


class _Side:
    """The names that joins lead to from a name, found one after the other."""

    def __init__(self, joins: Mapping[str, Mapping[str, None]], name: str) -> None:
        self._joins = joins
        self._ahead = [iter([name])]
        self.names: set[str] = set()

    def step(self) -> bool:
        """Finds the next one; False where there is none."""
        while self._ahead:
            name = next(self._ahead[-1], None)
            if name is None:
                self._ahead.pop()
            elif name not in self.names:
                self.names.add(name)
                self._ahead.append(iter(self._joins.get(name, ())))
                return True
        return False

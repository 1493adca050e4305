"""The organisations of a membership: which names are known, how they were spelt, and which of them are one.

Folded by the order of the stream alone, whatever the events' occurred_at. Event data used here:

    ConsentGiven, InvitationSent, ResponseReceived {customer_org, spelt?}
    ConsentWithdrawn {customer_org, spelt?, also?}      OrganisationDistinguished {organisation, from}
    OrganisationsJoined, OrganisationsSeparated {organisation, same_as}

known        a name from its first event on; of one event `organisation` before `same_as`
spelling     a name is spelt as it is known. A name that is not known and folds (`fold`) like a known one is refuted,
             unless OrganisationDistinguished makes it known beside the other
spelt        true where the source's fact had another spelling: the name is the known one that folds alike. For a
             withdrawal the earliest known of them, the others in `also`; for the rest there may be one alone
group        names that joins hold together; a separation undoes the join of just these two names. A join within one
             group, and a separation where there was no join, are refuted. A group is named by its earliest known name
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ledger.proof.fold import fold
from ledger.proof.log.errors import RefutedError, Words

ALIKE_MAX = 200
"""Names that fold alike at most: a withdrawal that could mean each of them lists them all."""


class Group:
    """Two or more names that are one organisation."""

    __slots__ = ("names",)

    def __init__(self, names: set[str]) -> None:
        self.names = names


Key = str | Group
"""What an organisation is counted under: its group, or its only name."""


class Regrouping(NamedTuple):
    """Two organisations that have become one, or one that has become two."""

    before: tuple[Key, ...]
    after: tuple[Key, ...]
    moved: Key
    """The one of the two that is looked at by itself."""


class Organisations:
    """The names known to a membership, and their groups."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        """Name -> its place in the order in which names became known."""
        self.groups: dict[str, Group] = {}
        """Of the names that are joined to another."""
        self._alike: dict[str, list[str]] = {}
        """Fold -> the known names that have it, the earliest first."""
        self._joins: dict[str, set[str]] = {}

    def key(self, name: str) -> Key:
        """What the organisation of a name is counted under."""
        return self.groups.get(name, name)

    def names(self, key: Key) -> set[str]:
        """All names of an organisation."""
        return key.names if isinstance(key, Group) else {key}

    def named(self, name: str) -> str:
        """The name of the group that a name is in."""
        group = self.groups.get(name)
        return min(group.names, key=self.known.__getitem__) if group else name

    def use(self, data: dict[str, Any], where: str) -> str:
        """Takes the `customer_org` of an event's data."""
        if "spelt" in data:
            alike = self._spelt(data, where)
            if len(alike) > 1:
                raise RefutedError(f"{where}: spelt", found=alike, expected=Words("one known name that folds alike"))
            return alike[0]
        return self._known_or_new(data["customer_org"], f"{where}: customer_org")

    def withdraw(self, data: dict[str, Any], where: str) -> None:
        """Takes what a withdrawal says of its organisation."""
        others = self._spelt(data, where)[1:] if "spelt" in data else []
        if "spelt" not in data:
            self._known_or_new(data["customer_org"], f"{where}: customer_org")
        found, expected = data.get("also", Words("nothing")), others or Words("nothing")
        if found != expected:
            raise RefutedError(f"{where}: also", found=found, expected=expected)

    def tell_apart(self, data: dict[str, Any], where: str) -> None:
        """Takes a name that folds like a known one and is another organisation."""
        known, name = self._known(data["from"], f"{where}: from"), data["organisation"]
        if name in self.known or fold(name) != fold(known) or len(self._alike[fold(name)]) >= ALIKE_MAX:
            expected = Words(f"a new name that folds like {known!a}, and like fewer than {ALIKE_MAX}")
            raise RefutedError(f"{where}: organisation", found=name, expected=expected)
        self._add(name)

    def join(self, data: dict[str, Any], where: str) -> Regrouping:
        """Joins two names, whose organisations become one."""
        one, other = (self._known_or_new(data[key], f"{where}: {key}") for key in ("organisation", "same_as"))
        few, many = sorted((self.key(one), self.key(other)), key=lambda key: len(self.names(key)))
        if few == many:
            raise RefutedError(where, found=[one, other], expected=Words("two organisations, not one group already"))
        group = self.groups.setdefault(many, Group({many})) if isinstance(many, str) else many
        for name in self.names(few):
            group.names.add(name)
            self.groups[name] = group
        for name, joined in ((one, other), (other, one)):
            self._joins.setdefault(name, set()).add(joined)
        return Regrouping((few, many), (group,), few)

    def separate(self, data: dict[str, Any], where: str) -> Regrouping:
        """Undoes the join of two names; their organisation becomes two."""
        one, other = (self._known(data[key], f"{where}: {key}") for key in ("organisation", "same_as"))
        if other not in self._joins.get(one, ()):
            raise RefutedError(where, found=[one, other], expected=Words("two names of which a join was recorded"))
        self._joins[one].remove(other)
        self._joins[other].remove(one)
        group = self.groups[one]
        part = self._smaller_part(one, other)
        group.names -= part
        apart = Group(part)
        for name in part:
            self.groups[name] = apart
        for names in (part, group.names):
            if len(names) == 1:
                del self.groups[next(iter(names))]
        parts = self.key(next(iter(part))), self.key(next(iter(group.names)))
        return Regrouping((group,), parts, parts[0])

    def _smaller_part(self, one: str, other: str) -> set[str]:
        """One of the two parts that no join holds together now: both are walked by turns until either ends."""
        parts = ({one}, {other})
        walks = [self._walk(names) for names in parts]
        while True:
            for names, walk in zip(parts, walks, strict=True):
                if next(walk, None) is None:
                    return names

    def _walk(self, names: set[str]) -> Iterator[str]:
        """Adds to a name all that joins hold together with it; yields once for each join that it looks at."""
        waiting = [*names]
        while waiting:
            for name in self._joins[waiting.pop()]:
                if name not in names:
                    names.add(name)
                    waiting.append(name)
                yield name

    def _known_or_new(self, name: str, what: str) -> str:
        if name in self.known:
            return name
        if alike := self._alike.get(fold(name)):
            raise RefutedError(
                what, found=name, expected=Words(f"the known spelling {alike[0]!a}, or told apart before")
            )
        self._add(name)
        return name

    def _known(self, name: str, what: str) -> str:
        if name not in self.known:
            raise RefutedError(what, found=name, expected=Words("a name known before"))
        return name

    def _spelt(self, data: dict[str, Any], where: str) -> list[str]:
        """The known names that fold like a `customer_org` that the source spelt otherwise."""
        name = self._known(data["customer_org"], f"{where}: customer_org")
        alike = self._alike[fold(name)]
        if name != alike[0]:
            raise RefutedError(f"{where}: customer_org", found=name, expected=alike[0])
        return alike

    def _add(self, name: str) -> None:
        self.known[name] = len(self.known)
        self._alike.setdefault(fold(name), []).append(name)

"""The author of a history in which customers have several names and spellings, are joined, separated and told apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from tests.support.history_author import ORGANISATIONS, SUBJECTS, Author, Draw

CUSTOMERS = (*ORGANISATIONS, "adatum ltd")
FULL_WIDTH = 0xFEE0
NAMING_ACTIONS = (
    *("join",) * 4,
    *("separate",) * 2,
    *("tell_apart",) * 2,
    *("answer_as_two",) * 8,
    *("withdraw_from_both",) * 2,
    *("withdraw_respelt",) * 2,
    *("answer_under_another_name",) * 3,
    *("decide",) * 2,
)


def spellings(name: str) -> list[str]:
    """Other ways to spell a name. All but the last fold like it."""
    found = [name.upper(), name.title(), unicodedata.normalize("NFD", name), f"{name}.", f"{name[0]} - {name[1:]}"]
    found.append("".join(chr(ord(letter) + FULL_WIDTH) if "a" <= letter <= "z" else letter for letter in name))
    found.append(f"{name} 2")
    return [one for one in found if one != name]


class NamingAuthor(Author):
    """Mostly names customers as they are known, sometimes by another name of theirs, and seldom by another spelling."""

    def __init__(self, draw: Draw, scale: str, mode: str) -> None:
        super().__init__(draw, scale, mode)
        self.names: dict[str, list[str]] = {}
        self.joined: dict[str, list[Sequence[str]]] = {}

    def organisation(self, _membership: str) -> str:
        return self.pick(CUSTOMERS)

    def told(self, membership: str) -> str:
        """A customer's name that was told before, or seldom another one."""
        told = self.names.get(membership, [])
        return self.pick(told[-6:]) if told and not self.rarely(10) else self.organisation(membership)

    def spelling(self, membership: str, organisation: str) -> str:
        name = organisation
        partners = [other for pair in self.joined.get(membership, []) for other in pair if organisation in pair]
        if partners and self.rarely(4):
            name = self.pick(partners)
        if self.rarely(8):
            return self.pick(spellings(name))
        self.names.setdefault(membership, []).append(name)
        return name

    def join(self) -> None:
        membership = self.membership()
        pair = (self.told(membership), self.told(membership))
        if pair[0] == pair[1]:
            pair = (pair[0], self.organisation(membership))
        self.joined.setdefault(membership, []).append(pair)
        self._tell_of("same-organisation", membership, pair)

    def separate(self) -> None:
        membership = self.membership()
        if not self.joined.get(membership):
            self.join()
        pair = self.pick(self.joined.get(membership) or [CUSTOMERS[:2]])
        if self.rarely(6):
            pair = (self.told(membership), pair[0])
        self._tell_of("separate-organisations", membership, pair[::-1] if self.rarely(3) else pair)

    def answer_as_two(self) -> None:
        """One organisation answers under two names, some time before that is known."""
        membership = self.membership()
        location = self.location_of(membership)
        pair = (self.told(membership), self.told(membership))
        moment = self.moment()
        for name in (*pair, *pair)[: self.number(2, 4)]:
            response = self.new_name("r")
            self.responses.get(membership, []).append(response)
            fields = {"response": response, "customer_org": name, "location": location}
            self.tell("record-response", membership, moment, **fields)
            self.names.setdefault(membership, []).append(name)
        self.joined.setdefault(membership, []).append(pair)
        if not self.rarely(3):
            self._tell_of("same-organisation", membership, pair)

    def answer_under_another_name(self) -> None:
        membership, subject = self.membership(), self.pick(SUBJECTS)
        pair = self.pick(self.joined.get(membership) or [CUSTOMERS[:2]])
        consented, invited, answering = (self.pick(pair) for _ in range(3))
        moment, location = self.moment(), self.location_of(membership)
        who: dict[str, Any] = {"subject": subject, "location": location, "invitation": self.new_name("i")}
        self.consents.get(membership, []).append((subject, consented))
        self.invitations.get(membership, []).append((who["invitation"], invited))
        self.tell("record-consent", membership, moment, subject=subject, customer_org=consented)
        self.tell("record-invitation", membership, moment, channel="partner", customer_org=invited, **who)
        del who["subject"]
        self.tell("record-response", membership, response=self.new_name("r"), customer_org=answering, **who)

    def withdraw_respelt(self) -> None:
        membership = self.membership()
        subject, organisation = self.pick(self.consents.get(membership) or [("s-1", CUSTOMERS[0])])
        name = self.pick(spellings(organisation))
        self.tell("withdraw-consent", membership, subject=subject, customer_org=name)

    def withdraw_from_both(self) -> None:
        """A withdrawal under a spelling that stands for a name and for another one that was told apart from it."""
        membership, subject = self.membership(), self.pick(SUBJECTS)
        known = self.told(membership)
        other, third = spellings(known)[:2]
        fields: dict[str, Any] = {"organisation": other, "from": known}
        self.tell("distinct-organisation", membership, **fields)
        for name in self.pick(((known, other), (other,), ())):
            self.consents.get(membership, []).append((subject, name))
            self.tell("record-consent", membership, self.start, subject=subject, customer_org=name)
        self.tell("withdraw-consent", membership, subject=subject, customer_org=third)

    def tell_apart(self) -> None:
        membership = self.membership()
        known = self.told(membership)
        other = self.told(membership) if self.rarely(3) else self.pick(spellings(known))
        fields: dict[str, Any] = {"organisation": other, "from": known}
        self.tell("distinct-organisation", membership, **fields)
        self.names.setdefault(membership, []).append(other)

    def _tell_of(self, kind: str, membership: str, pair: Sequence[str]) -> None:
        one, other = (self.pick(spellings(name)) if self.rarely(12) else name for name in pair)
        self.tell(kind, membership, organisation=one, same_as=other)

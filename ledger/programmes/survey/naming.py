"""Naming: whether a fact spells its customers' names as they are known, and whether what it says of names can be so.

What was refused makes nothing known; a name spelt exactly like a known one passes, whatever else folds alike (DESIGN 4).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any, Final
from unicodedata import normalize

from ledger.errors import refuse
from ledger.fold import fold
from ledger.programmes.survey.organisations import Organisations

if TYPE_CHECKING:  # facts are pydantic's, and who only reads the book need not import it
    from ledger.programmes.survey.facts import MembershipFact

NAMING: Final = frozenset(("record-response", "record-invitation", "record-consent", "withdraw-consent"))
"""The facts that name a customer."""

NAMED_MAX: Final = 5
"""Names, joins or locations that a sentence lists at most."""

ALIKE_MAX: Final = 200
"""Names that fold alike at most: a withdrawal that could mean each of them lists them all, and has to fit in an event."""


def take_as_known(known: Organisations, fact: MembershipFact, lenient: bool) -> tuple[Any, dict[str, Any]]:
    """The fact under the known spelling of its customer's name, and what its event says of that.

    A withdrawal is never refused: it stands for every known name that folds like the one it has. Other facts are taken
    so only with `lenient`, and only where one name alone can be meant.
    """
    if fact.type not in NAMING:
        return fact, {}
    alike = known.alike(getattr(fact, "customer_org"))  # noqa: B009 - only these facts have it
    if not alike or not (fact.type == "withdraw-consent" or (lenient and len(alike) == 1)):
        return fact, {}
    also = {"also": list(alike[1:])} if len(alike) > 1 else {}
    return fact.model_copy(update={"customer_org": alike[0]}), {"spelt": True, **also}


def check_spelling(known: Organisations, name: str) -> None:
    """Refuses a name that folds like a known one and is spelt otherwise."""
    alike = known.alike(name)
    if alike:
        sentence = f"found organisation {name!r}, expected it to be spelt {_or(alike)}"
        refuse("organisation-spelling", sentence + _composed_otherwise(name, alike[0]))


def check_join(known: Organisations, one: str, other: str) -> None:
    """Refuses to join what is one already."""
    check_spelling(known, one)
    check_spelling(known, other)
    if one != other and one not in known and other not in known and fold(one) == fold(other):
        sentence = f"found organisation {other!r}, expected it to be spelt {one!r} as well"
        refuse("organisation-spelling", sentence + _composed_otherwise(other, one))
    if known.name_of(one) == known.name_of(other):
        refuse("already-joined", f"{one!r} and {other!r} are one organisation already")


def check_separation(known: Organisations, one: str, other: str) -> None:
    """Refuses to separate what was not joined by a fact of just these two."""
    _check_known(known, one)
    _check_known(known, other)
    if known.joined(one, other):
        return
    if one == other or known.name_of(one) != known.name_of(other):
        refuse("not-joined", f"{one!r} and {other!r} are not joined")
    path = known.between(one, other)
    through = "many joins" if path is None else some([f"{first!r} with {second!r}" for first, second in path])
    refuse("not-joined", f"{one!r} and {other!r} are one organisation by other joins: {through}")


def check_distinction(known: Organisations, name: str, from_: str) -> None:
    """Refuses to tell apart what is apart already, or from more names than a withdrawal has room for."""
    _check_known(known, from_)
    if name in known:
        refuse("already-distinct", f"{name!r} is known already, expected a new name that folds like {from_!r}")
    if fold(name) != fold(from_):
        refuse("already-distinct", f"{name!r} does not fold like {from_!r}: nobody takes one for the other")
    if len(known.alike(name)) >= ALIKE_MAX:
        refuse(
            "malformed", f"found {ALIKE_MAX} names that fold like {name!r}, expected fewer: one withdrawal names all"
        )


def _check_known(known: Organisations, name: str) -> None:
    if name not in known:
        alike = known.alike(name)
        expected = (
            f"it to be spelt {_or(alike)}{_composed_otherwise(name, alike[0])}" if alike else "a name that was recorded"
        )
        refuse("unknown-organisation", f"found organisation {name!r}, expected {expected}")


def _composed_otherwise(name: str, known: str) -> str:
    """Where two names differ that look the same to whoever reads the sentence; '' where one sees it."""
    if normalize("NFC", name) != normalize("NFC", known):
        return ""
    pairs = enumerate(zip_longest(name, known, fillvalue=""), 1)
    place, ours, theirs = next((at, found, expected) for at, (found, expected) in pairs if found != expected)
    said = [f"U+{ord(character):04X}" if character else "its end" for character in (ours, theirs)]
    return f": they look the same, but at character {place} one has {said[0]} and the other {said[1]}"


def _or(names: Sequence[str]) -> str:
    return " or ".join(repr(name) for name in names[:NAMED_MAX])


def some(names: Collection[str]) -> str:
    """The first NAMED_MAX of some names, and how many more there are: a sentence stays short however many there are."""
    more = len(names) - NAMED_MAX
    return ", ".join(islice(names, NAMED_MAX)) + (f" and {more:,} more" if more > 0 else "")

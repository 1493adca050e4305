"""What stands of announcements, for the histories of all programmes (DESIGN 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from ledger.programmes.programme import Effective, fold_announcement

Announced = TypeVar("Announced", bound=Effective)


def standing_changes(announcements: Iterable[Announced], holds: Callable[[Announced], bool]) -> list[Announced]:
    """The changes that stand of announcements in the order of the ledger, the earliest first.

    Later announcements have replaced what they revise, and one that says what held before it is left out: it only replaced
    a flip that is none any more. Nothing holds before the first.
    """
    folded: list[Announced] = []
    for announced in announcements:
        fold_announcement(folded, announced)
    held = [False, *map(holds, folded)]
    return [announced for announced, before in zip(folded, held, strict=False) if holds(announced) != before]

"""Refused lines on their way into the ledger's table of refused facts, beside the file of refusals."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from console.cli.refusals_file import RefusedLine
from ledger.errors import Refused
from ledger.programmes.registry import parse_fact
from ledger.writing.refused import TurnedAway

if TYPE_CHECKING:
    from ledger.fact import Fact
    from ledger.writing.refused import RefusalKeeper

FILE: Final = "file:"
"""What the source of a line out of a file begins with."""


class LineKeeper:
    """Keeps refused lines in the ledger; what cannot be kept stands in the file of refusals alone, and is counted."""

    def __init__(self, keeper: RefusalKeeper) -> None:
        self._keeper = keeper

    def keep(self, refused: Sequence[RefusedLine]) -> None:
        """Keeps some lines, in one transaction."""
        self._keeper.keep(
            [
                TurnedAway(one.line.content, _fact_of(one), one.code, one.sentence, one.field, f"{FILE}{one.line.file}")
                for one in refused
            ]
        )

    @property
    def unkept(self) -> int:
        """How many could not be kept."""
        return self._keeper.unkept


def _fact_of(refused: RefusedLine) -> Fact | None:
    """What a line was parsed as: one that waited for others is parsed anew."""
    if refused.fact is None and not refused.line.cut_from:
        with suppress(Refused):
            return parse_fact(refused.line.content.rstrip())
    return refused.fact

"""A projection of this ledger's books: it knows the types of events of all programmes in the ledger's registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.projection import PendingT, Projection

if TYPE_CHECKING:
    from ledger.event import EventTypes


class LedgerProjection(Projection[PendingT]):
    """One projection. Who only reads its tables does not load the programmes."""

    @property
    def types(self) -> EventTypes:
        """All types of the ledger's registry."""
        from ledger.programmes.registry import PROGRAMMES

        return PROGRAMMES.events

"""Horizons: up to which instant each subject was reviewed, by its own facts or by a review of all."""

from __future__ import annotations

from ledger.instants import BEGINNING_US
from ledger.programmes.programme import State
from ledger.store.base import WriteTransaction


class Horizons:
    """What the reviews of a book have reached: (instant, position), subjects that begin by the position were reviewed."""

    def __init__(self, transaction: WriteTransaction, position: int) -> None:
        """`position` is the book's last: what speaks of later ones was kept with another book."""
        self._transaction = transaction
        self._reviews = [entry for entry in transaction.reviews() if entry[1] <= position]

    def of(self, state: State) -> int:
        """The instant up to which a subject has been reviewed."""
        return max(state.horizon_us, self.reviewed_us(state.first_position))

    def reviewed_us(self, first_position: int) -> int:
        """Up to where a review reached that knew of a subject whose stream begins at a position."""
        for reviewed_us, position in self._reviews:  # the instants decrease, the positions increase
            if first_position <= position:
                return reviewed_us
        return BEGINNING_US

    def save(self, until_us: int, position: int) -> None:
        """Every subject there is has been reviewed up to an instant; those that begin after the position have not."""
        later = [(reviewed_us, last) for reviewed_us, last in self._reviews if reviewed_us > until_us]
        self._transaction.save_reviews([*later, (until_us, position)])

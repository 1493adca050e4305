"""When a sealer that follows the book has its next round: after so many events, or so long after the first of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ledger.seal.sealer import Sealer
from ledger.store.base import Store

LOOK_S: Final = 0.25
"""So often it is looked whether to stop."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often there is a checkpoint."""

    events: int = 10_000
    """At least after so many events."""
    seconds: float = 1.0
    """At least so long after the first event that is not sealed."""

    def await_next(self, store: Store, sealer: Sealer, stopping: Callable[[], bool] = lambda: False) -> bool:
        """Waits until a round is due: True; or until it is to stop: False.

        What is signed and not published yet is due again after `seconds`.
        """
        while sealer.published and not store.wait(sealer.events, LOOK_S):
            if stopping():
                return False
        due_s = time.monotonic() + self.seconds
        while not stopping():
            left_s = due_s - time.monotonic()
            if left_s <= 0 or store.wait(sealer.events + self.events - 1, min(left_s, LOOK_S)):
                return True
        return False

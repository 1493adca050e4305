"""Pauses between attempts."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses after failures: doubled each time up to a limit, each between half and the whole of that."""

    first_s: float = 0.2
    max_s: float = 15.0
    chance: random.Random = field(default_factory=random.Random)

    def pause_s(self, failures: int) -> float:
        """The pause after so many failures in a row, from 1 on."""
        whole = min(self.max_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return whole * (0.5 + self.chance.random() / 2)

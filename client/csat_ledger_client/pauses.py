"""Pauses between attempts: doubled with each failure up to a limit, each between half and the whole of that by chance.

So many that have lost the same service or broker do not come back to it all at once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long to wait after so many failures in a row. In seconds."""

    first_s: float = 0.2
    max_s: float = 15.0
    chance: random.Random = field(default_factory=random.Random)

    def after(self, failures: int) -> float:
        """The pause after so many failures, from 1 on."""
        whole = min(self.max_s, self.first_s * 2.0 ** min(failures - 1, 20))
        return whole * self.chance.uniform(0.5, 1)

"""How often access was refused, by route, role and reason: for metrics, and for whoever asks how it stands."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import Final, NamedTuple

REASONS: Final = {401: "unauthorized", 403: "forbidden", 429: "too-many-requests"}
"""The statuses of an access that is refused, and how each is called."""


class RefusedAccess(NamedTuple):
    """What was refused; the role is that of the token that sees most, `none` without a token that holds."""

    route: str
    role: str
    reason: str


class Refused:
    """Counts accesses that are refused; several threads may ask."""

    def __init__(self) -> None:
        self._counts: Counter[RefusedAccess] = Counter()
        self._lock = Lock()

    def count(self, route: str, role: str, status: int) -> None:
        """One more. Routes and roles are those of tables, so there are not many."""
        with self._lock:
            self._counts[RefusedAccess(route, role, REASONS[status])] += 1

    def counts(self) -> dict[RefusedAccess, int]:
        """How many there were of each, since the process began."""
        with self._lock:
            return dict(self._counts)

"""The log of the Kafka client: kept quiet, but for why a connection failed, which the client's errors do not say.

The client logs every refused connection several times, many a second, while what it raises in the end says no more than
that it could not reach the broker. Here a wrong password, an unknown certificate and a refused connection are told apart.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from functools import cache
from typing import Final

QUIET: Final = ("kafka", "kafka.net", "kafka.cluster", "kafka.coordinator")
CONNECTIONS: Final = "kafka.net.manager"
KEPT_MAX: Final = 20

_FAILED: Final = re.compile(r"connection\b.*? failed: (?P<reason>.+?)(?: \(backoff [^)]*\))?$", re.IGNORECASE)


class ConnectionFailures(logging.Handler):
    """Keeps why the last connections failed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0
        self._kept: deque[str] = deque(maxlen=KEPT_MAX)

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a line of the client's log."""
        if found := _FAILED.search(record.getMessage()):
            self._kept.append(found["reason"])
            self.count += 1

    def since(self, count: int) -> list[str]:
        """The reasons, each once, of the failures that came after there had been so many."""
        new = min(self.count - count, len(self._kept))
        return list(dict.fromkeys(list(self._kept)[len(self._kept) - new :]))


@cache
def connection_failures() -> ConnectionFailures:
    """The one of this process; from the first call on the client logs nothing else."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    failures, connections = ConnectionFailures(), logging.getLogger(CONNECTIONS)
    connections.setLevel(logging.WARNING)
    connections.propagate = False
    connections.addHandler(failures)
    return failures

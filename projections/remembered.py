"""What was worked out last, for whoever asks the same again: of a few questions, by all threads of a process."""

from __future__ import annotations

from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """At most so many values; the one that was worked out first is forgotten first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: dict[Hashable, Value] = {}
        self._lock = Lock()

    def get(self, name: Hashable) -> Value | None:
        """What was worked out under a name; None where nothing was, or it is forgotten."""
        with self._lock:
            return self._values.get(name)

    def put(self, name: Hashable, value: Value) -> None:
        """Remembers a value."""
        with self._lock:
            self._values.pop(name, None)
            while len(self._values) >= self._most:
                del self._values[next(iter(self._values))]
            self._values[name] = value

"""Remarks of a process that asks itself the same thing again and again: each is told once in a while, not each time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from threading import Lock
from typing import Final

AGAIN_S: Final = 600.0
KINDS_MAX: Final = 100
_FIGURES: Final = re.compile(r"[\d,]+")


class Seldom:
    """Tells a remark, unless one that differs from it in figures alone was told within a while. Several threads may tell."""

    def __init__(self, tell: Callable[[str], None], again_s: float = AGAIN_S) -> None:
        self._tell = tell
        self._again_s = again_s
        self._lock = Lock()
        self._told_s: dict[str, float] = {}

    def __call__(self, remark: str) -> None:
        """Tells it, perhaps."""
        kind, now_s = _FIGURES.sub("", remark), time.monotonic()
        with self._lock:
            told_s = self._told_s.get(kind)
            if told_s is not None and now_s - told_s < self._again_s:
                return
            while len(self._told_s) >= KINDS_MAX:
                del self._told_s[next(iter(self._told_s))]
            self._told_s[kind] = now_s
        self._tell(remark)

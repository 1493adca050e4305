"""Salts: 16 random bytes of each event's own, so that its public leaf hash does not let anybody guess it (DESIGN 3).

A source of salts is asked for each event by its position, and answers standard padded base64 (24 characters).
"""

from __future__ import annotations

import os
from base64 import b64encode
from binascii import b2a_base64
from collections.abc import Callable
from hashlib import sha256
from typing import Final

SaltOf = Callable[[int], str]

SALT_BYTES: Final = 16
DRAWN_AT_ONCE: Final = 256


class SystemSalts:
    """From the system's generator, many at once; none is given twice."""

    def __init__(self) -> None:
        self._drawn: list[str] = []

    def __call__(self, _position: int) -> str:
        if not self._drawn:
            drawn = os.urandom(SALT_BYTES * DRAWN_AT_ONCE)
            self._drawn = [
                b2a_base64(drawn[start : start + SALT_BYTES], newline=False).decode("ascii")
                for start in range(0, len(drawn), SALT_BYTES)
            ]
        return self._drawn.pop()


def foreseeable_salts(seed: str) -> SaltOf:
    """The same for the same seed and position: for a book that is made up, and has nothing to hide."""

    def salt_of(position: int) -> str:
        return b64encode(sha256(f"{seed}/{position}".encode()).digest()[:SALT_BYTES]).decode("ascii")

    return salt_of

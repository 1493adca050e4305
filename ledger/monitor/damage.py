"""What is wrong with what a monitor has kept."""

from __future__ import annotations


class StateDamaged(Exception):
    """What is kept cannot be what was written. It is derived anew."""

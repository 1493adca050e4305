"""What a program that reads `--json` gets where there is no answer. A module of its own: only a failure loads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FailureAnswer:
    """What is printed instead of an answer, where there is none."""

    error: str
    """The code of what went wrong, or of why it was refused."""
    message: str
    """What was found, and what was expected."""

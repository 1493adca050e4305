"""Whether the service can answer: `/livez` says that the process is there, `/readyz` what it lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from console.http.reading import Following

BEHIND_MAX: Final = 10_000
"""A service whose projections are further behind the book than that is not ready."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the service can answer, and what it lacks."""

    ready: bool
    """Whether it can answer."""
    missing: tuple[str, ...]
    """What it lacks; empty where it is ready."""


def health(following: Following) -> Health:
    """How it stands with the projections, from which everything is answered."""
    behind = following.end - following.position
    if following.failed:
        return Health(False, ("the projections cannot be kept up; the service's log says why",))
    if behind > BEHIND_MAX:
        return Health(False, (f"the projections are {behind:,} positions behind the book",))
    return Health(True, ())

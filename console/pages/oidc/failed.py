"""What may go wrong at a provider, for the visitor and for the service's log."""

from __future__ import annotations

from typing import Final

from console.http.problems import RETRY_AFTER_S, Problem

SHOWN_MAX: Final = 200
LOGGED_MAX: Final = 500


class Failed(Problem):
    """A sign-in that did not come about. `why` is for the log alone."""

    def __init__(self, status: int, code: str, detail: str, why: str | None = None) -> None:
        super().__init__(status, code, detail, headers={"Retry-After": RETRY_AFTER_S} if status == 503 else None)
        self.why = why


def away(why: str) -> Failed:
    """The provider gives no answer, or none in time."""
    return Failed(503, "provider-away", "found no answer of the provider at present: try again in a while", why)


def wrong(why: str) -> Failed:
    """The provider answers what does not hold."""
    return Failed(
        502, "provider-wrong", "found an answer of the provider that does not hold: the service's log says why", why
    )


def stale() -> Failed:
    """What came back belongs to no sign-in that is under way here; nothing of it is shown."""
    return Failed(
        400, "stale-sign-in",
        "found no sign-in under way in this browser that this belongs to, expected one that began less than ten minutes ago "
        "and has not ended yet",
    )  # fmt: skip


def busy() -> Failed:
    """Too many wait for the provider."""
    return Failed(503, "busy", "found too many who sign in at this moment: try again")


def shown(text: str, most: int = SHOWN_MAX) -> str:
    """Some of what others wrote, on one line."""
    return "".join(one if one.isprintable() else " " for one in text[:most])

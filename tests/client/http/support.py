"""What tests against the service itself begin with."""

from __future__ import annotations

from tests.console.http.process import Running


def bearer_of(running: Running, *options: str) -> str:
    """A token that the command makes, alone."""
    return running.token(*options)["Authorization"].removeprefix("Bearer ")

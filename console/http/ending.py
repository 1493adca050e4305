"""A service that was told to end does end: a store that says nothing would be waited for without end."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Timer
from typing import Final

from console.cli.exits import UNREACHABLE

MORE_S: Final = 90.0
"""So long, and the deadline of a request, its end may take: answers under way, the bookkeeper, and what is sealed."""


def end_within(seconds: float, complain: Callable[[str], None]) -> None:
    """Ends this process, whatever its threads wait for, where it has not ended by itself then; `complain` is told before."""

    def end() -> None:
        complain(
            f"found itself still there {seconds:g} seconds after it was told to end, expected it to be gone: its store may say "
            "nothing, so it ends now. What it has not answered may be recorded or not, and can be handed in again"
        )
        os._exit(UNREACHABLE)

    timer = Timer(seconds, end)
    timer.daemon = True
    timer.start()

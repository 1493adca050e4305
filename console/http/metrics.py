"""`/metrics`: what the service knows of itself, and two looks at the store (see `console.http.figures`)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ledger.errors import LedgerError
from ledger.instants import SECOND_US

if TYPE_CHECKING:
    from console.http.reading import Readers
    from console.http.watched import Watched
    from console.wiring import Ledger

LOOK_S: Final = 2.0
"""So long the store is waited for: what scrapes has a deadline too, and wants the other figures then most of all."""


async def scrape(readers: Readers, watched: Watched) -> bytes:
    """The figures as they are now. Where the store cannot be asked, what it said last stays."""
    figures = watched.figures
    position = 0 if watched.following is None else watched.following.position
    try:
        async with asyncio.timeout(LOOK_S):
            end, due_us = await readers.ask(_looked_up)
    except (LedgerError, TimeoutError):
        figures.metrics.failures.labels("scrape").inc()
    else:
        figures.book_end.set(end)
        figures.lag.set(max(0, end - position))
        figures.late.set(0 if due_us is None else max(0, watched.clock() - due_us) / SECOND_US)
    figures.position.set(position)
    return await asyncio.to_thread(figures.text)


def _looked_up(ledger: Ledger) -> tuple[int, int | None]:
    return ledger.store.max_position(), ledger.store.next_due()

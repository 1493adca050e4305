"""`/metrics`: what the service knows of itself, and two looks at the store (see `console.http.figures`)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from console.http.health import health
from ledger.errors import LedgerError
from ledger.instants import SECOND_US

if TYPE_CHECKING:
    from console.http.app import Service
    from console.wiring import Ledger

LOOK_S: Final = 2.0
"""So long the store is waited for: what scrapes has a deadline too, and wants the other figures then most of all."""


async def scrape(service: Service) -> bytes:
    """The figures as they are now. Where the store cannot be asked, what it said last stays."""
    figures, following = service.figures, service.following
    try:
        async with asyncio.timeout(LOOK_S):
            end, due_us = await service.readers.ask(_looked_up)
    except (LedgerError, TimeoutError):
        figures.metrics.failures.labels("scrape").inc()
    else:
        figures.book_end.set(end)
        figures.lag.set(max(0, end - following.position))
        figures.late.set(0 if due_us is None else max(0, service.clock() - due_us) / SECOND_US)
    figures.position.set(following.position)
    return await asyncio.to_thread(figures.text)


def watch(service: Service) -> None:
    """Puts figures of the service's parts among those that are read with each scrape."""
    figures, sealing = service.figures, service.sealing

    def ready() -> float:
        return float(health(service.following, service.recording, sealing, service.duties).ready)

    figures.metrics.ready.set_function(ready)
    figures.watch_each(
        "duty_failed", "1 while a duty of this process cannot be done", "duty",
        lambda: {duty.name: float(duty.failed) for duty in service.duties},
    )  # fmt: skip
    if sealing is not None:
        published = sealing.published
        figures.watch(
            "sealed_entries", "entries that the published checkpoint covers",
            lambda: None if (found := published()) is None else found.size,
        )  # fmt: skip
        figures.watch("sealing_age_seconds", "how long ago a checkpoint was published", sealing.age_s)


def _looked_up(ledger: Ledger) -> tuple[int, int | None]:
    return ledger.store.max_position(), ledger.store.next_due()

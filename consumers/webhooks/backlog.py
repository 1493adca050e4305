"""How far behind each webhook is, from what is kept in the database: for metrics, lists and alarms in any process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consumers.webhooks.registry import Held, Webhook, held, webhooks
from ledger.errors import BrokenHistory
from ledger.event import recorded_us_of
from ledger.instants import SECOND_US
from ledger.membership import membership_or_stream
from ledger.programmes.registry import PROGRAMMES
from ledger.store.base import Store
from projections.questions.changes import changes

COUNTED_MAX: Final = 10_000
"""So many waiting announcements are counted; more are told as so many."""
LOOKED_AT_MAX: Final = 100_000
FIGURES: Final = {
    "webhook_waiting": "announcements that wait",
    "webhook_parked": "memberships that are parked",
    "webhook_oldest_seconds": "age of the oldest that waits",
}
"""What is told of each webhook to whoever watches, and what it is."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for one webhook."""

    webhook: str
    position: int
    """Up to this position of the book all was delivered, or is held."""
    waiting: int
    """Announcements after it, at most COUNTED_MAX, and one for each membership that is held."""
    oldest_us: int | None
    """When the oldest announcement that waits, and is not parked, was recorded; None where none waits, or it was ended."""
    held: int
    """Memberships that are held since one of their announcements failed, and tried again."""
    parked: int
    """Memberships that are held and tried no more."""
    trouble: str
    """Why nothing is sent at all; "" where it is."""


def backlog(store: Store, some: Sequence[Webhook] | None = None) -> list[Backlog]:
    """The backlog of each webhook, or of some, the oldest webhook first."""
    return [_backlog(store, one) for one in (webhooks(store) if some is None else some)]


def figures_of(some: Sequence[Backlog], now_us: int) -> dict[str, dict[str, float]]:
    """The figures of FIGURES as they are at an instant: name -> webhook -> figure."""
    return {
        "webhook_waiting": {one.webhook: float(one.waiting) for one in some},
        "webhook_parked": {one.webhook: float(one.parked) for one in some},
        "webhook_oldest_seconds": {
            one.webhook: 0.0 if one.oldest_us is None else max(0, now_us - one.oldest_us) / SECOND_US for one in some
        },
    }


def waiting_of(store: Store, webhook: Webhook, some: list[Held]) -> dict[str, int]:
    """How many announcements wait for each of some held memberships; the count ends after LOOKED_AT_MAX that were looked at."""
    number = dict.fromkeys((one.membership for one in some), 0)
    since = {one.membership: one.position for one in some}
    after, looked_at = min(since.values(), default=1) - 1, 0
    while looked_at < LOOKED_AT_MAX and after < webhook.mark.position:
        page = changes(store, after)
        for row in page.rows:
            membership = membership_or_stream(row.stream)
            if webhook.wants(row.type) and since.get(membership, row.position + 1) <= row.position:
                number[membership] += row.position <= webhook.mark.position
        looked_at += len(page.rows)
        after = page.through
        if not page.more:
            break
    return number


def _recorded_us(store: Store, position: int, some: list[Held]) -> int | None:
    """When the first that waits was recorded; of one that cannot be read, since when it waits."""
    try:
        return next((recorded_us_of(row.stored, row.position) for row in store.read_at([position])), None)
    except BrokenHistory:
        return min((one.since_us for one in some if one.position == position), default=None)


def _backlog(store: Store, webhook: Webhook) -> Backlog:
    some = held(store, webhook.id)
    after = webhook.mark.position
    waiting, first = 0, [one.position for one in some if not one.parked]
    for event_type in sorted(PROGRAMMES.announcements):
        if not webhook.wants(event_type):
            continue
        if not (event_type.isascii() and event_type.isalpha()):
            raise ValueError(f"found event type {event_type!r}, expected letters")
        # The type stands in the statement, so that the index of the announcements applies.
        ((number, lowest),) = store.query_beside(
            "SELECT count(*), min(position) FROM (SELECT position FROM events "
            f"WHERE topic = '{event_type}' AND position > ? ORDER BY position LIMIT ?) AS later",
            (after, COUNTED_MAX),
        )
        waiting += number
        first += [lowest] if number else []
    return Backlog(
        webhook.id,
        after,
        min(waiting, COUNTED_MAX) + len(some),
        _recorded_us(store, min(first), some) if first and not webhook.gone else None,
        sum(not one.parked for one in some),
        sum(one.parked for one in some),
        webhook.trouble,
    )

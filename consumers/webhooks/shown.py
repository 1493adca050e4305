"""What is told of webhooks: lists for people and programs, without secrets, and without what a URL may hold of one.

Who asks `over_http` may be whoever registers URLs: where secrets lie is not told, nor what the names in his URLs lead to on
this machine's network (`told_of`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import starmap
from typing import Final

from consumers.webhooks.backlog import Backlog, backlog, waiting_of
from consumers.webhooks.registry import Held, Webhook, held, webhooks
from consumers.webhooks.target import target
from ledger.instants import format_instant
from ledger.store.base import Store
from projections.questions.answer import Count, Instant, Position

SECRET_MISSING: Final = "the file of its secret cannot be used: the operator's `webhook list` says why"
NO_WAY: Final = (
    "found no way to the receiver, expected a name that leads to a public address where somebody listens: the operator's "
    "`webhook waiting` says more"
)
OF_RECEIVERS: Final = ("found status ", "found no answer within ", "found no connection within ", "replay")
OF_TLS: Final = "[SSL"


@dataclass(frozen=True, slots=True)
class WebhookShown:
    """A webhook that is registered, and how far behind it is."""

    id: str
    """Its id."""
    url: str
    """Where it is sent to; … stands for the query, in which some put a secret."""
    types: tuple[str, ...]
    """The types of announcements that it gets; none: all."""
    allow_private: bool
    """Whether it may be sent into private networks, and without TLS."""
    owner: str | None
    """The subject of the token that registered it; null where the command line did."""
    created_at: Instant
    """When it was registered."""
    position: Position
    """Up to this position of the ledger all was delivered, or is held."""
    waiting: Count
    """Announcements after that, and one for each membership that is held; at most 10,000 are counted."""
    oldest_waiting_at: Instant | None
    """When the oldest that waits and is not parked was recorded; null where none does."""
    held: Count
    """Memberships whose announcements wait behind one that failed, and is tried again."""
    parked: Count
    """Memberships whose announcements wait behind one that is tried no more, until it is replayed."""
    trouble: str | None
    """Why nothing is sent at all; null where it is."""


@dataclass(frozen=True, slots=True)
class WaitingShown:
    """A membership whose announcements wait for a webhook, from one that failed on."""

    webhook: str
    """The webhook."""
    membership: str
    """The membership."""
    position: Position
    """Of the announcement that failed, or after which a replay starts."""
    waiting: Count
    """Announcements of the membership that wait from there on."""
    since: Instant
    """When it failed first."""
    attempts: Count
    """How often it was tried."""
    parked: bool
    """Whether it is tried no more, until it is replayed."""
    next_try_at: Instant | None
    """When it is tried next; null where it is parked."""
    reason: str
    """Why the last attempt failed."""


def shown(webhook: Webhook, behind: Backlog) -> WebhookShown:
    """A webhook as it may be shown; a secret, and where it lies, is no part of it."""
    return WebhookShown(
        webhook.id,
        shown_url(webhook),
        webhook.types,
        webhook.allow_private,
        webhook.owner or None,
        format_instant(webhook.created_us),
        behind.position,
        behind.waiting,
        None if behind.oldest_us is None else format_instant(behind.oldest_us),
        behind.held,
        behind.parked,
        behind.trouble or None,
    )


def shown_url(webhook: Webhook) -> str:
    """The URL without its query."""
    where = target(webhook.url, private=webhook.allow_private)
    path, mark, _ = where.path.partition("?")
    return f"{where.shown}{path}{'?…' if mark else ''}"


def all_shown(store: Store, owner: str | None = None, *, over_http: bool = False) -> list[WebhookShown]:
    """All webhooks, or those of one owner, the oldest first."""
    some = [one for one in webhooks(store) if owner is None or one.owner == owner]
    behind = {one.webhook: one for one in backlog(store, some)}
    found = list(starmap(shown, ((one, behind[one.id]) for one in some)))
    if not over_http:
        return found
    return [
        replace(one, trouble=SECRET_MISSING) if one.trouble and webhook.secret_file in one.trouble else one
        for one, webhook in zip(found, some, strict=True)
    ]


def told_of(reason: str) -> str:
    """Why an attempt failed, for whoever may have chosen the URL.

    What a receiver said, or a public address, is told; whether a name is known here, and to which address of this network it
    leads, is not: who registers URLs could read a network by it.
    """
    return reason if reason.startswith(OF_RECEIVERS) or OF_TLS in reason else NO_WAY


def all_waiting(store: Store, some: Sequence[Webhook], *, parked: bool, over_http: bool = False) -> list[WaitingShown]:
    """The memberships that wait for some webhooks, or those alone that are parked, the longest first."""
    found: list[WaitingShown] = []
    for webhook in some:
        wanted: list[Held] = [one for one in held(store, webhook.id) if one.parked or not parked]
        number = waiting_of(store, webhook, wanted)
        found += [
            WaitingShown(
                webhook.id,
                one.membership,
                one.position,
                number[one.membership],
                format_instant(one.since_us),
                one.attempts,
                one.parked,
                None if one.parked else format_instant(one.next_us),
                told_of(one.reason) if over_http else one.reason,
            )
            for one in wanted
        ]
    return found

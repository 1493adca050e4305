"""The webhooks that are registered, and how far each has come: two tables beside the book, which no rebuild touches.

    webhooks      url, types, secret_file      where to, of what, and the file of the secrets (never a secret itself)
                  position, head               a bookmark of the book: all up to it was delivered, or waits in the other table
                  version                      one more each time that somebody changes the row
    webhook_held  webhook, membership          a membership whose announcements wait for this webhook, from `position` on:
                  position, since_us, …        the first of them, which failed; parked: no longer retried

What waits is so never copied: it is read from the book, from these positions on. The rows are as many as the memberships
that a receiver failed over, and a receiver that answers nobody stops its cursor (`consumers.webhooks.line`).

The sender, `replay` and `remove` may change a row at the same time: each change names the version it goes by, and the
sender that finds another one drops what it knows and reads anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from consumers.errors import UnknownWebhook
from consumers.webhooks.target import target
from ledger.errors import BadInput, PositionUnknown
from ledger.store.base import Beside, Store
from ledger.store.bookmark import Bookmark, bookmark_at

WEBHOOKS_MAX: Final = 50
HELD_MAX: Final = 10_000
"""So many memberships may wait for one webhook; at that its cursor stops until they are fewer."""
ID_BYTES: Final = 6
GONE: Final = (
    "found status 410 (gone), by which the receiver ended it: nothing is sent until `webhook replay` starts it again"
)
"""The trouble of a webhook whose receiver wants nothing any more, as Standard Webhooks has it."""
COLUMNS: Final = "id, url, types, secret_file, allow_private, owner, created_us, position, head, trouble, version"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver that was registered."""

    id: str
    url: str
    types: tuple[str, ...]
    """The types of announcements that it gets; all where none is named."""
    secret_file: str
    allow_private: bool
    owner: str
    """The subject of the token that registered it; "" where an operator did."""
    created_us: int
    mark: Bookmark
    """All announcements up to it were delivered, or are held."""
    trouble: str = ""
    """Why nothing is sent at all now; "" where it is."""
    version: int = 0

    def wants(self, event_type: str) -> bool:
        """Whether it gets announcements of a type."""
        return not self.types or event_type in self.types

    @property
    def gone(self) -> bool:
        """Whether its receiver has ended it."""
        return self.trouble == GONE


class Held(NamedTuple):
    """The announcements of a membership that wait for a webhook, from the one that failed on."""

    membership: str
    position: int
    """Nothing before it waits: the position of the one that failed, or after which a replay starts."""
    since_us: int
    """When it failed first."""
    next_us: int
    """When it is tried next."""
    attempts: int
    parked: bool
    """It is tried no more."""
    reason: str
    """Why the last attempt failed."""


class Progress(NamedTuple):
    """What a sender keeps of one webhook: how far it has come, and what changed in who is held (None: nobody waits)."""

    webhook: str
    version: int
    mark: Bookmark
    trouble: str
    held: Mapping[str, Held | None]


def new_id() -> str:
    """An id for a webhook."""
    return f"wh-{secrets.token_hex(ID_BYTES)}"


def with_secret(webhook: Webhook, file: Path) -> Webhook:
    """The same with the file of its secrets."""
    return replace(webhook, secret_file=str(file))


def add(store: Store, webhook: Webhook, own_max: int = WEBHOOKS_MAX) -> None:
    """Registers a webhook, to start after its mark; its owner may have so many.

    Raises BadInput, also where there are too many, or its URL is none.
    """
    target(webhook.url, private=webhook.allow_private)
    row = (
        webhook.id,
        webhook.url,
        orjson.dumps(webhook.types).decode(),
        webhook.secret_file,
        int(webhook.allow_private),
        webhook.owner,
        webhook.created_us,
        *webhook.mark,
        "",
        0,
    )
    with store.beside() as beside:
        ((number,),) = beside.query("SELECT count(*) FROM webhooks")
        if number >= WEBHOOKS_MAX:
            raise BadInput(f"found {number} webhooks, expected {WEBHOOKS_MAX} at most: remove one first")
        ((number,),) = beside.query("SELECT count(*) FROM webhooks WHERE owner = ?", (webhook.owner,))
        if number >= own_max:
            raise BadInput(f"found {number} webhooks of your own, expected {own_max} at most: remove one first")
        beside.change(f"INSERT INTO webhooks ({COLUMNS}) VALUES ({', '.join('?' * len(row))})", row)


def start_after(store: Store, position: int | None) -> Bookmark:
    """The place in the book after which a webhook starts; None for its end. Raises PositionUnknown."""
    end = store.max_position()
    mark = bookmark_at(store, end if position is None else position)
    if mark is None:
        raise PositionUnknown.to_go_on_from(position or 0, end)
    return mark


def webhooks(store: Store) -> list[Webhook]:
    """All webhooks, the oldest first."""
    rows = store.query_beside(f"SELECT {COLUMNS} FROM webhooks ORDER BY created_us, id LIMIT ?", (WEBHOOKS_MAX,))
    return [
        Webhook(
            name, url, tuple(orjson.loads(types)), file, bool(private), owner, created_us,
            Bookmark(position, head), trouble, version,
        )
        for name, url, types, file, private, owner, created_us, position, head, trouble, version in rows
    ]  # fmt: skip


def webhook(store: Store, name: str) -> Webhook:
    """The webhook of an id. Raises UnknownWebhook."""
    for found in webhooks(store):
        if found.id == name:
            return found
    raise UnknownWebhook(f"found no webhook {name[:40]!r}, expected one of those that `webhook list` shows")


def held(store: Store, name: str) -> list[Held]:
    """The memberships that wait for a webhook, the longest first."""
    rows = store.query_beside(
        "SELECT membership, position, since_us, next_us, attempts, parked, reason FROM webhook_held "
        "WHERE webhook = ? ORDER BY position, membership",
        (name,),
    )
    return [
        Held(membership, position, since_us, next_us, attempts, bool(parked), reason)
        for membership, position, since_us, next_us, attempts, parked, reason in rows
    ]


def remove(store: Store, name: str) -> None:
    """Forgets a webhook, and what waits for it. Raises UnknownWebhook."""
    with store.beside() as beside:
        if not beside.change("DELETE FROM webhooks WHERE id = ?", (name,)):
            raise UnknownWebhook(f"found no webhook {name[:40]!r}, expected one of those that `webhook list` shows")
        beside.change("DELETE FROM webhook_held WHERE webhook = ?", (name,))


def replay(store: Store, name: str, after: int, now_us: int, membership: str | None = None) -> int:
    """Makes a webhook start again after a position; all that waits, parked or not, is tried again. Returns where it was.

    Who waits from before that position goes on waiting there, so nothing is left out. With a membership only that one
    starts again after the position, wherever it waited: so an announcement that its receiver will never take can be left
    out. Raises UnknownWebhook, PositionUnknown, and BadInput for a position beyond the webhook's own.
    """
    found = webhook(store, name)
    if after > found.mark.position:
        raise BadInput(
            f"found position {after}, expected at most {found.mark.position}, up to which webhook {name} has come: nothing "
            "after that was sent yet"
        )
    mark = start_after(store, after) if membership is None else found.mark
    with store.beside() as beside:
        if not _moved(beside, Progress(name, found.version, mark, "", {})):
            raise BadInput(f"found webhook {name} changed meanwhile, expected it as it was: try again")
        if membership is not None:
            _keep(beside, name, [Held(membership, after + 1, now_us, now_us, 0, False, "replay")])
            return found.mark.position
        beside.change("DELETE FROM webhook_held WHERE webhook = ? AND position > ?", (name, after))
        beside.change(
            "UPDATE webhook_held SET parked = 0, attempts = 0, since_us = ?, next_us = ? WHERE webhook = ?",
            (now_us, now_us, name),
        )
    return found.mark.position


def save(store: Store, progress: Sequence[Progress]) -> list[str]:
    """Keeps how far webhooks have come, in one transaction; returns those that somebody else has changed, not kept."""
    overtaken: list[str] = []
    with store.beside() as beside:
        for one in progress:
            if not _moved(beside, one):
                overtaken.append(one.webhook)
                continue
            gone = [(one.webhook, name) for name, now in one.held.items() if now is None]
            if gone:
                beside.change_many("DELETE FROM webhook_held WHERE webhook = ? AND membership = ?", gone)
            _keep(beside, one.webhook, [now for now in one.held.values() if now is not None])
    return overtaken


def _moved(beside: Beside, one: Progress) -> bool:
    """Moves a webhook's cursor, if nobody has changed it since; the row is the sender's until the transaction ends."""
    changed = beside.change(
        "UPDATE webhooks SET position = ?, head = ?, trouble = ?, version = version + 1 WHERE id = ? AND version = ?",
        (*one.mark, one.trouble, one.webhook, one.version),
    )
    return changed == 1


def _keep(beside: Beside, name: str, held_now: Sequence[Held]) -> None:
    rows = [(name, *one[:5], int(one.parked), one.reason) for one in held_now]
    if rows:
        beside.change_many(
            "INSERT INTO webhook_held (webhook, membership, position, since_us, next_us, attempts, parked, reason) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (webhook, membership) DO UPDATE SET "
            "position = excluded.position, since_us = excluded.since_us, next_us = excluded.next_us, "
            "attempts = excluded.attempts, parked = excluded.parked, reason = excluded.reason",
            rows,
        )

"""One webhook at work: the announcements of the book, from its cursor on, to its receiver.

Two tasks share what is known of it, and each keeps the other's promise:

    forward   reads the book page by page; the announcements of different memberships go out at the same time, those of one
              membership one after the other. One that fails holds its membership: the later ones are passed over
    again     tries who is held when it is due, and then, in order, what has come of that membership since, up to where
              `forward` has read; only there, between two reads, is the membership held no more

`mark` is what may be kept: all up to it was delivered or is held. A crash before it is kept sends some again, and skips
none. Pauses between the attempts double, with jitter, up to hours; after `retry_for_us` the membership is parked: it is
tried no more until somebody says `replay`.

A receiver that answers 410 (Gone) ends its webhook (Standard Webhooks, "disabling endpoints"): no attempt begins any more, the
mark stays before what was answered so, and `trouble` says it until somebody says `replay`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from consumers.broker.backoff import Backoff
from consumers.webhooks import schedule
from consumers.webhooks.addresses import PRIVATE, Network
from consumers.webhooks.delivery import message_of, signed_headers, webhook_id
from consumers.webhooks.gate import PAUSE_FIRST_S, PAUSE_MAX_S, Gate
from consumers.webhooks.network import REASON_CHARACTERS_MAX, Bounds, Outcome, Receiver, Resolve
from consumers.webhooks.registry import GONE, HELD_MAX, Held, Progress, Webhook
from consumers.webhooks.schedule import is_due, next_try
from consumers.webhooks.secrets import SecretFile
from consumers.webhooks.target import target
from ledger.errors import BadInput, BrokenHistory, DifferentBook
from ledger.instants import DAY_US
from ledger.membership import membership_or_stream
from ledger.printable import printable
from ledger.programmes.registry import PROGRAMMES
from ledger.store.base import Row, Store
from ledger.store.bookmark import Bookmark, bookmark_at, bookmark_of, require_same
from projections.questions.changes import changes

PAGE: Final = 500
AGAIN_MAX: Final = 64
"""So many held memberships are tried in one round."""
LOOK_S: Final = 0.05
AGAIN_LOOK_S: Final = 0.2
BOOK_LOOK_S: Final = 2.0
MARK_MOVES: Final = 10_000
"""A cursor that moved over events of which nothing is announced is kept after so many: no commit for each of them."""
WAY_OUT: Final = "`webhook replay ID --after P` says from where on to send of this book"

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Rules:
    """How webhooks are sent; the defaults are those of the settings."""

    retry_for_us: int = 3 * DAY_US
    """So long after its first failure an announcement is tried again; then its membership is parked."""
    concurrency: int = 16
    """Deliveries to one receiver at the same time."""
    bounds: Bounds = field(default_factory=Bounds)
    allowed: tuple[Network, ...] = ()
    """Networks that every webhook may be sent to, though they are not public."""
    backoff: Backoff = field(default_factory=lambda: Backoff(first_s=schedule.FIRST_S, max_s=schedule.PAUSE_MAX_S))
    """Between the attempts at one announcement."""
    gate: Backoff = field(default_factory=lambda: Backoff(first_s=PAUSE_FIRST_S, max_s=PAUSE_MAX_S))
    """Between the attempts at a receiver that is down."""


class Surroundings(NamedTuple):
    """What a line is given: the store (on its own thread), the clock, the rules, and how names are looked up."""

    in_store: Callable[[Callable[[Store], Any]], Awaitable[Any]]
    now: Callable[[], int]
    rules: Rules
    resolve: Resolve
    slots: asyncio.Semaphore
    """Deliveries of all webhooks at the same time."""
    on_attempt: Callable[[Webhook, str, Outcome], None]
    """Told of each attempt: (webhook, id of the announcement, what became of it)."""


class _Page(NamedTuple):
    rows: list[Row]
    mark: Bookmark
    more: bool


class Line:
    """See the module. For one event loop; `end` is how far the book goes, which somebody else looks at."""

    def __init__(self, webhook: Webhook, held: Iterable[Held], around: Surroundings) -> None:
        self.webhook = webhook
        self.version = webhook.version
        self.mark = self._kept = webhook.mark
        self.held = {one.membership: one for one in held}
        self.end = 0
        self.closing = False
        self.gone = False
        """Whether the receiver has ended it."""
        self.under_way = 0
        """Attempts that wait for their answer."""
        self._kept_trouble = webhook.trouble
        self._around = around
        self._changed: set[str] = set()
        self._delivered = False
        self._read_to = webhook.mark.position
        self._page_rows: list[Row] = []
        self._pending: set[int] = set()
        """Positions of the page that were neither delivered nor held yet."""
        self._book_trouble: str | None = None
        """Why this is not the book that was sent of; None for as long as that was not looked at."""
        self._secret_trouble = ""
        self._secrets = SecretFile(Path(webhook.secret_file))
        rules = around.rules
        self._gate = Gate(lambda: time.monotonic_ns() // 1_000, rules.gate)
        self._forward_slots = asyncio.Semaphore(rules.concurrency)
        self._again_slots = asyncio.Semaphore(max(1, rules.concurrency // 4))
        allowed = (*rules.allowed, *(PRIVATE if webhook.allow_private else ()))
        self._receiver = Receiver(
            target(webhook.url, private=webhook.allow_private),
            allowed,
            around.resolve,
            rules.bounds,
            rules.concurrency + max(1, rules.concurrency // 4),
        )
        self.tasks = [asyncio.create_task(self._forward()), asyncio.create_task(self._again())]

    @property
    def parked(self) -> int:
        """How many memberships are parked."""
        return sum(one.parked for one in self.held.values())

    @property
    def trouble(self) -> str:
        """Why nothing is sent now; "" where it is."""
        if self.gone:
            return GONE
        if len(self.held) >= HELD_MAX:
            return f"found {len(self.held):,} memberships that wait, expected fewer: its cursor stands still until they are"
        return self._book_trouble or self._secret_trouble

    def progress(self) -> Progress | None:
        """What is to be kept now; None where nothing is. The caller says `kept` once that is done.

        Where that fails the line is to be given up: what it has told of is not told again.
        """
        if self._pending:
            first = min(self._pending)
            done = [row for row in self._page_rows if self.mark.position < row.position < first]
            self.mark = bookmark_of(done[-1]) if done else self.mark
        moved = self.mark.position - self._kept.position
        worth = (
            self._changed or (self._delivered and moved) or moved >= MARK_MOVES or self.trouble != self._kept_trouble
        )
        if not worth:
            return None
        held = {membership: self.held.get(membership) for membership in self._changed}
        self._changed.clear()
        self._delivered = False
        self._kept, self._kept_trouble = self.mark, self.trouble
        return Progress(self.webhook.id, self.version, self.mark, self.trouble, held)

    def kept(self) -> None:
        """The last `progress` was kept."""
        self.version += 1

    async def close(self) -> None:
        """Gives up what is under way; what was not kept is sent again by whoever goes on."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self._receiver.close()

    async def _forward(self) -> None:
        while True:
            while self._book_trouble == "" and (self.end <= self._read_to or len(self.held) >= HELD_MAX):
                await asyncio.sleep(LOOK_S)
            try:
                page = await self._page(self._read_to, self.mark)
                self._book_trouble = ""
            except DifferentBook as error:
                self._book_trouble = str(error)
                await asyncio.sleep(BOOK_LOOK_S)
                continue
            self._read_to = page.mark.position
            groups = _by_membership(row for row in self._wanted(page.rows) if _whose(row) not in self.held)
            self._page_rows = page.rows
            self._pending = {row.position for rows in groups.values() for row in rows}
            await asyncio.gather(*(self._in_order(rows, self._forward_slots) for rows in groups.values()))
            if self.gone:
                return
            self.mark = page.mark

    async def _again(self) -> None:
        last_us = self._around.now()
        while not self.gone:
            now_us = self._around.now()
            if now_us < last_us:
                self._set_back(last_us - now_us)
            last_us = now_us
            waiting = [one for one in self.held.values() if not one.parked and is_due(one.next_us, now_us)]
            if not waiting:
                await asyncio.sleep(AGAIN_LOOK_S)
                continue
            await self._sendable()
            due = sorted(waiting, key=lambda one: one.next_us)[:AGAIN_MAX]
            rows = await self._ask(partial(_rows_of, due))
            failed = {_whose(row): row for row in self._wanted(rows)}
            first = [(one, failed.get(one.membership)) for one in due]
            reached = await asyncio.gather(*(self._first(one, row) for one, row in first))
            await self._catch_up(
                {one.membership: after for one, after in zip(due, reached, strict=True) if after is not None}
            )

    async def _first(self, one: Held, row: Row | None) -> int | None:
        """Tries what a membership waits behind: the position up to which it has all then, None where it failed again."""
        if row is None or row.position != one.position:
            return one.position - 1  # a replay, which starts anywhere
        return row.position if await self._in_order([row], self._again_slots) else None

    async def _catch_up(self, reached: dict[str, int]) -> None:
        """What has come of some memberships since they were held, each after the position that it has reached."""
        after = min(reached.values(), default=self._read_to)
        while reached and after < self._read_to:
            page = await self._page(after, None)
            through = min(page.mark.position, self._read_to)
            mine = [
                row
                for row in self._wanted(page.rows)
                if row.position <= through and reached.get(_whose(row), row.position) < row.position
            ]
            groups = _by_membership(mine)
            done = await asyncio.gather(*(self._in_order(rows, self._again_slots) for rows in groups.values()))
            for membership, taken in zip(groups, done, strict=True):
                if not taken:
                    del reached[membership]
            after = through
        for membership in reached:  # nothing was awaited since `after` was compared with what was read
            del self.held[membership]
            self._changed.add(membership)

    async def _in_order(self, rows: Sequence[Row], slots: asyncio.Semaphore) -> bool:
        """Sends the announcements of one membership one after the other; False where one failed, which holds the others."""
        for row in rows:
            async with slots:
                outcome = await self._attempt(row)
            if outcome.gone:
                return False  # it is neither delivered nor held: the mark stays before it
            if not outcome.taken:
                self._hold(row, outcome)
                self._pending.difference_update(row.position for row in rows)
                return False
            self._pending.discard(row.position)
        return True

    async def _attempt(self, row: Row) -> Outcome:
        try:
            message = message_of(row)
        except BrokenHistory as error:
            unreadable = Outcome(printable(str(error))[:REASON_CHARACTERS_MAX])
            self._around.on_attempt(self.webhook, webhook_id(row.stream, row.seq), unreadable)
            return unreadable
        await self._gate.enter()
        secrets = await self._sendable()
        async with self._around.slots:
            self.under_way += 1
            try:
                headers = signed_headers(message, secrets, self._around.now())
                outcome = await self._receiver.post(headers, message.body)
            finally:
                self.under_way -= 1
        self._gate.note(_whose(row), outcome.alive)
        self._around.on_attempt(self.webhook, message.id, outcome)
        self._delivered = True
        self.gone = self.gone or outcome.gone
        return outcome

    def _hold(self, row: Row, outcome: Outcome) -> None:
        """A failure: when it is tried next, or that it is parked."""
        now_us, rules, membership = self._around.now(), self._around.rules, _whose(row)
        old = self.held.get(membership)
        again = old is not None and old.position == row.position and old.attempts > 0
        since_us, attempts = (min(old.since_us, now_us), old.attempts + 1) if old is not None and again else (now_us, 1)
        at_us, parked = next_try(rules.backoff, rules.retry_for_us, since_us, now_us, attempts, outcome.retry_after_s)
        self.held[membership] = Held(membership, row.position, since_us, at_us, attempts, parked, outcome.reason)
        self._changed.add(membership)

    def _set_back(self, by_us: int) -> None:
        """The clock went back: who waits, waits no longer for that."""
        for name, one in self.held.items():
            self.held[name] = one._replace(since_us=one.since_us - by_us, next_us=one.next_us - by_us)
            self._changed.add(name)

    async def _sendable(self) -> tuple[str, ...]:
        """The secrets, once they and the book are there and this is not about to end; `trouble` says what is waited for."""
        while True:
            try:
                secrets = self._secrets.secrets()
                self._secret_trouble = ""
                if self._book_trouble == "" and not (self.closing or self.gone):
                    return secrets
            except BadInput as error:
                self._secret_trouble = str(error)
            await asyncio.sleep(AGAIN_LOOK_S)

    def _wanted(self, rows: Iterable[Row]) -> Iterable[Row]:
        return (row for row in rows if row.type in PROGRAMMES.announcements and self.webhook.wants(row.type))

    async def _page(self, after: int, mark: Bookmark | None) -> _Page:
        """The announcements after a position. Raises DifferentBook where the book is another than the mark is of."""

        def read(store: Store) -> _Page:
            if mark is not None:
                require_same(store, mark, f"webhook {self.webhook.id}", WAY_OUT)
            page = changes(store, after)
            cut = page.rows[:PAGE]
            through = cut[-1].position if len(page.rows) > PAGE else page.through
            found = bookmark_at(store, through)
            if found is None:
                raise DifferentBook(f"found no event at position {through}, expected one: {WAY_OUT}")
            return _Page(cut, found, len(page.rows) > PAGE or page.more)

        return await self._ask(read)

    async def _ask(self, question: Callable[[Store], Answer]) -> Answer:
        found: Answer = await self._around.in_store(question)
        return found


def _rows_of(held: Sequence[Held], store: Store) -> list[Row]:
    return store.read_at([one.position for one in held])


def _whose(row: Row) -> str:
    return membership_or_stream(row.stream)


def _by_membership(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_whose(row), []).append(row)
    return groups

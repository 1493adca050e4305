"""Receipts for facts that came in over HTTP: signed once their events are durable, for many requests together.

One thread reads the events back from the book and signs; while it does, the next commits gather, and nobody waits for a
timer. A receipt that cannot be given now is an error of the request and takes no fact back: the same fact again is a
duplicate, and a duplicate gets the same receipt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING, Final

from console.wiring import Ledger, driver_errors
from ledger.errors import LedgerError, StoreUnreachable

if TYPE_CHECKING:
    from ledger.proof.receipts.holding import Handed
    from ledger.seal.receipts import ReceiptSigner
    from ledger.writing.transaction import Outcome

TOGETHER_MAX: Final = 1_000
"""Outcomes that are read and signed before those who wait are told."""

Receipts = list["Handed | None"]
Done = Callable[[Receipts | BaseException], None]
"""Called by the thread that signs, with the receipt of each outcome. It may not raise, nor wait."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A signed promise that an event comes into the log, as `record --receipts` keeps it and `verify-receipt` reads it."""

    event: str
    """The event's stored bytes."""
    fact: str
    """The fact's id."""
    receipt: str
    """The signed note: `csat-ledger/receipt/v1`."""


def receipt_of(handed: Handed) -> Receipt:
    """A receipt as an answer has it."""
    return Receipt(handed.event.decode(), handed.fact, handed.receipt.decode())


class ReceiptDesk:
    """Signs receipts; `close` finishes what was handed in."""

    def __init__(self, opened: Callable[[], Ledger], name: str, signer: ReceiptSigner) -> None:
        """`opened` opens a ledger that stands under a name in what is said of it."""
        self._open = opened
        self._name = name
        self._signer = signer
        self._ledger: Ledger | None = None
        self.on_told: Callable[[], None] = lambda: None
        """Called by the thread that signs when all have been told who were served together."""
        self._waiting: deque[tuple[Sequence[Outcome], Done]] = deque()
        self._changed = Condition(Lock())
        self._closed = False
        self._thread = Thread(target=self._run, name="http-receipts", daemon=True)
        self._thread.start()

    def submit(self, outcomes: Sequence[Outcome], done: Done) -> None:
        """Hands in outcomes of a transaction that is durable, and returns at once; `done` is called in any case."""
        with self._changed:
            if not self._closed:
                self._waiting.append((outcomes, done))
                self._changed.notify()
                return
        done(LedgerError("found a fact after the end, expected none: no receipt was signed"))

    def close(self) -> None:
        """Signs what was handed in, and ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next():
            handed = self._signed([outcome for some, _ in group for outcome in some])
            start = 0
            for some, done in group:
                if isinstance(handed, StoreUnreachable):
                    done(handed)
                elif isinstance(handed, BaseException):  # of one of them: the others are not to suffer for it
                    done(self._signed(some) if len(group) > 1 else handed)
                else:
                    done(handed[start : start + len(some)])
                start += len(some)
            self.on_told()
        self._drop()

    def _signed(self, outcomes: Sequence[Outcome]) -> Receipts | BaseException:
        try:
            with driver_errors(self._name):
                if self._ledger is None:
                    self._ledger = self._open()
                return list(self._signer.for_outcomes(self._ledger.store, outcomes))
        except BaseException as error:
            self._drop()
            return error

    def _next(self) -> list[tuple[Sequence[Outcome], Done]]:
        """What has gathered, up to a bound; nothing after the end."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            found: list[tuple[Sequence[Outcome], Done]] = []
            size = 0
            while self._waiting and (not found or size + len(self._waiting[0][0]) <= TOGETHER_MAX):
                found.append(self._waiting.popleft())
                size += len(found[-1][0])
            return found

    def _drop(self) -> None:
        """Closes the ledger; the next receipt opens another."""
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            with suppress(Exception):
                ledger.close()

"""The embedded shape: what else one process does beside answering, so that nothing else has to be started.

The clock reviews what is due; sealing takes what is recorded into the log; announcements are sent to webhooks. Each goes by
the lock of its role in the store, as `csat-ledger clock`, `csat-ledger seal --follow` and `csat-ledger webhooks` do: where
another process has it, the duty here stands by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.cli.exits import UNREACHABLE, Failure
from console.cli.proof_files import proving
from console.http.duties import Duty
from console.wiring import driver_errors
from consumers.roles.due_reviews import STANDBY_LOOK_S, DueReviews
from ledger.errors import QuorumMissing, SealerBusy
from ledger.store.urls import without_password

if TYPE_CHECKING:
    from console.cli.sealing import Sealing
    from console.http.proof_state import Judge
    from console.http.server import Wiring
    from console.wiring import Ledger
    from consumers.webhooks.line import Rules
    from ledger.seal.receipts import ReceiptSigner
    from ledger.seal.sealer import Sealer
    from ledger.store.base import Store

LAST_SEAL_S: Final = 10.0
"""So long after the end the last round of sealing may begin."""
LAST_EVENTS: Final = 10_000
"""So many are sealed together then, however few a round takes in otherwise."""
CLOSE_S: Final = 25.0
"""So long a duty may take for what is under way at the end: witnesses have ten seconds to answer."""
SEALER_LOOK_S: Final = 2.0
"""So often it is looked whether another sealer is gone."""
CLOCK: Final = "clock"
SEALING: Final = "sealing"
WEBHOOKS: Final = "webhooks"


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a service does, and has, beside facts and answers."""

    clock: bool = False
    """Whether it reviews what is due."""
    sealing: Sealing | None = None
    """How it seals; None where it does not."""
    tiles: Path | None = None
    """The folder of the log that it serves, and takes evidence from."""
    judge: Judge | None = None
    """The policy by which it verifies what it has evidence of."""
    receipts: ReceiptSigner | None = None
    """What signs receipts for facts."""
    webhooks: Rules | None = None
    """How it sends webhooks; None where it does not."""
    webhook_secrets: Path | None = None
    """The folder of the secrets that are made for webhooks registered here."""
    unsent: str = ""
    """Why it does not send webhooks though it was not told not to; said where some are registered."""


@contextmanager
def duties_of(embedded: Embedded, wiring: Wiring) -> Iterator[list[Duty]]:
    """The duties at work. At the end the clock stops first, so that sealing takes in what it announced."""
    with ExitStack() as stack:
        found = []
        if embedded.webhooks is not None:
            found.append(_begun(WEBHOOKS, partial(_send, wiring, embedded.webhooks), wiring, stack))
        elif embedded.unsent:
            _tell_unsent(embedded.unsent, wiring)
        if embedded.sealing is not None:
            found.append(_begun(SEALING, partial(_seal, wiring, embedded.sealing), wiring, stack))
        if embedded.clock:
            found.append(_begun(CLOCK, partial(_review, wiring), wiring, stack))
        yield found


def _begun(name: str, turn: Callable[[Duty], None], wiring: Wiring, stack: ExitStack) -> Duty:
    duty = Duty(name, turn, wiring.clock, wiring.complain, wiring.on_fault)
    duty.start()
    stack.callback(duty.close, CLOSE_S)
    return duty


@contextmanager
def _ledger(wiring: Wiring) -> Iterator[Ledger]:
    with driver_errors(without_password(wiring.where)), closing(wiring.opened()) as ledger:
        yield ledger


# The clock


def _review(wiring: Wiring, duty: Duty) -> None:
    """Reviews what is due, for as long as no other clock does."""
    with (
        _ledger(wiring) as ledger,
        closing(DueReviews(ledger.store, ledger.writer, wiring.clock)) as reviews,
    ):
        while not duty.stopping:
            if not reviews.holds_lock():
                duty.stand_by()
                duty.wait(STANDBY_LOOK_S)
                continue
            done = reviews.review(duty.check)
            duty.sound(None if done is None else done.position)
            duty.wait(reviews.pause_s())


# Webhooks


def _send(wiring: Wiring, rules: Rules, duty: Duty) -> None:
    """Sends what is announced to webhooks, for as long as no other sender does."""
    from consumers.webhooks.backlog import figures_of
    from consumers.webhooks.sender import Sender

    with _ledger(wiring) as ledger, Sender(ledger.store, wiring.clock, rules) as sender:
        while not duty.stopping:
            pause_s = sender.step()
            if sender.state.phase == "standby":
                duty.stand_by()
                duty.figures = {}
            else:
                duty.sound(sender.state.position)
                duty.figures = figures_of(sender.state.backlog, wiring.clock())
            if pause_s:
                duty.wait(pause_s)


def _tell_unsent(why: str, wiring: Wiring) -> None:
    from consumers.webhooks.registry import webhooks

    with _ledger(wiring) as ledger:
        if webhooks(ledger.store):
            wiring.complain(why)


# Sealing


def _seal(wiring: Wiring, sealing: Sealing, duty: Duty) -> None:
    """Seals what there is and what comes, and at the end what is left; stands by for as long as another sealer is at work."""
    try:
        with proving(), _ledger(wiring) as ledger:
            try:
                with sealing.sealer(ledger, wiring.complain) as sealer:
                    _follow(wiring, sealing, sealer, ledger.store, duty)
            except SealerBusy:
                duty.stand_by()
    finally:
        if duty.standby:
            duty.wait(SEALER_LOOK_S)


def _follow(wiring: Wiring, sealing: Sealing, sealer: Sealer, store: Store, duty: Duty) -> None:
    more = True
    while more or sealing.rounds.await_next(store, sealer, lambda: duty.stopping):
        more = _round(wiring, sealing, sealer, duty, sealing.rounds.events) and not duty.stopping
    while duty.stopping_s < LAST_SEAL_S and (not sealer.published or store.max_position() > sealer.events):
        _round(wiring, sealing, sealer, duty, max(sealing.rounds.events, LAST_EVENTS))
        if duty.failed:
            return


def _round(wiring: Wiring, sealing: Sealing, sealer: Sealer, duty: Duty, events: int) -> bool:
    """One round; whether it was so full that another may follow at once. For one that lacks witnesses a later one asks."""
    try:
        done = sealer.seal(events)
    except QuorumMissing as lacking:
        duty.failing(Failure(lacking.code, str(lacking), UNREACHABLE))
        return False
    sealing.stamp(wiring.complain)
    duty.sound(sealer.events)
    return done.sealed >= events

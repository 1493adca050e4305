"""Seals the book: takes its events into a transparency log, signs what the log is then, has witnesses cosign it.

The log lies in a folder of its own, outside of the database, in the open C2SP formats; `DIR/checkpoint` is what it says
of itself. If the book no longer holds what was sealed before, nothing is signed any more: exit code 1 says where."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.following import follow
from console.cli.output import plural
from console.cli.proof_files import add_sealing, add_tiles, proving
from console.cli.sealing import Sealing, add_rounds, sealing_of
from console.cli.session import Session
from console.cli.signals import Interrupted
from console.throughput import collect_garbage_seldom
from ledger.errors import QuorumMissing, SealerBusy, StoreUnreachable

if TYPE_CHECKING:
    from console.wiring import Ledger
    from ledger.seal.sealer import Sealed, Sealer

EPILOG: Final = """\
examples:
  csat-ledger seal --key keys/log.key --tiles log
  csat-ledger seal --key keys/log.key --tiles log --follow --every 10s --every 5000
  csat-ledger seal --key keys/log.key --tiles log --witness http://auditor.example:8123 --policy policy.json
  csat-ledger seal --key old/log.key --key new/log.key --tiles log       a new key takes over: both sign for a while

With --witness a checkpoint is published once the policy's quorum has cosigned it; until then the one before stays."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_sealing(parser, required=True)
    add_tiles(parser)
    parser.add_argument("--follow", action="store_true", help="go on with what comes, until SIGINT or SIGTERM")
    add_rounds(parser, "with --follow")


def run(session: Session) -> int:
    """Seals what there is, and with --follow what comes."""
    collect_garbage_seldom()
    with proving():
        sealing = sealing_of(session.options)
        if session.options.follow:
            with suppress(Interrupted):
                follow(session, partial(_turn, session, sealing), (StoreUnreachable, SealerBusy, QuorumMissing))
            return DONE
        with session.ledger() as ledger, sealing.sealer(ledger, session.output.words) as sealer:
            _seal_all(session, sealing, sealer)
    return DONE


def _turn(session: Session, sealing: Sealing, ledger: Ledger, begun: Callable[[], None]) -> None:
    with sealing.sealer(ledger, session.output.words) as sealer:
        try:
            _seal_all(session, sealing, sealer)
        except QuorumMissing as lacking:  # what was signed is kept; the next round asks again
            session.output.words(str(lacking))
            session.signals.heed()
        begun()
        while sealing.rounds.await_next(ledger.store, sealer):
            try:
                with session.signals.put_off():
                    _print(session, sealing, sealer.seal(sealing.rounds.events))
            except QuorumMissing as lacking:  # the next round asks again
                session.output.words(str(lacking))
                session.signals.heed()


def _seal_all(session: Session, sealing: Sealing, sealer: Sealer) -> None:
    limit = min((every.events for every in session.options.every if every.events), default=None)
    sealed = 0
    with session.output.progress("sealing") as advance, session.signals.put_off():
        while True:
            done = sealer.seal(limit, lambda events, _: advance(sealed + events, None))  # noqa: B023 - called at once
            sealed += done.sealed
            if limit is None or done.sealed < limit:
                break
    _print(session, sealing, done._replace(sealed=sealed))


def _print(session: Session, sealing: Sealing, sealed: Sealed) -> None:
    sealing.stamp(session.output.words)
    answer = sealed.answer()
    if session.output.as_json:
        session.output.json(answer)
    else:
        session.output.text(
            f"{plural(sealed.sealed, 'event')} sealed; the log has {plural(sealed.size, 'entry').replace('entrys', 'entries')}"
            f", root {answer.root}"
        )
    session.output.flush()

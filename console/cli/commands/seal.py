"""Seals the book: takes its events into a transparency log, signs what the log is then, has witnesses cosign it.

The log lies in a folder of its own, outside of the database, in the open C2SP formats; `DIR/checkpoint` is what it says
of itself. If the book no longer holds what was sealed before, nothing is signed any more: exit code 1 says where."""

from __future__ import annotations

import time
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from console.cli.exits import DONE
from console.cli.following import follow
from console.cli.output import plural
from console.cli.proof_files import add_sealing, add_tiles, cosigner_of, proving, signing, write_answer
from console.cli.session import Session
from console.cli.signals import Interrupted
from console.throughput import collect_garbage_seldom
from ledger.errors import ExtraMissing, QuorumMissing, SealerBusy, StoreUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from console.wiring import Ledger
    from ledger.seal.sealer import Cosigner, Sealed, Sealer
    from ledger.seal.signing import CheckpointSigner

CHECKPOINT: Final = "checkpoint"
TIMESTAMP: Final = "checkpoint.tsr"
WAIT_S: Final = 1.0
EVENTS_DEFAULT: Final = 10_000
SECONDS_DEFAULT: Final = 1.0

EPILOG: Final = """\
examples:
  csat-ledger seal --key keys/log.key --tiles log
  csat-ledger seal --key keys/log.key --tiles log --follow --every 10s --every 5000
  csat-ledger seal --key keys/log.key --tiles log --witness http://auditor.example:8123 --policy policy.json
  csat-ledger seal --key old/log.key --key new/log.key --tiles log       a new key takes over: both sign for a while

With --witness a checkpoint is published once the policy's quorum has cosigned it; until then the one before stays."""


class Every(NamedTuple):
    """When a checkpoint is due: after so many events, or so many seconds after the first that is not sealed."""

    events: int | None
    seconds: float | None


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_sealing(parser, required=True)
    add_tiles(parser)
    parser.add_argument("--timestamp", metavar="URL", help="an RFC 3161 authority; its answer is DIR/checkpoint.tsr")
    parser.add_argument("--follow", action="store_true", help="go on with what comes, until SIGINT or SIGTERM")
    parser.add_argument(
        "--every",
        action="append",
        default=[],
        type=_every,
        metavar="N|Ns",
        help="a checkpoint after N events, or N seconds; with --follow by default 10000 events and 1s",
    )


def run(session: Session) -> int:
    """Seals what there is, and with --follow what comes."""
    collect_garbage_seldom()
    with proving():
        if session.options.timestamp is not None:
            _need_timestamps()
        if session.options.follow:
            with suppress(Interrupted):
                follow(session, partial(_turn, session), (StoreUnreachable, SealerBusy, QuorumMissing))
            return DONE
        with session.ledger() as ledger, _sealer(session, ledger) as sealer:
            _seal_all(session, sealer)
    return DONE


def _turn(session: Session, ledger: Ledger, begun: Callable[[], None]) -> None:
    with _sealer(session, ledger) as sealer:
        try:
            _seal_all(session, sealer)
        except QuorumMissing as lacking:  # what was signed is kept; the next round asks again
            session.output.words(str(lacking))
            session.signals.heed()
        begun()
        _follow(session, ledger, sealer)


@contextmanager
def _sealer(session: Session, ledger: Ledger) -> Iterator[_Telling]:
    from ledger.seal.folder import LogFolder
    from ledger.seal.sealer import open_sealer

    cosigner = cosigner_of(session)
    with signing(session) as signers:
        _announce_keys(session, ledger, signers)
        with open_sealer(ledger.store, LogFolder(session.options.tiles), signers, cosigner) as sealer:
            yield _Telling(session, sealer, cosigner)


class _Telling:
    """A sealer, and what is to be told of the witnesses that did not cosign; the same not twice in a row."""

    def __init__(self, session: Session, sealer: Sealer, cosigner: Cosigner | None) -> None:
        self.sealer = sealer
        self._session = session
        self._cosigner = cosigner
        self._told: Sequence[str] = ()

    def seal(self, limit: int | None, on_progress: Callable[[int, int | None], None] | None = None) -> Sealed:
        """A round. Raises QuorumMissing, which says itself what lacks."""
        sealed = self.sealer.seal(limit, on_progress)
        lacking = () if self._cosigner is None else tuple(self._cosigner.lacking)
        for why in lacking if lacking != self._told else ():
            self._session.output.words(f"without the cosignature of {why}")
        self._told = lacking
        return sealed


def _announce_keys(session: Session, ledger: Ledger, signers: Sequence[CheckpointSigner]) -> None:
    """A key that takes over is made known in the book first."""
    if len(signers) > 1:
        from ledger.seal.rotation import record_rotations

        if positions := record_rotations(ledger.store, ledger.writer, signers):
            session.output.words(
                f"the new key stands in the book at position {positions[-1]}; policies take it in `from` the size of "
                "this checkpoint"
            )


def _seal_all(session: Session, telling: _Telling) -> None:
    limit = min((every.events for every in session.options.every if every.events), default=None)
    sealed = 0
    with session.output.progress("sealing") as advance, session.signals.put_off():
        while True:
            done = telling.seal(limit, lambda events, _: advance(sealed + events, None))  # noqa: B023 - called at once
            sealed += done.sealed
            if limit is None or done.sealed < limit:
                break
    _print(session, done._replace(sealed=sealed))


def _follow(session: Session, ledger: Ledger, telling: _Telling) -> None:
    options, sealer = session.options, telling.sealer
    events = min((every.events for every in options.every if every.events), default=EVENTS_DEFAULT)
    seconds = min((every.seconds for every in options.every if every.seconds), default=SECONDS_DEFAULT)
    while True:
        if sealer.published and not ledger.store.wait(sealer.events, WAIT_S):
            continue
        due_s = time.monotonic() + seconds
        while (left_s := due_s - time.monotonic()) > 0 and not ledger.store.wait(sealer.events + events - 1, left_s):
            pass
        try:
            with session.signals.put_off():
                _print(session, telling.seal(events))
        except QuorumMissing as lacking:  # the next round asks again
            session.output.words(str(lacking))
            session.signals.heed()


def _need_timestamps() -> None:
    """Raises ExtraMissing where nothing could be timestamped, before anything is sealed."""
    try:
        import ledger.seal.timestamp  # noqa: F401
    except ImportError as error:
        raise ExtraMissing(error.name, "timestamps") from None


def _stamp(session: Session) -> None:
    """Has the checkpoint timestamped; a log without one is still a log, so an authority that fails is only told of."""
    path = session.options.tiles / TIMESTAMP
    if session.options.timestamp is None:
        path.unlink(missing_ok=True)  # what there is was another checkpoint's
        return
    from http.client import HTTPException

    from ledger.seal.timestamp import checkpoint_body, request_timestamp

    signed = (session.options.tiles / CHECKPOINT).read_bytes()
    try:
        answer = request_timestamp(session.options.timestamp, checkpoint_body(signed))
    except (OSError, HTTPException) as error:
        session.output.words(f"no timestamp: {error}")
        path.unlink(missing_ok=True)
        return
    write_answer(path, answer)


def _print(session: Session, sealed: Sealed) -> None:
    _stamp(session)
    answer = sealed.answer()
    if session.output.as_json:
        session.output.json(answer)
    else:
        session.output.text(
            f"{plural(sealed.sealed, 'event')} sealed; the log has {plural(sealed.size, 'entry').replace('entrys', 'entries')}"
            f", root {answer.root}"
        )
    session.output.flush()


def _every(text: str) -> Every:
    number = text.removesuffix("s")
    if not (number.isascii() and number.isdigit() and int(number[:9]) > 0 and len(number) < 10):
        raise ArgumentTypeError(f"found {text!r}, expected a number of events, or of seconds such as 10s")
    return Every(None, float(number)) if text.endswith("s") else Every(int(number), None)

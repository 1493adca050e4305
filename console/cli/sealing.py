"""What the commands that seal have in common (`seal`, `serve`, `evidence`): keys, witnesses, rounds, and the timestamp."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from console.cli.exits import Failure
from console.cli.proof_files import read_policy, write_answer
from ledger.errors import ExtraMissing

if TYPE_CHECKING:
    from console.wiring import Ledger
    from ledger.proof.log.checkpoint import Checkpoint
    from ledger.proof.log.merkle_tree import HashReader
    from ledger.proof.log.policy import Policy
    from ledger.seal.rounds import Rounds
    from ledger.seal.sealer import Cosigner, Sealer
    from ledger.seal.signing import CheckpointSigner

CHECKPOINT: Final = "checkpoint"
TIMESTAMP: Final = "checkpoint.tsr"
ROUNDS_DEFAULT: Final = "10000 events and 1s"
Tell = Callable[[str], None]


class Every(NamedTuple):
    """When a checkpoint is due: after so many events, or so many seconds after the first that is not sealed."""

    events: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Sealing:
    """How a book is sealed into the log in a folder."""

    keys: Sequence[Path]
    tiles: Path
    rounds: Rounds
    witnesses: Sequence[str] = ()
    policy: Policy | None = None
    timestamp: str | None = None

    @contextmanager
    def sealer(self, ledger: Ledger, tell: Tell) -> Iterator[Sealer]:
        """The sealer, as long as it is used. A key that takes over is made known in the book first."""
        from ledger.seal.folder import LogFolder
        from ledger.seal.sealer import open_sealer

        cosigner = self.cosigner()
        with signing(self.keys) as signers:
            _announce_keys(ledger, signers, tell)
            asks = None if cosigner is None else _Telling(cosigner, tell)
            with open_sealer(ledger.store, LogFolder(self.tiles), signers, asks) as sealer:
                yield sealer

    def cosigner(self) -> Cosigner | None:
        """The witnesses to be asked; None where there are none. Raises BadInput for what is no URL."""
        if not self.witnesses or self.policy is None:
            return None
        from ledger.seal.witness_http import Witnesses

        return Witnesses(self.witnesses, self.policy)

    def stamp(self, tell: Tell) -> None:
        """Has the checkpoint timestamped; a log without one is still a log, so an authority that fails is only told of."""
        path = self.tiles / TIMESTAMP
        if self.timestamp is None:
            path.unlink(missing_ok=True)  # what there is was another checkpoint's
            return
        from http.client import HTTPException

        from ledger.seal.timestamp import checkpoint_body, request_timestamp

        signed = (self.tiles / CHECKPOINT).read_bytes()
        try:
            answer = request_timestamp(self.timestamp, checkpoint_body(signed))
        except (OSError, HTTPException) as error:
            tell(f"no timestamp: {error}")
            path.unlink(missing_ok=True)
            return
        write_answer(path, answer)


class _Telling:
    """Asks witnesses, and tells of those that did not cosign what is published; the same not twice in a row."""

    def __init__(self, cosigner: Cosigner, tell: Tell) -> None:
        self.lacking: list[str] = []
        self._cosigner = cosigner
        self._tell = tell

    def complete(self, signed: bytes) -> bool:
        """Whether a checkpoint has the cosignatures of all witnesses."""
        return self._cosigner.complete(signed)

    def cosign(self, signed: bytes, checkpoint: Checkpoint, read: HashReader) -> bytes:
        """As the witnesses do. Raises QuorumMissing, which says itself what lacks, or LogForked."""
        cosigned = self._cosigner.cosign(signed, checkpoint, read)
        lacking = list(self._cosigner.lacking)
        for why in lacking if lacking != self.lacking else ():
            self._tell(f"without the cosignature of {why}")
        self.lacking = lacking
        return cosigned


def add_rounds(parser: ArgumentParser, when: str) -> None:
    """Names how often there is a checkpoint, and who timestamps it; `when` says when the default of the first holds."""
    parser.add_argument("--timestamp", metavar="URL", help=f"an RFC 3161 authority; its answer is DIR/{TIMESTAMP}")
    parser.add_argument(
        "--every",
        action="append",
        default=[],
        type=_every,
        metavar="N|Ns",
        help=f"a checkpoint after N events, or N seconds; {when} by default {ROUNDS_DEFAULT}",
    )


def sealing_of(options: Namespace) -> Sealing:
    """What the options of `add_sealing`, `add_tiles` and `add_rounds` say. Raises ExtraMissing, Failure, BadInput, ProofError.

    Found out here, before anything is sealed, is whether timestamps can be had, the policy be read, and witnesses be asked.
    """
    from ledger.seal.rounds import Rounds

    if options.timestamp is not None:
        try:
            import ledger.seal.timestamp  # noqa: F401
        except ImportError as error:
            raise ExtraMissing(error.name, "timestamps") from None
    usual = Rounds()
    rounds = Rounds(
        min((every.events for every in options.every if every.events), default=usual.events),
        min((every.seconds for every in options.every if every.seconds), default=usual.seconds),
    )
    policy = witnesses_policy(options)
    found = Sealing(options.key, options.tiles, rounds, options.witness, policy, options.timestamp)
    found.cosigner()
    return found


def witnesses_policy(options: Namespace) -> Policy | None:
    """The policy that has the keys of the witnesses; None where there are none. Raises Failure where it is not named."""
    if not options.witness:
        return None
    if options.policy is None:
        raise Failure("usage", "found --witness without --policy, expected the policy that has the witnesses' keys")
    return read_policy(options.policy)


@contextmanager
def signing(keys: Sequence[Path]) -> Iterator[list[CheckpointSigner]]:
    """The log's keys in some files, each with its memory, which no other process has meanwhile."""
    from ledger.proof.log.note import ED25519
    from ledger.seal.keyfiles import load_signer, memory_of
    from ledger.seal.signing import FileMemory, KeySigner

    with ExitStack() as stack:
        signers: list[CheckpointSigner] = []
        for path in keys:
            key, memory = load_signer(path, ED25519), FileMemory(memory_of(path))
            stack.enter_context(memory.held())
            signers.append(KeySigner(key, memory))
        yield signers


def _announce_keys(ledger: Ledger, signers: Sequence[CheckpointSigner], tell: Tell) -> None:
    if len(signers) > 1:
        from ledger.seal.rotation import record_rotations

        if positions := record_rotations(ledger.store, ledger.writer, signers):
            tell(
                f"the new key stands in the book at position {positions[-1]}; policies take it in `from` the size of "
                "this checkpoint"
            )


def _every(text: str) -> Every:
    number = text.removesuffix("s")
    if not (number.isascii() and number.isdigit() and int(number[:9]) > 0 and len(number) < 10):
        raise ArgumentTypeError(f"found {text!r}, expected a number of events, or of seconds such as 10s")
    return Every(None, float(number)) if text.endswith("s") else Every(int(number), None)

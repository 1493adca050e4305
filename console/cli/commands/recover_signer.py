"""Shows what a log's key remembers beside what a folder holds, and takes the folder's word where you say so.

A key signs only what extends the last checkpoint that it signed. Where its memory was lost, or the folder is an older one,
it signs nothing until this command has put both side by side and --accept has told it to go on from the folder. If the key
signed more than the folder holds, look for the newer folder first: what others hold of it proves a fork for ever."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.proof_files import add_tiles, proving
from console.cli.session import Session

if TYPE_CHECKING:
    from ledger.proof.log.checkpoint import Checkpoint

EPILOG: Final = """\
examples:
  csat-ledger recover-signer --key keys/log.key --tiles log            shows both, and changes nothing
  csat-ledger recover-signer --key keys/log.key --tiles log --accept   the key goes on from the folder's checkpoint"""


@dataclass(frozen=True, slots=True)
class SignedAt:
    """A checkpoint that the key signed."""

    size: int
    """Entries of the log."""
    root: str
    """The root over them, in hex."""


@dataclass(frozen=True, slots=True)
class SignerRecovery:
    """What a log's key remembers, beside what a folder holds."""

    memory: str
    """The file in which the key has what it signed last."""
    remembered: SignedAt | None
    """What it signed last; null where it remembers nothing."""
    folder: SignedAt
    """The largest checkpoint in the folder that the key signed."""
    fork: str | None
    """Why the folder does not go on from what is remembered, or the memory cannot be read; null where it does."""
    written: bool
    """Whether the key goes on from the folder now."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--key", required=True, type=Path, metavar="FILE", help="the log's secret key")
    add_tiles(parser)
    parser.add_argument("--accept", action="store_true", help="write the folder's checkpoint into the key's memory")


def run(session: Session) -> int:
    """Compares, and writes if it is told to."""
    options, output = session.options, session.output
    with proving():
        from ledger.proof.log.note import ED25519
        from ledger.seal.folder import LogFolder
        from ledger.seal.keyfiles import load_signer, memory_of
        from ledger.seal.recovery import compare
        from ledger.seal.signing import FileMemory

        key, path = load_signer(options.key, ED25519), memory_of(options.key)
        memory = FileMemory(path)
        with memory.held():
            found = compare(key, path, LogFolder(options.tiles))
            if options.accept:
                memory.keep(found.note)
    if output.as_json:
        output.json(
            SignerRecovery(
                memory=str(path),
                remembered=_shown(found.remembered),
                folder=SignedAt(found.folder.size, found.folder.root.hex()),
                fork=found.fork or found.unreadable,
                written=options.accept,
            )
        )
        return DONE
    output.flowing(f"the key remembers  {found.unreadable or _words(found.remembered)}")
    output.flowing(f"the folder holds   {_words(found.folder)}")
    if found.fork:
        output.flowing(f"these contradict each other: {found.fork}")
    if options.accept:
        output.flowing(f"written to {path}: the key goes on from size {found.folder.size:,}")
    else:
        output.flowing(f"nothing was written; --accept makes the key go on from size {found.folder.size:,}")
    return DONE


def _shown(checkpoint: Checkpoint | None) -> SignedAt | None:
    return None if checkpoint is None else SignedAt(checkpoint.size, checkpoint.root.hex())


def _words(checkpoint: Checkpoint | None) -> str:
    return "that it signed nothing" if checkpoint is None else f"size {checkpoint.size:,}, root {checkpoint.root.hex()}"

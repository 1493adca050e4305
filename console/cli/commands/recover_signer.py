"""Shows what a log's key remembers beside what a folder holds, and takes the folder's word where you say so.

A key signs only what extends the last checkpoint that it signed. Where its memory was lost, or the folder is an older one,
it signs nothing until this command has put both side by side and --accept has told it to go on from the folder. If the key
signed more than the folder holds, look for the newer folder first: what others hold of it proves a fork for ever.
Where the folder holds no log at all there is nothing to go on from: exit code 1."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE, NOT_SO
from console.cli.proof_files import add_tiles, proving
from console.cli.session import Session

if TYPE_CHECKING:
    from ledger.proof.log.checkpoint import Checkpoint

EPILOG: Final = """\
examples:
  csat-ledger recover-signer --key keys/log.key --tiles log            shows both, and changes nothing
  csat-ledger recover-signer --key keys/log.key --tiles log --accept   the key goes on from the folder's checkpoint"""

NO_LOG: Final = (
    "put the folder that was sealed, or a mirror of it, in its place; where all are lost, nothing can be signed under this "
    "key any more: begin a new log in a new folder with a new key, and tell auditors why"
)
"""What to do where the folder has no log for a key that signed one."""


@dataclass(frozen=True, slots=True)
class SignedAt:
    """A checkpoint that the key signed."""

    size: int
    """Entries of the log."""
    root: str
    """The root over them, base64, as in a checkpoint."""


@dataclass(frozen=True, slots=True)
class SignerRecovery:
    """What a log's key remembers, beside what a folder holds."""

    memory: str
    """The file in which the key has what it signed last."""
    remembered: SignedAt | None
    """What it signed last; null where it remembers nothing."""
    folder: SignedAt | None
    """The largest checkpoint in the folder that the key signed; null where the folder holds none."""
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
            if options.accept and found.note is not None:
                memory.keep(found.note)
    written = options.accept and found.note is not None
    if output.as_json:
        output.json(
            SignerRecovery(
                memory=str(path),
                remembered=_shown(found.remembered),
                folder=_shown(found.folder),
                fork=found.fork or found.unreadable,
                written=written,
            )
        )
        return NOT_SO if found.folder is None else DONE
    output.flowing(f"the key remembers  {found.unreadable or _words(found.remembered, 'that it signed nothing')}")
    output.flowing(f"the folder holds   {_words(found.folder, 'no checkpoint')}")
    if found.fork:
        output.flowing(f"these contradict each other: {found.fork}")
    if found.folder is None:
        output.flowing(f"nothing was written: {NO_LOG}")
        return NOT_SO
    if written:
        output.flowing(f"written to {path}: the key goes on from size {found.folder.size:,}")
    else:
        output.flowing(f"nothing was written; --accept makes the key go on from size {found.folder.size:,}")
    return DONE


def _shown(checkpoint: Checkpoint | None) -> SignedAt | None:
    return None if checkpoint is None else SignedAt(checkpoint.size, _root(checkpoint))


def _words(checkpoint: Checkpoint | None, none: str) -> str:
    return none if checkpoint is None else f"size {checkpoint.size:,}, root {_root(checkpoint)}"


def _root(checkpoint: Checkpoint) -> str:
    from ledger.proof.log.strictjson import base64_text

    return base64_text(checkpoint.root)

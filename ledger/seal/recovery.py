"""What a key remembers beside what a folder holds, and taking the folder's word: for an operator after a loss.

A key whose memory was lost, or that goes on from an older folder for good, signs again only after its operator has said
so. Whoever holds a checkpoint that the key signed and the folder does not hold can prove that the log forked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ledger.errors import LogDamaged, LogForked, WrongKey
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import ProofError, UnknownKeyError
from ledger.proof.log.note import Signature, open_note
from ledger.proof.log.signer import SignerKey, format_note
from ledger.proof.log.tiles import hash_reader
from ledger.seal.folder import LogFolder
from ledger.seal.growth import Growth
from ledger.seal.signing import RECOVER, FileMemory, require_extension, signed_checkpoint


@dataclass(frozen=True, slots=True)
class Recovery:
    """What both say, and the note that the memory would hold; `folder` and `note` are None for a folder without a log.

    `fork` says why the folder does not extend what the key remembers; None where it does, or nothing is remembered.
    """

    remembered: Checkpoint | None
    unreadable: str | None
    folder: Checkpoint | None
    fork: str | None
    note: bytes | None


def compare(key: SignerKey, memory: Path, folder: LogFolder) -> Recovery:
    """Both sides. Raises WrongKey or LogDamaged where the folder holds a log that the key did not sign, or other tiles."""
    signed = _signed(key, folder)
    remembered, unreadable = _remembered(key, memory)
    if signed is None:
        fork = (
            None if remembered is None else f"found no checkpoint in {folder.root}, expected size {remembered.size:,}"
        )
        return Recovery(remembered, unreadable, None, fork, None)
    checkpoint, signature = signed
    if Growth.restore(checkpoint.size, folder.read_tile).root() != checkpoint.root:
        raise LogDamaged(
            f"{folder.root}: found tiles of another root than the checkpoint of size {checkpoint.size} says"
        )
    fork = None
    if remembered is not None:
        try:
            require_extension(remembered, checkpoint, hash_reader(checkpoint.size, folder.read_tile))
        except LogForked as error:
            fork = str(error).removesuffix(f"; {RECOVER}")
    return Recovery(remembered, unreadable, checkpoint, fork, format_note(checkpoint.text, [signature]))


def _remembered(key: SignerKey, memory: Path) -> tuple[Checkpoint | None, str | None]:
    """What the key signed last, or why that cannot be read."""
    try:
        note = FileMemory(memory).read()
        return None if note is None else signed_checkpoint(note, key.verifier), None
    except (WrongKey, ProofError) as error:
        return None, str(error).removesuffix(f"; {RECOVER}")


def _signed(key: SignerKey, folder: LogFolder) -> tuple[Checkpoint, Signature] | None:
    """The largest checkpoint of a folder that the key signed, and its signature; None where the folder has none."""
    found: list[tuple[Checkpoint, Signature]] = []
    for signed in (folder.checkpoint(), folder.pending()):
        if signed is not None:
            try:
                opened = open_note(signed, [key.verifier])
                found.append((parse_checkpoint(opened.text), opened.verified[0][1]))
            except UnknownKeyError as error:
                raise WrongKey(f"{folder.root}: {error}") from error
            except ProofError as error:
                raise LogDamaged(f"{folder.root}: checkpoint: {error}") from error
    return max(found, key=lambda one: one[0].size, default=None)

"""What a key remembers beside what a folder holds, and taking the folder's word: for an operator after a loss.

A key whose memory was lost, or that goes on from an older folder for good, signs again only after its operator has said
so. Whoever holds a checkpoint that the key signed and the folder does not hold can prove that the log forked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ledger.errors import LogDamaged, LogForked, WrongKey
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import ProofError
from ledger.proof.log.note import Signature, open_note
from ledger.proof.log.signer import SignerKey, format_note
from ledger.proof.log.tiles import hash_reader
from ledger.seal.folder import LogFolder
from ledger.seal.growth import Growth
from ledger.seal.signing import FileMemory, require_extension


@dataclass(frozen=True, slots=True)
class Recovery:
    """What both say, and the note that the memory would hold.

    `fork` says why the folder does not extend what the key remembers; None where it does, or nothing is remembered.
    """

    remembered: Checkpoint | None
    unreadable: str | None
    folder: Checkpoint
    fork: str | None
    note: bytes


def compare(key: SignerKey, memory: Path, folder: LogFolder) -> Recovery:
    """Both sides. Raises WrongKey or LogDamaged where the folder holds nothing that the key signed and its tiles bear out."""
    checkpoint, signature = _signed(key, folder)
    if Growth.restore(checkpoint.size, folder.read_tile).root() != checkpoint.root:
        raise LogDamaged(
            f"{folder.root}: found tiles of another root than the checkpoint of size {checkpoint.size} says"
        )
    remembered, unreadable, fork = None, None, None
    try:
        note = FileMemory(memory).read()
        remembered = None if note is None else parse_checkpoint(open_note(note, [key.verifier]).text)
    except (WrongKey, ProofError) as error:
        unreadable = str(error)
    if remembered is not None:
        try:
            require_extension(remembered, checkpoint, hash_reader(checkpoint.size, folder.read_tile))
        except LogForked as error:
            fork = str(error)
    return Recovery(remembered, unreadable, checkpoint, fork, format_note(checkpoint.text, [signature]))


def _signed(key: SignerKey, folder: LogFolder) -> tuple[Checkpoint, Signature]:
    """The largest checkpoint of a folder that the key signed, and its signature."""
    found: list[tuple[Checkpoint, Signature]] = []
    for signed in (folder.checkpoint(), folder.pending()):
        if signed is not None:
            try:
                opened = open_note(signed, [key.verifier])
                found.append((parse_checkpoint(opened.text), opened.verified[0][1]))
            except ProofError as error:
                raise WrongKey(f"{folder.root}: {error}") from error
    if not found:
        raise LogDamaged(f"{folder.root}: found no checkpoint, expected one that {key.verifier} signed")
    return max(found, key=lambda one: one[0].size)

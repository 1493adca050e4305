"""Who signs checkpoints: a small port, behind which a key file stands, or a key service.

A signer remembers the checkpoint that it signed last, and signs none that does not extend it. So neither a lost file, a
folder restored from a backup nor a second folder makes an honest key sign two histories; what the key signed is more than
what any folder says. The memory is on disk before a signature leaves the signer.

    NAME.key       the secret key
    NAME.signed    the note that it signed last; empty for a key that has signed nothing yet

Both stand where the key's file really is, whatever links lead there.

Where the memory and the folder differ, `csat-ledger recover-signer` shows both, and takes the folder's word where an
operator says so.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from ledger.errors import LogForked, WrongKey
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import ProofError
from ledger.proof.log.files import read_file
from ledger.proof.log.keys import FIRST_LINE
from ledger.proof.log.merkle import verify_consistency
from ledger.proof.log.merkle_tree import HashReader, consistency_proof
from ledger.proof.log.note import NOTE_MAX_BYTES, Signature, VerifierKey, open_note
from ledger.proof.log.signer import SignerKey, format_note
from ledger.proof.log.strictjson import base64_text
from ledger.seal.folder import fsync_folder, held, write_file

ENDING: Final = ".signed"
RECOVER: Final = "`csat-ledger recover-signer` shows what both say"


class CheckpointSigner(Protocol):
    """Signs checkpoints of one log, each an extension of the one before."""

    @property
    def verifier(self) -> VerifierKey:
        """The public half of the key."""
        ...

    def last(self) -> bytes | None:
        """The note that was signed last, with this key's signature; None where nothing was signed yet."""
        ...

    def sign_checkpoint(self, checkpoint: Checkpoint, read: HashReader) -> Signature:
        """A signature, once it is remembered. `read` reads the hashes of the log. Raises LogForked."""
        ...

    def sign(self, text: bytes) -> Signature:
        """A signature over the statement by which one key hands over to another; over nothing else."""
        ...


class Memory(Protocol):
    """Where a signer keeps what it signed last."""

    def read(self) -> bytes | None:
        """The note; None where nothing was signed yet."""
        ...

    def keep(self, note: bytes) -> None:
        """Takes the note's place, and returns when that is on disk."""
        ...


class KeySigner:
    """A key with its memory."""

    def __init__(self, key: SignerKey, memory: Memory) -> None:
        self._key = key
        self._memory = memory

    @property
    def verifier(self) -> VerifierKey:
        """The public half of the key."""
        return self._key.verifier

    def last(self) -> bytes | None:
        """The note that was signed last; None where nothing was signed yet. Raises WrongKey where it is no such note."""
        last = self._last()
        return None if last is None else last[0]

    def sign_checkpoint(self, checkpoint: Checkpoint, read: HashReader) -> Signature:
        """A signature, once it is remembered. Raises LogForked where the checkpoint does not extend the last one."""
        last = self._last()
        if last is not None:
            require_extension(last[1], checkpoint, read)
        signature = self._key.sign(checkpoint.text.encode("utf-8"))
        self._memory.keep(format_note(checkpoint.text, [signature]))
        return signature

    def sign(self, text: bytes) -> Signature:
        """A signature over a statement of rotation. Raises WrongKey for anything else."""
        if not text.startswith(FIRST_LINE.encode("ascii") + b"\n"):
            raise WrongKey(f"found {text[:40]!r} to sign, expected a statement of rotation")
        return self._key.sign(text)

    def _last(self) -> tuple[bytes, Checkpoint] | None:
        note = self._memory.read()
        if note is None:
            return None
        try:
            return note, signed_checkpoint(note, self.verifier)
        except ProofError as error:
            raise WrongKey(
                f"memory of the key {self.verifier}: {error}; expected what the key signed last; {RECOVER}"
            ) from error


class FileMemory:
    """The memory in a file beside the key's; held by one process at a time, and read once."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()  # a link is one more name of the same memory

    def read(self) -> bytes | None:
        """The note. Raises WrongKey where the file is missing: a key without its memory may have signed anything."""
        try:
            return read_file(self._path, NOTE_MAX_BYTES) or None
        except FileNotFoundError:
            raise WrongKey(
                f"found no {self._path}, expected the memory of what the key signed last; copy it with the key; {RECOVER}"
            ) from None
        except ProofError as error:
            raise WrongKey(str(error)) from None

    def keep(self, note: bytes) -> None:
        """Takes the note's place, and returns when that is on disk."""
        write_file(self._path, note, self._path.with_name(f".{self._path.name}.part"))
        fsync_folder(self._path.parent)

    def held(self) -> AbstractContextManager[None]:
        """Keeps other processes from signing with this key. Raises SealerBusy where one does."""
        return held(
            self._path.with_suffix(".lock"),
            f"{self._path}: found another sealer at work that signs with this key, expected none",
        )


def signed_checkpoint(note: bytes, verifier: VerifierKey) -> Checkpoint:
    """The checkpoint in a note that a key signed. Raises a ProofError where it is no such note."""
    return parse_checkpoint(open_note(note, [verifier]).text)


def require_extension(last: Checkpoint, checkpoint: Checkpoint, read: HashReader) -> None:
    """Passes where a checkpoint extends what was signed last. Raises LogForked."""
    what = f"the key signed size {last.size} of {last.origin} last, with root {base64_text(last.root)}"
    if checkpoint.origin != last.origin or checkpoint.size < last.size:
        raise LogForked(f"found size {checkpoint.size} of {checkpoint.origin} to sign, but {what}; {RECOVER}")
    try:
        proof = tuple(consistency_proof(last.size, checkpoint.size, read)) if 0 < last.size < checkpoint.size else ()
        verify_consistency(last.size, last.root, checkpoint.size, checkpoint.root, proof)
    except ProofError as error:
        raise LogForked(
            f"found size {checkpoint.size} with root {base64_text(checkpoint.root)} to sign, which does not extend what was "
            f"signed: {what} ({error}); {RECOVER}"
        ) from error

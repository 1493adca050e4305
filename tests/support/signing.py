"""Signers for tests: one that remembers in memory, and that of a host that signs whatever it likes."""

from __future__ import annotations

from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.merkle import EMPTY_ROOT
from ledger.proof.log.merkle_tree import HashReader
from ledger.proof.log.note import Signature, VerifierKey
from ledger.proof.log.signer import SignerKey, sign_note


class Unbound:
    """Signs anything, and remembers nothing: a key in the hands of its host."""

    def __init__(self, key: SignerKey) -> None:
        self._key = key

    @property
    def verifier(self) -> VerifierKey:
        return self._key.verifier

    def last(self) -> bytes | None:
        """A checkpoint of nothing, which everything extends."""
        return sign_note(Checkpoint(self._key.name, 0, EMPTY_ROOT).text, self._key)

    def sign_checkpoint(self, checkpoint: Checkpoint, _read: HashReader) -> Signature:
        return self.sign(checkpoint.text.encode("utf-8"))

    def sign(self, text: bytes) -> Signature:
        return self._key.sign(text)


class Remembered:
    """A memory that ends with the test."""

    def __init__(self) -> None:
        self.note: bytes | None = None

    def read(self) -> bytes | None:
        return self.note

    def keep(self, note: bytes) -> None:
        self.note = note

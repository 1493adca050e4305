"""Signing notes: private keys, and the note with its signatures (the format: `note`). Who verifies needs none of it.

signer key    PRIVATE+KEY+<key name>+<key id>+base64(signature type || 32-byte seed)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.proof.log.errors import MalformedError, Words
from ledger.proof.log.note import (
    COSIGNATURE_V1,
    KEY_BYTES,
    TIME_BYTES,
    Signature,
    VerifierKey,
    cosigned_text,
    parse_note,
    require_key_id,
    require_name,
    require_type,
    split_key,
)
from ledger.proof.log.strictjson import base64_text


@dataclass(frozen=True)
class SignerKey:
    """A private key (its Ed25519 seed) under a name, for one type of signature."""

    name: str
    signature_type: int
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        require_name(self.name)
        require_type(self.signature_type)
        if len(self.seed) != KEY_BYTES:
            raise MalformedError("private key", found=Words(f"{len(self.seed)} bytes"), expected=KEY_BYTES)

    @cached_property
    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @cached_property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.signature_type, self._private.public_key().public_bytes_raw())

    def encoded(self) -> str:
        """The text form, which is secret."""
        material = base64_text(bytes([self.signature_type]) + self.seed)
        return f"PRIVATE+KEY+{self.name}+{self.verifier.key_id.hex()}+{material}"

    def sign(self, text: bytes, time_s: int | None = None) -> Signature:
        """A signature over the note text. A cosignature needs the POSIX time at which it is made."""
        if (time_s is None) == (self.signature_type == COSIGNATURE_V1):
            raise MalformedError(
                "time of the signature",
                found=time_s,
                expected=Words("a time for a cosignature, none for another signature"),
            )
        if time_s is None:
            return Signature(self.name, self.verifier.key_id, self._private.sign(text))
        stamped = time_s.to_bytes(TIME_BYTES, "big") + self._private.sign(cosigned_text(text, time_s))
        return Signature(self.name, self.verifier.key_id, stamped)


def parse_signer_key(encoded: str) -> SignerKey:
    """The key that a signer key string holds; its key id has to be right. No error shows the key."""
    prefix = "PRIVATE+KEY+"
    if not encoded.startswith(prefix):
        raise MalformedError("signer key", found=Words("another beginning"), expected=prefix)
    name, key_id_hex, material = split_key("signer key", encoded.removeprefix(prefix))
    key = SignerKey(name, material[0], material[1:])
    require_key_id("signer key", key_id_hex, key.verifier)
    return key


def format_note(text: str, signatures: Iterable[Signature]) -> bytes:
    """The signed note. Of several signatures by one key the last is written: signing again replaces."""
    last = {(signature.name, signature.key_id): signature for signature in signatures}
    message = (text + "\n" + "".join(signature.line for signature in last.values())).encode("utf-8")
    if not text.endswith("\n") or parse_note(message) != (text, list(last.values())):
        raise MalformedError("text to sign", found=text[-20:], expected=Words("lines, each ending in a newline"))
    return message


def sign_note(text: str, *signers: SignerKey) -> bytes:
    """The text signed by each of the keys."""
    return format_note(text, [signer.sign(text.encode("utf-8")) for signer in signers])

"""Signed notes, their keys, and cosignatures (c2sp.org/signed-note, c2sp.org/tlog-cosignature).

A signed note is a text ending in a newline, an empty line, and one or more signature lines:

    — <key name> base64(4-byte key id || signature)

It is UTF-8 without control characters below U+0020 other than the newline; the last empty line separates the text
from the signatures. The text signed is everything before that line.

    key id        first 4 bytes of SHA-256(key name || 0x0A || signature type || public key)
    verifier key  <key name>+<key id, 8 hex digits>+base64(signature type || public key)

Two signature types are known here, both with 32-byte Ed25519 public keys:

    0x01 Ed25519         64 bytes: the signature over the text
    0x04 cosignature/v1  8-byte big-endian POSIX time || 64 bytes: the signature over
                         "cosignature/v1\\ntime <decimal time>\\n" || the text

A public key is a point of the curve in its one canonical form, and none of the eight points of small order, under which
anybody can make signatures that verify.

Reading is as strict as Go's golang.org/x/mod/sumdb/note, and stricter where that lets one byte string be written in
two ways (base64 has to be canonical). As there: at most 100 signature lines; a signature by an unknown key is kept but
proves nothing, repeated identical lines of this kind count once; of a known key's lines the first counts and has to
verify, else the whole note is refused; a note without any signature by a known key is refused.

Example, with the seed 00 01 02 … 1f as the key of `ledger.example/renewals`:

  ledger.example/renewals
  5
  OWzC8+pXpLvOMYsH2CT91q0pLUsT6Q9WrpQRsWTbETY=

  — ledger.example/renewals oFOUsS3KfjWHJI3/6pI9w0FU7SgOJ9IbTAgwUdTjsTuxozGkThMql2i+LoYy8rGViYOkVW77Po13ZU9iRLXkrELmkwE=

  ledger.example/renewals+a05394b1+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.proof.log.errors import InvalidSignatureError, MalformedError, UnknownKeyError, Words
from ledger.proof.log.strictjson import base64_bytes, base64_text

ED25519 = 0x01
COSIGNATURE_V1 = 0x04
KEY_BYTES = 32
KEY_ID_BYTES = 4
SIGNATURE_BYTES = 64
TIME_BYTES = 8
TIME_MAX_S = 2**63 - 1
SIGNATURES_MAX = 100
NOTE_MAX_BYTES = 1_000_000
NAME_MAX_CHARS = 1000

_FIELD = 2**255 - 19
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER_Y = frozenset((0, 1, _FIELD - 1, _ORDER_8, _FIELD - _ORDER_8))
"""The second coordinates of the points of small order: a key with one of these binds nobody (RFC 8032, 5.1)."""

_SIGNATURE_PREFIX = "— "
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")
# The white space of Unicode, plus; and control characters, with which no note could be written.
_NOT_IN_NAMES = re.compile("[\x00-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000+\ud800-\udfff]")


def key_id(name: str, signature_type: int, public_key: bytes) -> bytes:
    """The four bytes by which a signature line names its key."""
    return sha256(name.encode("utf-8") + b"\n" + bytes([signature_type]) + public_key).digest()[:KEY_ID_BYTES]


@dataclass(frozen=True)
class VerifierKey:
    """A public key under a name, for one type of signature."""

    name: str
    signature_type: int
    public_key: bytes

    def __post_init__(self) -> None:
        require_name(self.name)
        require_type(self.signature_type)
        if len(self.public_key) != KEY_BYTES:
            raise MalformedError("public key", found=Words(f"{len(self.public_key)} bytes"), expected=KEY_BYTES)
        y = int.from_bytes(self.public_key, "little") & 2**255 - 1
        if y >= _FIELD or y in SMALL_ORDER_Y:
            raise MalformedError(
                "public key", found=Words(f"{self.public_key.hex()}, a point that binds nobody"),
                expected=Words("a point of large order in its canonical form"),
            )  # fmt: skip

    @cached_property
    def key_id(self) -> bytes:
        """Which key of this name it is."""
        return key_id(self.name, self.signature_type, self.public_key)

    def __str__(self) -> str:
        material = base64_text(bytes([self.signature_type]) + self.public_key)
        return f"{self.name}+{self.key_id.hex()}+{material}"

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Whether `signature` (without the key id) is one over the note text by this key."""
        if self.signature_type == COSIGNATURE_V1:
            if len(signature) != TIME_BYTES + SIGNATURE_BYTES:
                return False
            time_s = int.from_bytes(signature[:TIME_BYTES], "big")
            if time_s > TIME_MAX_S:
                return False
            text, signature = cosigned_text(text, time_s), signature[TIME_BYTES:]
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Signature:
    """One signature line: the key's name and id, and the bytes that follow the id."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line, with its newline."""
        return f"{_SIGNATURE_PREFIX}{self.name} {base64_text(self.key_id + self.signature)}\n"

    @property
    def time_s(self) -> int:
        """When a cosignature was made, as POSIX time."""
        return int.from_bytes(self.signature[:TIME_BYTES], "big")


@dataclass(frozen=True)
class Note:
    """A text, the signatures that were verified (each by another key), and those of unknown keys."""

    text: str
    verified: tuple[tuple[VerifierKey, Signature], ...]
    unverified: tuple[Signature, ...]


def parse_verifier_key(encoded: str) -> VerifierKey:
    """The key that a verifier key string holds; its key id has to be right."""
    name, key_id_hex, material = split_key("verifier key", encoded)
    key = VerifierKey(name, material[0], material[1:])
    require_key_id("verifier key", key_id_hex, key)
    return key


def cosigned_text(text: bytes, time_s: int) -> bytes:
    """What a cosignature is made over."""
    return b"cosignature/v1\ntime %d\n" % time_s + text


def parse_note(message: bytes) -> tuple[str, list[Signature]]:
    """The text and the signature lines of a note, none of them verified."""
    if len(message) > NOTE_MAX_BYTES:
        raise MalformedError(
            "signed note", found=Words(f"{len(message)} bytes"), expected=Words(f"at most {NOTE_MAX_BYTES}")
        )
    try:
        whole = message.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(
            "signed note", found=Words(f"bytes that are not UTF-8 at {error.start}"), expected=Words("UTF-8")
        ) from None
    if control := _CONTROL.search(whole):
        raise MalformedError("signed note", found=control[0], expected=Words("no control characters but newlines"))
    text, separator, block = whole.rpartition("\n\n")
    if not separator or not block.endswith("\n"):
        raise MalformedError(
            "signed note",
            found=Words(f"the end {whole[-20:]!a}"),
            expected=Words("an empty line, and signature lines each ending in a newline"),
        )
    lines = block[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise MalformedError(
            "signed note", found=Words(f"{len(lines)} signatures"), expected=Words(f"at most {SIGNATURES_MAX}")
        )
    return text + "\n", [_parse_line(line) for line in lines]


def open_note(message: bytes, known: Iterable[VerifierKey]) -> Note:
    """The note with its signatures verified; at least one has to be by a known key."""
    text, signatures = parse_note(message)
    by_identity: dict[tuple[str, bytes], list[VerifierKey]] = {}
    for key in known:
        by_identity.setdefault((key.name, key.key_id), []).append(key)
    verified: dict[VerifierKey, Signature] = {}
    unverified: dict[Signature, None] = {}
    for signature in signatures:
        keys = by_identity.get((signature.name, signature.key_id), [])
        named = f"{signature.name}+{signature.key_id.hex()}"
        if not keys:
            unverified[signature] = None
            continue
        if len(keys) > 1:
            raise MalformedError(f"key {named}", found=Words(f"{len(keys)} known keys"), expected=Words("one"))
        if keys[0] in verified:
            continue
        if not keys[0].verifies(text.encode("utf-8"), signature.signature):
            found, expected = Words("one that does not verify"), Words("one over this text")
            raise InvalidSignatureError(f"signature by {named}", found=found, expected=expected)
        verified[keys[0]] = signature
    if not verified:
        signed = [f"{signature.name}+{signature.key_id.hex()}" for signature in signatures]
        wanted = [f"{name}+{identity.hex()}" for name, identity in by_identity]
        raise UnknownKeyError("signatures of the note", found=signed, expected=wanted)
    return Note(text, tuple(verified.items()), tuple(unverified))


def _parse_line(line: str) -> Signature:
    if not line.startswith(_SIGNATURE_PREFIX):
        raise MalformedError("signature line", found=line, expected=Words("an em dash and a space"))
    name, _, encoded = line.removeprefix(_SIGNATURE_PREFIX).partition(" ")
    require_name(name)
    raw = base64_bytes(encoded, f"signature by {name}")
    if len(raw) <= KEY_ID_BYTES:
        raise MalformedError(f"signature by {name}", found=Words(f"{len(raw)} bytes"), expected=Words("5 or more"))
    return Signature(name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])


def split_key(what: str, encoded: str) -> tuple[str, str, bytes]:
    """Name, key id and bytes of the text form of a key."""
    name, _, rest = encoded.partition("+")
    key_id_hex, _, material64 = rest.partition("+")
    try:
        material = base64_bytes(material64, what)
    except MalformedError:
        material = b""  # said below, without showing what may be a private key
    if not re.fullmatch("[0-9a-f]{8}", key_id_hex) or len(material) != 1 + KEY_BYTES:
        found = f"another form after the name {name[:80]!a}" + ", and white space" * (encoded.split() != [encoded])
        expected = Words("<name>+<8 hex digits>+<base64 of the type and 32 bytes>")
        raise MalformedError(what, found=Words(found), expected=expected)
    return name, key_id_hex, material


def require_key_id(what: str, key_id_hex: str, key: VerifierKey) -> None:
    """The key has this id."""
    if key_id_hex != key.key_id.hex():
        raise MalformedError(f"key id of the {what} {key.name!a}", found=key_id_hex, expected=key.key_id.hex())


def require_name(name: str) -> None:
    """A key may have this name."""
    if not 0 < len(name) <= NAME_MAX_CHARS or _NOT_IN_NAMES.search(name):
        raise MalformedError("key name", found=name, expected=Words("characters without white space and plus"))


def require_type(signature_type: int) -> None:
    """A type of signature that is known here."""
    if signature_type not in (ED25519, COSIGNATURE_V1):
        raise MalformedError(
            "signature type", found=signature_type, expected=Words("1 (Ed25519) or 4 (cosignature/v1)")
        )

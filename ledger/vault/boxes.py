"""Boxes: the format of what the vault seals, and which errors tell a swapped box from a damaged one.

    byte 0           the format, 1
    bytes 1 to 4     CRC-32 of all that follows, big-endian
    bytes 5 to 12    the tag of its place: the first 8 bytes of SHA-256 of the place
    bytes 13 to 24   the nonce, random
    bytes 25 to end  AES-256-GCM ciphertext and its 16-byte tag; the place is its associated data

A *place* is the canonical JSON array of the names that say where a box belongs, for example

    ["csat-ledger vault",1,"<vault>","subject/s-1","email","3","m-1","Brontegard"]

that is vault, holder, field, version of the row, membership and organisation. A box that is moved to another subject,
field, version, membership or vault does not open there, and neither does a box whose place was written over: place and
checksum only say which of the two it was, the cipher's own tag decides whether it opens.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Final
from zlib import crc32

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.errors import VaultDamaged, VaultSwapped

FORMAT: Final = 1
KEY_BYTES: Final = 32
CHECKED_FROM: Final = 5
PLACE_ENDS: Final = 13
NONCE_ENDS: Final = 25
NONCE_BYTES: Final = NONCE_ENDS - PLACE_ENDS
BOX_BYTES_MIN: Final = NONCE_ENDS + 16
_NAMED: Final = "csat-ledger vault"


def place_of(*names: str) -> bytes:
    """The place that some names say, in their order."""
    return orjson.dumps([_NAMED, FORMAT, *names])


def seal(key: AESGCM, place: bytes, plain: bytes, nonce: bytes = b"") -> bytes:
    """A box with some bytes, for one place. Who seals many at once hands in nonces, each random and used once."""
    nonce = nonce or os.urandom(NONCE_BYTES)
    checked = _tag(place) + nonce + key.encrypt(nonce, plain, place)
    return bytes([FORMAT]) + crc32(checked).to_bytes(4, "big") + checked


def open_box(key: AESGCM, place: bytes, box: bytes, what: str) -> bytes:
    """What is in a box. `what` says, for people, whose box it is, and never what is in it.

    Raises VaultSwapped for the box of another place, VaultDamaged for anything else that does not open.
    """
    if not isinstance(box, bytes) or len(box) < BOX_BYTES_MIN or box[0] != FORMAT:  # SQLite keeps anything in a column
        raise VaultDamaged(f"{what}: found what is no box of format {FORMAT}, expected one")
    checked = box[CHECKED_FROM:]
    if crc32(checked).to_bytes(4, "big") != box[1:CHECKED_FROM]:
        raise VaultDamaged(f"{what}: found a box whose checksum is that of other bytes, expected it unchanged")
    if box[CHECKED_FROM:PLACE_ENDS] != _tag(place):
        raise VaultSwapped(
            f"{what}: found a box that was sealed for another place, expected that of this subject, field, version, "
            "membership and vault"
        )
    try:
        return key.decrypt(box[PLACE_ENDS:NONCE_ENDS], box[NONCE_ENDS:], place)
    except InvalidTag:
        raise VaultDamaged(f"{what}: found a box that its key does not open, expected one sealed under it") from None


def _tag(place: bytes) -> bytes:
    return sha256(place).digest()[: PLACE_ENDS - CHECKED_FROM]

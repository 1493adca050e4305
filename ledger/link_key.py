"""The link key: 32 secret bytes that tie an answer to its invitation, for who has them and for nobody else (DESIGN 13).

The stream of a membership says who was invited. A response that named its invitation would name its author for ever, so
the book keeps a token in its place: HMAC-SHA-256 under the link key, in lower-case hex, over the canonical JSON array of
what is tied together. Under the key of the bytes 0 to 31:

    ["m-1","i-7"]   ->   cf6f310b15c25495d773ae5ad9bd699fe0640908a25bc7f8fe6941c1b9fe7c30

Equal tokens are answers to one invitation, which is all that rules and rates need. Who has book and key can find the
author of every answer to an invitation; who has the book alone can do no better than guess. So the two are kept apart.

The *id* of a key is the first 16 hex digits of the HMAC-SHA-256 under it of the bytes `csat-ledger link key`. A book
records the id of its key when a fact first needs one, and takes tokens under no other.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final, Protocol

import orjson

KEY_BYTES: Final = 32
ID_DIGITS: Final = 16
_BLOCK_BYTES: Final = 64
_NAMED: Final = b"csat-ledger link key"

Link = Callable[..., str]
"""The token of some names, in their order. Raises LinkKeyMissing where there is no key, LinkKeyMismatch for another."""


class LinkKey:
    """A link key: `token` is the `Link` under it. It has no repr of its own, so that no log shows the bytes."""

    __slots__ = ("_inner", "_outer", "id", "secret")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"found a link key of {len(secret)} bytes, expected {KEY_BYTES}")
        self.secret = secret
        # RFC 2104, with both pads hashed once for all tokens: twice as fast as an `hmac.new` for each.
        padded = secret.ljust(_BLOCK_BYTES, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in padded))
        self.id = self._hmac(_NAMED)[:ID_DIGITS]

    def token(self, *names: str) -> str:
        """64 hex digits, equal for equal names."""
        return self._hmac(orjson.dumps(names))

    def _hmac(self, message: bytes) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.hexdigest()


def foreseeable_key(seed: str) -> LinkKey:
    """The same for the same seed: for a book that is made up, and has nothing to hide."""
    return LinkKey(sha256(f"{seed}/link key".encode()).digest())


class LinkKeys(Protocol):
    """Where the link key of a book is kept. `name` says where, for people."""

    name: str

    def find(self) -> LinkKey | None:
        """The key that is there; None where there is none. Raises LinkKeyUnusable where there is something else."""
        ...

    def make(self) -> LinkKey | None:
        """Makes a key where there is none, durably, and returns what is there then; None where none is made here."""
        ...


class HeldKey:
    """A key that is held in memory: for a book that is made up."""

    name = "memory"

    def __init__(self, key: LinkKey) -> None:
        self._key = key

    def find(self) -> LinkKey:
        """The key."""
        return self._key

    def make(self) -> LinkKey:
        """The key."""
        return self._key


class NoKeys:
    """Nowhere: `name` says where a key was looked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find(self) -> None:
        """There is none."""

    def make(self) -> None:
        """None is made."""

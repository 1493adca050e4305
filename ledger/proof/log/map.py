"""The map of heads: under one root, one place for the end of each stream, fixed by the stream's name.

The chain in the events (`prev`) shows that nothing was left out in the middle of a stream; that nothing was cut off at
its end is shown by the map. Since a stream's place follows from its name alone, it has one end under one root: nobody can
show two auditors different ends, or one that a stream exists and the other that it does not.

    key       SHA-256(name of the stream, UTF-8)
    blind     SHA-256(0x04 | salt of the stream's last event, 16 raw bytes)
    inner     SHA-256(blind | seq of that event, 8 bytes big-endian | its leaf hash)
    leaf      SHA-256(0x02 | key | inner)
    node      SHA-256(0x03 | left | right)

The subtree at depth d holds the keys that share their first d bits: of no key it is 32 zero bytes, of one key its leaf, of
more the node of the two subtrees at d + 1, the one whose bit d is 0 on the left. Bit d of a key is bit 7 - d mod 8 of byte
d div 8, so bits count from the most significant one of the first byte. The root is the subtree at depth 0.

The proof that a stream ends at an event has the blind, seq and leaf hash of that event, and the siblings on the way from
its leaf up to the root. Of n siblings the i-th (from 0, the deepest first) stands at depth n - i; the value so far goes to
the left of it where bit n - 1 - i of the key is 0. The proof that there is no such stream has the siblings of the place
where it would stand, and what stands there: nothing, or key and inner value of another stream's leaf, whose key begins with
the same n bits. In both the deepest sibling is not empty, since one key alone makes no node. Nothing is believed but what the
root follows from. The blind stands for the salt in proofs of others: who is given a neighbour's leaf cannot guess its event.

Example: the stream `membership-m-1` that ends at seq 2 with the leaf hash 1111… and a salt of 16 bytes 0x22 has

    key    8460055446b48b2a69f4383400d9c3fe16470e6365173f2ed80101c9180cc524
    blind  2b1af91d894ae549cb04f7c12546726efe7c6541562a76a3eb4968ec0903280b
    inner  5992df7928b73e88a3842adea4224039bda679e7c7d1561b5f3749e7d5c20048
    leaf   cf7d1594b036bded2ecdeac8bf44ba14d79e6fdedfa5607b79cb78fa32fd7537

and, as the only stream, its leaf is the root.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from ledger.proof.log import strictjson
from ledger.proof.log.errors import MalformedError, TamperedError, Words
from ledger.proof.log.strictjson import base64_text

EMPTY = bytes(32)
"""The subtree of no key."""
KEY_BITS = 256
SEQ_BYTES = 8
SEQ_MAX = 2**63 - 1
_LEAF, _NODE, _BLIND = b"\2", b"\3", b"\4"


class Head(NamedTuple):
    """Where a stream ends: blind, seq and leaf hash of its last event."""

    blind: bytes
    seq: int
    leaf: bytes

    @property
    def inner(self) -> bytes:
        """What the leaf of the map says beside the key."""
        return sha256(self.blind + self.seq.to_bytes(SEQ_BYTES, "big") + self.leaf).digest()


class Other(NamedTuple):
    """The leaf that stands where a stream would stand that does not exist."""

    key: bytes
    inner: bytes


def other_json(other: Other) -> dict[str, str]:
    """As it stands in bundles and proofs."""
    return {"inner": base64_text(other.inner), "key": base64_text(other.key)}


def parse_other(value: Any, what: str) -> Other:
    """What `other_json` wrote."""
    leaf = strictjson.members(value, what, ("inner", "key"))
    return Other(*(strictjson.hash_bytes(leaf[key], f"{what}: {key}") for key in ("key", "inner")))


def stream_key(stream: str) -> bytes:
    """The key of a stream."""
    return sha256(stream.encode("utf-8")).digest()


def blinded(salt: bytes) -> bytes:
    """What proofs show of an event's salt."""
    return sha256(_BLIND + salt).digest()


def map_leaf(key: bytes, inner: bytes) -> bytes:
    """The subtree of one key."""
    return sha256(_LEAF + key + inner).digest()


def map_node(left: bytes, right: bytes) -> bytes:
    """The subtree of two that are not both empty."""
    return sha256(_NODE + left + right).digest()


def bit_of(key: bytes, depth: int) -> int:
    """The bit by which a key goes left or right below a depth."""
    return key[depth >> 3] >> (7 - (depth & 7)) & 1


def verify_head(root: bytes, stream: str, head: Head, siblings: Sequence[bytes]) -> None:
    """Passes if the map with this root says that the stream ends so. Raises MalformedError or TamperedError."""
    what = "end of the stream in the map"
    _check_siblings(what, siblings, KEY_BITS)
    if not 1 <= head.seq <= SEQ_MAX:
        raise MalformedError(f"{what}: seq", found=head.seq, expected=Words("from 1 to 2^63 - 1"))
    key = stream_key(stream)
    _check_root(what, root, key, map_leaf(key, head.inner), siblings)


def verify_absence(root: bytes, stream: str, other: Other | None, siblings: Sequence[bytes]) -> None:
    """Passes if the map with this root has no such stream. Raises MalformedError or TamperedError."""
    what = "absence of the stream from the map"
    _check_siblings(what, siblings, KEY_BITS - 1)
    key, there = stream_key(stream), EMPTY
    if other is not None:
        there = map_leaf(*other)
        shared = KEY_BITS - (int.from_bytes(key, "big") ^ int.from_bytes(other.key, "big")).bit_length()
        if not len(siblings) <= shared < KEY_BITS:
            raise TamperedError(
                f"{what}: key of the other stream", found=Words(f"{shared} bits as ours"),
                expected=Words(f"at least {len(siblings)}, and not all"),
            )  # fmt: skip
    _check_root(what, root, key, there, siblings)


def _check_siblings(what: str, siblings: Sequence[bytes], most: int) -> None:
    if len(siblings) > most:
        raise MalformedError(f"{what}: siblings", found=len(siblings), expected=Words(f"at most {most}"))
    if siblings and siblings[0] == EMPTY:
        raise TamperedError(f"{what}: deepest sibling", found=Words("an empty one"), expected=Words("one with a key"))


def _check_root(what: str, root: bytes, key: bytes, value: bytes, siblings: Sequence[bytes]) -> None:
    for depth, sibling in zip(range(len(siblings) - 1, -1, -1), siblings, strict=True):
        value = map_node(sibling, value) if bit_of(key, depth) else map_node(value, sibling)
    if value != root:
        raise TamperedError(f"{what}: root", found=Words(value.hex()), expected=Words(root.hex()))

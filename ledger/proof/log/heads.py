"""The heads entry: where every stream of the ledger ends, as an entry of the log.

The chain in the events (`prev`) shows that nothing was left out in the middle of a stream. That nothing was cut off at
its end is shown by the heads: a second Merkle tree with one leaf for each stream that has at least one event.

    head           SHA256(stream name, UTF-8) || seq of its last event, 8 bytes big-endian || that event's leaf hash
                   (72 bytes)
    heads tree     RFC 6962 over the heads, sorted by their first 32 bytes: leaf SHA256(0x00 || head)
    heads entry    the log entry, canonical JSON: exactly these keys, sorted, no spaces
                   {"heads":"<base64 of the root>","size":<heads>,"through":<events>,"type":"heads","v":1}

Rules for who writes the log:

    1. The last entry under every checkpoint of a log that is not empty is a heads entry. Nothing can then hide between
       the heads and the end of the log: a verifier refuses a heads entry that is not at index size - 1.
    2. Every entry of the log is a ledger event or a heads entry. The heads entry at log index h covers exactly the
       ledger events at log indexes below h; `through` is their number, that is h less the number of heads entries
       before it. As the log takes the ledger's events in feed order, these are the first `through` events of the feed.
    3. Heads entries are no ledger events: they belong to no stream, and have no head of their own. No event can be
       taken for one, since the keys differ.
    4. When nothing was added since the last heads entry, no other is written: the checkpoint may be signed anew.

A stream's head is proved by its inclusion in the tree. That a stream does not exist is proved by its two neighbours:
heads at indexes i and i + 1 whose keys lie on either side of SHA256(stream name) (at an end of the tree, one). This
rests on the tree being sorted, which an audit of the whole log recomputes.

Example: the single stream `membership-m-1`, ending at event 2, whose leaf hash is 32 bytes of 0x11, has the head

    8460055446b48b2a69f4383400d9c3fe16470e6365173f2ed80101c9180cc524 || 0000000000000002 || 1111…

and, as the only stream of the ledger, the heads entry

    {"heads":"3Kwc6VxX708w8hvZooYxnHN61kVQUNUd66uKDJejWb8=","size":1,"through":2,"type":"heads","v":1}
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from ledger.proof.log import strictjson
from ledger.proof.log.errors import MalformedError, TamperedError, Words
from ledger.proof.log.merkle import HASH_SIZE, leaf_hash, verify_inclusion

SEQ_BYTES = 8
HEAD_BYTES = HASH_SIZE + SEQ_BYTES + HASH_SIZE
HEADS_BEGIN = b'{"heads":'
ENTRY_TYPE = "heads"
ENTRY_VERSION = 1
ENTRY_MAX_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Head:
    """Where a stream ends: the hash of its name, the seq and the leaf hash of its last event."""

    key: bytes
    seq: int
    leaf: bytes

    @classmethod
    def of(cls, stream: str, seq: int, leaf: bytes) -> Head:
        """The head of a stream given by its name."""
        return cls(stream_key(stream), seq, leaf)

    @property
    def encoded(self) -> bytes:
        """The 72 bytes."""
        return self.key + self.seq.to_bytes(SEQ_BYTES, "big") + self.leaf


@dataclass(frozen=True, slots=True)
class HeadsEntry:
    """The log entry: root and number of the heads, and how many ledger events they cover."""

    root: bytes
    size: int
    through: int

    @property
    def encoded(self) -> bytes:
        """The bytes of the log entry."""
        return strictjson.canonical(
            {
                "heads": strictjson.base64_text(self.root),
                "size": self.size,
                "through": self.through,
                "type": ENTRY_TYPE,
                "v": ENTRY_VERSION,
            }
        )


@dataclass(frozen=True, slots=True)
class HeadProof:
    """A head, its index in the heads tree, and its inclusion proof there."""

    head: Head
    index: int
    proof: tuple[bytes, ...]


def stream_key(stream: str) -> bytes:
    """What the heads are sorted by."""
    return sha256(stream.encode("utf-8")).digest()


def parse_heads_entry(entry: bytes) -> HeadsEntry:
    """The heads entry that the bytes of a log entry hold."""
    what = "heads entry"
    value = strictjson.members(
        strictjson.loads(entry, what, max_bytes=ENTRY_MAX_BYTES), what, ("heads", "size", "through", "type", "v")
    )
    if value["type"] != ENTRY_TYPE or value["v"] != ENTRY_VERSION:
        raise MalformedError(what, found=[value["type"], value["v"]], expected=[ENTRY_TYPE, ENTRY_VERSION])
    parsed = HeadsEntry(
        strictjson.hash_bytes(value["heads"], f"{what}: heads"),
        strictjson.natural(value["size"], f"{what}: size"),
        strictjson.natural(value["through"], f"{what}: through"),
    )
    if parsed.encoded != entry:
        raise MalformedError(what, found=entry, expected=parsed.encoded)
    return parsed


def is_heads_entry(entry: bytes) -> bool:
    """Whether a log entry is a heads entry and not an event: no event begins like this."""
    return entry.startswith(HEADS_BEGIN)


def verify_head(entry: HeadsEntry, proof: HeadProof) -> None:
    """Passes if the head is in the heads tree that the entry names, else raises."""
    if len(proof.head.encoded) != HEAD_BYTES or entry.size == 0:
        raise TamperedError(
            "head",
            found=Words(f"{len(proof.head.encoded)} bytes, in a tree of {entry.size}"),
            expected=Words(f"{HEAD_BYTES} bytes, in a tree that is not empty"),
        )
    verify_inclusion(leaf_hash(proof.head.encoded), proof.index, entry.size, proof.proof, entry.root)

"""In which partition the messages of a stream are: as the producer's own partitioner sees it, by the message's key."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ledger.membership import membership_or_stream

PARTITIONS: Final = 4
"""Of a topic, unless told otherwise."""


@lru_cache(maxsize=65_536)
def partition_of(stream: str, partitions: int) -> int:
    """The partition of a stream's messages, among so many."""
    return partition_of_key(membership_or_stream(stream).encode(), partitions)


@lru_cache(maxsize=65_536)
def partition_of_key(key: bytes, partitions: int) -> int:
    """The partition of messages with a key, among so many."""
    from kafka.partitioner.default import murmur2

    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions

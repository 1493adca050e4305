"""The envelope of an event: the bytes in which it stands in the book, whatever programme it is of.

The stored bytes of an event are one canonical JSON object: keys sorted, no white space, no floats, UTF-8:

    {"actor":"operator","data":{"anonymous":false,"response":"r-3",…},"fact":"f-12",
     "occurred_at":"2010-06-15T10:22:33.123456Z","prev":"<leaf hash of the stream's previous event, 64 hex digits>",
     "recorded_at":"2010-06-15T10:22:34.000000Z","salt":"<16 random bytes, base64>","seq":17,
     "stream":"membership-m-1","type":"ResponseReceived","v":1}

`seq` counts the stream's events from 1; `prev` is 64 zeros for the first. `fact` is the id of the fact that caused the
event, null for an announcement made by a review. The leaf hash of an event is SHA-256 over one zero byte and its stored
bytes (RFC 6962), so the chain of a stream and the proofs share one hash. Positions are no part of the bytes. The salt is drawn
for each event, so that nobody can guess an event from its hash, which is public.

Types have names of their own, never Python paths. An old version is upcast on read, one step a version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

from ledger.errors import BrokenHistory
from ledger.instants import parse_instant

FIRST_PREV: Final = "0" * 64
EVENT_BYTES_MAX: Final = 65_535
"""An event is an entry of a transparency log, whose entries have a two-byte length."""

Upcast = Callable[[dict[str, Any]], dict[str, Any]]


class EventTypes:
    """The types of some events: the data of every version, the newest version of each, and the way from old to new.

    `data` is (type, version) -> the TypedDict of its data; a version, once released, stays for ever. `upcasts` is
    (type, version) -> the function that turns data of that version into data of the next.
    """

    def __init__(
        self, data: Mapping[tuple[str, int], Any], upcasts: Mapping[tuple[str, int], Upcast] | None = None
    ) -> None:
        """Raises ValueError where a step from one version to the next is missing."""
        self.data = dict(data)
        self.upcasts = dict(upcasts or {})
        self.versions: dict[str, int] = {}
        for name, version in self.data:
            self.versions[name] = max(version, self.versions.get(name, 0))
        for name, version in self.data:
            if version < self.versions[name] and (name, version) not in self.upcasts:
                raise ValueError(f"found no way from {name} version {version} to the next")

    @classmethod
    def together(cls, several: Iterable[EventTypes]) -> EventTypes:
        """All types of several. Raises ValueError where two have a type of one name."""
        data: dict[tuple[str, int], Any] = {}
        upcasts: dict[tuple[str, int], Upcast] = {}
        for types in several:
            if twice := {name for name, _ in data} & types.versions.keys():
                raise ValueError(f"found {sorted(twice)} twice, expected each type of event once")
            data |= types.data
            upcasts |= types.upcasts
        return cls(data, upcasts)

    def upcast(self, event_type: str, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """The data of a known type at its newest version."""
        for old in range(version, self.versions[event_type]):
            data = self.upcasts[event_type, old](data)
        return data

    def unknown(self, event_type: str, version: int) -> str | None:
        """In words, why an event cannot be read; None where it can."""
        newest = self.versions.get(event_type)
        if newest is not None and version <= newest:
            return None
        known = "no such type" if newest is None else f"versions up to {newest}"
        return f"found event type {event_type!r} version {version}, this program knows {known}"


@dataclass(slots=True)
class Event:
    """One event as it is read from the book, at the newest version of its type. `position` is 0 where unknown."""

    stream: str
    seq: int
    type: str
    v: int
    occurred_us: int
    recorded_us: int
    fact: str | None
    actor: str | None
    prev: str
    data: Any
    position: int = 0


class NewEvent(NamedTuple):
    """An event that was decided on but is not yet in the book; `occurred_at` is the text that is stored."""

    type: str
    occurred_at: str
    data: Any


def leaf_hash(stored: bytes) -> str:
    """RFC 6962 leaf hash of stored bytes, as 64 hex digits."""
    return sha256(b"\x00" + stored).hexdigest()


def encode_event(
    *,
    stream: str,
    seq: int,
    event_type: str,
    occurred_at: str,
    recorded_at: str,
    fact: str | None,
    actor: str | None,
    prev: str,
    salt: str,
    data: Any,
    version: int = 1,
) -> bytes:
    """The canonical bytes of an event."""
    return orjson.dumps(
        {
            "actor": actor,
            "data": data,
            "fact": fact,
            "occurred_at": occurred_at,
            "prev": prev,
            "recorded_at": recorded_at,
            "salt": salt,
            "seq": seq,
            "stream": stream,
            "type": event_type,
            "v": version,
        },
        option=orjson.OPT_SORT_KEYS,
    )


def recorded_us_of(stored: bytes, position: int) -> int:
    """When an event was recorded; of any type and version, also of those that this program does not know."""
    try:
        return parse_instant(orjson.loads(stored)["recorded_at"])
    except Exception as error:
        raise BrokenHistory(f"position {position}: found no event of the ledger ({error!r})") from error


def decode_event(stored: bytes, position: int, types: EventTypes) -> Event:
    """Reads stored bytes and upcasts their data to the newest version; `position` is 0 where unknown.

    Raises BrokenHistory where the bytes are no event, or of a type or version that this program does not know.
    """
    where = f"position {position}" if position else "stored bytes"
    try:
        raw = orjson.loads(stored)
        event_type, version = raw["type"], raw["v"]
        event = Event(
            stream=raw["stream"],
            seq=raw["seq"],
            type=event_type,
            v=version,
            occurred_us=parse_instant(raw["occurred_at"]),
            recorded_us=parse_instant(raw["recorded_at"]),
            fact=raw["fact"],
            actor=raw["actor"],
            prev=raw["prev"],
            data=raw["data"],
            position=position,
        )
    except Exception as error:
        raise BrokenHistory(f"{where}: found no event of the ledger ({error!r}): {stored[:80]!r}…") from error
    newest = types.versions.get(event_type)
    if newest != version:
        if unknown := types.unknown(event_type, version):
            raise BrokenHistory(f"{where}: {unknown}")
        event.data = types.upcast(event_type, version, event.data)
        event.v = types.versions[event_type]
    return event

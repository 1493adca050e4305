"""How events of the book and refused facts become messages: headers, keys and values.

What a message holds, and what the headers say, stands in `csat_ledger_client.messages.cloudevents`, which readers have.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final, Literal, NamedTuple

import orjson

from csat_ledger_client.messages.cloudevents import (
    CURSOR_DIGITS,
    CURSOR_HEADER,
    LEDGER_EVENT_TYPE,
    POSITION_HEADER,
    SOURCE,
    RefusedFact,
)
from ledger.errors import BrokenHistory
from ledger.event import leaf_hash
from ledger.instants import format_instant, parse_instant
from ledger.membership import membership_or_stream
from ledger.store.base import Row

SPEC_VERSION: Final = b"1.0"
CONTENT_TYPE: Final = b"application/json"
NEVER: Final = "1970-01-01T00:00:00.000000Z"

Headers = list[tuple[str, bytes]]
LEDGER_EVENTS: Final = "csat.ledger-events.v1"
FACTS_REFUSED: Final = "csat.facts-refused.v1"


class Outgoing(NamedTuple):
    """A message that is to be sent. `topic` is the name of its topic before any prefix."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    timestamp_ms: int | None
    """None for the instant at which it is sent."""


def encode_original(value: bytes) -> tuple[str, Literal["utf-8", "base64"]]:
    """Bytes as they stand in `original` and `original_encoding`."""
    try:
        return value.decode(), "utf-8"
    except UnicodeDecodeError:
        return b64encode(value).decode(), "base64"


def refused_message(refused: RefusedFact, refused_us: int, key: bytes | None) -> Outgoing:
    """A refused fact as a message, under the key that it came with."""
    subject = refused.membership or refused.fact
    headers = headers_of("facts-refused", refused.type, refused.id, format_instant(refused_us), subject)
    value = orjson.dumps(refused.model_dump(), option=orjson.OPT_SORT_KEYS)
    return Outgoing(FACTS_REFUSED, key or b"", value, headers, max(0, refused_us // 1_000))


def event_message(row: Row) -> Outgoing:
    """An event of the book as a message, whatever stands in it: its type may be unknown here, its bytes may be damaged.

    Of bytes that are no event of the row the columns say stream, seq and type; `ce_time` is 1970 then, and the version
    is 0.
    """
    try:
        raw = stored_content(row)
        occurred_at, version, timestamp_ms = raw["occurred_at"], int(raw["v"]), recorded_ms(raw)
    except BrokenHistory:
        occurred_at, version, timestamp_ms = NEVER, 0, None
    subject = subject_of(row.stream)
    event_type = f"{LEDGER_EVENT_TYPE}.{row.type}.v{version}"
    headers = headers_of("ledger-events", event_type, f"{row.stream}/{row.seq}", occurred_at, subject)
    return Outgoing(LEDGER_EVENTS, subject.encode(), row.stored, [*headers, *place_headers(row)], timestamp_ms)


def subject_of(stream: str) -> str:
    """The membership whose stream it is; of one that is no membership's, its own name."""
    return membership_or_stream(stream)


def cursor_of(row: Row) -> str:
    """Where an event stands in the book, and that it is this event: position, `-`, 16 digits of its leaf hash."""
    return f"{row.position}-{leaf_hash(row.stored)[:CURSOR_DIGITS]}"


def stored_content(row: Row) -> dict[str, Any]:
    """The stored object of a row. Raises BrokenHistory where it is none, or not the one that the columns say."""
    try:
        raw: dict[str, Any] = orjson.loads(row.stored)
        found = (raw["stream"], raw["seq"], raw["type"])
        int(raw["v"]), str(raw["fact"]), raw["occurred_at"].encode(), recorded_ms(raw)
    except Exception as error:
        raise BrokenHistory(f"position {row.position}: found no event ({error!r}): {row.stored[:80]!r}…") from error
    if found != (row.stream, row.seq, row.type):
        raise BrokenHistory(
            f"position {row.position}: found {found[2]} {found[0]}/{found[1]}, expected {row.type} {row.stream}/{row.seq}"
        )
    return raw


def recorded_ms(raw: dict[str, Any]) -> int:
    """When an event was recorded, in milliseconds since 1970: the timestamp of its messages."""
    return max(0, parse_instant(raw["recorded_at"]) // 1_000)


def place_headers(row: Row) -> Headers:
    """Where an event stands in the book."""
    return [(POSITION_HEADER, b"%d" % row.position), (CURSOR_HEADER, cursor_of(row).encode())]


def headers_of(source: str, message_type: str, identity: str, time: str, subject: str | None) -> Headers:
    """The attributes of a CloudEvent: ce_source (its end), ce_type, ce_id, ce_time, ce_subject."""
    headers = [
        ("ce_specversion", SPEC_VERSION),
        ("ce_id", identity.encode()),
        ("ce_source", f"{SOURCE}/{source}".encode()),
        ("ce_type", message_type.encode()),
        ("ce_time", time.encode()),
        ("content-type", CONTENT_TYPE),
    ]
    if subject is not None:
        headers.append(("ce_subject", subject.encode()))
    return headers

"""The stored bytes of a ledger event, which are also its entry in the log.

One canonical JSON object: sorted keys, no spaces, UTF-8, no floats, exactly these keys:

    actor        who caused it, or null
    data         what happened, by type (see each programme's part)
    fact         id of the fact that caused it, or null
    occurred_at  when it was so                        "YYYY-MM-DDTHH:MM:SS.ffffffZ"
    prev         leaf hash of the stream's event before it, hex; 64 zeros for the first
    recorded_at  when the ledger learned it
    salt         16 random bytes of its own, in base64: the event cannot be guessed from its hash
    seq          1, 2, 3, … within the stream
    stream       "log", or one of a programme's: of a subject ("membership-m-1") or of editions ("programme")
    type, v      name and version of the data's form

Example (one line in the log, broken here):

    {"actor":"op","data":{"location":"main"},"fact":"f-9","occurred_at":"2010-06-15T10:22:33.123456Z",
    "prev":"d829edd0713a1bb05e3cd0616924a4c5bde21e36e537149a20239edafa8825f1",
    "recorded_at":"2010-06-15T10:22:40.000000Z","salt":"NHZpYH4d8UD3qA9CqLGCkA==","seq":2,
    "stream":"membership-m-1","type":"LocationAdded","v":1}

Instants are held as whole microseconds since 1970 (`…_us`).
"""

from __future__ import annotations

import re
from base64 import b64decode
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from ledger.proof.log import strictjson
from ledger.proof.log.errors import MalformedError, RefutedError, Words
from ledger.proof.log.merkle import ENTRY_MAX_BYTES, leaf_hash

KEYS = frozenset(("actor", "data", "fact", "occurred_at", "prev", "recorded_at", "salt", "seq", "stream", "type", "v"))
FIRST_PREV = "0" * 64
LOG = "log"
"""The stream of the log's own events, which belong to no programme."""
DAY_US = 86_400_000_000
FIRST_DATE = "0001-01-01"
"""The calendar's first day is no date here: what is evaluated just before a date needs an instant before it."""
BEGINNING_OF_TIME_US = -62_135_596_800_000_000
"""The first instant of the year 1."""
END_OF_TIME_US = 253_402_300_800_000_000
"""The first instant of the year 10000: what expires after the calendar ends never does."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d\.\d{6}Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_HEX_HASH = re.compile("[0-9a-f]{64}")
FACT_ID = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,200}")
SALT = re.compile("[A-Za-z0-9+/]{21}[AQgw]==")
"""16 bytes in canonical base64."""


def salt_of(entry: bytes, what: str = "event") -> bytes:
    """The 16 bytes of an event's salt, out of its stored bytes. Raises MalformedError."""
    value = strictjson.loads(entry, what, max_bytes=ENTRY_MAX_BYTES)
    return salt_bytes(value.get("salt") if isinstance(value, dict) else None, what)


def salt_bytes(text: Any, what: str = "event") -> bytes:
    """The 16 bytes that a salt stands for. Raises MalformedError."""
    if not isinstance(text, str) or not SALT.fullmatch(text):
        raise MalformedError(f"{what}: salt", found=text, expected=Words("16 bytes in base64"))
    return b64decode(text)


class Event(NamedTuple):
    """An event as it was stored, and the leaf hash of its bytes."""

    stream: str
    seq: int
    type: str
    version: int
    occurred_us: int
    recorded_us: int
    fact: str | None
    prev: str
    data: dict[str, Any]
    leaf: bytes
    actor: str | None = None

    @property
    def where(self) -> str:
        """What to call this event in a message."""
        return f"event {self.stream}/{self.seq} {self.type}"


def parse_event(entry: bytes, what: str = "event") -> Event:
    """The event that a log entry holds."""
    value = strictjson.loads(entry, what, max_bytes=ENTRY_MAX_BYTES)
    if not isinstance(value, dict) or value.keys() != KEYS:
        strictjson.members(value, what, KEYS)
    stream, seq, type_name = value["stream"], value["seq"], value["type"]
    prev, data = value["prev"], value["data"]
    if not isinstance(stream, str) or not isinstance(type_name, str) or not isinstance(data, dict):
        raise MalformedError(what, found=[stream, type_name, data], expected=Words("a stream, a type and an object"))
    if not isinstance(prev, str) or not _HEX_HASH.fullmatch(prev):
        raise MalformedError(f"{what}: prev", found=prev, expected=Words("64 hex digits"))
    salt_bytes(value["salt"], what)
    actor, fact = value["actor"], value["fact"]
    if actor is not None and not isinstance(actor, str):
        raise MalformedError(f"{what}: actor", found=actor, expected=Words("a string or null"))
    if fact is not None and (not isinstance(fact, str) or not FACT_ID.fullmatch(fact)):
        raise MalformedError(f"{what}: fact", found=fact, expected=Words("the id of a fact, or null"))
    if strictjson.natural(seq, f"{what}: seq") == 0:
        raise MalformedError(f"{what}: seq", found=0, expected=Words("1 or more"))
    return Event(
        stream=stream,
        seq=seq,
        type=type_name,
        version=strictjson.natural(value["v"], f"{what}: v"),
        occurred_us=parse_instant(value["occurred_at"], f"{what}: occurred_at"),
        recorded_us=parse_instant(value["recorded_at"], f"{what}: recorded_at"),
        fact=fact,
        prev=prev,
        data=data,
        leaf=leaf_hash(entry),
        actor=actor,
    )


def require_same(event: Event, recomputed: dict[str, Any]) -> None:
    """The event says what was recomputed. Raises RefutedError, which names the first member that differs."""
    if difference := strictjson.first_difference(event.data, recomputed):
        key, found, expected = difference
        raise RefutedError(f"{event.where}: {key}", found=found, expected=expected)


def parse_instant(value: Any, what: str) -> int:
    """Microseconds since 1970 of an instant in the one form that is stored."""
    if isinstance(value, str) and _INSTANT.fullmatch(value) and (instant_us := _since_1970(value)) is not None:
        return instant_us
    raise MalformedError(what, found=value, expected=Words("an instant as YYYY-MM-DDTHH:MM:SS.ffffffZ"))


def format_instant(instant_us: int) -> str:
    """The stored form of an instant."""
    return (_EPOCH + timedelta(microseconds=instant_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def parse_date(value: Any, what: str) -> int:
    """The first microsecond of a date, in UTC."""
    has_form = isinstance(value, str) and _DATE.fullmatch(value) and value > FIRST_DATE
    if has_form and (instant_us := _since_1970(value)) is not None:
        return instant_us
    raise MalformedError(what, found=value, expected=Words("a date as YYYY-MM-DD"))


@lru_cache(maxsize=10_000)
def _since_1970(text: str) -> int | None:
    """Microseconds until an instant, or the first one of a date; None where the calendar has it not."""
    try:
        return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
    except ValueError:
        return None


def add_months(instant_us: int, months: int) -> int:
    """The same day and time of day so many months on; a day that the month lacks becomes its last."""
    day, time_us = divmod(instant_us, DAY_US)
    later = _months_later(day, months)
    return END_OF_TIME_US if later is None else later * DAY_US + time_us


@lru_cache(maxsize=100_000)
def _months_later(day: int, months: int) -> int | None:
    """The same, for days counted since 1970; None where the calendar ends before."""
    date = _EPOCH + timedelta(days=day)
    years, month0 = divmod(date.month - 1 + months, 12)
    year = date.year + years
    if year > 9999:
        return None
    last = monthrange(year, month0 + 1)[1]
    return (date.replace(year=year, month=month0 + 1, day=min(date.day, last)) - _EPOCH).days

"""The messages on Kafka: their envelope, and those that are no programme's.

Every message is a CloudEvent 1.0 in the binary mode of the Kafka binding: the value is the data, and the attributes are
headers. The announcement at seq 17 of the stream membership-m-1, for example:

    key                m-1                                   the membership, or the stream that is none of a membership
    ce_specversion     1.0
    ce_id              membership-m-1/17                     stream and seq, so the same whenever it is sent
    ce_source          /csat-ledger/eligibility-changed      one for each topic: id and source together are unique
    ce_type            csat.eligibility-changed.v1
    ce_time            2011-06-15T10:22:33.123456Z           when it was so (occurred_at)
    ce_subject         m-1
    content-type       application/json
    ledger-position    4711                                  no attribute of the CloudEvent: where it stands in the book
    ledger-cursor      4711-5f0c22b1a4e9d377                 nor this: the same, and the beginning of the event's leaf hash
    timestamp          when the ledger recorded it, in milliseconds
    value              {"cause":"response","counted":10,…}

The topics and their values:

    csat.ledger-events.v1   the stored bytes of the event, unchanged: hashes and proofs are taken over them. All events of
                            one membership have one key, whatever programme they are of
    csat.…-changed.v1       one message for each announcement of a programme (`csat_ledger_client.messages.announced`)
    csat.…-status.v1        compacted: the last announcement of each who has a status. Since an announcement at e replaces
                            everything announced from e on, the last one announced is the one with the greatest
                            effective_at in the history as it stands
    csat.facts-refused.v1   `RefusedFact`

Readers take a value that has more fields than they know; a field once there stays, with its type (schemas/messages has the
schema of each).
"""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from csat_ledger_client.errors import BadMessage

SOURCE: Final = "/csat-ledger"
POSITION_HEADER: Final = "ledger-position"
CURSOR_HEADER: Final = "ledger-cursor"
CURSOR_DIGITS: Final = 16
LEDGER_EVENT_TYPE: Final = "csat.ledger"
"""Of the ledger's events, whose ce_type is `csat.ledger.ResponseReceived.v1`: type and version of the event."""


Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2011-06-15T10:22:33.123456Z"])]


class Message(BaseModel):
    """The value of a message. Readers take one that has more fields than they know."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def from_value(cls, value: bytes | None) -> Self:
        """Reads a message's value. Raises BadMessage where it is not what the schema says."""
        try:
            return cls.model_validate_json(value or b"")
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "value"
            raise BadMessage(f"found no {cls.__name__}: {where}: {first['msg']}: {(value or b'')[:80]!r}") from None


class LedgerEvent(Message):
    """An event of the book. The value of the message is its stored bytes; read it for its content, hash the bytes."""

    stream: str = Field(description="Its stream, such as `membership-<id>` or `designation-<id>/<area>`.")
    seq: int = Field(ge=1, description="Where it stands in its stream.")
    type: str = Field(description="What happened, in the past tense.")
    v: int = Field(ge=1, description="The version of the type; schemas/events has the schema of each.")
    occurred_at: Instant = Field(description="When it was so.")
    recorded_at: Instant = Field(description="When the ledger learned it.")
    fact: str | None = Field(description="The fact that caused it.")
    actor: str | None = Field(description="Who reported it.")
    prev: str = Field(pattern="^[0-9a-f]{64}$", description="Leaf hash of the event before it in the stream.")
    data: dict[str, Any] = Field(description="What the type says; see schemas/events.")


class RefusedFact(Message):
    """A fact that was not recorded: why, and the message as it came, but for what must not be told of it."""

    type: ClassVar = "csat.fact-refused.v1"

    code: str = Field(description="A refusal code of the ledger, which never changes, or `fault`.")
    sentence: str = Field(description="What was found, and what was expected.")
    fact: str | None = Field(description="The id of the fact, where it could be read.")
    membership: str | None = Field(description="Its membership, where it could be read.")
    topic: str = Field(description="Where the message came from: topic,")
    partition: int = Field(ge=0, description="partition")
    offset: int = Field(ge=0, description="and offset.")
    original: str = Field(description="The value of that message, as far as it may be told; see `complete`.")
    original_encoding: Literal["utf-8", "base64"] = Field(description="base64 where the value is no text.")
    complete: bool = Field(
        description="Whether `original` is the value to the byte. Otherwise a token, or null, stands in the place of what "
        "would tie an answer to its invitation, or nothing is told of the value; it stands in `topic` as it came.",
    )

    @property
    def id(self) -> str:
        """The ce_id of the message."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    def original_bytes(self) -> bytes:
        """The value of the message, as far as it is told."""
        return self.original.encode() if self.original_encoding == "utf-8" else b64decode(self.original)


def mark_of(record: Any) -> str:
    """By what a message is known again: its cursor, or else 16 hex digits of SHA-256 over its value."""
    for name, value in record.headers or ():
        if name == CURSOR_HEADER:
            return str(value.decode("ascii", "replace"))
    return sha256(record.value or b"").hexdigest()[:CURSOR_DIGITS]

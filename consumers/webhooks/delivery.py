"""What is sent of an announcement: the body, and the headers that sign it (Standard Webhooks 1.0.0).

    POST /hooks HTTP/1.1
    content-type: application/json
    webhook-id: membership-m-1/17                       stream and seq: the same however often it is sent
    webhook-timestamp: 1308133353                       of this attempt, in seconds
    webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=     one for each secret, with spaces between

    {"type":"EligibilityChanged","timestamp":"2011-06-15T10:22:33.123456Z","data":{"position":4711,"membership":"m-1",…}}

`data` is the announcement as `/v1/changes` has it, `timestamp` when it was recorded. A full stop in the id, which the
specification does not want there since full stops part what is signed, is written %2E.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import quote

import orjson

from consumers.webhooks.message import WebhookMessage
from ledger.errors import ExtraMissing
from ledger.event import recorded_us_of
from ledger.instants import SECOND_US, format_instant
from ledger.store.base import Row
from projections.questions.answer import members
from projections.questions.changes import Page

try:
    from standardwebhooks import Webhook
except ImportError as missing:
    raise ExtraMissing(missing.name, "webhooks") from None

USER_AGENT: Final = "csat-ledger-webhooks"


class Message(NamedTuple):
    """An announcement, ready to be signed and sent."""

    id: str
    body: bytes


def message_of(row: Row) -> Message:
    """What is sent of an announcement in the book. Raises BrokenHistory where it cannot be read."""
    (announced,) = Page([row], row.position, False).announced()
    recorded_at = format_instant(recorded_us_of(row.stored, row.position))
    whole = WebhookMessage(row.type, recorded_at, announced)
    body = orjson.dumps(whole, members, orjson.OPT_PASSTHROUGH_DATACLASS)
    return Message(webhook_id(row.stream, row.seq), body)


def webhook_id(stream: str, seq: int) -> str:
    """The id of an announcement for its receivers: of visible ASCII, without a full stop."""
    return quote(f"{stream}/{seq}", safe="/:").replace(".", "%2E")


def signed_headers(message: Message, secrets: Sequence[str], now_us: int) -> list[tuple[bytes, bytes]]:
    """The headers of one attempt, signed with each of the secrets."""
    at = datetime.fromtimestamp(now_us // SECOND_US, UTC)
    text = message.body.decode()
    signatures = " ".join(Webhook(secret).sign(message.id, at, text) for secret in secrets)
    return [
        (b"content-type", b"application/json"),
        (b"user-agent", USER_AGENT.encode()),
        (b"webhook-id", message.id.encode()),
        (b"webhook-timestamp", str(now_us // SECOND_US).encode()),
        (b"webhook-signature", signatures.encode()),
    ]

"""What is sent: signed so that the library's own check takes it, with an id that holds no full stop."""

from __future__ import annotations

import time

import orjson
import pytest

pytest.importorskip("standardwebhooks")

from standardwebhooks import Webhook

from consumers.webhooks.delivery import message_of, signed_headers, webhook_id
from ledger.errors import BrokenHistory
from projections.questions.answer import plain
from projections.questions.changes import changes
from tests.consumers.support import Announcing

SECRETS = ["whsec_" + "a" * 44, "whsec_" + "b" * 44]


@pytest.mark.parametrize(
    ("stream", "seq", "expected"),
    [
        ("membership-m-1", 17, "membership-m-1/17"),
        ("membership-a.b", 1, "membership-a%2Eb/1"),
        ("membership-a:b_c", 1, "membership-a:b_c/1"),
        ("designation-m-1/data-ai", 3, "designation-m-1/data-ai/3"),
        ("membership-%2E", 1, "membership-%252E/1"),
        ("membership-\u00e4\n", 1, "membership-%C3%A4%0A/1"),
    ],
)
def test_an_id_is_stream_and_seq_without_a_full_stop(stream: str, seq: int, expected: str) -> None:
    assert webhook_id(stream, seq) == expected


def test_a_message_is_the_announcement_as_the_feed_has_it(book: Announcing) -> None:
    book.record([*book.enrol("m.1"), *book.flips("m.1", 2)])
    book.record(book.qualify("m.1"))
    page = changes(book.store, 0)
    for row, announced in zip(page.rows, page.announced(), strict=True):
        message = message_of(row)
        said = orjson.loads(message.body)
        assert said["data"] == plain(announced)
        assert said["type"] == row.type
        assert said["timestamp"] == orjson.loads(row.stored)["recorded_at"]
        assert "." not in message.id
        headers = {
            name.decode(): value.decode() for name, value in signed_headers(message, SECRETS, time.time_ns() // 1_000)
        }
        for secret in SECRETS:
            assert Webhook(secret).verify(message.body, headers) == said
        with pytest.raises(Exception, match="No matching signature"):
            Webhook("whsec_" + "c" * 44).verify(message.body, headers)


def test_an_announcement_that_cannot_be_read_is_not_sent(book: Announcing) -> None:
    book.record([*book.enrol("m-1"), *book.flips("m-1", 1)])
    (row,) = changes(book.store, 0).rows
    with pytest.raises(BrokenHistory):
        message_of(row._replace(stored=row.stored.replace(b'"v":1', b'"v":99')))

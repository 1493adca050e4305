"""A delivery is taken when it is signed with a secret that holds, just now, and announces something; else it is refused."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from csat_ledger_client import verify_webhook
from csat_ledger_client.answers import DesignationChange, EligibilityChange
from csat_ledger_client.errors import BadRequest, WebhookRefused
from tests.client.http.test_changes import DESIGNATION, ELIGIBILITY

SECRET = "whsec_" + b64encode(b"s" * 32).decode()
OTHER = "whsec_" + b64encode(b"o" * 32).decode()
ID = "membership-m-1/13"


def body_of(data: dict[str, Any] = ELIGIBILITY, kind: str = "EligibilityChanged") -> bytes:
    said = {"type": kind, "timestamp": "2011-06-15T10:22:33.123456Z", "data": {"position": 17, **data, "new": "text"}}
    return json.dumps(said).encode()


def signed(body: bytes, secret: str = SECRET, ago: timedelta = timedelta()) -> dict[str, str]:
    at = datetime.now(UTC) - ago
    signature = Webhook(secret).sign(ID, at, body.decode())
    return {
        "Webhook-Id": ID,
        "webhook-timestamp": str(int(at.timestamp())),
        "WEBHOOK-SIGNATURE": signature,
        "host": "x",
    }


def test_a_signed_delivery_is_its_announcement_and_an_id_that_is_always_the_same() -> None:
    delivery = verify_webhook(signed(body_of()), body_of(), SECRET)
    assert isinstance(delivery.announcement, EligibilityChange)
    assert (delivery.announcement.membership, delivery.announcement.satisfied) == ("m-1", True)
    assert (delivery.id, delivery.recorded_at) == (ID, "2011-06-15T10:22:33.123456Z")
    body = body_of(DESIGNATION, "DesignationChanged")
    assert isinstance(verify_webhook(signed(body), body, [SECRET]).announcement, DesignationChange)


def test_while_secrets_change_both_hold() -> None:
    for secret in (SECRET, OTHER):
        assert verify_webhook(signed(body_of(), secret), body_of(), [OTHER, SECRET]).id == ID
    headers = signed(body_of())
    headers["WEBHOOK-SIGNATURE"] = (
        f"v2,x {signed(body_of(), OTHER)['WEBHOOK-SIGNATURE']} {headers['WEBHOOK-SIGNATURE']}"
    )
    assert verify_webhook(headers, body_of(), [SECRET]).id == ID


@pytest.mark.parametrize("minutes", [-6, 6, 60 * 24])
def test_one_that_was_signed_at_another_time_is_refused(minutes: int) -> None:
    with pytest.raises(WebhookRefused, match=r"too (old|new)"):
        verify_webhook(signed(body_of(), ago=timedelta(minutes=minutes)), body_of(), SECRET)


@pytest.mark.parametrize("header", ["Webhook-Id", "webhook-timestamp", "WEBHOOK-SIGNATURE"])
def test_one_without_a_header_or_with_another_is_refused(header: str) -> None:
    headers = signed(body_of())
    for value in ("", "x", "17", "v1,", "v1", "v1,####", "ä", f"x{headers[header]}"):
        with pytest.raises(WebhookRefused):
            verify_webhook(headers | {header: value}, body_of(), SECRET)
    with pytest.raises(WebhookRefused, match="found no header"):
        verify_webhook({name: value for name, value in headers.items() if name != header}, body_of(), SECRET)


def test_another_body_or_another_secret_is_refused_and_no_secret_is_told() -> None:
    for body, secret in ((body_of() + b" ", SECRET), (body_of(), OTHER)):
        with pytest.raises(WebhookRefused) as refused:
            verify_webhook(signed(body_of()), body, secret)
        assert secret not in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"x", body_of(kind="NextYears"), body_of({}), body_of(DESIGNATION)],
    ids=["empty", "list", "no-json", "unknown-type", "no-data", "another-type"],
)
def test_what_is_signed_and_announces_nothing_that_is_known_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookRefused, match="found no announcement that this client knows"):
        verify_webhook(signed(body), body, SECRET)


@given(st.binary(max_size=200), st.text(max_size=60), st.text(max_size=60))
def test_whatever_comes_is_refused_and_no_fault(body: bytes, signature: str, timestamp: str) -> None:
    headers = {"webhook-id": ID, "webhook-signature": signature, "webhook-timestamp": timestamp}
    with pytest.raises(WebhookRefused):
        verify_webhook(headers, body, SECRET)


def test_a_body_that_is_too_long_is_not_looked_at() -> None:
    with pytest.raises(WebhookRefused, match="expected 1,048,576 at most"):
        verify_webhook(signed(body_of()), b"x" * 1_048_577, SECRET)


@pytest.mark.parametrize("secrets", [[], ["whsec_"], ["whsec_!"], [""]], ids=["none", "empty", "no-base64", "nothing"])
def test_a_secret_that_is_none_is_the_callers_mistake(secrets: list[str]) -> None:
    with pytest.raises(BadRequest, match=r"found (no|a) secret"):
        verify_webhook(signed(body_of()), body_of(), secrets)

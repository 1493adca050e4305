"""What looks like personal data, and what does not."""

from __future__ import annotations

import pytest

from ledger.personal_data import looks_personal, without_personal_data

PERSONAL = [
    "someone@example.org",
    "<Some.One+tag@mail.example>",
    "+49 170 1234567",
    "call 0151/23456789 now",
    "(030) 901820",
    "0044 20 7946 0958",
    "192.0.2.17",
    "from 192.0.2.17, twice",
    "2001:db8::17",
    "fe80::1ff:fe23:4567:890a",
]
PLAIN = [
    "Brontegard Shipping",
    "2010-06-15T10:22:33Z",
    "2010-06-15T10:22:33.123456+02:00",
    "2010-06-15",
    "2024-05",
    "crm-4711",
    "m-1",
    "cust-1-11",
    "csat-ledger:decide:m-1:2011-03-01:5",
    "expected at most 65,536 bytes, found 123456789",
    "a/b:c#d~e",
    "version 1.2.3",
    "cf6f310b15c25495d773ae5ad9bd699fe0640908a25bc7f8fe6941c1b9fe7c30",
    "occurred_at: found none, expected it",
]


@pytest.mark.parametrize("text", PERSONAL)
def test_what_looks_like_personal_data_is_found_and_replaced(text: str) -> None:
    assert looks_personal(text)
    left = without_personal_data(text)
    assert "…" in left
    assert not looks_personal(left)


@pytest.mark.parametrize("text", PLAIN)
def test_names_ids_dates_and_sentences_are_left_as_they_are(text: str) -> None:
    assert not looks_personal(text)
    assert without_personal_data(text) == text


def test_the_rest_of_a_sentence_stays() -> None:
    said = "unknown location 'someone@example.org', expected one of 2"
    assert without_personal_data(said) == "unknown location '…', expected one of 2"

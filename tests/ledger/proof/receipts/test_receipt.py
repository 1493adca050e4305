"""Receipts as notes: one text for each, read only as LOG.md's words have it, and believed as far as the policy goes."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.log.errors import InvalidSignatureError, MalformedError, ProofError, UnknownKeyError
from ledger.proof.log.event import FACT_ID
from ledger.proof.log.note import COSIGNATURE_V1
from ledger.proof.log.signer import SignerKey, sign_note
from ledger.proof.receipts.receipt import Receipt, open_receipt, parse_receipt, parse_receipt_note
from tests.ledger.proof.book import LOG_KEY, us
from tests.ledger.proof.receipts.support import RECEIPT_KEY, policy_of, receipts_member, signed

RECEIPT = Receipt(
    LOG_KEY.name, "f-9", "membership-m-1", 2, bytes(range(32)), 17, us("2010-06-15T10:22:40.000000Z"),
    us("2010-06-16T10:22:40.000000Z"),
)  # fmt: skip
LINES = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1, max_size=20)
FACTS = st.from_regex(FACT_ID, fullmatch=True).filter(lambda fact: not re.search("[\ud800-\udfff]", fact))
NUMBERS = st.integers(1, 2**63 - 1)
INSTANTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(
    lambda at: (at.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)
)
RECEIPTS = st.builds(
    Receipt, LINES, FACTS, LINES, NUMBERS, st.binary(min_size=32, max_size=32), NUMBERS, INSTANTS, INSTANTS
)


def plainly(text: str) -> list[Any] | None:
    """A second reading, from the words of the format and nothing of our code; None where it is no receipt."""
    lines = text.split("\x0a")
    if len(lines) != 10 or lines[9] != "" or lines[0] != "csat-ledger/receipt/v1":
        return None
    if any(line == "" or min(line) < " " for line in lines[:9]):
        return None
    for number in (lines[4], lines[6]):
        if not re.fullmatch("[1-9][0-9]*", number) or int(number) > 2**63 - 1:
            return None
    try:
        leaf = base64.b64decode(lines[5], validate=True)
        for at in (lines[7], lines[8]):
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z", at):
                return None
            datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        return None
    if len(leaf) != 32 or base64.b64encode(leaf).decode() != lines[5] or not re.fullmatch(FACT_ID, lines[2]):
        return None
    return [*lines[1:4], int(lines[4]), leaf, int(lines[6]), lines[7], lines[8]]


@given(RECEIPTS)
def test_reading_and_writing_are_inverse(receipt: Receipt) -> None:
    assert parse_receipt(receipt.text) == receipt
    assert plainly(receipt.text) is not None
    assert parse_receipt_note(signed(receipt))[0] == receipt


@given(RECEIPTS, st.data())
def test_what_is_changed_is_read_as_the_words_have_it_or_refused(receipt: Receipt, data: st.DataObject) -> None:
    text = receipt.text
    at = data.draw(st.integers(0, len(text) - 1))
    put = data.draw(st.sampled_from(["", "\n", "0", "-", "+", " ", "\r", "\x1f", "=", "Z", "9", "\u2028", "\u0661"]))
    changed = text[:at] + put + text[at + data.draw(st.integers(0, 2)) :]
    plain = plainly(changed)
    try:
        read = parse_receipt(changed)
    except MalformedError:
        assert plain is None
    else:
        assert read.text == changed
        assert plain is not None
        assert [read.origin, read.fact, read.stream, read.seq, read.leaf, read.position] == plain[:6]


@given(st.binary(max_size=300))
def test_reading_a_note_never_crashes(data: bytes) -> None:
    with pytest.raises(ProofError):
        open_receipt(data, policy_of())


def test_a_fact_id_may_hold_line_separators() -> None:
    odd = Receipt(LOG_KEY.name, "a\u2028b\u2029c", *(getattr(RECEIPT, name) for name in Receipt.__slots__[2:]))
    assert open_receipt(signed(odd), policy_of()) == odd
    assert len(odd.text.splitlines()) == 11


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n2\n", "\n0\n"), ("\n2\n", "\n02\n"), ("\n2\n", "\n+2\n"), ("\n2\n", "\n-2\n"), ("\n2\n", "\n2 \n"),
        ("\n17\n", "\n\n"),
        ("\n17\n", "\n9223372036854775808\n"), ("/v1\n", "/v2\n"), ("f-9\n", "\n"), ("f-9", "f\x1f9"), ("f-9", "f\r9"),
        ("f-9\n", "f-9\nmore\n"), ("10:22:40.000000Z", "10:22:40Z"), ("10:22:40.000000Z", "24:22:40.000000Z"),
        ("2010-06-15", "2010-06-31"), ("AAEC", "AAE"), ("Hh8=", "Hh9="), ("f-9", "f\x7f9"),
    ],
)  # fmt: skip
def test_each_rule_of_the_note_refuses(old: str, new: str) -> None:
    changed = RECEIPT.text.replace(old, new, 1)
    assert changed != RECEIPT.text
    with pytest.raises(MalformedError):
        parse_receipt(changed)


def test_exactly_one_signature_of_the_one_type_is_a_receipt() -> None:
    note, policy = signed(RECEIPT), policy_of()
    assert open_receipt(note, policy) == RECEIPT
    with pytest.raises(MalformedError, match="signatures"):
        open_receipt(sign_note(RECEIPT.text, RECEIPT_KEY, LOG_KEY), policy)
    with pytest.raises(UnknownKeyError):
        open_receipt(sign_note(RECEIPT.text, LOG_KEY), policy)
    cosigner = SignerKey(RECEIPT_KEY.name, COSIGNATURE_V1, RECEIPT_KEY.seed)
    text = RECEIPT.text + "\n" + cosigner.sign(RECEIPT.text.encode(), 1).line
    with pytest.raises(UnknownKeyError):
        open_receipt(text.encode(), policy)
    with pytest.raises(InvalidSignatureError):
        open_receipt(note.replace(b"f-9", b"f-8"), policy)
    with pytest.raises(MalformedError, match="bytes"):
        open_receipt(note + b"x" * 16_384, policy)


def test_the_signature_is_one_over_the_text() -> None:
    text, line = signed(RECEIPT).decode().split("\n\n")
    raw = base64.b64decode(line.split(" ")[2])
    Ed25519PrivateKey.from_private_bytes(b"r" * 32).public_key().verify(raw[4:], f"{text}\n".encode())
    assert line.startswith("— ledger.example/renewals/receipt-1 ")


@pytest.mark.parametrize(("first", "end", "holds"), [
    (1, None, True), (17, None, True), (17, 18, True), (18, None, False), (1, 17, False),
])  # fmt: skip
def test_a_receipt_key_holds_for_its_positions(first: int, end: int | None, holds: bool) -> None:
    policy = policy_of(receipts=receipts_member(first, end))
    if holds:
        open_receipt(signed(RECEIPT), policy)
        return
    with pytest.raises(UnknownKeyError, match="position"):
        open_receipt(signed(RECEIPT), policy)


@pytest.mark.parametrize(("within_s", "later_us", "holds"), [
    (86_400, 86_400_000_000, True), (86_400, 86_400_000_001, False), (86_400, 0, True), (86_400, -1, False), (0, 0, True),
    (86_399, 86_400_000_000, False),
])  # fmt: skip
def test_a_promise_is_bounded_by_the_policy(within_s: int, later_us: int, holds: bool) -> None:
    values = {name: getattr(RECEIPT, name) for name in Receipt.__slots__}
    receipt = Receipt(**values | {"promised_us": RECEIPT.recorded_us + later_us})
    policy = policy_of(receipts=receipts_member(within_s=within_s))
    if holds:
        open_receipt(signed(receipt), policy)
        return
    with pytest.raises(MalformedError, match="promised_by"):
        open_receipt(signed(receipt), policy)


def test_a_receipt_of_another_log_or_without_a_trusted_key_is_none() -> None:
    values = {name: getattr(RECEIPT, name) for name in Receipt.__slots__}
    with pytest.raises(UnknownKeyError, match="origin"):
        open_receipt(signed(Receipt(**values | {"origin": "other.example/log"})), policy_of())
    with pytest.raises(UnknownKeyError):
        open_receipt(signed(RECEIPT), policy_of(receipts={"keys": [], "within_s": 86_400}))

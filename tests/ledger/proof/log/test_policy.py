"""Policies, and checkpoints judged by them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.log.errors import IncompleteError, InvalidSignatureError, MalformedError, UnknownKeyError
from ledger.proof.log.note import ED25519
from ledger.proof.log.policy import checkpoint_time, open_checkpoint, parse_policy
from ledger.proof.log.signer import SignerKey, format_note
from tests.ledger.proof.book import LOG_KEY, NEW_LOG_KEY, WITNESSES, Book, policy

VKEY = str(LOG_KEY.verifier)
WITNESS_VKEY = str(WITNESSES[0].verifier)
BOOK = Book()
BOOK.log_heads()
SIZE = len(BOOK.entries)
CLOCKS_S = st.integers(0, 10**11)


def log(first: int = 0, end: int | None = None, vkey: str = VKEY) -> dict[str, Any]:
    return {"vkey": vkey, "from": first, "to": end}


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": ""}, {"origin": None}, {"logs": []}, {"logs": {}}, {"logs": [VKEY]}, {"logs": [log() | {"x": 1}]},
        {"logs": [log(vkey=WITNESS_VKEY)]}, {"logs": [log(vkey=VKEY[:-1])]}, {"logs": [log(-1)]}, {"logs": [log(5, 5)]},
        {"logs": [log(True)]}, {"logs": [log(), log()]}, {"logs": [{"vkey": VKEY, "from": 0}]}, {"quorum": 4},
        {"logs": [log()] * 101}, {"witnesses": [VKEY]}, {"witnesses": [WITNESS_VKEY] * 2}, {"witnesses": None},
        {"witnesses": [], "quorum": 1}, {"quorum": -1}, {"quorum": "2"}, {"quorum": True}, {"more": 1},
    ],
)  # fmt: skip
def test_policies_in_another_form_are_refused(changed: dict[str, Any]) -> None:
    parse_policy(policy())
    with pytest.raises(MalformedError, match="policy"):
        parse_policy(policy(**changed))


def test_a_policy_with_a_missing_or_repeated_key_is_refused() -> None:
    for key in ("origin", "logs", "witnesses", "quorum"):
        value = json.loads(policy())
        del value[key]
        with pytest.raises(MalformedError):
            parse_policy(json.dumps(value).encode())
    with pytest.raises(MalformedError, match="twice"):
        parse_policy(policy()[:-1] + b',"quorum":0}')


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"logs": [log(vkey=VKEY + "\r\n")]},
            "logs: vkey: verifier key: found another form .*, and white space, expected",
        ),
        (
            {"logs": [log(vkey=VKEY[:-1])]},
            "logs: vkey: verifier key: found another form after the name '[^']*', expected",
        ),
        ({"logs": [log(vkey="\ufeff" + VKEY)]}, r"key id of the verifier key '\\ufeff"),
        ({"witnesses": [{"vkey": WITNESS_VKEY}]}, "^policy: witnesses: key: found {'vkey'.*, expected a string$"),
    ],
)
def test_what_is_wrong_with_a_key_that_was_pasted_is_said(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        parse_policy(policy(**changed))


def test_one_cosigner_under_two_names_counts_as_one() -> None:
    alias = SignerKey("alias.example", WITNESSES[0].signature_type, WITNESSES[0].seed)
    with pytest.raises(MalformedError, match="a key twice"):
        parse_policy(policy(witnesses=[WITNESS_VKEY, str(alias.verifier)]))


def test_the_log_cannot_be_its_own_witness() -> None:
    own = SignerKey("own.example", WITNESSES[0].signature_type, LOG_KEY.seed)
    with pytest.raises(MalformedError, match="a key of the log"):
        parse_policy(policy(witnesses=[str(own.verifier)], quorum=1))


@given(
    liar_s=st.integers(0, 2**63 - 1), honest_s=st.tuples(CLOCKS_S, CLOCKS_S), place=st.integers(0, 2), again_s=CLOCKS_S
)
def test_one_clock_that_is_wrong_moves_no_checkpoint_out_of_the_time_of_the_others(
    liar_s: int, honest_s: tuple[int, int], place: int, again_s: int
) -> None:
    """Also where the host keeps a second cosignature of the same witness, at another time."""
    text = BOOK.checkpoint().text
    times_s = [*honest_s]
    times_s.insert(place, liar_s)
    signatures = [key.sign(text.encode(), at_s) for key, at_s in zip(WITNESSES, times_s, strict=True)]
    note = format_note(text, [LOG_KEY.sign(text.encode()), *signatures])
    trust = parse_policy(policy())
    trusted = open_checkpoint(note + WITNESSES[place].sign(text.encode(), again_s).line.encode(), trust)
    assert trusted.cosigned == tuple(zip((key.name for key in WITNESSES), times_s, strict=True))
    time_s = checkpoint_time(trusted, trust)
    assert time_s is not None
    assert min(honest_s) <= time_s <= max(honest_s)


@given(st.one_of(st.binary(max_size=100), st.text('{}[]":,originlgs01', max_size=80).map(str.encode)))
def test_reading_a_policy_never_crashes(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_policy(data)


def test_a_checkpoint_by_log_and_quorum_is_trusted() -> None:
    trusted = open_checkpoint(BOOK.signed(), parse_policy(policy()))
    assert trusted.checkpoint.size == SIZE
    assert trusted.signed_by == (VKEY,)
    assert [name for name, _ in trusted.cosigned] == ["witness.example/w0", "witness.example/w1"]


@pytest.mark.parametrize(("first", "end", "holds"), [
    (0, None, True), (SIZE, None, True), (SIZE, SIZE + 1, True), (SIZE + 1, None, False), (0, SIZE, False),
])  # fmt: skip
def test_a_log_key_holds_from_its_first_size_and_before_its_end(first: int, end: int | None, holds: bool) -> None:
    trust = parse_policy(policy(logs=[log(first, end)]))
    if holds:
        open_checkpoint(BOOK.signed(), trust)
        return
    with pytest.raises(UnknownKeyError, match="holds at this size"):
        open_checkpoint(BOOK.signed(), trust)


def test_in_a_rotation_either_key_is_enough_while_both_hold() -> None:
    old, new = str(LOG_KEY.verifier), str(NEW_LOG_KEY.verifier)
    trust = parse_policy(policy(logs=[log(0, SIZE + 1, old), log(SIZE, None, new)], quorum=0))
    for signers, signed_by in (((LOG_KEY,), [old]), ((NEW_LOG_KEY,), [new]), ((LOG_KEY, NEW_LOG_KEY), [old, new])):
        assert list(open_checkpoint(BOOK.signed(*signers), trust).signed_by) == signed_by
    retired = parse_policy(policy(logs=[log(0, SIZE, old), log(SIZE, None, new)], quorum=0))
    open_checkpoint(BOOK.signed(LOG_KEY, NEW_LOG_KEY), retired)
    with pytest.raises(UnknownKeyError):
        open_checkpoint(BOOK.signed(LOG_KEY), retired)


def test_too_few_cosignatures_are_incomplete_and_unknown_ones_do_not_count() -> None:
    stranger = SignerKey("stranger.example", WITNESSES[0].signature_type, b"x" * 32)
    trust = parse_policy(policy())
    for cosigners in ((), WITNESSES[:1], (WITNESSES[0], stranger), (WITNESSES[0], WITNESSES[0])):
        with pytest.raises(IncompleteError, match="cosignatures"):
            open_checkpoint(BOOK.signed(LOG_KEY, *cosigners), trust)


def test_witnesses_alone_are_not_the_log() -> None:
    with pytest.raises(UnknownKeyError):
        open_checkpoint(BOOK.signed(*WITNESSES), parse_policy(policy()))


def test_another_origin_is_unknown_even_when_signed_with_the_right_key() -> None:
    with pytest.raises(UnknownKeyError, match="origin"):
        open_checkpoint(BOOK.signed(origin="other.example"), parse_policy(policy()))


def test_a_false_cosignature_by_a_trusted_witness_refuses_the_checkpoint() -> None:
    signed = BOOK.signed(LOG_KEY, *WITNESSES)
    line = next(line for line in signed.decode().splitlines() if "w2" in line)
    other = Book()
    other.enrol("m-1")
    other.log_heads()
    false = next(line for line in other.signed(*WITNESSES).decode().splitlines() if "w2" in line)
    with pytest.raises(InvalidSignatureError, match="w2"):
        open_checkpoint(signed.decode().replace(line, false).encode(), parse_policy(policy()))


def test_a_log_key_of_another_name_than_the_origin_may_be_trusted() -> None:
    named = SignerKey("sequencer.example", ED25519, b"n" * 32)
    trust = parse_policy(policy(logs=[log(vkey=str(named.verifier))], quorum=0))
    assert open_checkpoint(BOOK.signed(named), trust).checkpoint.origin == LOG_KEY.name


CHECKERS = [
    SignerKey(f"checker.example/c{i}/checking", WITNESSES[0].signature_type, bytes([9, i]) * 16) for i in range(2)
]
RECEIPT_KEY = SignerKey(f"{LOG_KEY.name}/receipt-1", ED25519, b"r" * 32)


def receipts(key: SignerKey = RECEIPT_KEY, within_s: Any = 60, **changed: Any) -> dict[str, Any]:
    return {"keys": [{"vkey": str(key.verifier), "from": 1, "to": None} | changed], "within_s": within_s}


def named(name: str, seed: bytes = b"r" * 32, signature_type: int = ED25519) -> SignerKey:
    return SignerKey(name, signature_type, seed)


def test_a_policy_may_leave_out_receipts_and_checking() -> None:
    plain = parse_policy(policy())
    assert (plain.checking, plain.receipts.keys, plain.receipts.within_s) == (0, (), 0)
    said = parse_policy(policy(receipts=receipts()))
    assert [str(one.key) for one in said.receipts.keys] == [str(RECEIPT_KEY.verifier)]


@pytest.mark.parametrize(
    "changed",
    [
        {"receipts": None}, {"receipts": {"keys": []}}, {"receipts": receipts(within_s=-1)},
        {"receipts": receipts(within_s="1")},
        {"receipts": receipts(within_s=10**10)}, {"receipts": receipts() | {"more": 1}}, {"receipts": receipts(to=1)},
        {"receipts": receipts(named(LOG_KEY.name))}, {"receipts": receipts(named(f"{LOG_KEY.name}/receipt-0"))},
        {"receipts": receipts(named(f"{LOG_KEY.name}/receipt-01"))}, {"receipts": receipts(named("other/receipt-1"))},
        {"receipts": receipts(named(f"{LOG_KEY.name}/receipt-1", signature_type=4))},
        {"receipts": receipts(named(f"{LOG_KEY.name}/receipt-1", LOG_KEY.seed))},
        {"receipts": receipts(named(f"{LOG_KEY.name}/receipt-1", WITNESSES[0].seed))},
        {"receipts": {"keys": [*receipts()["keys"], *receipts(named(f"{LOG_KEY.name}/receipt-2"))["keys"]], "within_s": 1}},
        {"checking": 1}, {"checking": -1}, {"checking": True},
    ],
)  # fmt: skip
def test_receipts_and_checking_in_another_form_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(MalformedError, match="policy"):
        parse_policy(policy(**changed))


def test_where_checking_witnesses_are_asked_for_the_quorum_is_more_than_half() -> None:
    keys = [str(key.verifier) for key in (*WITNESSES[:2], *CHECKERS)]
    assert parse_policy(policy(witnesses=keys, quorum=3, checking=2)).checking == 2
    parse_policy(policy(witnesses=keys, quorum=2))
    for quorum, checking in ((2, 1), (3, 3), (1, 2)):
        with pytest.raises(MalformedError, match=r"more than half|at most"):
            parse_policy(policy(witnesses=keys, quorum=quorum, checking=checking))


def test_a_checkpoint_without_the_checking_witness_is_incomplete() -> None:
    trust = parse_policy(
        policy(witnesses=[str(key.verifier) for key in (*WITNESSES[:2], CHECKERS[0])], quorum=2, checking=1)
    )
    open_checkpoint(BOOK.signed(LOG_KEY, WITNESSES[0], CHECKERS[0]), trust)
    with pytest.raises(IncompleteError, match="checking"):
        open_checkpoint(BOOK.signed(LOG_KEY, *WITNESSES[:2]), trust)

"""ReceiptSigner: what is signed is what the book has, for every outcome, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from ledger.errors import BookChanged, BrokenHistory, WrongKey
from ledger.programmes.registry import fact_from_object
from ledger.proof.log.note import COSIGNATURE_V1, ED25519
from ledger.proof.log.policy import WITHIN_MAX_S
from ledger.proof.log.signer import SignerKey
from ledger.proof.receipts.holding import Handed, hold, hold_fact, parse_handed
from ledger.proof.receipts.receipt import open_receipt
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.seal.receipt_proofs import judge_log
from ledger.seal.receipts import READ_MAX, ReceiptSigner, encoded
from ledger.store.base import Row
from ledger.writing.transaction import Outcome
from tests.console.support import Fact, enrolment, met, response
from tests.contracts.backends import BACKENDS, Backend
from tests.ledger.programmes.capability.book import Book
from tests.ledger.proof.receipts.support import RECEIPT_KEY, policy_of, receipts_member
from tests.ledger.seal.support import Ledger, a_ledger, policy

NOW = datetime(2012, 1, 1, tzinfo=UTC)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    made = Book(tmp_path, NOW)
    yield made
    made.close()


@pytest.mark.parametrize("name", ["ledger.example", "ledger.example/receipt-", "ledger.example/receipt-0", "/receipt-1",
                                  "ledger.example/receipt-01", "ledger.example/receipt-1/x", "ledger.example/log"])  # fmt: skip
def test_a_key_that_is_not_named_as_one_of_receipts_signs_none(name: str) -> None:
    with pytest.raises(WrongKey, match="receipt-<n>"):
        ReceiptSigner(SignerKey(name, ED25519, bytes(32)))


@pytest.mark.parametrize("delay_s", [-1, WITHIN_MAX_S + 1])
def test_a_promise_that_no_policy_allows_is_refused(delay_s: int) -> None:
    with pytest.raises(WrongKey, match=f"{delay_s}"):
        ReceiptSigner(RECEIPT_KEY, delay_s)


def test_receipts_stand_beside_their_outcomes_and_what_was_refused_has_none(book: Book) -> None:
    facts = [
        *met(),
        response(3, "Else", "2010-06-03T10:00:00Z"),
        met()[4],
        response(70, "Late", "2030-01-01T00:00:00Z"),
    ]
    outcomes = book.tell(*facts)
    assert [one.status for one in outcomes[-3:]] == ["refused", "duplicate", "refused"]
    found = [*ReceiptSigner(RECEIPT_KEY).for_outcomes(book.store, outcomes)]
    assert [handed is None for handed in found] == [outcome.position == 0 for outcome in outcomes]
    policy = policy_of()
    for fact, outcome, handed in zip(facts, outcomes, found, strict=True):
        if handed is None:
            continue
        receipt = open_receipt(handed.receipt, policy)
        assert (receipt.fact, receipt.position, receipt.stream) == (fact["id"], outcome.position, "membership-m-1")
        assert receipt.promised_us - receipt.recorded_us == 86_400_000_000
        hold_fact(hold(handed, receipt), fact, PROOF_PROGRAMMES)
        assert parse_handed(encoded(handed)) == handed
    assert found[4] == found[-2]  # the duplicate's


def test_a_duplicate_after_a_restart_gets_the_same_bytes_by_another_process_with_the_key(book: Book) -> None:
    first = [*ReceiptSigner(RECEIPT_KEY).for_outcomes(book.store, book.tell(*met()))]
    book.reopen()
    book.now = datetime(2013, 1, 1, tzinfo=UTC)
    again = SignerKey(RECEIPT_KEY.name, ED25519, b"r" * 32)
    assert [*ReceiptSigner(again).for_outcomes(book.store, book.tell(*met()))] == first


def test_a_receipt_is_for_the_first_event_of_its_fact_and_not_for_what_it_brought_about(book: Book) -> None:
    outcomes = book.tell(*met())
    announced = [row for row in book.store.read_feed(0, 1_000) if row.type == "EligibilityChanged"]
    assert announced
    for handed in ReceiptSigner(RECEIPT_KEY).for_outcomes(book.store, outcomes):
        assert handed is not None
        event = hold(handed, open_receipt(handed.receipt, policy_of()))
        assert event.type != "EligibilityChanged"


def test_facts_far_apart_are_read_back_and_signed_in_their_order(book: Book) -> None:
    book.tell(*enrolment())
    many = [response(n, f"Customer {n}", f"2010-06-01T{n // 60:02}:{n % 60:02}:00Z") for n in range(1_200)]
    outcomes = book.tell(*many)
    assert len({one.position for one in outcomes}) == len(many) > READ_MAX
    signer = ReceiptSigner(RECEIPT_KEY)
    asked = [*outcomes[::-7], outcomes[0], outcomes[-1], outcomes[0]]
    found = [*signer.for_outcomes(book.store, asked)]
    policy = policy_of()
    assert [handed and open_receipt(handed.receipt, policy).position for handed in found] == [
        outcome.position for outcome in asked
    ]
    assert len([*signer.for_outcomes(book.store, outcomes)]) == len(many)


def test_events_far_apart_are_read_in_as_few_queries_as_neighbours(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [
        *enrolment(),
        *(response(number, f"Org {number}", "2010-06-01T10:00:00Z") for number in range(2 * READ_MAX)),
    ]
    outcomes = book.tell(*many)
    apart = [outcomes[0], outcomes[READ_MAX], outcomes[-1]]
    asked: list[Sequence[int]] = []
    whole = book.store.read_at

    def read_at(positions: Sequence[int]) -> list[Row]:
        asked.append(positions)
        return whole(positions)

    monkeypatch.setattr(book.store, "read_at", read_at)
    monkeypatch.setattr(book.store, "read_feed", None)
    handed = list(ReceiptSigner(RECEIPT_KEY).for_outcomes(book.store, apart))
    assert [one is not None and parse_fact_id(one) for one in handed] == [
        many[0]["id"],
        many[READ_MAX]["id"],
        many[-1]["id"],
    ]
    assert len(asked) == 1


def parse_fact_id(handed: Handed) -> str:
    return str(orjson.loads(encoded(handed))["fact"])


def test_nothing_is_signed_that_the_book_does_not_have(book: Book) -> None:
    book.tell(*met())
    ahead = Outcome("accepted", book.store.max_position() + 1)
    with pytest.raises(BrokenHistory, match="expected that of a recorded fact"):
        next(ReceiptSigner(RECEIPT_KEY).for_outcomes(book.store, [ahead]))


def test_another_delay_promises_otherwise_and_no_delay_is_a_promise_of_now(book: Book) -> None:
    outcomes = book.tell(*met())
    policy = policy_of()
    for delay_s in (0, 60):
        (handed, *_) = ReceiptSigner(RECEIPT_KEY, delay_s).for_outcomes(book.store, outcomes)
        assert handed is not None
        receipt = open_receipt(handed.receipt, policy)
        assert receipt.promised_us - receipt.recorded_us == delay_s * 1_000_000


def test_a_key_that_cosigns_is_no_key_of_receipts(tmp_path: Path) -> None:
    """What it signs is no receipt: a policy does not take it."""
    from ledger.proof.log.errors import ProofError

    key: Any = SignerKey("ledger.example/receipt-1", COSIGNATURE_V1, b"w" * 32)
    with pytest.raises((WrongKey, ProofError)):
        policy_of(receipts={"keys": [{"vkey": str(key.verifier), "from": 1, "to": None}], "within_s": 60})


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def handed_out(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HandedOut]:
    """A sealed book on each backend, and the receipts for its facts."""
    backend: Backend = request.param
    place = backend.place(request)
    with a_ledger(backend, place, tmp_path / "log", []) as ledger:
        made = HandedOut(ledger, partial(ledger.reopen, backend, place), [])
        made.receipts.extend(made.record(met()))
        ledger.seal()
        assert {made.verdict(handed, ledger) for handed in made.receipts} == {"kept"}
        yield made


class HandedOut(NamedTuple):
    """A book, and the receipts that were handed out."""

    ledger: Ledger
    reopen: Callable[[], None]
    receipts: list[Handed]

    def record(self, facts: Sequence[Fact]) -> list[Handed]:
        """The receipts for facts, whether they are new or duplicates."""
        outcomes = self.ledger.writer.record([fact_from_object(one) for one in facts])
        signed = ReceiptSigner(RECEIPT_KEY).for_outcomes(self.ledger.store, outcomes)
        return [handed for handed in signed if handed is not None]

    def verdict(self, handed: Handed, ledger: Ledger) -> str:
        """What a log says of a receipt."""
        judged = judge_log(ledger.folder, handed.receipt, policy(receipts=receipts_member()))
        assert judged is not None
        return judged.judgement.verdict


def test_duplicates_get_the_receipts_of_the_first_time_on_each_backend(handed_out: HandedOut) -> None:
    twice = [*handed_out.receipts, *handed_out.receipts[::-1]]
    assert handed_out.record([*met(), *met()[::-1]]) == twice
    handed_out.reopen()
    assert handed_out.record([*met(), *met()[::-1]]) == twice


def test_a_database_that_lost_events_with_receipts_is_not_sealed_on_and_a_new_log_breaks_them(
    handed_out: HandedOut, tmp_path: Path
) -> None:
    """An older backup is put back, and the facts are handed in again: their events are others, and so said by the receipts."""
    ledger, reopen, receipts = handed_out
    lost = 6
    end = open_receipt(receipts[-lost].receipt, policy(receipts=receipts_member())).position
    with ledger.unguarded() as execute:
        execute(f"DELETE FROM EVENTS WHERE position >= {end}")
    reopen()
    again = handed_out.record([*met()[:-lost], response(90, "Else", "2010-06-03T10:00:00Z"), *met()[-lost:]])
    assert [one in receipts for one in again] == [True] * (len(receipts) - lost) + [False] * (lost + 1)
    with pytest.raises(BookChanged):
        ledger.seal()
    resealed = Ledger(ledger.store, tmp_path / "anew")
    resealed.seal()
    verdicts = [handed_out.verdict(one, resealed) for one in receipts]
    assert verdicts == ["kept"] * (len(receipts) - lost) + ["broken"] * lost
    assert {handed_out.verdict(one, resealed) for one in again} == {"kept"}
    assert {handed_out.verdict(one, ledger) for one in again[-lost:]} == {"broken"}, (
        "the log of before has others there"
    )

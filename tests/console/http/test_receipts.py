"""Receipts over HTTP: for every fact that is in the book, the same again for a duplicate, and never at a fact's expense."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.http.embedded import Embedded
from console.http.receipts import ReceiptDesk
from console.wiring import Ledger, open_store
from ledger.errors import BrokenHistory
from ledger.programmes.registry import fact_from_object
from ledger.proof.log.note import ED25519
from ledger.proof.log.signer import SignerKey
from ledger.seal.receipts import ReceiptSigner
from ledger.store.base import Reader
from ledger.writing.transaction import Outcome
from tests.console.http.support import NOW, NOW_US, Served, seal, serving
from tests.console.support import Program, enrolment, fact, met
from tests.ledger.seal.support import LOG_KEY, policy_bytes

KEY = SignerKey(f"{LOG_KEY.name}/receipt-1", ED25519, bytes(range(2, 34)))
PATIENCE_S = 20.0


@pytest.fixture
def handing(program: Program) -> Iterator[Served]:
    """A service that signs receipts, over a book without a fact."""
    program.now(NOW)
    with serving(program.store, Embedded(receipts=ReceiptSigner(KEY))) as found:
        yield found


def kept(program: Program, receipt: Any, handed_in: Any) -> str:
    """What the verifier says of a receipt, once the book is sealed."""
    seal(program.store, program.folder / "log")
    keys = [{"vkey": str(KEY.verifier), "from": 1, "to": None}]
    (program.folder / "policy.json").write_bytes(policy_bytes(receipts={"keys": keys, "within_s": 86_400}, checking=0))
    (program.folder / "r.jsonl").write_text(json.dumps(receipt) + "\n")
    (program.folder / "fact.json").write_text(json.dumps(handed_in))
    options = ("--fact", "fact.json", "--log", "log", "--policy", "policy.json", "--just-taken", "--json")
    return str(program.run_bare("verify-receipt", "r.jsonl", *options).json["verdict"])


def test_one_fact_has_a_receipt_that_the_log_keeps_and_a_duplicate_the_same(handing: Served, program: Program) -> None:
    one = enrolment()[0]
    made, again = handing.post("/v1/facts", one), handing.post("/v1/facts", one)
    assert (made.status_code, again.status_code) == (201, 200)
    receipt = made.json()["receipt"]
    assert receipt.keys() == {"event", "fact", "receipt"}
    assert again.json() == made.json() | {"status": "duplicate"}
    assert kept(program, receipt, one) == "kept"


def test_receipts_are_those_that_record_writes(handing: Served, program: Program) -> None:
    facts = met()
    made = handing.post("/v1/facts", facts).json()
    assert {one["status"] for one in made} == {"accepted"}
    (program.folder / "receipt-1.key").write_text(KEY.encoded() + "\n")
    (program.folder / "receipt-1.key").chmod(0o600)
    options = ("--receipts", "r.jsonl", "--receipt-key", "receipt-1.key")
    assert program.json("record", program.write("facts.jsonl", facts), *options).json["duplicates"] == len(facts)
    written = [orjson.loads(line) for line in (program.folder / "r.jsonl").read_bytes().splitlines()]
    assert [one["receipt"] for one in made] == written


@pytest.mark.parametrize("media", ["application/json", "application/x-ndjson"])
def test_of_many_facts_those_have_receipts_that_are_in_the_book(handing: Served, media: str) -> None:
    handing.post("/v1/facts", enrolment())
    stranger = fact("record-reminder", "x-1", "2010-06-01T00:00:00Z", invitation="none")
    lines = [*enrolment(), stranger, *enrolment("m-2"), {"type": "nothing"}]
    body = b"".join(orjson.dumps(one) + b"\n" for one in lines) if "nd" in media else orjson.dumps(lines)
    found = handing.post("/v1/facts", body, **{"Content-Type": media})
    made = [orjson.loads(line) for line in found.content.splitlines()] if "nd" in media else found.json()
    assert [(one["status"], "receipt" in one) for one in made] == [
        ("duplicate", True), ("duplicate", True), ("refused", False), ("accepted", True), ("accepted", True),
        ("refused", False),
    ]  # fmt: skip
    assert [one["receipt"]["fact"] for one in made if "receipt" in one] == [
        one["id"] for one in (*enrolment(), *enrolment("m-2"))
    ]


def test_without_a_key_there_are_none(empty: Served) -> None:
    assert "receipt" not in empty.post("/v1/facts", enrolment()[0]).json()


def test_a_receipt_that_cannot_be_had_takes_no_fact_back_and_comes_with_the_same_fact_again(program: Program) -> None:
    class Signs:
        """A key service that is away."""

        away = True
        verifier = KEY.verifier

        def sign(self, text: bytes) -> Any:
            if self.away:
                raise ConnectionRefusedError("key service")
            return KEY.sign(text)

    key = Signs()
    with serving(program.store, Embedded(receipts=ReceiptSigner(key))) as served:
        one = enrolment()[0]
        assert served.post("/v1/facts", one).status_code == 500
        assert [type(fault) for fault in served.faults] == [ConnectionRefusedError]
        served.faults.clear()
        key.away = False
        again = served.post("/v1/facts", one)
        assert (again.status_code, again.json()["status"], "receipt" in again.json()) == (200, "duplicate", True)


# the desk by itself


def outcomes_of(path: Path) -> list[Outcome]:
    ledger = Ledger(open_store(str(path), create=True), lambda: NOW_US)
    found = ledger.writer.record([fact_from_object(one) for one in met()])
    ledger.close()
    return found


class Counting(ReceiptSigner):
    """Signs, and counts how often the book was asked; waits before its first receipts until it may go on."""

    def __init__(self) -> None:
        super().__init__(KEY)
        self.groups: list[int] = []
        self.asked, self.go_on = threading.Event(), threading.Event()

    def for_outcomes(self, book: Reader, outcomes: Sequence[Outcome]) -> Any:
        self.groups.append(len(outcomes))
        self.asked.set()
        assert self.go_on.wait(PATIENCE_S)
        return super().for_outcomes(book, outcomes)


def desk_over(path: Path, signer: ReceiptSigner) -> ReceiptDesk:
    return ReceiptDesk(lambda: Ledger(open_store(str(path), create=False), lambda: NOW_US), str(path), signer)


def test_what_gathers_while_receipts_are_signed_is_signed_together(tmp_path: Path) -> None:
    outcomes = outcomes_of(tmp_path / "ledger.db")
    signer = Counting()
    desk = desk_over(tmp_path / "ledger.db", signer)
    found: list[Any] = []
    desk.submit(outcomes[:1], found.append)
    assert signer.asked.wait(PATIENCE_S)
    for outcome in outcomes[1:]:
        desk.submit([outcome], found.append)
    signer.go_on.set()
    desk.close()
    assert signer.groups == [1, len(outcomes) - 1]
    assert [[one.fact for one in handed] for handed in found] == [[one["id"]] for one in met()]


def test_an_event_that_is_not_there_is_the_fault_of_its_own_request_alone(tmp_path: Path) -> None:
    outcomes = outcomes_of(tmp_path / "ledger.db")
    signer = Counting()
    desk = desk_over(tmp_path / "ledger.db", signer)
    found: list[Any] = []
    desk.submit(outcomes[:1], found.append)
    assert signer.asked.wait(PATIENCE_S)
    desk.submit([outcomes[1]], found.append)
    desk.submit([outcomes[2]._replace(position=10_000)], found.append)
    desk.submit([outcomes[3]], found.append)
    signer.go_on.set()
    desk.close()
    assert [isinstance(one, BrokenHistory) for one in found] == [False, False, True, False]


def test_after_the_end_no_receipt_is_promised(tmp_path: Path) -> None:
    outcomes = outcomes_of(tmp_path / "ledger.db")
    desk = desk_over(tmp_path / "ledger.db", ReceiptSigner(KEY))
    desk.close()
    found: list[Any] = []
    desk.submit(outcomes, found.append)
    assert [str(error) for error in found] == ["found a fact after the end, expected none: no receipt was signed"]

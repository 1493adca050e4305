"""The schemas of evidence, receipts and their proofs: they allow what the verifier reads, and nothing of another shape."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from ledger.proof.log.bundle import parse_bundle
from ledger.proof.log.errors import MalformedError
from ledger.proof.log.policy import parse_policy
from ledger.proof.log.verify import verify
from ledger.proof.receipts.asked import asked_receipt
from ledger.proof.receipts.holding import hold, parse_handed
from ledger.proof.receipts.judging import judge_proof
from ledger.proof.receipts.proof import parse_receipt_proof
from ledger.proof.receipts.receipt import open_receipt
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.seal.receipts import ReceiptSigner, encoded
from tests.ledger.proof.receipts.support import RECEIPT_KEY, Sealed, judged
from tests.ledger.seal.support import sqlite_ledger
from tests.schemas.test_contracts import SCHEMAS, validator

READ: dict[str, Callable[[bytes], object]] = {
    "evidence.v2.json": parse_bundle,
    "receipt.v1.json": parse_handed,
    "receipt-proof.v1.json": parse_receipt_proof,
}
SAMPLES = SCHEMAS / "samples" / "proofs"
OTHERS = (None, True, -1, 1.5, 2**70, "", "x", [], [""], {}, {"x": 1})


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """Some of each, as they are written."""
    with sqlite_ledger(tmp_path_factory.mktemp("book")) as ledger:
        ledger.seal()
        bundle = ledger.evidence().encoded()
        handed = [ReceiptSigner(RECEIPT_KEY).receipt(row.position, row.stored) for row in ledger.store.read_feed(0, 30)]
    made = Sealed()
    made.append("membership-m-1", "EvaluationReceived", "2010-04-02", {"evaluation": "e-1"}, fact="f-1")
    made.seal(1)
    made.append("membership-m-1", "EvaluationReceived", "2010-04-03", {"evaluation": "e-2"}, fact="f-2")
    made.seal(2)
    receipts = [made.receipt("membership-m-1", seq) for seq in (1, 2)]
    receipts += [replace(receipts[0], leaf=bytes(32)), replace(receipts[1], stream="membership-m-2", seq=1)]
    proofs = [judged(made.log, receipt).proof.encoded() for receipt in receipts]
    absent = json.loads(bundle)
    name = absent["rules"]
    absent["streams"][name] = {"events": [], "siblings": absent["streams"][name]["siblings"], "absent": None}
    return {
        "evidence.v2.json": [json.loads(bundle), absent],
        "receipt.v1.json": [json.loads(encoded(one)) for one in handed if one.fact],
        "receipt-proof.v1.json": [*map(json.loads, proofs)],
    }


def test_there_is_a_schema_of_each_form() -> None:
    assert {path.name for path in (SCHEMAS / "proofs").glob("*.json")} == READ.keys()


@pytest.mark.parametrize("name", READ)
def test_what_is_written_keeps_to_its_schema(name: str, documents: dict[str, list[Any]]) -> None:
    assert documents[name]
    for document in documents[name]:
        validator("proofs", name).validate(document)
        READ[name](json.dumps(document).encode())


@pytest.mark.parametrize("name", READ)
def test_the_verifier_reads_nothing_that_the_schema_does_not_allow(name: str, documents: dict[str, list[Any]]) -> None:
    refused = 0
    for document in documents[name][:4]:
        for shape, changed in changes(document):
            allowed = validator("proofs", name).is_valid(changed)
            read = is_read(READ[name], changed)
            assert allowed or not read, changed
            assert read or not allowed or not shape, changed
            refused += not allowed
    assert refused > 20


def is_read(parse: Callable[[bytes], object], document: Any) -> bool:
    try:
        parse(json.dumps(document).encode())
    except MalformedError:
        return False
    return True


def changes(document: Any) -> Iterator[tuple[bool, Any]]:
    """The document with one thing changed: whether that changes the members that it has, and the document."""
    for path in paths(document):
        *above, last = path
        for other in OTHERS:
            changed = copy.deepcopy(document)
            at(changed, above)[last] = other
            yield False, changed
        changed = copy.deepcopy(document)
        del at(changed, above)[last]
        yield isinstance(last, str), changed
        if isinstance(at(document, path), dict):
            changed = copy.deepcopy(document)
            at(changed, path)["x"] = 1
            yield True, changed


def paths(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to each place in a document; of a list to its first and last."""
    if path:
        yield path
    if isinstance(node, dict):
        for key, value in node.items():
            yield from paths(value, (*path, key))
    elif isinstance(node, list):
        for place in {0, len(node) - 1} if node else ():
            yield from paths(node[place], (*path, place))


def at(document: Any, path: Any) -> Any:
    for step in path:
        document = document[step]
    return document


@pytest.mark.parametrize("programme", ["survey", "capability"])
def test_released_evidence_is_confirmed_for_ever(programme: str) -> None:
    bundle = (SAMPLES / f"evidence.v2.{programme}.json").read_bytes()
    validator("proofs", "evidence.v2.json").validate(json.loads(bundle))
    report = verify(bundle, (SAMPLES / "policy.json").read_bytes(), PROOF_PROGRAMMES)
    assert (report.verdict, report.programme, report.warnings) == ("confirmed", programme, [])


def test_released_receipts_and_their_proof_are_believed_for_ever() -> None:
    policy = parse_policy((SAMPLES / "policy.json").read_bytes())
    proof = parse_receipt_proof((SAMPLES / "receipt-proof.v1.json").read_bytes())
    validator("proofs", "receipt-proof.v1.json").validate(json.loads(proof.encoded()))
    lines = (SAMPLES / "receipt.v1.jsonl").read_bytes()
    for line in lines.splitlines():
        validator("proofs", "receipt.v1.json").validate(json.loads(line))
        hold(parse_handed(line), open_receipt(parse_handed(line).receipt, policy))
    asked = asked_receipt(lines, None, proof.receipt)
    assert (asked.note, len(asked.others)) == (proof.receipt, 1)
    assert judge_proof(proof, policy).verdict == "kept"

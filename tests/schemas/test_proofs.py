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
from ledger.proof.receipts.holding import parse_handed
from ledger.proof.receipts.proof import parse_receipt_proof
from ledger.seal.receipts import ReceiptSigner, encoded
from tests.ledger.proof.receipts.support import RECEIPT_KEY, Sealed, judged
from tests.ledger.seal.support import sqlite_ledger
from tests.schemas.test_contracts import SCHEMAS, validator

READ: dict[str, Callable[[bytes], object]] = {
    "evidence.v2.json": parse_bundle,
    "receipt.v1.json": parse_handed,
    "receipt-proof.v1.json": parse_receipt_proof,
}
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

"""What `csat-ledger verify-receipt` says of a receipt and a proof, a service that keeps its receipts can say itself."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from csat_ledger_client import verify_receipt
from csat_ledger_client.errors import BadRequest
from tests.console.cli.test_receipt_commands import FACT, handed, seal, verify
from tests.console.conftest import program
from tests.console.support import ROOT, Program

__all__ = ["handed", "program"]


def test_it_says_what_the_command_says(handed: Program) -> None:
    seal(handed)
    said = verify(handed, "--fact", "fact.json", "--log", "log", "--proof-out", "proof.json")
    receipts, policy, proof = (handed.folder / name for name in ("r.jsonl", "policy.json", "proof.json"))
    for fact in (FACT, json.dumps(FACT).encode(), None):
        found = verify_receipt(receipts, policy=policy, proof=proof, fact=fact)
        assert (found.verdict, asdict(found)) == ("kept", said)
    held = verify_receipt(receipts.read_bytes(), policy=str(policy), proof=proof.read_bytes())
    assert asdict(held) == said


def test_without_a_proof_it_says_whether_the_receipt_is_for_the_fact(handed: Program) -> None:
    receipts, policy = handed.folder / "r.jsonl", handed.folder / "policy.json"
    assert verify_receipt(receipts, policy=policy, fact=FACT).verdict == "unproven"
    assert verify_receipt(receipts, policy=policy, fact={**FACT, "customer_org": "Else"}).verdict == "not-this-fact"


def test_what_cannot_be_read_says_why(handed: Program) -> None:
    receipts, policy = handed.folder / "r.jsonl", handed.folder / "policy.json"
    for found in (
        verify_receipt(b"nonsense", policy=policy),
        verify_receipt(receipts, policy=b"{}", fact=FACT),
        verify_receipt(receipts, policy=policy, proof=b"[]"),
    ):
        assert found.verdict == "unreadable"
        assert found.difference is not None
    with pytest.raises(BadRequest, match="found no policy that can be read"):
        verify_receipt(receipts, policy=handed.folder / "nowhere.json")


def test_without_the_verifier_it_says_which_extra_it_is(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['ledger'] = None\n"
        "from csat_ledger_client import verify_receipt\n"
        "from csat_ledger_client.errors import ExtraMissing\n"
        "try:\n    verify_receipt(b'', policy=b'')\n"
        "except ExtraMissing as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT / "client")}, capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    assert "pip install 'csat-ledger-client[proof]'" in done.stdout

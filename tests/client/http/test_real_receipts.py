"""Receipts of the service itself: kept by the client, and kept by the log as the verifier says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from csat_ledger_client import Ledger, verify_receipt
from tests.client.http.support import bearer_of
from tests.console.cli.test_proof_commands import ORIGIN
from tests.console.http.process import environment, service_process
from tests.console.support import met


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "console", *arguments], cwd=folder, env=environment(), capture_output=True, check=True,
        timeout=60,
    )  # fmt: skip


def test_each_fact_has_its_receipt_on_disk_which_the_log_keeps(tmp_path: Path) -> None:
    for more in ((), ("--receipts",)):
        command(tmp_path, "keygen", "--name", ORIGIN, "--out", "keys", *more)
    log, receipts = ((tmp_path / f"keys/{name}.vkey").read_text().strip() for name in ("log", "receipt-1"))
    policy = {
        "origin": ORIGIN, "logs": [{"vkey": log, "from": 0, "to": None}], "witnesses": [], "quorum": 0, "checking": 0,
        "receipts": {"keys": [{"vkey": receipts, "from": 1, "to": None}], "within_s": 86_400},
    }  # fmt: skip
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    kept = tmp_path / "r.jsonl"
    sealing = ("--key", "keys/log.key", "--tiles", "log", "--receipt-key", "keys/receipt-1.key")
    first, *others = met()
    with service_process(tmp_path, "--dev", *sealing) as running:
        with Ledger(running.url, bearer_of(running, "--role", "operator"), receipts=kept) as ledger:
            assert ledger.record(first).receipt is not None
            assert len(kept.read_bytes().splitlines()) == 1
            assert ledger.record_many([first, *others]).duplicates == 1
        running.stop()
    assert [json.loads(line)["fact"] for line in kept.read_bytes().splitlines()] == [
        one["id"] for one in (first, first, *others)
    ]
    command(tmp_path, "--store", "ledger.db", "seal", "--key", "keys/log.key", "--tiles", "log")
    (tmp_path / "fact.json").write_text(json.dumps(others[3]))
    log_of = ("--fact", "fact.json", "--log", "log", "--policy", "policy.json", "--proof-out", "proof.json")
    command(tmp_path, "verify-receipt", "r.jsonl", *log_of)
    found = verify_receipt(kept, policy=tmp_path / "policy.json", proof=tmp_path / "proof.json", fact=others[3])
    assert (found.verdict, found.fact) == ("kept", others[3]["id"])

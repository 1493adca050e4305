"""Checks a receipt by a proof, offline: whether the log keeps what the receipt promised.

    python -m ledger.proof.verify_receipt RECEIPTS --proof FILE --policy FILE [--fact FILE] [--json]

It needs Python and `cryptography`, and nothing else of the ledger; no log and no entries. Verdicts and exit codes:
`ledger.proof.receipts.judging`; what --json prints: `ledger.proof.receipts.report`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ledger.proof.facts import FACT_MAX_BYTES
from ledger.proof.log.errors import MalformedError, ProofError, Words
from ledger.proof.log.files import read_named, within_memory
from ledger.proof.log.policy import POLICY_MAX_BYTES, Policy, parse_policy
from ledger.proof.receipts.asked import Asked, asked_receipt, judge_alone
from ledger.proof.receipts.holding import FILE_MAX_BYTES, parse_fact
from ledger.proof.receipts.judging import Judgement, judge_proof
from ledger.proof.receipts.proof import PROOF_MAX_BYTES, ReceiptProof, parse_receipt_proof
from ledger.proof.receipts.receipt import Receipt, open_receipt
from ledger.proof.receipts.report import report_on
from ledger.proof.registry import PROOF_PROGRAMMES


def main(arguments: list[str] | None = None, prog: str = "python -m ledger.proof.verify_receipt") -> int:
    """The command line, under the name by which it was called; returns the exit code."""
    parser = argparse.ArgumentParser(prog=prog, description="Checks a receipt by a proof.")
    parser.add_argument("receipts", type=Path, help="the receipt, or a file of receipts")
    parser.add_argument("--proof", type=Path, required=True, help="what the log says of it, as --proof-out wrote it")
    parser.add_argument("--policy", type=Path, required=True, help="the roots of trust")
    parser.add_argument("--fact", type=Path, help="the fact that was handed in, one JSON object")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    receipt: Receipt | None = None
    try:
        with within_memory():
            policy = parse_policy(read_named(options.policy, "policy", POLICY_MAX_BYTES))
            fact = None if options.fact is None else parse_fact(read_named(options.fact, "fact", FACT_MAX_BYTES))
            proof = parse_receipt_proof(read_named(options.proof, "proof", PROOF_MAX_BYTES))
            asked = asked_receipt(read_named(options.receipts, "receipts", FILE_MAX_BYTES), fact, proof.receipt)
            receipt = open_receipt(asked.note, policy)
            judgement = judge_by_proof(asked, receipt, fact, proof, policy)
    except ProofError as error:
        judgement = Judgement("unreadable", None, error)
    except MemoryError:
        expected = Words("smaller ones")
        judgement = Judgement(
            "unreadable", None, MalformedError("files", found=Words("more than memory holds"), expected=expected)
        )
    report = report_on(receipt, judgement)
    sys.stdout.write((report.encoded() if options.json else report.words()) + "\n")
    return judgement.exit_code


def judge_by_proof(
    asked: Asked, receipt: Receipt, fact: dict[str, object] | None, proof: ReceiptProof, policy: Policy
) -> Judgement:
    """What a proof shows of a receipt. Raises ProofError where it is one of another."""
    if (found := judge_alone(asked, receipt, fact, policy, PROOF_PROGRAMMES)) is not None:
        return found
    if proof.receipt != asked.note:
        raise MalformedError("receipt of the proof", found=proof.receipt, expected=asked.note)
    return judge_proof(proof, policy)


if __name__ == "__main__":
    sys.exit(main())

"""Receipts: whether the log keeps what the service promised when it took a fact (extra `proof`).

    verdict = verify_receipt("receipts.jsonl", policy="policy.json", proof="proof.json", fact=fact)
    verdict.verdict        kept, late, broken, unproven, not-this-fact, unreadable

A receipt is a signed note: it names the fact, the place of its event, and by when the log has it. The service may lose it, or
go back on it; whoever has kept the receipt can show that to anybody, with the policy (which keys are believed) and a proof that
`csat-ledger verify-receipt --proof-out` makes of the log, or whoever reads its entries. The verifier is `ledger.proof` of the
distribution csat-ledger, which is imported when it is needed: it runs without a database, and without the service.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csat_ledger_client.errors import BadRequest, ExtraMissing

if TYPE_CHECKING:
    from ledger.proof.receipts.report import ReceiptReport

Source = str | Path | bytes
"""A file by its path, or what is in it."""


def verify_receipt(
    receipts: Source, *, policy: Source, proof: Source | None = None, fact: Mapping[str, Any] | bytes | None = None
) -> ReceiptReport:
    """What is to be said of a receipt: one alone, or that one of a file which `proof` or `fact` is about.

    Without a proof it is checked who signed it, and whether it is for the fact that was handed in; then it is `unproven`. What
    cannot be read is `unreadable`, with why. Raises ExtraMissing, and BadRequest where a file cannot be opened.
    """
    try:
        from ledger.proof.facts import FACT_MAX_BYTES
        from ledger.proof.log.errors import MalformedError, ProofError, Words
        from ledger.proof.log.files import within_memory
        from ledger.proof.log.policy import POLICY_MAX_BYTES, parse_policy
        from ledger.proof.receipts.asked import asked_receipt, judge_alone
        from ledger.proof.receipts.holding import FILE_MAX_BYTES, parse_fact
        from ledger.proof.receipts.judging import Judgement
        from ledger.proof.receipts.proof import PROOF_MAX_BYTES, parse_receipt_proof
        from ledger.proof.receipts.receipt import open_receipt
        from ledger.proof.receipts.report import report_on
        from ledger.proof.registry import PROOF_PROGRAMMES
        from ledger.proof.verify_receipt import judge_by_proof
    except ModuleNotFoundError as error:
        raise ExtraMissing(error.name, "proof") from None

    receipt = None
    try:
        with within_memory():
            trusted = parse_policy(_bytes(policy, POLICY_MAX_BYTES, "policy"))
            handed = None if fact is None else parse_fact(_fact(fact, FACT_MAX_BYTES))
            proved = None if proof is None else parse_receipt_proof(_bytes(proof, PROOF_MAX_BYTES, "proof"))
            asked = asked_receipt(
                _bytes(receipts, FILE_MAX_BYTES, "receipts"), handed, None if proved is None else proved.receipt
            )
            receipt = open_receipt(asked.note, trusted)
            if proved is None:
                judgement = judge_alone(asked, receipt, handed, trusted, PROOF_PROGRAMMES) or Judgement("unproven")
            else:
                judgement = judge_by_proof(asked, receipt, handed, proved, trusted)
    except ProofError as error:
        judgement = Judgement("unreadable", None, error)
    except MemoryError:
        too_long = MalformedError("files", found=Words("more than memory holds"), expected=Words("smaller ones"))
        judgement = Judgement("unreadable", None, too_long)
    return report_on(receipt, judgement)


def _fact(fact: Mapping[str, Any] | bytes, at_most: int) -> bytes:
    if isinstance(fact, bytes):
        return _bytes(fact, at_most, "fact")
    from csat_ledger_client.http.recording import fact_line

    return _bytes(fact_line(fact), at_most, "fact")


def _bytes(source: Source, at_most: int, what: str) -> bytes:
    """What is in a file, or the bytes themselves. Raises BadRequest for more than may be."""
    try:
        if isinstance(source, bytes):
            found = source
        else:
            with Path(source).open("rb") as file:
                found = file.read(at_most + 1)
    except OSError as error:
        raise BadRequest(f"{source!s}: found no {what} that can be read: {error.strerror or error}") from None
    if len(found) > at_most:
        raise BadRequest(f"found more than {at_most:,} bytes as {what}, expected {at_most:,} at most")
    return found

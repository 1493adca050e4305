"""Whether the log keeps what a receipt promised, and whether the receipt is for the fact that was handed in.

Verdicts: kept (exit code 0); late, broken, unproven, not-this-fact (1); unreadable (2). RECEIPTS is a file that `record
--receipts` wrote, or a receipt alone. --log reads the log itself, and --proof-out keeps the proof behind the verdict; --proof
takes such a proof instead, and needs neither log nor entries, so that anybody can check it. The clock of who takes a
receipt is looked at with --just-taken: a promise from another time is empty."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.cli.exits import Failure
from console.cli.proof_files import add_log, add_policy, proving, read_policy, reading_log, write_new
from console.cli.session import Session

if TYPE_CHECKING:
    from ledger.proof.log.policy import Policy
    from ledger.proof.receipts.judging import Judgement
    from ledger.proof.receipts.proof import ReceiptProof
    from ledger.proof.receipts.receipt import Receipt

EPILOG: Final = """\
examples:
  csat-ledger verify-receipt r.jsonl --fact fact.json --log log --policy policy.json
  csat-ledger verify-receipt r.jsonl --fact fact.json --log log --policy policy.json --proof-out proof.json
  csat-ledger verify-receipt r.jsonl --proof proof.json --policy policy.json
  csat-ledger verify-receipt r.jsonl --fact fact.json --log https://log.example/csat \\
      --entries-token-file entries.token --policy policy.json

RECEIPTS with several receipts: --fact says which one is meant, by its id, or --proof which one it is about; the others are
looked at for whether they contradict it."""
CLOCK_US: Final = 5 * 60 * 1_000_000


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("receipts", type=Path, metavar="RECEIPTS", help="the receipt, or a file of receipts")
    parser.add_argument("--fact", type=Path, metavar="FILE", help="the fact that was handed in, one JSON object")
    where = parser.add_mutually_exclusive_group()
    add_log(parser, "--log", entries=True, required=False, among=where)
    where.add_argument("--proof", type=Path, metavar="FILE", help="a proof that --proof-out wrote")
    add_policy(parser)
    parser.add_argument("--proof-out", type=Path, metavar="FILE", help="where the proof behind the verdict goes")
    parser.add_argument(
        "--just-taken",
        action="store_true",
        help="it was handed out now: recorded_at is within five minutes of the clock",
    )


def run(session: Session) -> int:
    """Judges and prints."""
    options, output = session.options, session.output
    if options.proof_out is not None and options.log is None:
        raise Failure("usage", "found --proof-out without --log, expected the log from which the proof is made")
    with proving():
        from ledger.errors import LogDamaged
        from ledger.proof.log.errors import MalformedError, ProofError, Words
        from ledger.proof.log.files import read_file, within_memory
        from ledger.proof.receipts.asked import asked_receipt, judge_alone
        from ledger.proof.receipts.holding import FILE_MAX_BYTES
        from ledger.proof.receipts.judging import Judgement
        from ledger.proof.receipts.receipt import open_receipt
        from ledger.proof.receipts.report import report_on
        from ledger.proof.registry import PROOF_PROGRAMMES

        receipt = None
        try:
            with within_memory():
                policy, fact = read_policy(options.policy), _fact(options.fact)
                proof = _proof(options.proof)
                proved = None if proof is None else proof.receipt
                asked = asked_receipt(read_file(options.receipts, FILE_MAX_BYTES, pipes=True), fact, proved)
                receipt = open_receipt(asked.note, policy)
                judgement = judge_alone(asked, receipt, fact, policy, PROOF_PROGRAMMES)
                judgement = (
                    judgement or _judge_taken(session, receipt) or _judge_log(session, asked.note, proof, policy)
                )
        except ProofError as error:
            judgement = Judgement("unreadable", None, error)
        except LogDamaged as error:
            unread = MalformedError("log", found=Words(str(error)), expected=Words("one that can be read"))
            judgement = Judgement("unreadable", None, unread)
    report = report_on(receipt, judgement)
    if output.as_json:
        output.json(report)
    else:
        output.text(*report.words().split("\n"))
    return judgement.exit_code


def _judge_taken(session: Session, receipt: Receipt) -> Judgement | None:
    """A receipt that is taken now, and was recorded at another time, promises nothing."""
    from ledger.proof.log.errors import MalformedError, Words
    from ledger.proof.log.event import format_instant
    from ledger.proof.receipts.judging import Judgement

    now_us = session.clock()
    if not session.options.just_taken or abs(receipt.recorded_us - now_us) <= CLOCK_US:
        return None
    expected = Words(f"within five minutes of {format_instant(now_us)}, the clock here")
    found = format_instant(receipt.recorded_us)
    return Judgement("unproven", None, MalformedError("recorded_at of the receipt", found=found, expected=expected))


def _judge_log(session: Session, note: bytes, proof: ReceiptProof | None, policy: Policy) -> Judgement:
    """What the log says, or a proof of what it says; nothing where neither is there."""
    from ledger.proof.log.errors import MalformedError, Words
    from ledger.proof.receipts.judging import Judgement, judge_proof
    from ledger.proof.receipts.proof import PROOF_MAX_BYTES
    from ledger.seal.receipt_proofs import judge_log

    out = session.options.proof_out
    if proof is not None:
        if proof.receipt != note:
            raise MalformedError("receipt of the proof", found=proof.receipt, expected=note)
        return judge_proof(proof, policy)
    if session.options.log is None:
        return Judgement("unproven")
    with reading_log(session) as log:
        judged = judge_log(log, note, policy)
    if judged is None:
        none = MalformedError(
            "checkpoints of the log", found=Words("none by a key of the policy"), expected=Words("one")
        )
        return Judgement("unproven", None, none)
    if out is not None:
        write_new(out, judged.proof.encoded(), PROOF_MAX_BYTES)
    return judged.judgement


def _proof(path: Path | None) -> ReceiptProof | None:
    from ledger.proof.log.files import read_file
    from ledger.proof.receipts.proof import PROOF_MAX_BYTES, parse_receipt_proof

    return None if path is None else parse_receipt_proof(read_file(path, PROOF_MAX_BYTES, pipes=True))


def _fact(path: Path | None) -> dict[str, object] | None:
    from ledger.proof.facts import FACT_MAX_BYTES
    from ledger.proof.log.files import read_file
    from ledger.proof.receipts.holding import parse_fact

    return None if path is None else parse_fact(read_file(path, FACT_MAX_BYTES, pipes=True))

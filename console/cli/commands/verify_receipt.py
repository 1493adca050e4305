"""Whether the log keeps what a receipt promised, and whether the receipt is for the fact that was handed in.

Verdicts: kept (exit code 0); late, broken, unproven, not-this-fact (1); unreadable (2). RECEIPTS is a file that `record
--receipts` wrote, or a receipt alone. --log reads the log itself, and --proof-out keeps the proof behind the verdict; --proof
takes such a proof instead, and needs neither log nor entries, so that anybody can check it. The clock of who takes a
receipt is looked at with --just-taken: a promise from another time is empty."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from console.cli.exits import Failure
from console.cli.proof_files import add_log, add_policy, proving, read_policy, reading_log, write_new
from console.cli.session import Session

if TYPE_CHECKING:
    from ledger.proof.log.errors import ProofError
    from ledger.proof.log.policy import Policy
    from ledger.proof.receipts.holding import Handed
    from ledger.proof.receipts.judging import Judgement
    from ledger.proof.receipts.receipt import Receipt

EPILOG: Final = """\
examples:
  csat-ledger verify-receipt r.jsonl --fact fact.json --log log --policy policy.json
  csat-ledger verify-receipt r.jsonl --fact fact.json --log log --policy policy.json --proof-out proof.json
  csat-ledger verify-receipt r.jsonl --proof proof.json --policy policy.json
  csat-ledger verify-receipt r.jsonl --fact fact.json --log https://log.example/csat \\
      --entries-token-file entries.token --policy policy.json

RECEIPTS with several receipts: --fact says which one is meant, by its id; the others are looked at for whether they
contradict it."""
CLOCK_US: Final = 5 * 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class ReceiptCheckpoint:
    """The checkpoint by which it was judged."""

    size: int
    """Entries in the log."""
    root: str
    """The root over them, base64."""
    time_s: int | None
    """Its time, POSIX seconds: the quorum-th smallest of its cosignatures; null where the policy's quorum is not there."""


@dataclass(frozen=True, slots=True)
class ReceiptDifference:
    """What speaks against the receipt."""

    what: str
    """What differs, and where."""
    found: Any
    """What is there."""
    expected: Any
    """What should be there."""


@dataclass(frozen=True, slots=True)
class ReceiptReport:
    """What is to be said of a receipt."""

    verdict: Literal["kept", "late", "broken", "unproven", "not-this-fact", "unreadable"]
    """The verdict."""
    in_log: bool | None
    """Whether the log has the event at its place, as far as that was shown; null where it was not."""
    fact: str | None
    """The fact's id; null where the receipt could not be read."""
    stream: str | None
    """The stream of its event."""
    seq: int | None
    """The place of its event in the stream."""
    position: int | None
    """The position of its event in the ledger."""
    recorded_at: str | None
    """When it was recorded."""
    promised_by: str | None
    """By when a checkpoint was promised to have it."""
    checkpoint: ReceiptCheckpoint | None
    """The checkpoint that decided; null where none did."""
    difference: ReceiptDifference | None
    """What contradicts the receipt, or the fact; null where nothing does."""


class _Asked(NamedTuple):
    """The receipt in question, what came with it, and the other receipts of the file."""

    note: bytes
    handed: Handed | None
    others: list[bytes]


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
    options = session.options
    if options.proof_out is not None and options.log is None:
        raise Failure("usage", "found --proof-out without --log, expected the log from which the proof is made")
    with proving():
        from ledger.errors import LogDamaged
        from ledger.proof.log.errors import ProofError
        from ledger.proof.log.files import within_memory
        from ledger.proof.receipts.judging import Judgement
        from ledger.proof.receipts.receipt import open_receipt

        receipt = None
        try:
            with within_memory():
                policy = read_policy(options.policy)
                asked = _asked(options.receipts, _fact(options.fact))
                receipt = open_receipt(asked.note, policy)
                judgement = _judge(session, asked, receipt, policy)
        except (ProofError, LogDamaged) as error:
            judgement = Judgement("unreadable", None, _as_proof_error(error))
    _print(session, receipt, judgement)
    return judgement.exit_code


def _judge(session: Session, asked: _Asked, receipt: Receipt, policy: Policy) -> Judgement:
    """What is to be said of a receipt that is one."""
    from ledger.proof.log.errors import MalformedError, ProofError, RefutedError, Words
    from ledger.proof.log.event import format_instant
    from ledger.proof.receipts.holding import hold, hold_fact
    from ledger.proof.receipts.judging import Judgement, contradiction
    from ledger.proof.receipts.receipt import open_receipt, parse_receipt_note
    from ledger.proof.registry import PROOF_PROGRAMMES

    options = session.options
    try:
        if asked.handed is not None:
            event = hold(asked.handed, receipt)
            if (fact := _fact(options.fact)) is not None:
                hold_fact(event, fact, PROOF_PROGRAMMES)
    except (RefutedError, MalformedError) as error:
        return Judgement("not-this-fact", None, error)
    for other in asked.others:
        try:
            if contradiction(receipt, parse_receipt_note(other)[0]) is None:
                continue
            contradicting = contradiction(receipt, open_receipt(other, policy))
        except ProofError:  # what nobody signed contradicts nothing
            continue
        return Judgement("broken", None, contradicting)
    now_us = session.clock()
    if options.just_taken and abs(receipt.recorded_us - now_us) > CLOCK_US:
        expected = Words(f"within five minutes of {format_instant(now_us)}, the clock here")
        found = format_instant(receipt.recorded_us)
        return Judgement("unproven", None, MalformedError("recorded_at of the receipt", found=found, expected=expected))
    return _judge_log(session, asked.note, policy)


def _judge_log(session: Session, note: bytes, policy: Policy) -> Judgement:
    """What the log says, or a proof of what it says; nothing where neither is there."""
    from ledger.proof.log.errors import MalformedError, Words
    from ledger.proof.log.files import read_file
    from ledger.proof.receipts.judging import Judgement, judge_proof
    from ledger.proof.receipts.proof import PROOF_MAX_BYTES, parse_receipt_proof
    from ledger.seal.receipt_proofs import judge_log

    proof, out = session.options.proof, session.options.proof_out
    if proof is not None:
        parsed = parse_receipt_proof(read_file(proof, PROOF_MAX_BYTES, pipes=True))
        if parsed.receipt != note:
            raise MalformedError("receipt of the proof", found=parsed.receipt, expected=note)
        return judge_proof(parsed, policy)
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


def _fact(path: Path | None) -> dict[str, object] | None:
    from ledger.proof.facts import FACT_MAX_BYTES
    from ledger.proof.log.files import read_file
    from ledger.proof.receipts.holding import parse_fact

    return None if path is None else parse_fact(read_file(path, FACT_MAX_BYTES, pipes=True))


def _asked(path: Path, fact: dict[str, object] | None) -> _Asked:
    """The receipt that is meant, out of a file of receipts or of one alone."""
    from ledger.proof.log.errors import MalformedError, Words
    from ledger.proof.log.files import read_file
    from ledger.proof.receipts.holding import FILE_MAX_BYTES
    from ledger.proof.receipts.receipt import FIRST_LINE

    data = read_file(path, FILE_MAX_BYTES, pipes=True)
    if data.startswith(FIRST_LINE.encode("ascii")):
        if fact is not None:
            expected = Words("a line with its event, which alone can be held against a fact")
            raise MalformedError(f"{str(path)!a}", found=Words("a receipt alone"), expected=expected)
        return _Asked(data, None, [])
    lines = [*_lines(data)]
    meant = lines if fact is None else [line for line in lines if line.fact == fact.get("id")]
    if not meant and len(lines) == 1:  # the only one there is: whether it is for this fact is for `hold_fact` to say
        meant = lines
    notes = [*dict.fromkeys(line.receipt for line in meant)]
    if len(notes) != 1 and (fact is None or not notes):
        wanted = "one, or --fact to say which" if fact is None else f"one for the fact {fact.get('id')!a}"
        raise MalformedError(f"receipts in {str(path)!a}", found=Words(f"{len(notes)}"), expected=Words(wanted))
    return _Asked(meant[0].receipt, meant[0], [line.receipt for line in lines if line.receipt != meant[0].receipt])


def _lines(data: bytes) -> Iterator[Handed]:
    from ledger.proof.receipts.holding import parse_handed

    return (parse_handed(line) for line in data.split(b"\n") if line)


def _as_proof_error(error: Exception) -> ProofError:
    from ledger.proof.log.errors import MalformedError, ProofError, Words

    if isinstance(error, ProofError):
        return error
    return MalformedError("log", found=Words(str(error)), expected=Words("one that can be read"))


def _print(session: Session, receipt: Receipt | None, judgement: Judgement) -> None:
    from ledger.proof.log.errors import printable, shown
    from ledger.proof.log.event import format_instant
    from ledger.proof.log.strictjson import base64_text

    at, error = judgement.checkpoint, judgement.difference
    if session.output.as_json:
        report = ReceiptReport(
            verdict=judgement.verdict,
            in_log=judgement.in_log,
            fact=None if receipt is None else receipt.fact,
            stream=None if receipt is None else receipt.stream,
            seq=None if receipt is None else receipt.seq,
            position=None if receipt is None else receipt.position,
            recorded_at=None if receipt is None else format_instant(receipt.recorded_us),
            promised_by=None if receipt is None else format_instant(receipt.promised_us),
            checkpoint=None if at is None else ReceiptCheckpoint(at.size, base64_text(at.root), judgement.time_s),
            difference=None
            if error is None
            else ReceiptDifference(error.what, shown(error.found), shown(error.expected)),
        )
        session.output.json(report)
        return
    lines = [f"verdict: {judgement.verdict}"]
    if receipt is not None:
        lines.append(
            f"receipt for fact {receipt.fact!a}: {receipt.stream!a} at seq {receipt.seq}, position {receipt.position}, "
            f"recorded at {format_instant(receipt.recorded_us)}, promised by {format_instant(receipt.promised_us)}"
        )
    if judgement.verdict == "late":
        lines.append(
            "the log has the event, later than promised" if judgement.in_log else "the log does not have the event"
        )
    if at is not None:
        when = "without a time" if judgement.time_s is None else f"of POSIX time {judgement.time_s}"
        lines.append(f"by the checkpoint of size {at.size}, {when}")
    if error is not None:
        lines += [error.what, f"  found:    {shown(error.found)}", f"  expected: {shown(error.expected)}"]
    session.output.text(*map(printable, lines))

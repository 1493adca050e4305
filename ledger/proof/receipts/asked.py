"""Which receipt of a file is meant, and what is to be said of it before any log is asked.

asked = asked_receipt(data, fact)                        the receipt, and the others of the file
receipt = open_receipt(asked.note, policy)               raises ProofError where nobody of the policy signed it
judge_alone(asked, receipt, fact, policy, programmes)    what speaks against it by itself; None where nothing does
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.proof.log.errors import MalformedError, ProofError, RefutedError, Words
from ledger.proof.log.policy import Policy
from ledger.proof.programme import ProofProgrammes
from ledger.proof.receipts.holding import Handed, hold, hold_fact, parse_handed
from ledger.proof.receipts.judging import Judgement, contradiction
from ledger.proof.receipts.receipt import FIRST_LINE, Receipt, open_receipt, parse_receipt_note


class Asked(NamedTuple):
    """The receipt in question, what came with it, and the other receipts of the file."""

    note: bytes
    handed: Handed | None
    others: list[bytes]


def asked_receipt(data: bytes, fact: dict[str, object] | None, proved: bytes | None = None) -> Asked:
    """The receipt that is meant, out of a file of receipts or of one alone. Raises MalformedError.

    That is the one for the fact; without a fact the one that a proof is about, or the only one there is.
    """
    if data.startswith(FIRST_LINE.encode("ascii")):
        if fact is not None:
            expected = Words("a line with its event, which alone can be held against a fact")
            raise MalformedError("file of receipts", found=Words("a receipt alone"), expected=expected)
        return Asked(data, None, [])
    split = enumerate(data.split(b"\n"), 1)
    lines = [parse_handed(line, f"receipt on line {number}") for number, line in split if line]
    meant = lines if fact is None else [line for line in lines if line.fact == fact.get("id")]
    if fact is None and proved is not None:
        meant = [line for line in lines if line.receipt == proved] or lines
    if not meant and len(lines) == 1:  # the only one there is: whether it is for this fact is for `hold_fact` to say
        meant = lines
    notes = [*dict.fromkeys(line.receipt for line in meant)]
    if len(notes) != 1 and (fact is None or not notes):
        named = None if fact is None else fact.get("id")
        wanted = f"one for the fact {named!a}" if isinstance(named, str) else "one, or --fact with an id to say which"
        raise MalformedError("receipts in the file", found=Words(f"{len(notes)}"), expected=Words(wanted))
    return Asked(meant[0].receipt, meant[0], [line.receipt for line in lines if line.receipt != meant[0].receipt])


def judge_alone(
    asked: Asked, receipt: Receipt, fact: dict[str, object] | None, policy: Policy, programmes: ProofProgrammes
) -> Judgement | None:
    """What speaks against a receipt without any log: its event, the fact at hand, the other receipts; None: nothing."""
    try:
        if asked.handed is not None:
            event = hold(asked.handed, receipt)
            if fact is not None:
                hold_fact(event, fact, programmes)
    except (RefutedError, MalformedError) as error:
        return Judgement("not-this-fact", None, error)
    for other in asked.others:
        try:
            if contradiction(receipt, parse_receipt_note(other)[0]) is None:
                continue
            return Judgement("broken", None, contradiction(receipt, open_receipt(other, policy)))
        except ProofError:  # what nobody signed contradicts nothing
            continue
    return None

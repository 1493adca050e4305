"""Writes the evidence for a renewal decision: one file that proves it to who does not trust this ledger's host.

It holds every event of the membership with the proof that the log has it, the proof that none is left out, and the
rulebook; beside it goes decision.tlog-proof, the decision alone in the open format. Nothing in it leads to a person.
With --key what is not sealed yet is sealed first."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console.cli.exits import DONE
from console.cli.options import renewal_date
from console.cli.proof_files import add_sealing, add_tiles, cosigner_of, proving, signers_of, write_answer
from console.cli.session import Session
from projections.questions.answer import Day

TLOG_PROOF: Final = "decision.tlog-proof"

EPILOG: Final = """\
examples:
  csat-ledger evidence m-1 --renewal 2011-03-01 --tiles log --out m-1.json
  csat-ledger evidence m-1 --renewal 2011-03-01 --tiles log --key keys/log.key --out m-1.json

Exit code 1: the decision is not sealed, or the book no longer holds what was sealed."""


@dataclass(frozen=True, slots=True)
class EvidenceWritten:
    """The files that prove a decision."""

    membership: str
    """The membership."""
    renewal_date: Day
    """YYYY-MM-DD."""
    decision: int
    """The place of the decision in the membership's stream."""
    size: int
    """Entries in the log under whose checkpoint it is proved."""
    bundle: str
    """The file with the evidence."""
    bytes_: int
    """The size of that file."""
    proof: str
    """The file with the decision alone, in the open format."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", metavar="M", help="the membership")
    parser.add_argument("--renewal", required=True, type=renewal_date, metavar="DATE", help="the renewal date")
    add_tiles(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="where the evidence goes")
    add_sealing(parser, required=False)


def run(session: Session) -> int:
    """Seals if it may, collects, writes."""
    options, output = session.options, session.output
    with proving(), session.ledger() as ledger:
        from ledger.seal.evidence import collect_evidence
        from ledger.seal.folder import LogFolder
        from ledger.seal.sealer import open_sealer

        folder = LogFolder(options.tiles)
        if signers := signers_of(session):
            with open_sealer(ledger.store, folder, signers, cosigner_of(session)) as sealer:
                sealer.seal()
        bundle = collect_evidence(ledger.store, folder, options.membership, options.renewal)
        data, proof = bundle.encoded(), options.out.parent / TLOG_PROOF
        write_answer(options.out, data)
        write_answer(proof, bundle.tlog_proof.encoded())
        if (timestamp := options.tiles / "checkpoint.tsr").exists():
            write_answer(options.out.parent / "decision.tsr", timestamp.read_bytes())
    answer = EvidenceWritten(
        membership=bundle.membership,
        renewal_date=bundle.renewal_date,
        decision=bundle.decision,
        size=bundle.heads.index + 1,
        bundle=str(options.out),
        bytes_=len(data),
        proof=str(proof),
    )
    if output.as_json:
        output.json(answer)
    else:
        output.text(
            f"{options.out}: {len(bundle.stream.events)} events of {bundle.membership} and {len(data):,} bytes prove its "
            f"decision {bundle.decision} under the checkpoint of size {answer.size}\n{proof}: the decision alone"
        )
    return DONE

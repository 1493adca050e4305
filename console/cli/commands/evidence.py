"""Writes the evidence for a decision: one file that proves it to who does not trust this ledger's host.

The decision is that on the renewal of a membership (--renewal), or that on the anniversary of its designation in an area
(--area, --anniversary). The file holds every event of the membership, or of the designation, with the proof that the log
has it, the proof that none is left out, and every edition of the rules; beside FILE.json goes FILE.tlog-proof, the decision
alone in the open format. Nothing in it leads to a person. A file that is there and says something else is never written
over. With --key what is not sealed yet is sealed first.

It is the newest decision on it, or that of --revision N. With --at SIZE it is proved under the checkpoint of that size, as
everything was known then: nothing recorded later is in it. For who has older evidence, --since-size N adds
FILE.consistency.json, the proof that the log extends the one of that size (`verify --since`)."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE, Failure
from console.cli.options import add_area, anniversary, number, renewal_date
from console.cli.output import json_text
from console.cli.proof_files import add_sealing, add_tiles, proving, write_new
from console.cli.sealing import Sealing, witnesses_policy
from console.cli.session import Session
from console.evidence import WhichDecision, on_anniversary, on_renewal
from projections.questions.answer import LEFT_OUT, Day, MayBeLeftOut, Number

if TYPE_CHECKING:
    from ledger.proof.log.bundle import Bundle
    from ledger.seal.folder import LogFolder

TLOG_PROOF: Final = ".tlog-proof"
TIMESTAMP: Final = ".tsr"
CONSISTENCY: Final = ".consistency.json"

EPILOG: Final = """\
examples:
  csat-ledger evidence m-1 --renewal 2011-03-01 --tiles log --out m-1.json
  csat-ledger evidence m-1 --renewal 2011-03-01 --tiles log --key keys/log.key --out m-1.json
  csat-ledger evidence m-1 --area business-applications --anniversary 2024-06-30 --tiles log --out m-1.json
  csat-ledger evidence m-1 --renewal 2011-03-01 --at 57 --tiles log --out m-1-then.json     as known at size 57
  csat-ledger evidence m-1 --renewal 2011-03-01 --since-size 57 --tiles log --out m-1-now.json

Exit code 1: the decision is not sealed, no checkpoint of the size was published, or the book no longer holds what was
sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceWritten:
    """The files that prove a decision: on a renewal, or on an anniversary of a designation in an area."""

    membership: str
    """The membership."""
    renewal_date: Day | MayBeLeftOut = LEFT_OUT
    """YYYY-MM-DD; of a renewal."""
    area: str | MayBeLeftOut = LEFT_OUT
    """Of a designation."""
    anniversary: Day | MayBeLeftOut = LEFT_OUT
    """YYYY-MM-DD; of a designation."""
    decision: int
    """The place of the decision in the stream of the membership, or of its designation."""
    revision: Number
    """Which decision on the same it is: the first, the second, …"""
    revisions: Number
    """How many there are under the checkpoint."""
    size: int
    """Entries in the log under whose checkpoint it is proved."""
    bundle: str
    """The file with the evidence."""
    bytes_: int
    """The size of that file."""
    proof: str
    """The file with the decision alone, in the open format."""
    consistency: str | MayBeLeftOut = LEFT_OUT
    """The file with the proof that the log extends that of --since-size."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", metavar="M", help="the membership")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--renewal", type=renewal_date, metavar="DATE", help="the renewal date")
    which.add_argument("--anniversary", type=anniversary, metavar="DATE", help="the designation's anniversary")
    add_area(parser, required=False)
    parser.add_argument("--revision", type=number, metavar="N", help="the N-th decision on it; default: the newest")
    add_tiles(parser)
    parser.add_argument(
        "--at", type=number, metavar="SIZE", help="the size of a published checkpoint; default: the latest"
    )
    parser.add_argument(
        "--since-size", type=number, metavar="N", help="adds the proof that the log extends the one of N entries"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="where the evidence goes")
    add_sealing(parser, required=False)


def run(session: Session) -> int:
    """Seals if it may, collects, writes."""
    options, output = session.options, session.output
    if options.out.suffix in (TLOG_PROOF, TIMESTAMP):
        raise Failure(
            "usage", f"found --out {options.out}, expected another ending: that file goes beside the evidence"
        )
    if str(options.out) == "-":
        raise Failure("usage", "found --out -, expected the name of a file: the decision alone goes beside it")
    with proving(), session.ledger() as ledger:
        from ledger.seal.evidence import collect_evidence
        from ledger.seal.folder import LogFolder
        from ledger.seal.rounds import Rounds

        asked = _which(options)
        asked.require_known(ledger.store)
        folder = LogFolder(options.tiles)
        if options.key:
            sealing = Sealing(options.key, options.tiles, Rounds(), options.witness, witnesses_policy(options))
            with sealing.sealer(ledger, output.words) as sealer:
                sealer.seal()
        else:
            folder.require_there()
        bundle = collect_evidence(
            ledger.store, folder, asked.programme, asked.stream, asked.on, revision=options.revision, at=options.at
        )
        size, consistency = _write(bundle, folder, options)
        numbers = _same(bundle, asked)
    answer = EvidenceWritten(
        **asked.named,
        decision=bundle.decision,
        revision=numbers.index(bundle.decision) + 1,
        revisions=len(numbers),
        size=bundle.heads.index + 1,
        bundle=str(options.out),
        bytes_=size,
        proof=str(options.out.with_suffix(TLOG_PROOF)),
        consistency=LEFT_OUT if consistency is None else str(consistency),
    )
    if output.as_json:
        output.json(answer)
    else:
        whose = options.membership if options.area is None else f"{options.membership} in {options.area}"
        output.text(
            f"{options.out}: {len(bundle.events)} events of {whose} and {size:,} bytes prove its decision "
            f"{bundle.decision} under the checkpoint of size {answer.size}",
            f"{answer.proof}: the decision alone",
        )
        if answer.revision < answer.revisions:
            output.text(f"this is revision {answer.revision} of {answer.revisions}: a later one supersedes it")
        if consistency is not None:
            output.text(f"{consistency}: the log of {answer.size} entries extends that of {options.since_size}")
    return DONE


def _same(bundle: Bundle, asked: WhichDecision) -> list[int]:
    """The seqs of the decisions in a bundle that are on the same."""
    from ledger.proof.log.event import parse_event

    events = (parse_event(event.entry) for event in bundle.events)
    kind, decided_on = asked.programme.decision, asked.programme.decided_on
    return [event.seq for event in events if event.type == kind and decided_on(event) == asked.on]


def _which(options: Namespace) -> WhichDecision:
    """What the options ask for."""
    if (options.area is None) != (options.anniversary is None):
        raise Failure("usage", "found one of --area and --anniversary, expected both, or --renewal alone")
    if options.area is None:
        return on_renewal(options.membership, options.renewal)
    return on_anniversary(options.membership, options.area, options.anniversary)


def _write(bundle: Bundle, folder: LogFolder, options: Namespace) -> tuple[int, Path | None]:
    """Writes the evidence, and beside it the decision alone, the timestamp of the checkpoint where there is one, and the
    consistency proof where it is asked for.

    Gives the number of bytes of the evidence, and the file with the consistency proof.
    """
    from ledger.proof.log.bundle import BUNDLE_MAX_BYTES
    from ledger.proof.log.files import read_file
    from ledger.proof.log.note import NOTE_MAX_BYTES
    from ledger.proof.log.since import CONSISTENCY_MAX_BYTES
    from ledger.seal.evidence import decided_alone, prove_extension

    beside, consistency = None, options.out.with_suffix(CONSISTENCY)
    if options.since_size is not None:
        proof = prove_extension(options.since_size, bundle.checkpoint, folder)
        beside = json_text(proof.answer(), ascii_only=True).encode("ascii") + b"\n"
    data = bundle.encoded()
    write_new(options.out, data, BUNDLE_MAX_BYTES)
    alone = decided_alone(bundle, folder).encoded()
    write_new(options.out.with_suffix(TLOG_PROOF), alone, NOTE_MAX_BYTES)
    timestamp = options.tiles / "checkpoint.tsr"
    if timestamp.exists() and bundle.checkpoint == folder.checkpoint():
        write_new(options.out.with_suffix(TIMESTAMP), read_file(timestamp, NOTE_MAX_BYTES), NOTE_MAX_BYTES)
    if beside is not None:
        write_new(consistency, beside, CONSISTENCY_MAX_BYTES)
    return len(data), None if beside is None else consistency

"""Writes the evidence for a decision: one file that proves it to who does not trust this ledger's host.

The decision is that on the renewal of a membership (--renewal), or that on the anniversary of its designation in an area
(--area, --anniversary). The file holds every event of the membership, or of the designation, with the proof that the log
has it, the proof that none is left out, and every edition of the rules; beside FILE.json goes FILE.tlog-proof, the decision
alone in the open format. Nothing in it leads to a person. A file that is there and says something else is never written
over. With --key what is not sealed yet is sealed first."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from console.cli.exits import DONE, Failure
from console.cli.options import add_area, anniversary, renewal_date
from console.cli.proof_files import add_sealing, add_tiles, cosigner_of, proving, signing, write_new
from console.cli.session import Session
from ledger.errors import LedgerError, UnknownDesignation, UnknownMembership
from ledger.membership import can_be_membership
from ledger.programmes.capability.events import can_be_area, designation_stream
from ledger.programmes.survey.events import membership_stream
from projections.questions.answer import LEFT_OUT, Day, MayBeLeftOut

if TYPE_CHECKING:
    from ledger.proof.log.bundle import Bundle
    from ledger.proof.programme import ProofProgramme
    from ledger.store.base import Store

TLOG_PROOF: Final = ".tlog-proof"
TIMESTAMP: Final = ".tsr"

EPILOG: Final = """\
examples:
  csat-ledger evidence m-1 --renewal 2011-03-01 --tiles log --out m-1.json
  csat-ledger evidence m-1 --renewal 2011-03-01 --tiles log --key keys/log.key --out m-1.json
  csat-ledger evidence m-1 --area business-applications --anniversary 2024-06-30 --tiles log --out m-1.json

Exit code 1: the decision is not sealed, or the book no longer holds what was sealed."""


class Asked(NamedTuple):
    """Which decision: its programme, the stream in which it stands, what it is on; and how an answer names it."""

    programme: ProofProgramme
    stream: str
    on: str
    named: dict[str, str]
    unknown: LedgerError


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
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--renewal", type=renewal_date, metavar="DATE", help="the renewal date")
    which.add_argument("--anniversary", type=anniversary, metavar="DATE", help="the designation's anniversary")
    add_area(parser, required=False)
    add_tiles(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="where the evidence goes")
    add_sealing(parser, required=False)


def run(session: Session) -> int:
    """Seals if it may, collects, writes."""
    options, output = session.options, session.output
    if options.out.suffix in (TLOG_PROOF, TIMESTAMP):
        raise Failure(
            "usage", f"found --out {options.out}, expected another ending: that file goes beside the evidence"
        )
    with proving(), session.ledger() as ledger:
        from ledger.seal.evidence import collect_evidence
        from ledger.seal.folder import LogFolder
        from ledger.seal.sealer import open_sealer

        asked = _asked(options)
        if not _is_there(ledger.store, asked, options.membership):
            raise asked.unknown
        folder = LogFolder(options.tiles)
        with signing(session) as signers:
            if signers:
                with open_sealer(ledger.store, folder, signers, cosigner_of(session)) as sealer:
                    sealer.seal()
        bundle = collect_evidence(ledger.store, folder, asked.programme, asked.stream, asked.on)
        size = _write(bundle, options)
    answer = EvidenceWritten(
        **asked.named,
        decision=bundle.decision,
        size=bundle.heads.index + 1,
        bundle=str(options.out),
        bytes_=size,
        proof=str(options.out.with_suffix(TLOG_PROOF)),
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
    return DONE


def _asked(options: Namespace) -> Asked:
    """What the options ask for."""
    from ledger.proof.capability.programme import Capability
    from ledger.proof.survey.programme import Survey

    membership, area = options.membership, options.area
    if (area is None) != (options.anniversary is None):
        raise Failure("usage", "found one of --area and --anniversary, expected both, or --renewal alone")
    if area is None:
        named = {"membership": membership, "renewal_date": options.renewal}
        return Asked(Survey(), membership_stream(membership), options.renewal, named, UnknownMembership(membership))
    named = {"membership": membership, "area": area, "anniversary": options.anniversary}
    stream = designation_stream(membership, area)
    return Asked(Capability(), stream, options.anniversary, named, UnknownDesignation(membership, area))


def _is_there(store: Store, asked: Asked, membership: str) -> bool:
    """Whether the book has the stream. What has another form than a name in it is in no book, and no database is asked."""
    area = asked.named.get("area")
    could_be = can_be_membership(membership) and (area is None or can_be_area(area))
    return could_be and store.last_seq(asked.stream) > 0


def _write(bundle: Bundle, options: Namespace) -> int:
    """Writes the evidence, and beside it the decision alone, and the timestamp of the checkpoint where there is one.

    Gives the number of bytes of the evidence.
    """
    from ledger.proof.log.bundle import BUNDLE_MAX_BYTES
    from ledger.proof.log.files import read_file
    from ledger.proof.log.note import NOTE_MAX_BYTES
    from ledger.seal.evidence import decided_alone
    from ledger.seal.folder import LogFolder

    data = bundle.encoded()
    write_new(options.out, data, BUNDLE_MAX_BYTES)
    write_new(
        options.out.with_suffix(TLOG_PROOF), decided_alone(bundle, LogFolder(options.tiles)).encoded(), NOTE_MAX_BYTES
    )
    if (timestamp := options.tiles / "checkpoint.tsr").exists():
        write_new(options.out.with_suffix(TIMESTAMP), read_file(timestamp, NOTE_MAX_BYTES), NOTE_MAX_BYTES)
    return len(data)

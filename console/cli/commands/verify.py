"""Verifies evidence offline: no database, no network, and nothing trusted but the policy.

Verdicts: confirmed (exit code 0); refuted, tampered, incomplete, not-this-decision (1); unverifiable (2). The first thing
that differs is named with both sides. --membership with --renewal, or with --area and --anniversary, refuses evidence of
another decision. --since OLD shows that everything in older evidence stands in FILE unchanged, and that the log only grew:
for that it needs the proof that `evidence --since-size` and `consistency --json` write, or the folder of the log. The same
verifier runs without this program: python -m ledger.proof.verify, or csat-verify.pyz (`make verifier`)."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.cli.exits import Failure
from console.cli.options import add_area, anniversary, renewal_date
from console.cli.proof_files import add_policy, add_tiles, proving, read_evidence
from console.cli.session import Session
from ledger.errors import ExtraMissing

if TYPE_CHECKING:
    from ledger.proof.log.since import Since

EPILOG: Final = """\
examples:
  csat-ledger verify m-1.json --policy policy.json
  csat-ledger verify m-1.json --policy policy.json --membership m-1 --renewal 2011-03-01
  csat-ledger verify m-1-now.json --policy policy.json --since m-1.json --consistency m-1-now.consistency.json
  csat-ledger verify m-1-now.json --policy policy.json --since m-1.json --tiles log"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the evidence")
    add_policy(parser)
    parser.add_argument("--membership", metavar="M", help="refuse evidence of another membership")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--renewal", type=renewal_date, metavar="DATE", help="refuse evidence of another renewal")
    which.add_argument("--anniversary", type=anniversary, metavar="DATE", help="refuse evidence of another anniversary")
    add_area(parser, required=False, text="refuse evidence of another area")
    parser.add_argument("--since", type=Path, metavar="OLD", help="older evidence, which this has to extend")
    between = parser.add_mutually_exclusive_group()
    between.add_argument("--consistency", type=Path, metavar="PROOF", help="the proof that the log only grew since OLD")
    add_tiles(between, required=False)
    parser.add_argument(
        "--timestamp", type=Path, metavar="FILE", help="FILE.tsr beside the evidence, an RFC 3161 timestamp"
    )
    parser.add_argument("--roots", type=Path, metavar="FILE", help="whose timestamps to trust, certificates in PEM")


def run(session: Session) -> int:
    """Prints the verdict."""
    options = session.options
    if options.since is None and (options.consistency is not None or options.tiles is not None):
        raise Failure("usage", "found --consistency or --tiles without --since, expected the older evidence")
    with proving():
        from ledger.proof.log.files import read_file, within_memory
        from ledger.proof.log.policy import POLICY_MAX_BYTES
        from ledger.proof.log.verify import verify
        from ledger.proof.registry import PROOF_PROGRAMMES

        with within_memory():
            evidence = read_evidence(options.file)
            report = verify(
                evidence,
                read_file(options.policy, POLICY_MAX_BYTES, pipes=True),
                PROOF_PROGRAMMES,
                asked=_asked(options),
                since=None if options.since is None else _since(options),
            )
        stamped = _timestamp(options.timestamp, options.roots, evidence) if options.timestamp else None
    session.output.text(*([report.encoded()] if session.output.as_json else report.words().split("\n")))
    if stamped:
        session.output.words(f"the checkpoint was timestamped at {stamped}")
    return report.exit_code


def _asked(options: Namespace) -> dict[str, str]:
    """What the decision has to be on, by the names that the programmes give."""
    names = ("membership", "renewal", "area", "anniversary")
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def _since(options: Namespace) -> Since:
    """The older evidence, and where the consistency proof comes from."""
    from ledger.proof.log.files import read_file
    from ledger.proof.log.since import CONSISTENCY_MAX_BYTES, Since, parse_consistency

    older = read_evidence(options.since)
    if options.consistency is not None:
        return Since(older, parse_consistency(read_file(options.consistency, CONSISTENCY_MAX_BYTES, pipes=True)))
    if options.tiles is None:
        return Since(older)

    def from_tiles(old_size: int, new_size: int) -> Sequence[bytes]:
        from ledger.proof.log.merkle_tree import consistency_proof
        from ledger.proof.log.tiles import hash_reader
        from ledger.seal.folder import LogFolder

        folder = LogFolder(options.tiles)
        folder.require_there()
        return consistency_proof(old_size, new_size, hash_reader(new_size, folder.read_tile))

    return Since(older, from_tiles)


def _timestamp(path: Path, roots: Path | None, evidence: bytes) -> str:
    """When the checkpoint in the evidence was timestamped. Raises ProofError."""
    if roots is None:
        raise Failure("usage", "found --timestamp without --roots, expected the certificates to trust")
    from ledger.proof.log.bundle import parse_bundle
    from ledger.proof.log.files import read_file
    from ledger.proof.log.policy import POLICY_MAX_BYTES

    try:
        from ledger.seal.timestamp import check_timestamp, checkpoint_body
    except ImportError as error:
        raise ExtraMissing(error.name, "timestamps") from None
    body = checkpoint_body(parse_bundle(evidence).checkpoint)
    answer, certificates = (read_file(one, POLICY_MAX_BYTES, pipes=True) for one in (path, roots))
    return check_timestamp(answer, body, certificates).isoformat()

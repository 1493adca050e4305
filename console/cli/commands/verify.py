"""Verifies evidence offline: no database, no network, and nothing trusted but the policy.

Verdicts: confirmed (exit code 0); refuted, tampered, incomplete (1); unverifiable (2). The first thing that differs is
named with both sides. The same verifier runs without this program: python -m ledger.proof.verify, or csat-verify.pyz
(`make verifier`)."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from console.cli.exits import Failure
from console.cli.proof_files import add_policy, proving, read_evidence
from console.cli.session import Session
from ledger.errors import ExtraMissing

EPILOG: Final = """\
examples:
  csat-ledger verify m-1.json --policy policy.json
  csat-ledger verify m-1.json --policy policy.json --json     {"verdict","decision","recomputed","difference"}"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the evidence")
    add_policy(parser)
    parser.add_argument(
        "--timestamp", type=Path, metavar="FILE", help="FILE.tsr beside the evidence, an RFC 3161 timestamp"
    )
    parser.add_argument("--roots", type=Path, metavar="FILE", help="whose timestamps to trust, certificates in PEM")


def run(session: Session) -> int:
    """Prints the verdict."""
    with proving():
        from ledger.proof.log.files import read_file
        from ledger.proof.log.policy import POLICY_MAX_BYTES
        from ledger.proof.log.verify import verify
        from ledger.proof.registry import PROOF_PROGRAMMES

        options = session.options
        evidence = read_evidence(options.file)
        report = verify(evidence, read_file(options.policy, POLICY_MAX_BYTES, pipes=True), PROOF_PROGRAMMES)
        stamped = _timestamp(options.timestamp, options.roots, evidence) if options.timestamp else None
    session.output.text(*([report.encoded()] if session.output.as_json else report.words().split("\n")))
    if stamped:
        session.output.words(f"the checkpoint was timestamped at {stamped}")
    return report.exit_code


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

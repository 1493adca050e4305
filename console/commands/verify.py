"""Verifies evidence offline: no database, no network, and nothing trusted but the policy.

Verdicts: confirmed (exit code 0); refuted, tampered, incomplete (1); unverifiable (2). The first thing that differs is
named with both sides. The same verifier runs without this program: python -m ledger.proof.verify, or csat-verify.pyz
(`make verifier`)."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from console.proving import add_policy, proving
from console.session import Session

EPILOG: Final = """\
examples:
  csat-ledger verify m-1.json --policy policy.json
  csat-ledger verify m-1.json --policy policy.json --json     {"verdict","decision","recomputed","difference"}"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the evidence")
    add_policy(parser)


def run(session: Session) -> int:
    """Prints the verdict."""
    with proving():
        from ledger.proof.verify import verify

        report = verify(session.options.file.read_bytes(), session.options.policy.read_bytes())
    session.output.text(report.encoded() if session.output.as_json else report.words())
    return report.exit_code

"""Proves that an old checkpoint is a prefix of a new one: nothing that was in the log then has changed since.

OLD and NEW are checkpoints, evidence or tlog-proofs. The proof is made from the tiles and verified; it is believed only
as far as the policy trusts the signatures on both."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from console.cli.exits import DONE
from console.cli.proof_files import add_log, add_policy, proving, read_evidence, read_policy, reading_log
from console.cli.session import Session

EPILOG: Final = """\
examples:
  csat-ledger consistency saved-checkpoint log/checkpoint --tiles log --policy policy.json
  csat-ledger consistency last-year/m-1.json log/checkpoint --tiles log --policy policy.json
  csat-ledger consistency saved-checkpoint now --tiles https://log.example/csat --policy policy.json

Exit code 1: NEW is another history than OLD."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("old", type=Path, metavar="OLD", help="what was saved")
    parser.add_argument("new", type=Path, metavar="NEW", help="what is there now")
    add_log(parser, entries=False)
    add_policy(parser)


def run(session: Session) -> int:
    """Proves and prints."""
    options, output = session.options, session.output
    with proving():
        from ledger.seal.evidence import prove_consistency

        old, new = read_evidence(options.old), read_evidence(options.new)
        with reading_log(session) as log:
            proved = prove_consistency(old, new, log, read_policy(options.policy))
    if output.as_json:
        output.json(proved.answer())
    else:
        output.text(
            f"consistent: the log of {proved.old.size:,} entries is a prefix of the one of {proved.new.size:,}, "
            f"by a proof of {len(proved.proof)} hashes"
        )
    return DONE

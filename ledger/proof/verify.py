"""The offline verifier as a program, with the programmes of this ledger.

    python -m ledger.proof.verify FILE --policy FILE [--json]
        [--membership M] [--renewal D | --area A --anniversary D] [--since OLD [--consistency PROOF]]

It needs Python and `cryptography`, and nothing else of the ledger. Verdicts and exit codes: `ledger.proof.log.verify`; what
--json prints: `ledger.proof.log.report`; older evidence, and the file with a consistency proof: `ledger.proof.log.since`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.proof.log.bundle import BUNDLE_MAX_BYTES
from ledger.proof.log.errors import MalformedError, Words
from ledger.proof.log.files import read_named, within_memory
from ledger.proof.log.policy import POLICY_MAX_BYTES
from ledger.proof.log.verify import unread, verify
from ledger.proof.registry import PROOF_PROGRAMMES

if TYPE_CHECKING:
    from ledger.proof.log.since import Since

ASKED = ("membership", "renewal", "area", "anniversary")
"""What a decision of our programmes can be on."""


def main(arguments: list[str] | None = None, prog: str = "python -m ledger.proof.verify") -> int:
    """The command line, under the name by which it was called; returns the exit code."""
    parser = argparse.ArgumentParser(prog=prog, description="Verifies an evidence bundle.")
    parser.add_argument("file", type=Path, help="the evidence bundle")
    parser.add_argument("--policy", type=Path, required=True, help="the roots of trust")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    for name in ASKED:
        parser.add_argument(f"--{name}", help=f"refuse evidence of another {name}")
    parser.add_argument("--since", type=Path, help="older evidence of the same stream, which this has to extend")
    parser.add_argument("--consistency", type=Path, help="the file with the consistency proof between the two logs")
    options = parser.parse_args(arguments)
    if options.consistency and not options.since:
        parser.error("found --consistency without --since, expected the older evidence")
    asked = {name: value for name in ASKED if (value := getattr(options, name)) is not None}
    try:
        with within_memory():
            bundle = read_named(options.file, "bundle", BUNDLE_MAX_BYTES)
            policy = read_named(options.policy, "policy", POLICY_MAX_BYTES)
            since = _since(options.since, options.consistency) if options.since else None
            report = verify(bundle, policy, PROOF_PROGRAMMES, asked=asked, since=since)
    except MalformedError as error:
        report = unread(error)
    except MemoryError:
        report = unread(
            MalformedError("bundle", found=Words("more than memory holds"), expected=Words("a smaller file"))
        )
    sys.stdout.write((report.encoded() if options.json else report.words()) + "\n")
    return report.exit_code


def _since(older: Path, consistency: Path | None) -> Since:
    from ledger.proof.log.since import CONSISTENCY_MAX_BYTES, Since, parse_consistency

    read = read_named(older, "older evidence", BUNDLE_MAX_BYTES)
    if consistency is None:
        return Since(read)
    return Since(read, parse_consistency(read_named(consistency, "consistency proof", CONSISTENCY_MAX_BYTES)))


if __name__ == "__main__":
    sys.exit(main())

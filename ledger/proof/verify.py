"""The offline verifier as a program, with the programmes of this ledger.

    python -m ledger.proof.verify FILE --policy FILE [--json]

It needs Python and `cryptography`, and nothing else of the ledger. Verdicts, exit codes and what --json prints:
`ledger.proof.log.verify`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ledger.proof.log.bundle import BUNDLE_MAX_BYTES
from ledger.proof.log.errors import MalformedError, Words
from ledger.proof.log.files import read_file
from ledger.proof.log.policy import POLICY_MAX_BYTES
from ledger.proof.log.verify import unread, verify
from ledger.proof.registry import PROOF_PROGRAMMES


def main(arguments: list[str] | None = None, prog: str = "python -m ledger.proof.verify") -> int:
    """The command line, under the name by which it was called; returns the exit code."""
    parser = argparse.ArgumentParser(prog=prog, description="Verifies an evidence bundle.")
    parser.add_argument("file", type=Path, help="the evidence bundle")
    parser.add_argument("--policy", type=Path, required=True, help="the roots of trust")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        bundle = _read(options.file, "bundle", BUNDLE_MAX_BYTES)
        report = verify(bundle, _read(options.policy, "policy", POLICY_MAX_BYTES), PROOF_PROGRAMMES)
    except MalformedError as error:
        report = unread(error)
    except MemoryError:
        report = unread(
            MalformedError("bundle", found=Words("more than memory holds"), expected=Words("a smaller file"))
        )
    sys.stdout.write((report.encoded() if options.json else report.words()) + "\n")
    return report.exit_code


def _read(path: Path, what: str, max_bytes: int) -> bytes:
    try:
        return read_file(path, max_bytes, pipes=True)
    except OSError as error:
        raise MalformedError(
            f"{what} {str(path)!a}", found=Words(str(error.strerror)), expected=Words("a file")
        ) from None


if __name__ == "__main__":
    sys.exit(main())

"""Makes a key: a secret file that only its owner may read, and a public one for everybody's policy.

The log's key signs checkpoints and is named after the log; a witness's key (--witness) cosigns them. A file that is
there already is never written over."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from console.exits import DONE
from console.proving import proving
from console.session import Session

EPILOG: Final = """\
examples:
  csat-ledger keygen --name ledger.example/renewals --out keys           keys/log.key, keys/log.vkey
  csat-ledger keygen --name auditor.example/w1 --out keys --witness      keys/witness.key, keys/witness.vkey"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--name", required=True, metavar="ORIGIN", help="the log's name, or the witness's")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the files go")
    parser.add_argument("--witness", action="store_true", help="a key that cosigns")


def run(session: Session) -> int:
    """Makes the files and says what to do with them."""
    options, output = session.options, session.output
    with proving():
        from ledger.proof.note import COSIGNATURE_V1, ED25519
        from ledger.seal.keyfiles import make_key_files

        made = make_key_files(options.out, options.name, COSIGNATURE_V1 if options.witness else ED25519)
    if output.as_json:
        output.json({"key": str(made.key), "vkey": str(made.vkey), "verifier": str(made.verifier)})
        return DONE
    output.text(f"secret  {made.key}\npublic  {made.vkey}\n\n{made.verifier}\n")
    if options.witness:
        output.text("Put it under `witnesses` in the policies of those who trust this witness.")
    else:
        logs = [{"vkey": str(made.verifier), "from": 0, "to": None}]
        policy = {"origin": options.name, "logs": logs, "witnesses": [], "quorum": 0}
        output.text(f"A policy that trusts this key, and no witness:\n\n{json.dumps(policy, indent=1)}")
    return DONE

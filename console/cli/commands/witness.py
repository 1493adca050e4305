"""Runs a witness: it cosigns a log's checkpoints as long as each extends the one before, and remembers the last.

Whoever audits a ledger, or owns the programme, runs one on a machine that the ledger's host does not control. A log
that was rewritten, or cut, gets no cosignature any more. The protocol is c2sp.org/tlog-witness."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console.cli.exits import DONE
from console.cli.proof_files import add_policy, address, proving, read_policy
from console.cli.session import Session
from console.cli.signals import Interrupted

MEMORY: Final = "witnessed"

EPILOG: Final = """\
examples:
  csat-ledger witness --key keys/witness.key --policy policy.json --listen 0.0.0.0:8123

The policy names the log and its keys; its witnesses and quorum are no matter here. What was cosigned last is kept in
--memory (default: the folder `witnessed` beside the key): without it the witness would sign another history."""


@dataclass(frozen=True, slots=True)
class WitnessListening:
    """A witness that takes checkpoints now."""

    listening: str
    """HOST:PORT."""
    verifier: str
    """Its public key, as policies have it."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--key", required=True, type=Path, metavar="FILE", help="the witness's secret key")
    add_policy(parser)
    parser.add_argument("--listen", required=True, type=address, metavar="HOST:PORT", help="where; port 0 for any")
    parser.add_argument("--memory", type=Path, metavar="DIR", help="where the last checkpoint cosigned is kept")


def run(session: Session) -> int:
    """Serves until it is told to stop."""
    options, output = session.options, session.output
    with proving():
        from ledger.instants import SECOND_US
        from ledger.proof.log.note import COSIGNATURE_V1
        from ledger.seal.keyfiles import load_signer
        from ledger.seal.witness import Witness
        from ledger.seal.witness_http import WitnessServer

        signer = load_signer(options.key, COSIGNATURE_V1)
        memory = options.memory or options.key.parent / MEMORY
        witness = Witness(signer, read_policy(options.policy), memory, lambda: session.clock() // SECOND_US)
        with WitnessServer(options.listen, witness) as server:
            host, port = server.server_address[:2]
            try:
                if output.as_json:
                    output.json(WitnessListening(f"{host!s}:{port}", str(signer.verifier)))
                else:
                    output.text(str(signer.verifier), f"listening on {host!s}:{port}")
                output.flush()  # from here on it may be told to stop, which is how it ends
                server.serve_forever()
            except Interrupted:
                return DONE
            finally:
                witness.close()
    return DONE

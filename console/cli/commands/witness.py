"""Runs a witness: it cosigns a log's checkpoints as long as each extends the one before, and remembers the last.

Whoever audits a ledger, or owns the programme, runs one on a machine that the ledger's host does not control. A log
that was rewritten, or cut, gets no cosignature any more. The protocol is c2sp.org/tlog-witness.

With --checking it reads the log's entries as a monitor does, and cosigns only what it can derive from them itself: no two
ends of one stream, no stream that goes another way than before, nothing that does not follow from the rules."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.cli.commands.monitor import program_version
from console.cli.exits import DONE, Failure
from console.cli.proof_files import add_log, add_policy, address, proving, read_policy, reading_log
from console.cli.session import Session
from console.cli.signals import Interrupted
from console.throughput import collect_garbage_seldom
from ledger.errors import BadInput

if TYPE_CHECKING:
    from ledger.monitor.witness import CheckingWitness
    from ledger.proof.log.policy import Policy
    from ledger.proof.log.signer import SignerKey
    from ledger.seal.log_reader import LogReader
    from ledger.seal.witness import Witness

MEMORY: Final = "witnessed"
STATE: Final = "monitored"

EPILOG: Final = """\
examples:
  csat-ledger witness --key keys/witness.key --policy policy.json --listen 0.0.0.0:8123
  csat-ledger witness --checking --log https://log.example/csat --entries-token-file entries.token \
      --key keys/witness.key --policy policy.json --listen 0.0.0.0:8123

The policy names the log and its keys; its witnesses and quorum are no matter here. What was cosigned last is kept in
--memory (default: the folder `witnessed` beside the key): without it the witness would sign another history. What a
checking witness derived is kept in the folder `monitored` in there; where that is lost, it is derived anew."""


@dataclass(frozen=True, slots=True)
class WitnessListening:
    """A witness that takes checkpoints now."""

    listening: str
    """HOST:PORT."""
    verifier: str
    """Its public key, as policies have it."""
    checking: bool
    """Whether it cosigns only what it derived itself."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--key", required=True, type=Path, metavar="FILE", help="the witness's secret key")
    add_policy(parser)
    parser.add_argument("--listen", required=True, type=address, metavar="HOST:PORT", help="where; port 0 for any")
    parser.add_argument("--memory", type=Path, metavar="DIR", help="where the last checkpoint cosigned is kept")
    parser.add_argument("--checking", action="store_true", help="cosign only what follows from the log's entries")
    add_log(parser, "--log", entries=True, required=False)


def run(session: Session) -> int:
    """Serves until it is told to stop."""
    options = session.options
    if options.checking != (options.log is not None):
        raise Failure("usage", "found one of --checking and --log, expected both: a witness that checks reads the log")
    with proving():
        if not options.checking:
            return _serve(session, _witness(session))
        from ledger.proof.log.policy import CHECKING, is_checking
        from ledger.seal.folder import LogFolder

        collect_garbage_seldom()
        with reading_log(session) as log:
            if isinstance(log, LogFolder) and not log.root.is_dir():
                raise BadInput(f"{log.root}: found no such folder, expected that of a log")
            witness = _checking_witness(session, log)
            if not is_checking(witness.verifier):
                session.output.words(
                    f"the name of this key does not end in {CHECKING}: no policy counts it as that of a checking witness"
                )
            witness.start_mirror()
            return _serve(session, witness)


def _witness(session: Session) -> Witness:
    from ledger.seal.witness import Witness

    key, policy, memory, clock_s = _needs(session)
    return Witness(key, policy, memory, clock_s)


def _checking_witness(session: Session, log: LogReader) -> CheckingWitness:
    from ledger.monitor.monitor import Monitor
    from ledger.monitor.witness import CheckingWitness
    from ledger.proof.registry import PROOF_PROGRAMMES

    key, policy, memory, clock_s = _needs(session)
    monitor = Monitor(log, policy, PROOF_PROGRAMMES, memory / STATE, program_version(), session.clock)
    for notice in monitor.notices():
        session.output.words(notice)
    return CheckingWitness(key, policy, memory, clock_s, monitor)


def _needs(session: Session) -> tuple[SignerKey, Policy, Path, Callable[[], int]]:
    """Key, policy, the folder of the memory, and the clock in seconds."""
    from ledger.instants import SECOND_US
    from ledger.proof.log.note import COSIGNATURE_V1
    from ledger.seal.keyfiles import load_signer

    options = session.options
    key = load_signer(options.key, COSIGNATURE_V1)
    memory = options.memory or options.key.parent / MEMORY
    return key, read_policy(options.policy), memory, lambda: session.clock() // SECOND_US


def _serve(session: Session, witness: Witness) -> int:
    from ledger.seal.witness_http import WitnessServer

    options, output = session.options, session.output
    with WitnessServer(options.listen, witness, complain=output.words) as server:
        host, port = server.server_address[:2]
        try:
            if output.as_json:
                output.json(WitnessListening(f"{host!s}:{port}", str(witness.verifier), options.checking))
            else:
                output.text(str(witness.verifier), f"listening on {host!s}:{port}")
            output.flush()  # from here on it may be told to stop, which is how it ends
            server.serve_forever()
        except Interrupted:
            return DONE
        finally:
            witness.close()
    return DONE

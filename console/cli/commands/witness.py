"""Runs a witness: it cosigns a log's checkpoints as long as each extends the one before, and remembers the last.

Whoever audits a ledger, or owns the programme, runs one on a machine that the ledger's host does not control. A log
that was rewritten, or cut, gets no cosignature any more. The protocol is c2sp.org/tlog-witness.

It serves several logs where --policy is given several times: each has a memory of its own, and waits for no other.

With --checking it reads the log's entries as a monitor does, and cosigns only what it can derive from them itself: no two
ends of one stream, no stream that goes another way than before, nothing that does not follow from the rules."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from traceback import format_exception
from typing import TYPE_CHECKING, Final

from console.cli.commands.monitor import program_version
from console.cli.exits import DONE, Failure
from console.cli.output import Output
from console.cli.proof_files import add_log, add_policy, address, proving, read_policy, reading_logs
from console.cli.session import Session
from console.cli.signals import Interrupted
from console.throughput import collect_garbage_seldom

if TYPE_CHECKING:
    from ledger.monitor.witness import CheckingWitness
    from ledger.proof.log.policy import Policy
    from ledger.proof.log.signer import SignerKey
    from ledger.seal.log_reader import LogReader
    from ledger.seal.witness import Witness

MEMORY: Final = "witnessed"

EPILOG: Final = """\
examples:
  csat-ledger witness --key keys/witness.key --policy policy.json --listen 0.0.0.0:8123
  csat-ledger witness --key keys/witness.key --policy a.json --policy b.json --listen 0.0.0.0:8123
  csat-ledger witness --checking --log https://log.example/csat --entries-token-file entries.token \
      --key keys/witness.key --policy policy.json --listen 0.0.0.0:8123
  csat-ledger witness --checking --policy a.json --log https://a.example/log --entries-token-file a.token \
      --policy b.json --log /srv/b/log --key keys/witness.key --listen 0.0.0.0:8123

A policy names a log and its keys; its witnesses and quorum are no matter here. There is one for each log, and with
--checking as many --log, in the same order: a log whose checkpoint has another origin than its policy is an error of
usage. --entries-token-file is given once for each log at a URL, in their order (`none`: its entries need no token), or
not at all. What was cosigned last is kept in --memory (default: the folder `witnessed` beside the key): without it the
witness would sign another history. What a checking witness derived is kept in the folder `monitored` in there; where that
is lost, it is derived anew."""


@dataclass(frozen=True, slots=True)
class WitnessListening:
    """A witness that takes checkpoints now."""

    listening: str
    """HOST:PORT."""
    verifier: str
    """Its public key, as policies have it."""
    checking: bool
    """Whether it cosigns only what it derived itself."""
    logs: tuple[str, ...]
    """The origins of the logs whose checkpoints it cosigns."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--key", required=True, type=Path, metavar="FILE", help="the witness's secret key")
    add_policy(parser, several=True)
    parser.add_argument("--listen", required=True, type=address, metavar="HOST:PORT", help="where; port 0 for any")
    parser.add_argument("--memory", type=Path, metavar="DIR", help="where the last checkpoint cosigned is kept")
    parser.add_argument("--checking", action="store_true", help="cosign only what follows from the log's entries")
    add_log(parser, "--log", entries=True, required=False, several=True)


def run(session: Session) -> int:
    """Serves until it is told to stop."""
    options = session.options
    if options.checking != bool(options.log):
        raise Failure("usage", "found one of --checking and --log, expected both: a witness that checks reads the log")
    if options.checking and len(options.log) != len(options.policy):
        raise Failure(
            "usage",
            f"found {len(options.log)} of --log and {len(options.policy)} of --policy, expected as many, in one order",
        )
    with proving():
        needs = _needs(session)
        if not options.checking:
            return _serve(session, _witnesses(needs))
        from ledger.proof.log.policy import CHECKING, is_checking

        collect_garbage_seldom()
        with reading_logs(session) as logs:
            if len(logs) > 1:
                _require_order(session, logs, needs.policies)
            if not is_checking(needs.key.verifier):
                session.output.words(
                    f"the name of this key does not end in {CHECKING}: no policy counts it as that of a checking witness"
                )
            return _serve(session, _checking_witnesses(session, needs, logs))


@dataclass(frozen=True, slots=True)
class Needs:
    """What a witness is made of."""

    key: SignerKey
    policies: Sequence[Policy]
    memory: Path
    clock_s: Callable[[], int]


Made = Sequence[Callable[[], "Witness"]]
"""How the witness of each log is made; it holds the log's memory from then on."""


def _needs(session: Session) -> Needs:
    from ledger.instants import SECOND_US
    from ledger.proof.log.note import COSIGNATURE_V1
    from ledger.seal.keyfiles import load_signer

    options = session.options
    key = load_signer(options.key, COSIGNATURE_V1)
    memory = options.memory or options.key.parent / MEMORY
    policies = [read_policy(path) for path in options.policy]
    first: dict[str, Path] = {}
    for path, policy in zip(options.policy, policies, strict=True):
        if (other := first.setdefault(policy.origin, path)) is not path:
            raise Failure(
                "usage",
                f"{path}: found the log {policy.origin}, which {other} is for, expected one policy for each log",
            )
    return Needs(key, policies, memory, lambda: session.clock() // SECOND_US)


def _witnesses(needs: Needs) -> Made:
    from ledger.seal.witness import Witness

    return [partial(Witness, needs.key, policy, needs.memory, needs.clock_s) for policy in needs.policies]


def _checking_witnesses(session: Session, needs: Needs, logs: Sequence[LogReader]) -> Made:
    from ledger.monitor.monitor import Monitor
    from ledger.monitor.witness import CheckingWitness, state_folder
    from ledger.proof.registry import PROOF_PROGRAMMES

    def made(log: LogReader, policy: Policy) -> CheckingWitness:
        state = state_folder(needs.memory, policy)
        monitor = Monitor(log, policy, PROOF_PROGRAMMES, state, program_version(), session.clock)
        for notice in monitor.notices():
            session.output.words(notice)
        witness = CheckingWitness(needs.key, policy, needs.memory, needs.clock_s, monitor)
        witness.start_mirror(partial(_tell_fault, session.output, policy.origin))
        return witness

    return [partial(made, log, policy) for log, policy in zip(logs, needs.policies, strict=True)]


def _tell_fault(output: Output, origin: str, error: Exception) -> None:
    output.trace("".join(format_exception(error)))
    output.words(f"{origin}: found {error!r} while deriving its entries, expected none; goes on with the next request")


def _require_order(session: Session, logs: Sequence[LogReader], policies: Sequence[Policy]) -> None:
    """Each log is that of its policy. One without a checkpoint, or that gives no answer now, cannot be told; that is said."""
    from ledger.monitor.origins import origins_of

    for log, policy, found in zip(logs, policies, origins_of(logs), strict=True):
        if found is None:
            session.output.words(
                f"{log.name}: found no checkpoint yet, so that it is the log {policy.origin} is not checked"
            )
        elif found != policy.origin:
            raise Failure(
                "usage", f"{log.name}: found the log {found}, expected {policy.origin}: --log and --policy in one order"
            )


def _serve(session: Session, made: Made) -> int:
    from ledger.seal.witness_http import WitnessServer

    options, output = session.options, session.output
    with ExitStack() as stack:
        witnesses = [stack.enter_context(closing(make())) for make in made]
        with WitnessServer(options.listen, witnesses) as server:
            host, port = server.server_address[:2]
            verifier, origins = str(witnesses[0].verifier), tuple(witness.origin for witness in witnesses)
            try:
                if output.as_json:
                    output.json(WitnessListening(f"{host!s}:{port}", verifier, options.checking, origins))
                else:
                    output.text(verifier, f"listening on {host!s}:{port} for {', '.join(origins)}")
                output.flush()  # from here on it may be told to stop, which is how it ends
                server.serve_forever()
            except Interrupted:
                return DONE
    return DONE

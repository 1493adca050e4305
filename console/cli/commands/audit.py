"""Audits everything: follows the whole log as a monitor does, with the rows of the database beside it, and lists each
difference.

Checked are each row against its entry in the log, each stream's chain, each heads entry, each tile, the root of each
checkpoint ever published, signatures and cosignatures by the policy, and by the verifier's own implementation of the
rules what was announced and decided, in what is not sealed yet too; and whether what the database keeps of when each is
due lets every change be noticed. Last, whether the database still guards the events (triggers, keys, rights), and
whether each snapshot is the state that the events fold to."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from itertools import chain
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE, NOT_SO, USAGE
from console.cli.output import Output, plural
from console.cli.proof_files import add_log, add_policy, proving, read_policy, reading_log
from console.cli.session import Session
from console.throughput import collect_garbage_seldom

if TYPE_CHECKING:
    from ledger.audit.audit import AuditReport

WORKERS_MAX: Final = 256

EPILOG: Final = """\
examples:
  csat-ledger audit --tiles log --policy policy.json
  csat-ledger audit --tiles log --policy policy.json --json
  csat-ledger audit --tiles https://log.example/csat --entries-token-file entries.token --policy policy.json

exit codes: 0 confirmed; 1 refuted, tampered or incomplete; 2 nothing that the policy trusts is signed; 4 the log cannot
be reached, or its folder is not there"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_log(parser, entries=True)
    add_policy(parser)
    parser.add_argument("--workers", type=_workers, metavar="N", help="processes; default: one for each core")


def run(session: Session) -> int:
    """Audits and prints."""
    options, output = session.options, session.output
    collect_garbage_seldom()
    with proving(), session.ledger() as ledger, output.progress("auditing") as advance:
        from ledger.audit.audit import audit
        from ledger.programmes.registry import PROGRAMMES
        from ledger.proof.registry import PROOF_PROGRAMMES
        from ledger.seal.findings import Finding
        from ledger.writing.checking import snapshot_differences

        policy = read_policy(options.policy)
        workers = options.workers
        with reading_log(session) as log:
            report = audit(ledger.store, log, policy, PROOF_PROGRAMMES, workers=workers, on_progress=advance)
        beside = chain(ledger.store.unguarded(), snapshot_differences(ledger.store, PROGRAMMES))
        report.findings += [Finding("incomplete", *one) for one in beside]
    if output.as_json:
        output.json(report.answer())
    else:
        print_report(output, report)
    return DONE if report.verdict == "confirmed" else USAGE if report.verdict == "unverifiable" else NOT_SO


def print_report(output: Output, report: AuditReport) -> None:
    """The report for people."""
    output.text(f"verdict: {report.verdict}")
    output.text(
        f"{plural(report.events, 'event')} of {plural(report.streams, 'stream')}, "
        f"{plural(report.announcements, 'announcement')}, {plural(report.decisions, 'decision')}, "
        f"{plural(report.checkpoints, 'checkpoint')}"
    )
    if report.unsealed:
        output.text(f"{plural(report.unsealed, 'event')} not sealed yet")
    for finding in report.findings:
        output.text(f"{finding.what} ({finding.verdict})")
        output.text(f"  found:    {finding.found}")
        output.text(f"  expected: {finding.expected}")


def _workers(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= WORKERS_MAX):
        raise ArgumentTypeError(f"found {text!r}, expected a number of processes from 1 to {WORKERS_MAX}")
    return int(text)

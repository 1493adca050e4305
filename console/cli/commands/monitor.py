"""Follows a log by its files alone, and derives again everything that it says: no database, no trust in its host.

Checked are every checkpoint that is seen, the tree, each tile, each event and its place in its stream, that what was
recorded never goes back, that no fact came in twice, each heads entry with the map of all streams, the rotations of
keys, and by the verifier's own implementation of the rules what was announced and decided. What was derived is kept in
--state, so that the next run goes on where this one was; and so is every checkpoint that was ever seen: a log that shows
another history is found, and the two checkpoints that prove it are shown."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE, NOT_SO, USAGE
from console.cli.output import Output, plural
from console.cli.proof_files import add_log, add_policy, proving, read_policy, reading_log
from console.cli.session import Session
from console.cli.signals import Interrupted
from console.throughput import collect_garbage_seldom

if TYPE_CHECKING:
    from ledger.monitor.monitor import Monitor
    from ledger.monitor.report import MonitorReport

POLL_S: Final = 2.0
"""So often a log is looked at that is followed."""

EPILOG: Final = """\
examples:
  csat-ledger monitor --log log --policy policy.json --state monitored
  csat-ledger monitor --log https://log.example/csat --entries-token-file entries.token \\
      --policy policy.json --state monitored --follow --json
  csat-ledger monitor --log log --policy policy.json --state monitored --receipts r.jsonl

With --receipts each receipt is held against the log, as verify-receipt does for one: broken ones lead to the verdict
tampered, late ones to incomplete, and a line that holds no receipt to unverifiable. What was judged once is kept in
--state; a file that grows is read on.

With --follow each change of what is found is one report, and so is each growth of the log; a log that cannot be reached
is asked again. SIGINT or SIGTERM ends it, with the exit code of the last report.

exit codes: 0 confirmed; 1 refuted, tampered or incomplete; 2 nothing that the policy trusts is signed, or the clock here is
behind those of the witnesses; 4 the log cannot be reached"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_log(parser, "--log", entries=True)
    add_policy(parser)
    parser.add_argument("--state", required=True, type=Path, metavar="DIR", help="where is kept what was derived")
    parser.add_argument(
        "--receipts",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="receipts to watch, as record --receipts writes them; may be given several times",
    )
    parser.add_argument("--follow", action="store_true", help="go on with what comes, until SIGINT or SIGTERM")


def run(session: Session) -> int:
    """Goes over the log and prints; with --follow again and again."""
    options, output = session.options, session.output
    collect_garbage_seldom()
    with proving():
        from ledger.monitor.monitor import Monitor
        from ledger.proof.registry import PROOF_PROGRAMMES

        policy = read_policy(options.policy)
        with reading_log(session, may_come=options.follow) as log:
            monitor = Monitor(
                log, policy, PROOF_PROGRAMMES, options.state, program_version(), session.clock, options.receipts
            )
            try:
                if options.follow:
                    return _follow(session, monitor)
                with output.progress("monitoring") as advance:
                    report = monitor.round(advance)
                _tell(output, monitor)
                print_report(output, report)
                return exit_code_of(report)
            finally:
                monitor.close()


def _follow(session: Session, monitor: Monitor) -> int:
    """Until it is told to stop."""
    from consumers.broker.backoff import Backoff
    from ledger.errors import LogUnreachable

    backoff, failures = Backoff(), 0
    last: MonitorReport | None = None
    try:
        while True:
            try:
                report = monitor.round()
            except (LogUnreachable, OSError) as error:
                failures += 1
                pause_s = backoff.pause_s(failures)
                what = "reach the log" if isinstance(error, LogUnreachable) else "go on"
                session.output.words(f"cannot {what}: {error}; again in {pause_s:.1f} s")
                time.sleep(pause_s)
                continue
            failures = 0
            with session.signals.put_off():  # a report is printed whole or not at all
                _tell(session.output, monitor)
                if report != last:
                    print_report(session.output, report)
                    session.output.flush()
                last = report
            time.sleep(POLL_S)
    except Interrupted:
        return DONE if last is None else exit_code_of(last)


def _tell(output: Output, monitor: Monitor) -> None:
    for notice in monitor.notices():
        output.words(notice)


def print_report(output: Output, report: MonitorReport) -> None:
    """The report, for people or as one line of JSON."""
    if output.as_json:
        output.json(report.answer())
        return
    output.text(f"verdict: {report.verdict}")
    output.text(
        f"size {report.size:,}: {plural(report.events, 'event')} of {plural(report.streams, 'stream')}, "
        f"{plural(report.announcements, 'announcement')}, {plural(report.decisions, 'decision')}, "
        f"{plural(report.checkpoints, 'checkpoint')} seen"
    )
    if report.receipts is not None:
        counts = ", ".join(f"{count:,} {verdict}" for verdict, count in asdict(report.receipts).items())
        output.text(f"receipts: {counts}")
    for finding in report.findings:
        output.text(f"{finding.what} ({finding.verdict})")
        output.text(f"  found:    {finding.found}")
        output.text(f"  expected: {finding.expected}")


def exit_code_of(report: MonitorReport) -> int:
    """As the audit's."""
    return DONE if report.verdict == "confirmed" else USAGE if report.verdict == "unverifiable" else NOT_SO


def program_version() -> str:
    """What a monitor's state is written by."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("csat-ledger")
    except PackageNotFoundError:
        return "(not installed)"

"""Brings projections up to date, rebuilds them beside the running ones, or shows how far behind they are.

The questions of this program bring them up to date by themselves. A rebuild compares the new tables with the old ones
before it swaps them, and takes parked streams up again. The status also names the streams that writers have set aside
because an event of them cannot be read; they are taken up again by themselves once it can."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any, Final

from console.cli.exits import DONE, NOT_SO, SOME_REFUSED
from console.cli.output import Output, plural
from console.cli.session import Session
from console.throughput import collect_garbage_seldom

if TYPE_CHECKING:
    from console.wiring import Ledger
    from ledger.store.base import Aside

EPILOG: Final = """\
examples:
  csat-ledger project                               up to date
  csat-ledger project --rebuild                     anew, compared, swapped
  csat-ledger project --status --json               a line for each: position, lag, gaps, parked streams, events waiting;
                                                    then one for each stream that is set aside: position, reason

Exit code 3 says that streams are parked or set aside; 1 that a rebuild came out different although nothing had been
parked."""

SOME_WAIT: Final = SOME_REFUSED
"""Done, but for what waits to be readable."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--rebuild", action="store_true", help="build them anew, compare and swap")
    which.add_argument("--status", action="store_true", help="only show where they are")


def run(session: Session) -> int:
    """Does one of the three."""
    output = session.output
    collect_garbage_seldom()
    with session.ledger() as ledger:
        if session.options.rebuild:
            return _rebuild(ledger, output)
        if not session.options.status:
            with output.progress("projecting") as advance:
                ledger.runner.catch_up(advance)
        rows, asides = ledger.runner.status(), ledger.store.set_aside()
        _print_status(output, rows)
        _print_set_aside(output, asides)
    return SOME_WAIT if asides or any(row["parked"] for row in rows) else DONE


def _rebuild(ledger: Ledger, output: Output) -> int:
    parked = {row["projection"] for row in ledger.runner.status() if row["parked"]}
    with output.progress("rebuilding") as advance:
        differences = ledger.runner.rebuild(advance)
    status = {row["projection"]: row for row in ledger.runner.status()}
    for name, different in differences.items():
        if output.as_json:
            output.json({**status[name], "differences": different})
        else:
            output.text(f"{name}: rebuilt at position {status[name]['position']:,}, {plural(different, 'difference')}")
    return NOT_SO if any(differences[name] and name not in parked for name in differences) else DONE


def _print_set_aside(output: Output, asides: list[Aside]) -> None:
    for aside in asides:
        if output.as_json:
            output.json({"set_aside": aside.stream, "position": aside.position, "reason": aside.reason})
        else:
            output.text(f"{aside.stream} set aside at {aside.position}: {aside.reason}")


def _print_status(output: Output, rows: list[dict[str, Any]]) -> None:
    if output.as_json:
        for row in rows:
            output.json(row)
        return
    columns = ("projection", "version", "position", "lag", "gaps", "parked", "waiting")
    output.table(
        columns,
        [
            (
                row["projection"],
                row["version"],
                row["position"],
                row["lag"],
                row["gaps"],
                len(row["parked"]),
                row["waiting"],
            )
            for row in rows
        ],
        spare=("version",),
    )
    for row in rows:
        for stream in row["parked"]:
            output.flowing(f"{row['projection']}: {stream['stream']} parked at {stream['position']}: {stream['error']}")

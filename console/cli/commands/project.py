"""Brings projections up to date, rebuilds them beside the running ones, or shows how far behind they are.

The questions of this program bring them up to date by themselves. A rebuild compares the new tables with the old ones
before it swaps them, and takes parked streams up again. The status also names the streams that writers have set aside
because an event of them cannot be read; they are taken up again by themselves once it can."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE, NOT_SO, SOME_REFUSED
from console.cli.output import Output, plural
from console.cli.session import Session
from console.throughput import collect_garbage_seldom
from ledger.errors import StoreUnreachable

if TYPE_CHECKING:
    from console.wiring import Ledger
    from projections.questions.projection_state import ProjectionState, SetAsideStream

EPILOG: Final = """\
examples:
  csat-ledger project                               up to date
  csat-ledger project --rebuild                     anew, compared, swapped
  csat-ledger project --status --json               a line for each: position, lag, gaps, parked streams, events waiting;
                                                    then one for each stream that is set aside: position, reason

Exit code 3 says that streams are parked or set aside, after a rebuild too; 1 that --status found a projection of another
book (or of a later state of this one, after an older copy was restored), or that a rebuild came out different although
nothing had been parked."""

READ_ONLY: Final = (
    "{name}: found projections that may only be read here, expected a process that keeps them: a file of one's own, in "
    "PostgreSQL the role csat_ledger_projector; `csat-ledger project --status` shows where they are"
)
SOME_WAIT: Final = SOME_REFUSED
"""Done, but for what waits to be readable."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--rebuild", action="store_true", help="build them anew, compare and swap")
    which.add_argument("--status", action="store_true", help="only show where they are")


def run(session: Session) -> int:
    """Does one of the three."""
    from projections.questions.projection_state import projection_states, streams_set_aside

    output = session.output
    collect_garbage_seldom()
    with session.ledger() as ledger:
        if not session.options.status and not ledger.database.may_write():
            raise StoreUnreachable(READ_ONLY.format(name=ledger.store.name))
        if session.options.rebuild:
            return _rebuild(ledger, output)
        if not session.options.status:
            with output.progress("projecting") as advance:
                ledger.runner.catch_up(advance)
        states, asides = projection_states(ledger.runner), streams_set_aside(ledger.store)
        _print_states(output, states)
        _print_set_aside(output, asides)
    if any(isinstance(state.different_book, str) for state in states):
        return NOT_SO
    return SOME_WAIT if asides or any(state.parked for state in states) else DONE


def _rebuild(ledger: Ledger, output: Output) -> int:
    from projections.questions.projection_state import projection_states, streams_set_aside

    parked = {state.projection for state in projection_states(ledger.runner) if state.parked}
    with output.progress("rebuilding") as advance:
        differences = ledger.runner.rebuild(advance)
    states, asides = projection_states(ledger.runner, differences), streams_set_aside(ledger.store)
    for state in states:
        if output.as_json:
            output.json(state)
        else:
            number = differences.get(state.projection)
            different = "compared with nothing" if number is None else plural(number, "difference")
            output.text(f"{state.projection}: rebuilt at position {state.position:,}, {different}")
    _print_parked(output, states)
    _print_set_aside(output, asides)
    if any(differences[name] and name not in parked for name in differences):
        return NOT_SO
    return SOME_WAIT if asides or any(state.parked for state in states) else DONE


def _print_set_aside(output: Output, asides: list[SetAsideStream]) -> None:
    for aside in asides:
        if output.as_json:
            output.json(aside)
        else:
            output.text(f"{aside.set_aside} set aside at {aside.position}: {aside.reason}")


def _print_states(output: Output, states: list[ProjectionState]) -> None:
    if output.as_json:
        for state in states:
            output.json(state)
        return
    columns = ("projection", "version", "position", "lag", "gaps", "parked", "waiting")
    output.table(
        columns,
        [
            (one.projection, one.version, one.position, one.lag, one.gaps, len(one.parked), one.waiting)
            for one in states
        ],
        spare=("version",),
    )
    different = [state.different_book for state in states if isinstance(state.different_book, str)]
    for sentence in different:
        output.flowing(sentence)
    if different:
        from projections.builds import WAY_OUT

        output.flowing(WAY_OUT)
    _print_parked(output, states)


def _print_parked(output: Output, states: list[ProjectionState]) -> None:
    if output.as_json:
        return  # they stand in each state
    for state in states:
        for parked in state.parked:
            output.flowing(f"{state.projection}: {parked.stream} parked at {parked.position}: {parked.error}")

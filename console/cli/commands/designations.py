"""The board of designations: what state each is in, what it lacks, and what brings the next points.

Enrolled: decided qualified, until twelve months after that anniversary, whatever the score does. Renewal-due: enrolled,
inside the window of the next anniversary, which is not decided. Qualified: not enrolled, but qualified now. In-progress:
the rest."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.options import add_area, add_times
from console.cli.output import Output, plural
from console.cli.points import SHORT, WIDTH, in_order, points
from console.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from projections.questions.designations import DesignationLine, NextStep

STATES: Final = ("enrolled", "renewal-due", "qualified", "in-progress")

EPILOG: Final = """\
examples:
  csat-ledger designations                          all, by membership
  csat-ledger designations --state renewal-due      only those whose next anniversary is to be decided
  csat-ledger designations --at 2024-08-01 --known-at 2024-08-01   as it was known then
  csat-ledger designations --json                   a line for each: state, centipoints, missing_centipoints, zero,
                                                    next_steps (for each metric what brings the next points), anniversary

`csat-ledger score M --area A` shows what a score is made of, `csat-ledger anniversaries` what is at risk."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--membership", metavar="M", help="of this membership only")
    add_area(parser, required=False, text="designations in this area only; default: all")
    parser.add_argument("--state", choices=STATES, help="only those in this state")
    add_times(parser)


def run(session: Session) -> int:
    """Prints the board."""
    from projections.questions.designations import designations

    output, options = session.output, session.options
    with session.ledger() as ledger:
        ledger.catch_up()
        known = session.known_at(ledger)
        with ledger.view() as view:
            lines = list(designations(view, session.at_us(), known, options.area, membership=options.membership))
    shown = [line for line in lines if options.state in (None, line.state)]
    if output.as_json:
        for line in shown:
            output.json(line)
        return DONE
    print_designations_summary(output, lines)
    if shown:
        output.text()
        print_designations(output, shown)
    return DONE


def print_designations_summary(output: Output, lines: Sequence[DesignationLine]) -> None:
    """The board in a line."""
    count = {state: sum(line.state == state for line in lines) for state in STATES}
    output.flowing(
        f"{plural(len(lines), 'designation')}: {count['enrolled'] + count['renewal-due']} enrolled, "
        f"{count['renewal-due']} of them with a renewal due; {count['qualified']} qualified, "
        f"{count['in-progress']} in progress"
    )


def print_designations(output: Output, lines: Sequence[DesignationLine]) -> None:
    """A line for each designation."""
    columns = ("membership", "area", "state", "points", "missing", "without points", "next points", "anniversary")
    output.table(
        columns,
        [
            (
                line.membership,
                line.area,
                line.state,
                points(line.centipoints).rjust(WIDTH),
                None if line.missing_centipoints is None else points(line.missing_centipoints).rjust(WIDTH),
                ", ".join(SHORT[name] for name in line.zero) or None,
                ", ".join(_step(name, step) for name, step in in_order(line.next_steps) if step is not None) or None,
                line.anniversary,
            )
            for line in lines
        ],
        wrap=("without points", "next points"),
        spare=("next points", "without points"),
    )


def _step(metric: str, step: NextStep) -> str:
    unit = " %" if metric == "usage-growth" else ""
    return f"{SHORT[metric]} +{step.needed:,}{unit}: {points(step.centipoints)}"

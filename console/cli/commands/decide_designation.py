"""Records the decision on a designation at an anniversary, taken from the designation's own stream of events.

Enough is to be qualified on any one day of the window: the anniversary's month and the months before it. It is due as
soon as there was such a day, else once the window is over. If something is learned later, decide again: the new decision
is the next revision."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Final

from console.cli.deciding import record_decision
from console.cli.exits import DONE
from console.cli.options import add_area, anniversary
from console.cli.output import Output, short
from console.cli.points import points, print_metrics
from console.cli.session import Session
from console.throughput import collect_garbage_seldom
from ledger.errors import UnknownDesignation
from ledger.programmes.capability.events import can_be_designation, designation_stream

if TYPE_CHECKING:
    from console.wiring import Ledger
    from projections.questions.designation_decisions import DesignationDecision

EPILOG: Final = """\
examples:
  csat-ledger decide-designation m-1 --area business-applications --anniversary 2024-07-31
  csat-ledger decide-designation m-1 --area business-applications --anniversary 2024-07-31 --json

refused, with exit code 3: anniversary-not-set, anniversary-not-due (not qualified on any day so far, and the window is not
over), designation-already-decided (nothing has changed since)"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", metavar="M", help="the membership")
    add_area(parser, required=True)
    parser.add_argument(
        "--anniversary", required=True, type=anniversary, metavar="DATE", help="the anniversary, such as 2024-07-31"
    )


def run(session: Session) -> int:
    """Records the decision and prints it."""
    options = session.options
    collect_garbage_seldom()
    with session.ledger() as ledger:
        decision = decide_designation(ledger, options.membership, options.area, options.anniversary)
    if session.output.as_json:
        session.output.json(decision)
    else:
        print_designation_decision(session.output, decision)
    return DONE


def decide_designation(ledger: Ledger, membership: str, area: str, anniversary: str) -> DesignationDecision:
    """Records a decision. Raises Refused or UnknownDesignation."""
    from projections.questions.designation_decisions import decision_of

    unknown = UnknownDesignation(membership, area)
    if not can_be_designation(membership, area):
        raise unknown
    fact = {"type": "decide-designation", "membership": membership, "area": area, "anniversary": anniversary}
    about = f"decide-designation:{membership}:{area}:{anniversary}"
    event = record_decision(ledger, designation_stream(membership, area), about, fact, unknown)
    return decision_of(membership, area, event.position, event.data)


def print_designation_decision(output: Output, decision: DesignationDecision) -> None:
    """A decision for people."""
    output.flowing(
        f"{decision.membership} in {decision.area}, anniversary {decision.anniversary}: {decision.outcome} "
        f"(revision {decision.revision})"
    )
    edition = f"edition {decision.edition or 'none'}, track {decision.track}, month {decision.month or 'none'}"
    output.flowing(f"  window from {short(decision.window_from)} to {short(decision.window_to)}, {edition}")
    if decision.first_qualified_at is not None and decision.at_first is not None:
        first = decision.at_first
        output.flowing(
            f"  qualified at {short(decision.first_qualified_at)} with {points(first['centipoints'])} points"
        )
        print_metrics(output, first["metrics"], decision.edition)
    if decision.best is not None:
        best = decision.best
        output.flowing(f"  best at {short(best['at'])} with {points(best['centipoints'])} points")
        if decision.at_first is None:
            print_metrics(output, best["metrics"], decision.edition)

"""Records the decision on a renewal, taken from the membership's own stream of events.

It is evaluated at the last microsecond before 00:00 UTC of the renewal date, from everything that is known by now, and
names the responses that were applied and those that were left out. If something is learned later, decide again: the
new decision is the next revision."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from console.cli.deciding import record_decision
from console.cli.exits import DONE
from console.cli.options import renewal_date
from console.cli.output import Output, plural, short
from console.cli.session import Session
from console.throughput import collect_garbage_seldom
from ledger.errors import UnknownMembership
from ledger.membership import can_be_membership
from ledger.programmes.survey.events import membership_stream
from projections.questions.renewal_decision import AppliedResponse, RenewalDecision, decision_of

if TYPE_CHECKING:
    from console.wiring import Ledger

EPILOG: Final = """\
examples:
  csat-ledger decide m-1 --renewal 2011-03-01
  csat-ledger decide m-1 --renewal 2011-03-01 --json

refused, with exit code 3: renewal-date-not-set, renewal-not-due, renewal-already-decided (nothing has changed since)"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", metavar="M", help="the membership")
    parser.add_argument(
        "--renewal", required=True, type=renewal_date, metavar="DATE", help="the renewal date, such as 2011-03-01"
    )


def run(session: Session) -> int:
    """Records the decision and prints it."""
    collect_garbage_seldom()
    with session.ledger() as ledger:
        decision = decide(ledger, session.options.membership, session.options.renewal)
    if session.output.as_json:
        session.output.json(decision)
    else:
        print_decision(session.output, decision)
    return DONE


def decide(ledger: Ledger, membership: str, renewal_date: str) -> RenewalDecision:
    """Records a decision. Raises Refused or UnknownMembership."""
    unknown = UnknownMembership(membership)
    if not can_be_membership(membership):
        raise unknown
    fact = {"type": "decide-renewal", "membership": membership, "renewal_date": renewal_date}
    about = f"decide:{membership}:{renewal_date}"
    event = record_decision(ledger, membership_stream(membership), about, fact, unknown)
    return decision_of(membership, event.position, event.data)


def print_decision(output: Output, decision: RenewalDecision, listed_max: int = 100) -> None:
    """A decision for people."""
    by = f", by {decision.via}" if decision.via else ""
    output.flowing(
        f"{decision.membership}, renewal on {decision.renewal_date}: {decision.outcome}{by} "
        f"(revision {decision.revision})"
    )
    output.flowing(f"  evaluated at {short(decision.evaluated_at)}, edition {decision.edition or 'none'}")
    place = f", location {decision.location}" if decision.location else ""
    output.flowing(
        f"  counted {plural(decision.counted, 'response')} of {plural(decision.organisations, 'organisation')}{place}"
    )
    applied, left_out = decision.applied[:listed_max], decision.left_out[:listed_max]
    if applied:
        output.text()
        output.flowing(f"applied ({decision.applied_total:,}{_of_listed(applied, decision.applied_total)}):")
        columns = ("response", "organisation", "received at", "seq")
        rows = [(it.response, _organisation(it), short(it.received_at), it.seq) for it in applied]
        output.table(columns, rows, wrap=("organisation",), spare=("seq",))
    if left_out:
        output.text()
        output.flowing(f"left out ({decision.left_out_total:,}{_of_listed(left_out, decision.left_out_total)}):")
        output.table(("response", "reason"), [(it.response, it.reason) for it in left_out])


def _organisation(applied: AppliedResponse) -> str:
    """The customer's name, and beside it that of its organisation where that is another one."""
    name, group = applied.customer_org, applied.group
    return name if name == group else f"{name} (is {group})"


def _of_listed(listed: Sequence[object], total: int) -> str:
    return "" if len(listed) == total else f", the first {len(listed)} listed"

"""A membership's events one by one, with the count after each, and its recorded decisions checked.

With --area it is a designation's events, with the score after each. Everything comes from the stream itself, whose chain
of hashes is checked on the way. Each decision is taken again from the events before it: exit code 1 says that one of them
does not hold."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any, Final

from console.cli.exits import DONE, NOT_SO
from console.cli.options import add_area, known_at
from console.cli.output import Output, short
from console.cli.session import Session
from ledger.event import Event
from ledger.instants import format_instant
from ledger.programmes.survey.flips import Standing
from projections.questions.replay import Audit, Decision, decision_answer, step_answer

EPILOG: Final = """\
examples:
  csat-ledger replay m-1
  csat-ledger replay m-1 --known-at 2011-03-01      only what was recorded by then
  csat-ledger replay m-1 --json                     a line for each event, then one for each decision checked
  csat-ledger replay m-1 --area business-applications              the designation's events, with its points

The count or the score after an event is the one at the event's own instant (occurred_at), as known after the event.
Announcements (=>) are the ledger's own: they say at which instant the eligibility, or the qualification, changes."""

SUBJECTS: Final = {
    "MembershipEnrolled": "name",
    "MembershipUpdated": "level",
    "LocationAdded": "location",
    "RenewalDateSet": "renewal_date",
    "ConsentGiven": "customer_org",
    "ConsentWithdrawn": "customer_org",
    "InvitationSent": "invitation",
    "ReminderSent": "invitation",
    "AnonymityChosen": "response",
    "EvaluationReceived": "evaluation",
}


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", metavar="M", help="the membership")
    add_area(parser, required=False, text="its designation in this area; default: its part in the survey")
    parser.add_argument(
        "--known-at", type=known_at, metavar="K", help="a position, or an instant; default: all that is known"
    )


def run(session: Session) -> int:
    """Prints the stream and the checks."""
    options, output = session.options, session.output
    if options.area is not None:
        return _designation(session)
    with session.ledger() as ledger:
        through = None if options.known_at is None else options.known_at.resolve(ledger.store)
        audit = Audit(ledger.store, options.membership, through)
        number = 0
        for number, (event, found) in enumerate(audit.steps(), 1):  # noqa: B007 - counts, also after the loop
            if output.as_json:
                output.json(step_answer(event, found))
            else:
                output.flowing(*step_parts(event, found))
    for decision in audit.decisions:
        if output.as_json:
            output.json(decision_answer(decision))
        else:
            print_check(output, decision)
    if not output.as_json:
        output.flowing(f"{number:,} events, the chain is whole, {_decisions([it.same for it in audit.decisions])}")
    return DONE if all(decision.same for decision in audit.decisions) else NOT_SO


def _designation(session: Session) -> int:
    from console.cli.designation_steps import print_check, step_parts
    from projections.questions.answer import plain
    from projections.questions.designation_replay import DesignationAudit

    options, output = session.options, session.output
    with session.ledger() as ledger:
        through = None if options.known_at is None else options.known_at.resolve(ledger.store)
        audit = DesignationAudit(ledger.store, options.membership, options.area, through)
        number = 0
        for number, step in enumerate(audit.steps(), 1):  # noqa: B007 - counts, also after the loop
            if output.as_json:
                output.json(plain(step))
            else:
                output.flowing(*step_parts(step))
    for check in audit.checks:
        if output.as_json:
            output.json(plain(check))
        else:
            print_check(output, check)
    if not output.as_json:
        output.flowing(f"{number:,} events, the chain is whole, {_decisions([it.same for it in audit.checks])}")
    return DONE if all(check.same for check in audit.checks) else NOT_SO


def step_line(event: Event, found: Standing) -> str:
    """A step for people."""
    return "  ".join(step_parts(event, found)).rstrip()


def step_parts(event: Event, found: Standing) -> tuple[str, str]:
    """A step for people: what it did to the count, and what it is about."""
    return (
        f"{event.seq:>6}  {short(format_instant(event.occurred_us)):<27}  {event.type:<18}  "
        f"{found.counted:>3} of {found.organisations:>2}  {'yes' if found.satisfied else ' no'}",
        _about(event),
    )


def print_check(output: Output, decision: Decision) -> None:
    """The check of a decision for people: both sides where they differ."""
    recorded = decision.recorded
    verdict = "the same again" if decision.same else "NOT the same again"
    output.flowing(
        f"checked: renewal {recorded['renewal_date']}, revision {recorded['revision']}, "
        f"{recorded['outcome']} with {recorded['counted']} counted: {verdict}"
    )
    for name in decision.different:
        output.flowing(f"  {name}: recorded {recorded.get(name)}, recomputed {decision.recomputed.get(name)}")


def _about(event: Event) -> str:
    data: dict[str, Any] = event.data
    if event.type == "EligibilityChanged":
        change = "satisfied" if data["satisfied"] else "no longer satisfied"
        return f"=> {change} ({data['cause']}{', revises' if data['revises'] else ''})"
    if event.type == "ResponseReceived":
        return f"{data['response']} of {data['customer_org']}, {data['location']}"
    if event.type == "ResponseVoided":
        return f"{data['response']} of {data['customer_org']}: {data['reason']}"
    if event.type in ("OrganisationsJoined", "OrganisationsSeparated"):
        return f"{data['organisation']} {'is' if event.type == 'OrganisationsJoined' else 'is not'} {data['same_as']}"
    if event.type == "OrganisationDistinguished":
        return f"{data['organisation']} is not {data['from']}"
    if event.type == "RenewalDecided":
        return f"{data['renewal_date']}: {data['outcome']}, {data['counted']} counted"
    return str(data.get(SUBJECTS.get(event.type, ""), ""))


def _decisions(same: list[bool]) -> str:
    if not same:
        return "no decision to check"
    return f"{sum(same)} of {len(same)} decision{'s' if len(same) > 1 else ''} the same again"

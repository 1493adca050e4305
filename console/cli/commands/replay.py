"""A membership's events one by one, with the count after each, and its recorded decisions checked.

With --area it is a designation's events, with the score after each. Everything comes from the stream itself, whose chain
of hashes is checked on the way. Each decision is taken again from the events before it: exit code 1 says that one of them
does not hold."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Final

from console.cli.designation_steps import designation_step_parts, print_designation_check
from console.cli.exits import DONE, NOT_SO
from console.cli.options import add_area, add_known_at, number
from console.cli.output import Output, short
from console.cli.session import Session
from projections.questions.designation_replay import DesignationCheck, DesignationStep, designation_replay
from projections.questions.replay import DecisionCheck, ReplayStep, replay

Replayed = ReplayStep | DecisionCheck | DesignationStep | DesignationCheck

EPILOG: Final = """\
examples:
  csat-ledger replay m-1
  csat-ledger replay m-1 --known-at 2011-03-01      only what was recorded by then
  csat-ledger replay m-1 --last 20                  the last twenty events
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
    parser.add_argument("--last", type=number, metavar="N", help="only the last so many events; default: all")
    parser.add_argument("--before", type=number, metavar="SEQ", help="only events whose number is below this one")
    add_known_at(parser)


def run(session: Session) -> int:
    """Prints the stream and the checks."""
    options, output = session.options, session.output
    events, same = 0, []
    part = (options.last, options.before)
    with session.ledger() as ledger:
        known = session.known_at(ledger)
        if options.area is None:
            found: Iterator[Replayed] = replay(ledger.store, options.membership, known, *part)
        else:
            found = designation_replay(ledger.store, options.membership, options.area, known, *part)
        for one in found:
            if isinstance(one, DecisionCheck | DesignationCheck):
                same.append(one.same)
            else:
                events += 1
            if output.as_json:
                output.json(one)
            else:
                _print(output, one)
    if not output.as_json:
        output.flowing(f"{events:,} events, the chain is whole, {_decisions(same)}")
    return DONE if all(same) else NOT_SO


def _print(output: Output, one: Replayed) -> None:
    if isinstance(one, DecisionCheck):
        print_check(output, one)
    elif isinstance(one, ReplayStep):
        output.flowing(*step_parts(one))
    elif isinstance(one, DesignationCheck):
        print_designation_check(output, one)
    else:
        output.flowing(*designation_step_parts(one))


def step_line(step: ReplayStep) -> str:
    """A step for people."""
    return "  ".join(step_parts(step)).rstrip()


def step_parts(step: ReplayStep) -> tuple[str, str]:
    """A step for people: what it did to the count, and what it is about."""
    return (
        f"{step.seq:>6}  {short(step.occurred_at):<27}  {step.type:<18}  "
        f"{step.counted:>3} of {step.organisations:>2}  {'yes' if step.satisfied else ' no'}",
        _about(step),
    )


def print_check(output: Output, check: DecisionCheck) -> None:
    """The check of a decision for people: both sides where they differ."""
    verdict = "the same again" if check.same else "NOT the same again"
    output.flowing(
        f"checked: renewal {check.renewal_date}, revision {check.revision}, "
        f"{check.outcome} with {check.counted} counted: {verdict}"
    )
    if isinstance(check.different, Mapping):
        for name, found in check.different.items():
            output.flowing(f"  {name}: recorded {found.recorded}, recomputed {found.recomputed}")


def _about(step: ReplayStep) -> str:
    data, kind = step.data, step.type
    if kind == "EligibilityChanged":
        change = "satisfied" if data["satisfied"] else "no longer satisfied"
        return f"=> {change} ({data['cause']}{', revises' if data['revises'] else ''})"
    if kind == "ResponseReceived":
        return f"{data['response']} of {data['customer_org']}, {data['location']}"
    if kind == "ResponseVoided":
        return f"{data['response']} of {data['customer_org']}: {data['reason']}"
    if kind in ("OrganisationsJoined", "OrganisationsSeparated"):
        return f"{data['organisation']} {'is' if kind == 'OrganisationsJoined' else 'is not'} {data['same_as']}"
    if kind == "OrganisationDistinguished":
        return f"{data['organisation']} is not {data['from']}"
    if kind == "RenewalDecided":
        return f"{data['renewal_date']}: {data['outcome']}, {data['counted']} counted"
    return str(data.get(SUBJECTS.get(kind, ""), ""))


def _decisions(same: list[bool]) -> str:
    if not same:
        return "no decision to check"
    return f"{sum(same)} of {len(same)} decision{'s' if len(same) > 1 else ''} the same again"

"""Who is eligible, and who will lose it, when and why, if nothing more arrives."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any, Final

from console.cli.exits import DONE
from console.cli.options import days, instant, known_at
from console.cli.output import Output, plural, short
from console.cli.session import Session
from ledger.instants import DAY_US, END_US, format_instant, parse_instant

if TYPE_CHECKING:
    from projections.questions.answers import View
    from projections.survey.eligibility_reader import EligibilityReader

LOSING: Final = "losing"
ELIGIBLE: Final = "eligible"
NOT_ELIGIBLE: Final = "not-eligible"

EPILOG: Final = """\
examples:
  csat-ledger board                                 who loses it within 90 days first, then the others
  csat-ledger board --losing --within 30            only who loses it within 30 days
  csat-ledger board --at 2013-04-01 --known-at 2013-04-01         as it was known then
  csat-ledger board --at 2013-04-01 --json          a line for each membership: state (losing, eligible, not-eligible),
                                                    counted, next_change and, where it is lost, why"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument(
        "--within", type=days, default=90, metavar="DAYS", help="who loses it so soon; default: 90 days"
    )
    parser.add_argument("--losing", action="store_true", help="only those who lose it within that time")
    parser.add_argument("--at", type=instant, metavar="T", help="seen from this instant; default: now")
    parser.add_argument(
        "--known-at", type=known_at, metavar="K", help="a position, or an instant; default: all that is known"
    )


def run(session: Session) -> int:
    """Prints the board."""
    output, options = session.output, session.options
    with session.ledger() as ledger, ledger.view() as view:
        rows = board(view, session.at_us(), options.within, session.known_at(ledger))
    shown = [row for row in rows if row["state"] == LOSING] if options.losing else rows
    if output.as_json:
        for row in shown:
            output.json(row)
        return DONE
    print_summary(output, rows, options.within)
    if shown:
        output.text()
        print_rows(output, shown)
    return DONE


def board(view: View, at_us: int, within_days: int, known: int | None = None) -> list[dict[str, Any]]:
    """Every membership with its state: those that lose their eligibility first, in order of when."""
    soon = format_instant(min(END_US, at_us + within_days * DAY_US))
    reader = view.eligibility()
    rows = []
    for row in view.board(at_us, known):
        change = row["next_change"]
        state = NOT_ELIGIBLE
        if row["satisfied"]:
            state = LOSING if change is not None and change["at"] <= soon else ELIGIBLE
        why = None
        if row["satisfied"] and change is not None:
            why = why_lost(reader, row["membership"], change["at"], row["known_at"])
        rows.append({"membership": row["membership"], "name": row["name"], "state": state, **row, "why": why})
    rank = (LOSING, ELIGIBLE, NOT_ELIGIBLE)
    rows.sort(key=lambda row: (rank.index(row["state"]), row["next_change"]["at"] if row["state"] == LOSING else ""))
    return rows


def why_lost(reader: EligibilityReader, membership: str, lost_at: str, known: int) -> str:
    """In a few words, what takes the eligibility away: the difference that one microsecond makes."""
    at_us = parse_instant(lost_at)
    before, after = (reader.status(membership, instant_us, known) for instant_us in (at_us - 1, at_us))
    rulebook = reader.rulebook(known)
    edition = rulebook.in_force(at_us)
    if edition is None or before["edition"] != after["edition"]:
        return f"edition {after['edition']} takes effect"
    if before["via"] == "evaluations":
        if after["evaluations"] == 0:
            return "Learning is given up"
        return f"an evaluation expires, {after['evaluations']} of {edition.min_evaluations} left"
    location = before["location"]
    left, had = (answer["locations"][location] for answer in (after, before))
    fewer = [name for name, figures in had["by_org"].items() if left["by_org"].get(name) != figures]
    whose = f"a response of {fewer[0]}" if len(fewer) == 1 else "several responses"
    if left["organisations"] < edition.min_organisations:
        return f"{whose} expires, {left['organisations']} of {edition.min_organisations} organisations left"
    return f"{whose} expires, {left['counted']} of {edition.min_responses} left"


def print_summary(output: Output, rows: list[dict[str, Any]], within_days: int) -> None:
    """The board in a line."""
    count = {state: sum(row["state"] == state for row in rows) for state in (LOSING, ELIGIBLE, NOT_ELIGIBLE)}
    bound = sum(row["required"] and not row["satisfied"] for row in rows)
    output.flowing(
        f"{plural(len(rows), 'membership')}: {count[ELIGIBLE] + count[LOSING]} eligible, {count[LOSING]} of them lose "
        f"it within {plural(within_days, 'day')}; {count[NOT_ELIGIBLE]} not eligible, {bound} of them bound to be"
    )


def print_rows(output: Output, rows: list[dict[str, Any]]) -> None:
    """A line for each membership."""
    columns = ("membership", "name", "state", "via", "counted", "organisations", "loses it at", "why")
    output.table(
        columns,
        [
            (
                row["membership"],
                row["name"],
                row["state"],
                row["via"],
                row["counted"],
                row["organisations"],
                short(row["next_change"]["at"]) if row["why"] else None,  # whole: --at takes it as it stands here
                row["why"],
            )
            for row in rows
        ],
        wrap=("name", "why"),
        spare=("via", "organisations", "counted", "name"),
    )

"""The reports of a month that is closed: for each membership a page and a table in a folder. They are sent to nobody from here.

    DIR/m-1.2010-06.html   DIR/m-1.2010-06.csv

What is there already and says the same stays, so that the command can be run again where it was stopped. A file that says
something else is never written over: a month that was restated since needs another folder."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console.cli.exits import DONE, Failure
from console.cli.options import add_known_at
from console.cli.output import plural
from console.cli.report_options import add_month, renderers, write_report
from console.cli.session import Session
from console.cli.vault_options import add_vault, open_database
from projections.questions.answer import Count

EPILOG: Final = """\
examples:
  csat-ledger reports --month 2010-06 --vault people.db --out reports/2010-06"""


@dataclass(frozen=True, slots=True)
class ReportsWritten:
    """The reports of a month."""

    month: str
    """YYYY-MM."""
    out: str
    """The folder."""
    memberships: Count
    """Memberships with a page and a table in it."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_month(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder; made where it is not there")
    add_known_at(parser)
    add_vault(parser)


def run(session: Session) -> int:
    """Writes the reports."""
    from console.published import published_of
    from console.reports.remembered import Remembered
    from projections.questions.report import report

    output, options = session.output, session.options
    folder: Path = options.out
    rendered, written = renderers(), 0
    with session.ledger() as ledger, open_database(session) as database:
        ledger.catch_up()
        known, published = session.known_at(ledger), Remembered(published_of(ledger.store, database))
        with ledger.view() as view, output.progress("writing") as advance:
            memberships = [name for page in view.eligibility().memberships(known) for name, _ in page]
            for membership in memberships:
                answer = report(view, published, membership, options.month, known)
                _make(folder)
                for suffix, text_of in rendered.items():
                    path = folder / f"{membership}.{options.month}{suffix}"
                    write_report(path, text_of(answer))
                written += 1
                advance(written, len(memberships))
    found = ReportsWritten(options.month, str(folder), written)
    if output.as_json:
        output.json(found)
    else:
        output.text(f"{plural(written, 'report')} of {options.month} in {folder}")
    return DONE


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Failure("unwritable", f"{folder}: {error.strerror}, expected a folder, or none yet") from None

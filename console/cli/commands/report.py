"""A membership's report of a month that is closed: its results, its place among peers, and how its requirement stands.

A page (.html) holds everything that it needs, prints well and asks no host for anything; a table (.csv) is for spreadsheets.
Nobody is named in either. A file that is there and says something else is never written over. Nothing is sent to anybody."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from console.cli.exits import DONE, Failure
from console.cli.options import add_known_at
from console.cli.report_options import add_month, renderers, write_report
from console.cli.session import Session
from console.cli.vault_options import add_vault, open_database

EPILOG: Final = """\
examples:
  csat-ledger report m-1 --month 2010-06 --vault people.db --out m-1.html --out m-1.csv
  csat-ledger report m-1 --month 2010-06 --json"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", metavar="M", help="the membership")
    add_month(parser)
    parser.add_argument(
        "--out",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a new file, .html or .csv; may be repeated",
    )
    add_known_at(parser)
    add_vault(parser)


def run(session: Session) -> int:
    """Writes the report, or prints it with --json."""
    from console.published import published_of
    from projections.questions.report import report

    output, options = session.output, session.options
    files: list[Path] = options.out
    if not files and not output.as_json:
        raise Failure("usage", "found no --out, expected a file that ends in .html or .csv, or --json")
    rendered = renderers() if files else {}
    for path in files:
        if path.suffix not in rendered:
            raise Failure("usage", f"--out: found {str(path)!r}, expected a file that ends in {' or '.join(rendered)}")
    with session.ledger() as ledger, open_database(session) as database:
        ledger.catch_up(asked=options.membership)
        known = session.known_at(ledger)
        with ledger.view() as view:
            answer = report(view, published_of(ledger.store, database), options.membership, options.month, known)
    if files:
        for path in files:
            write_report(path, rendered[path.suffix](answer))
            output.words(f"wrote {path}")
    if output.as_json:
        output.json(answer)
    return DONE

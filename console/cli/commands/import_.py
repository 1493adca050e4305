"""Imports an export of a survey tool, a spreadsheet or a report: CSV, XLSX or JSON, read by a map into facts.

The whole export is read first, and nothing is written: it is said what each row becomes, and of each kind of problem how many
there are and the first of them. With --out the facts go to a new file, in an order in which they can be recorded; --record
records that file. Where rows are refused nothing is written, unless --partial says to go on without them. Importing the same
export again makes the same facts with the same ids, which the book takes once.

Contacts of the map (mail address, name, phone, language) go to the --vault, which names the subjects of their facts; or
--drop-contacts leaves them out. No message and no id repeats a cell."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from console.cli.exits import DONE, SOME_REFUSED, Failure
from console.cli.import_report import Imported, MapShipped, imported, show
from console.cli.options import Parser, instant
from console.cli.session import Session
from console.cli.signals import Interrupted
from console.cli.vault_options import add_vault, add_vault_key, open_vault
from ledger.membership import can_be_membership

if TYPE_CHECKING:
    from console.cli.fact_files.sorted_lines import SortedLines
    from console.importing.account import Account
    from console.importing.mapping import ExportMap
    from console.importing.reading.rows import Export
    from console.importing.running import Reading

NEW: Final = ("files", "any_order")
"""Of the options of `record`, those that are not the import's."""
DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}

EPILOG: Final = """\
examples:
  csat-ledger import --list-maps
  csat-ledger import --map limesurvey results.csv --source limesurvey-482913 --membership m-1 --timezone Europe/Berlin
  csat-ledger import --map surveymonkey q3.csv --source sm-q3 --membership m-1 --timezone America/New_York \\
      --column customer_org="Your company" --column answers.overall="How satisfied are you?" --drop-contacts
  csat-ledger import --map ours.toml q3.xlsx --source q3 --membership m-1 --out q3.jsonl --record
  csat-ledger import --map usage may.csv --source usage --membership m-1 --area business-applications \\
      --as-of 2024-06-20T08:00:00Z --out may.jsonl

--map names a shipped map or a file; docs/importing.md has its form. --source is the name of the survey or report in ids:
the same for all its exports, another for each survey. Exit code 2: a map, an export or an option that cannot be read; 3: rows
were refused, or facts by --record."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("export", nargs="?", type=Path, metavar="EXPORT", help="the file: CSV, XLSX or JSON")
    parser.add_argument("--map", metavar="MAP", help="the name of a shipped map, or a file")
    parser.add_argument("--list-maps", action="store_true", help="list the maps that are shipped, with their sources")
    parser.add_argument("--source", metavar="NAME", help="the name of the survey or report in ids")
    parser.add_argument("--membership", metavar="M", help="the membership, where no column says it")
    parser.add_argument("--area", metavar="A", help="the area of a designation, where no column says it")
    parser.add_argument(
        "--column", action="append", type=_column, default=[], metavar="FIELD=COLUMN",
        help="the column of a field (customer_org, answers.overall, contact.email …); #3 is the third",
    )  # fmt: skip
    parser.add_argument("--timezone", metavar="ZONE", help="the zone of local times: Europe/Berlin, UTC, +01:00")
    parser.add_argument(
        "--time-form", action="append", default=[], metavar="FORM",
        help="how times are written, such as 'dd/MM/yyyy HH:mm:ss'; in the place of the map's",
    )  # fmt: skip
    parser.add_argument(
        "--as-of", type=instant, metavar="T", help="when the export was made, where the map asks for it"
    )
    parser.add_argument(
        "--delimiter", type=_delimiter, metavar="D", help=f"one character, or one of {', '.join(DELIMITERS)}"
    )
    parser.add_argument("--encoding", metavar="E", help="of CSV that is not in UTF-8 and has no byte order mark")
    parser.add_argument("--sheet", metavar="NAME", help="the sheet of a workbook; default: the first")
    add_vault(parser)
    add_vault_key(parser)
    parser.add_argument("--drop-contacts", action="store_true", help="leave out the contacts of the map")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="a new file for the facts; without it nothing is written"
    )
    parser.add_argument(
        "--drop-answers", action="store_true", help="leave out answers and comments, which need a vault to be recorded"
    )
    parser.add_argument("--partial", action="store_true", help="go on without the rows that are refused")
    parser.add_argument("--record", action="store_true", help="record the facts in --out, in any order")


def run(session: Session) -> int:
    """Imports an export, or lists the maps."""
    options = session.options
    if options.list_maps:
        return _list_maps(session)
    if options.export is None or options.map is None or options.source is None:
        raise Failure("usage", "expected --map, --source and an EXPORT; or --list-maps")
    if options.record and options.out is None:
        raise Failure("usage", "found --record without --out, expected a new file for the facts that it records")
    if options.membership is not None and not can_be_membership(options.membership):
        raise Failure("usage", "--membership: found another text, expected an id of 1 to 64 letters, digits and ._:-")
    from console.throughput import collect_garbage_seldom

    collect_garbage_seldom()
    reading = _reading(session)
    answer = _import(session, reading)
    session.output.flush()
    if answer.refused and answer.out is None and options.out is not None:
        session.output.words("rows were refused, so nothing was written: --partial goes on without them")
    if answer.out is None or not options.record:
        return SOME_REFUSED if answer.refused else DONE
    recorded = _record(session, answer.out)
    return recorded or (SOME_REFUSED if answer.refused else DONE)


def _reading(session: Session) -> Reading:
    """What is read how. Raises BadInput, Failure."""
    from console.importing.converting import Given
    from console.importing.ids import checked_source
    from console.importing.map_files import load_map
    from console.importing.running import Reading
    from console.importing.zones import zone_named

    options = session.options
    export_map = load_map(options.map, columns=options.column, time_forms=options.time_form)
    given = Given(
        source=checked_source(options.source),
        membership=options.membership,
        area=options.area,
        as_of_us=options.as_of,
        zone=None if options.timezone is None else zone_named(options.timezone),
        without_answers=options.drop_answers,
    )
    return Reading(options.export, export_map, given, options.delimiter, options.encoding, options.sheet)


def _import(session: Session, reading: Reading) -> Imported:
    from console.cli.fact_files.sorted_lines import SortedLines
    from console.cli.new_files import new_files
    from console.importing.account import Account
    from console.importing.running import Counting, Sorting, read_through, state_of

    options, output = session.options, session.output
    with ExitStack() as stack:
        state = None
        reading = _with_contacts(session, reading)
        with _opened(reading.path) as stream:
            contacts = reading.given.with_contacts
            files = None if options.out is None else stack.enter_context(new_files([options.out]))
            lines = SortedLines(stack)
            account = Account()
            dry = files is None or contacts
            state = state_of(stream)
            sink = Counting(account) if dry else Sorting(account, lines)
            with output.progress("reading rows") as told:
                export = read_through(reading, stream, account, sink, told)
        stops = files is None or (account.refused and not options.partial)
        if contacts and not stops:
            account, lines = _upload(session, reading, stack, state)
        if not stops and files is not None:
            files.streams[0].writelines(lines)
            files.finish()
        out = None if stops else options.out
    answer = _answer(reading, export, account, out)
    show(output, answer)
    return answer


def _upload(session: Session, reading: Reading, stack: ExitStack, state: object) -> tuple[Account, SortedLines]:
    """Reads the export a second time, and takes its contacts into the vault."""
    from console.cli.fact_files.sorted_lines import SortedLines
    from console.importing.account import Account
    from console.importing.running import Sorting, read_through, state_of
    from console.importing.uploading import Uploading

    account, lines = Account(), SortedLines(stack)
    with open_vault(session) as vault, _opened(reading.path) as stream:
        if state_of(stream) != state:
            raise Failure(
                "unreadable", f"{reading.path}: found that the file changed while it was read; nothing was written"
            )
        sink = Uploading(account, Sorting(account, lines), vault, session.clock())
        with session.output.progress("taking contacts in") as told:
            try:
                read_through(reading, stream, account, sink, told)
            except Interrupted:
                session.output.words("contacts that were taken stay; import the same again: who is there is known then")
                raise
    return account, lines


def _with_contacts(session: Session, reading: Reading) -> Reading:
    """The same, with its contacts where there is a vault. Raises Failure where nothing says what becomes of them."""
    options, export_map = session.options, reading.export_map
    if not export_map.contact or export_map.drop_contacts or options.drop_contacts:
        return reading
    if session.vault is not None:
        session.vault.keyring()  # what is missing is said before anything is read
        return replace(reading, given=replace(reading.given, with_contacts=True))
    if not _has_addresses(reading):
        return reading
    raise Failure(
        "usage",
        f"{reading.path}: found the column of mail addresses that the map {export_map.name} takes for contacts, and no vault; "
        "expected --vault, or --drop-contacts",
    )


def _has_addresses(reading: Reading) -> bool:
    """Whether an export has a column of mail addresses; records say so one by one, so of them it is taken for granted."""
    from console.importing.columns import place_in

    if any(rule.source == "contact" for fact in reading.export_map.facts for rule in fact.fields.values()):
        return True
    with _opened(reading.path) as stream:
        export, _, _ = reading.open(stream)
    rows = reading.export_map.layout.names_from
    names = [export.header[number - 1] for number in rows if number <= len(export.header)]
    return not names or any(
        place_in(names, replace(column, optional=True)) is not None
        for column in reading.export_map.contact["email"].columns
    )


def _answer(reading: Reading, export: Export, account: Account, out: Path | None) -> Imported:
    return imported(
        reading.path,
        (export.found, export.unit),
        reading.export_map.name,
        account,
        out,
        reading.given.with_contacts,
    )


def _record(session: Session, facts: str) -> int:
    """Records a file of facts as `record --any-order` does."""
    from console.cli.commands import record

    parser = Parser("csat-ledger record", "")
    record.register(parser)
    asked = vars(parser.parse_args([facts, "--any-order"]))
    options = Namespace(
        **{**asked, **{name: value for name, value in vars(session.options).items() if name not in NEW}}
    )
    return record.run(replace(session, options=options))


def _list_maps(session: Session) -> int:
    from console.importing.map_files import load_map, shipped_names

    for name in shipped_names():
        found: ExportMap = load_map(name)
        shown = MapShipped(found.name, found.title, found.layout.kinds, found.source)
        if session.output.as_json:
            session.output.json(shown)
        else:
            session.output.text(
                f"{shown.name:<18}  {shown.title} ({', '.join(shown.kinds)})", f"{'':<18}  {shown.source}"
            )
    return DONE


def _opened(path: Path) -> IO[bytes]:
    try:
        stream = path.open("rb")
    except OSError as error:
        raise Failure("unreadable", f"{path}: {error.strerror}; nothing was imported") from None
    if not stream.seekable():
        stream.close()
        raise Failure("unreadable", f"{path}: found a pipe, expected a file: it is read more than once")
    return stream


def _column(text: str) -> tuple[str, str]:
    field, mark, column = text.partition("=")
    if not mark or not field or not column:
        raise ArgumentTypeError(f"found {text[:60]!r}, expected FIELD=COLUMN")
    return field, column


def _delimiter(text: str) -> str:
    found = DELIMITERS.get(text, text)
    if len(found) != 1 or found in '"\r\n':
        raise ArgumentTypeError(f"found {text[:20]!r}, expected one character, or one of {', '.join(DELIMITERS)}")
    return found

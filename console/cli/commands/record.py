"""Records facts from files, one fact a line (JSON lines) or an element of a JSON array; `-` is stdin.

Files may be in UTF-8, UTF-16 or UTF-32, and compressed by gzip. Each fact is recorded once, whatever is repeated: the
same fact again is counted as a duplicate. What is refused is kept as it was, with file, line, code and reason, in a file
of its own, and the rest goes on; --retry takes that file again."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from console.cli.exits import DONE, SOME_REFUSED, Failure
from console.cli.fact_files.lines import Torn
from console.cli.fact_files.opening import Facts, open_facts
from console.cli.out_of_order import Waiting, waiting
from console.cli.output import Output, plural
from console.cli.proof_files import add_receipt_key, proving, receipt_signer_of
from console.cli.receipts_file import ReceiptsFile, open_receipts
from console.cli.recording import Intake
from console.cli.recording_report import KEPT_STILL, kept_in, report, saying_what_stays
from console.cli.refusals_file import Refusals, RefusalsFile, take_again
from console.cli.session import Session
from console.cli.spelling_report import KnownSpelling
from console.cli.standard_streams import standard_input
from console.cli.vault_options import add_vault, add_vault_key
from console.throughput import collect_garbage_seldom
from console.wiring import Ledger, files_of
from ledger.writing.faults import FAULT_CODE
from ledger.writing.taking_again import resolve_recorded

if TYPE_CHECKING:
    from ledger.seal.receipts import ReceiptSigner
    from ledger.writing.transaction import Outcome

STDIN: Final = "-"
KEPT: Final = ""
"""What --retry says where it names no file."""
_PIPES: Final = ("/dev/", "/proc/")
"""Where a shell's `<(…)` stands: nothing can be put beside it."""

EPILOG: Final = """\
a fact of each programme (csat-ledger help facts has them all):
  {"type":"record-response","id":"f-7","membership":"m-1","occurred_at":"2010-06-15T10:22:33Z",
   "response":"r-7","customer_org":"Brontegard Shipping"}
  {"type":"report-usage","id":"g-7","membership":"m-1","area":"business-applications","occurred_at":"2024-06-18T08:00:00Z",
   "customer":"c-7","workload":"retail","month":"2024-05","units":40,"association":"cpor"}

examples:
  csat-ledger record facts.jsonl
  csat-ledger record facts-*.jsonl.gz --any-order   facts may come before what they need
  zcat facts-*.gz | csat-ledger record - --refused refused.jsonl
  csat-ledger record crm.jsonl --known-spelling     "BRONTEGARD" is taken as "Brontegard", if that is known
  csat-ledger record --retry facts.jsonl.refused    what is accepted now leaves the file, the rest stays
  csat-ledger record --retry --code consent-missing           those that the ledger keeps, whichever way they came
  csat-ledger record facts.jsonl --receipts r.jsonl --receipt-key keys/receipt-1.key      a signed receipt for each fact
  csat-ledger record facts.jsonl --json             {"accepted":…,"duplicates":…,"refused":…,"position":…}

Exit code 3 says that some facts were refused; with --json `codes` has then how many for each code, and the first.
With the code stream-set-aside no rule refuses a fact: an event of its membership cannot be read now, and --retry takes
the fact once that is mended. Exit code 4 with link-key-missing: facts that name an invitation wait for the link key in
the same way, and all others are recorded. Stopped half-way, what was recorded stays; give the same files again."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_vault(parser)
    add_vault_key(parser)
    parser.add_argument("files", nargs="*", metavar="FILE", help="JSON lines or JSON arrays; - is stdin")
    parser.add_argument(
        "--refused",
        metavar="FILE",
        help="refused facts are added to it; default: the first file's name with .refused after it",
    )
    parser.add_argument(
        "--retry",
        nargs="?",
        const=KEPT,
        metavar="FILE",
        help="take the refused facts in this file again; accepted ones leave it; without FILE those that the ledger keeps",
    )
    parser.add_argument("--code", metavar="C", help="with --retry alone: those that were refused with this code")
    parser.add_argument("--id", nargs="+", metavar="ID", help="with --retry alone: facts with these ids")
    parser.add_argument(
        "--any-order",
        action="store_true",
        help="facts may stand before what they need: they are tried again after the others, those of designations in the "
        "order of occurred_at, decisions last of all",
    )
    parser.add_argument(
        "--known-spelling",
        action="store_true",
        help="take a customer's name that is spelt otherwise than it is known as it is known, and say so for each",
    )
    parser.add_argument(
        "--receipts",
        type=Path,
        metavar="FILE",
        help="signed receipts of all facts that are in the book are added to it",
    )
    add_receipt_key(parser)


def run(session: Session) -> int:
    """Records all files in their order, or a file of refusals again."""
    options = session.options
    if bool(options.files) == (options.retry is not None):
        raise Failure("usage", "expected FILEs to record, or --retry with a file of refusals")
    if (options.receipts is None) != (options.receipt_key is None):
        raise Failure("usage", "found one of --receipts and --receipt-key, expected both or none")
    if options.receipts is None and options.promise is not None:
        raise Failure("usage", "found --promise without --receipts, which it is for")
    if options.retry != KEPT and (options.code is not None or options.id is not None):
        raise Failure("usage", "found --code or --id, expected them beside --retry without a file")
    if options.retry == KEPT and options.any_order:
        raise Failure("usage", "found --any-order beside --retry without a file, which takes facts as they came")
    collect_garbage_seldom()
    if options.retry == KEPT:
        if options.refused is not None:
            raise Failure("usage", "found --refused beside --retry, which leaves what is refused where it was")
        return _record_kept(session)
    if options.retry is not None:
        if options.refused is not None:
            raise Failure("usage", "found --refused beside --retry, which leaves what is refused where it was")
        return _record_again(session, Path(options.retry))
    return _record_files(session, options.files)


def _record_files(session: Session, names: list[str]) -> int:
    refusals_path = _refusals_path(names, session.options.refused, session.where)
    output = session.output
    with ExitStack() as stack:
        streams = [(name, _open(name, stack)) for name in names]  # all before anything is recorded
        size = _total_size([stream for _, stream in streams])
        sources = [_look_at(name, stream, output) for name, stream in streams]
        signer = _receipt_signer(session, (*names, refusals_path))  # before a book is made
        receipts_file = _receipts_file(session, signer, stack)
        ledger = stack.enter_context(session.ledger(create=True))
        if ledger.store.found_version == 0:
            output.words(f"made a new ledger at {ledger.store.name}")
        spelling = _spelling(session, ledger)
        receipts = _receipts(session, signer, receipts_file, ledger)
        intake, waits = _intake(session, spelling, RefusalsFile(refusals_path), stack, receipts, ledger)
        with saying_what_stays(output, intake), output.progress("recording") as advance:
            taken = 0
            for source in sources:
                try:
                    for line in source.lines:
                        taken += line.cut_from or len(line.content)
                        if intake.take(line):
                            advance(*((intake.lines, None) if size is None else (min(taken, size), size)))
                except Torn:
                    intake.flush()  # what came before is whole
                    raise
            intake.flush()
            if waits is not None:
                waits.settle(intake)
        position = ledger.store.max_position()
    return report(output, intake, spelling, position, kept_in(refusals_path), receipts)


def _record_again(session: Session, path: Path) -> int:
    output = session.output
    with ExitStack() as stack:
        try:
            again = stack.enter_context(take_again(path))
        except OSError as error:
            raise Failure("unreadable", f"{path}: {error.strerror}; nothing was recorded") from None
        signer = _receipt_signer(session, (path,))
        receipts_file = _receipts_file(session, signer, stack)
        ledger = stack.enter_context(session.ledger())
        spelling = _spelling(session, ledger)
        receipts = _receipts(session, signer, receipts_file, ledger)
        intake, waits = _intake(session, spelling, again, stack, receipts, ledger)
        with saying_what_stays(output, intake):
            for line in again.lines():
                intake.take(line)
            if again.strange and not intake.lines:
                raise Failure(
                    "unreadable",
                    f"{path}: found no refusals in it, expected a file that `record` wrote; it stays as it is",
                )
            intake.flush()
            if waits is not None:
                waits.settle(intake)
            again.finish()
            if intake.accepted or intake.duplicates:
                resolve_recorded(ledger.store, ledger.clock)
        position = ledger.store.max_position()
    if again.strange:
        output.words(f"left {plural(again.strange, 'line')} in {path} as found: expected refusals that `record` wrote")
    return report(output, intake, spelling, position, kept_in(path), receipts) or (
        SOME_REFUSED if again.strange else DONE
    )


def _record_kept(session: Session) -> int:
    """Takes the refused facts again that the ledger keeps."""
    from console.cli.refusal_code import check_refusal_code
    from console.cli.retrying import KeptRetry
    from ledger.store.refusal_rows import Wanted

    options = session.options
    with ExitStack() as stack:
        signer = _receipt_signer(session, ())
        receipts_file = _receipts_file(session, signer, stack)
        ledger = stack.enter_context(session.ledger())
        check_refusal_code(ledger, options.code)
        spelling = _spelling(session, ledger)
        receipts = _receipts(session, signer, receipts_file, ledger)
        retry = KeptRetry(
            ledger, spelling.record, session.signals, _tracing(session), lambda found: _hand_out(receipts, found)
        )
        with saying_what_stays(session.output, retry):
            retry.run(Wanted(code=options.code, facts=tuple(options.id) if options.id else None))
        position = ledger.store.max_position()
    if options.id and not retry.lines and not retry.left:
        session.output.words("none of these ids is that of a refused fact which the ledger keeps and the book lacks")
    return report(session.output, retry, spelling, position, KEPT_STILL, receipts)


def _spelling(session: Session, ledger: Ledger) -> KnownSpelling:
    return KnownSpelling(ledger.recorder, session.options.known_spelling, session.output.words)


def _receipt_signer(session: Session, others: Sequence[str | Path]) -> ReceiptSigner | None:
    """What signs receipts, where they are asked for; `others` are the files beside the one that they go to."""
    options = session.options
    path = options.receipts
    if path is None:
        return None
    if any(_is_same(path, other) for other in (*others, options.receipt_key, *files_of(session.where))):
        raise Failure("usage", f"found {path} as a file of receipts and of something else, expected two files")
    with proving():
        return receipt_signer_of(options)


def _receipts_file(session: Session, signer: ReceiptSigner | None, stack: ExitStack) -> IO[bytes] | None:
    """The file of receipts, where one is asked for; found out before a book is made whether that is possible."""
    return None if signer is None else stack.enter_context(open_receipts(session.options.receipts))


def _receipts(
    session: Session, signer: ReceiptSigner | None, file: IO[bytes] | None, ledger: Ledger
) -> ReceiptsFile | None:
    """What signs receipts and adds them to the file."""
    if signer is None or file is None:
        return None
    return ReceiptsFile(file, session.options.receipts, signer, ledger.store)


def _intake(
    session: Session,
    spelling: KnownSpelling,
    refusals: Refusals,
    stack: ExitStack,
    receipts: ReceiptsFile | None,
    ledger: Ledger,
) -> tuple[Intake, Waiting | None]:
    """What records the lines; with --any-order also what waits."""
    from console.cli.keeping import LineKeeper

    record, batch_max, put_off = spelling.record, session.settings.record_batch, session.signals.put_off
    trace, keep = _tracing(session), LineKeeper(ledger.refusals).keep

    def hand_out(outcomes: Sequence[Outcome]) -> None:
        _hand_out(receipts, outcomes)

    if not session.options.any_order:
        return Intake(record, refusals, batch_max, put_off, on_fault=trace, on_recorded=hand_out, keep=keep), None
    waits = stack.enter_context(waiting())
    return Intake(record, refusals, batch_max, put_off, waits.sift, waits.hold, trace, hand_out, keep), waits


def _tracing(session: Session) -> Callable[[Exception], None]:
    """Says why the program failed over a fact: of the first of them, since each is refused as `fault`."""
    told: set[str] = set()

    def trace(error: Exception) -> None:
        from traceback import format_exception

        if FAULT_CODE not in told:
            told.add(FAULT_CODE)
            session.output.trace("".join(format_exception(error)))

    return trace


def _hand_out(receipts: ReceiptsFile | None, outcomes: Sequence[Outcome]) -> None:
    if receipts is not None:
        receipts.write(outcomes)


def _look_at(name: str, stream: IO[bytes], output: Output) -> Facts:
    """Finds out what a file is, and says so where it is not JSON lines."""
    try:
        facts = open_facts(_called(name), stream)
    except OSError as error:
        raise Failure("unreadable", f"{_called(name)}: {error.strerror or error}; nothing was recorded") from None
    except Failure as error:
        raise Failure(error.code, f"{error.message}; nothing was recorded") from None
    if facts.found:
        output.words(f"{_called(name)}: found {facts.found}")
    return facts


def _called(name: str) -> str:
    return "<stdin>" if name == STDIN else name


def _open(name: str, stack: ExitStack) -> IO[bytes]:
    if name == STDIN:
        return standard_input("facts")
    try:
        return stack.enter_context(Path(name).open("rb", buffering=1 << 20))
    except OSError as error:
        raise Failure("unreadable", f"{name}: {error.strerror}; nothing was recorded") from None


def _refusals_path(names: list[str], given: str | None, store: str) -> Path:
    """Where refusals will go, found out before anything is recorded whether that is possible."""
    if names.count(STDIN) > 1:
        raise Failure("usage", "found - more than once, expected stdin at most once")
    has_no_folder = names[0] == STDIN or names[0].startswith(_PIPES)
    path = Path(given or ("csat-ledger" if has_no_folder else names[0]) + ("" if given else ".refused"))
    if any(_is_same(path, name) for name in names):
        raise Failure("usage", f"found {path} as a file of facts and of refusals, expected two files")
    if any(_is_same(path, own) for own in files_of(store)):
        raise Failure("usage", f"found {path} as a file of refusals and of the ledger itself, expected two files")
    place = path if path.exists() else Path(os.path.realpath(path)).parent
    if path.is_dir() or not os.access(place, os.W_OK):
        if given is None and any(not Path(name).exists() for name in names if name != STDIN):
            return path  # the missing file of facts is the thing to complain of
        raise Failure("unreadable", f"refusals cannot be written to {path}; --refused names another file")
    return path


def _is_same(path: Path, other: str | Path) -> bool:
    """Whether both are one file, under whatever names; of files that do not exist, whether they would be."""
    try:
        found = os.fstat(standard_input("facts").fileno()) if other == STDIN else Path(other).stat()
        return os.path.samestat(path.stat(), found)
    except (OSError, ValueError):
        if other == STDIN:
            return False
        return os.path.realpath(path) == os.path.realpath(other)  # `resolve` fails over a link to itself


def _total_size(streams: list[IO[bytes]]) -> int | None:
    """Bytes to read, where all are plain files."""
    size = 0
    for stream in streams:
        try:
            found = os.fstat(stream.fileno())
        except (OSError, ValueError):
            return None
        if not found.st_size:
            return None
        size += found.st_size
    return size

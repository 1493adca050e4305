"""Records facts from files of JSON lines, one fact a line; `-` is stdin.

Each fact is recorded once, whatever is repeated: the same fact again is counted as a duplicate. What is refused is
written, with file, line, code and reason, to a file of its own, and the rest goes on."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final

from console.exits import DONE, SOME_REFUSED, Failure
from console.intake import Intake, RefusalsFile, RefusedLine, read_lines
from console.output import Output, plural
from console.session import Session
from console.signals import Interrupted
from console.throughput import collect_garbage_seldom
from ledger.errors import LedgerError

REFUSALS_SHOWN: Final = 20
STDIN: Final = "-"

EPILOG: Final = """\
a fact:
  {"type":"record-response","id":"f-7","membership":"m-1","occurred_at":"2010-06-15T10:22:33Z",
   "response":"r-7","customer_org":"Brontegard Shipping"}

examples:
  csat-ledger record facts.jsonl
  zcat facts-*.gz | csat-ledger record - --refused refused.jsonl
  csat-ledger record facts.jsonl --json             {"accepted":…,"duplicates":…,"refused":…,"position":…}

Exit code 3 says that some facts were refused. Stopped half-way, what was recorded stays; give the same files again."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="JSON lines; - is stdin")
    parser.add_argument(
        "--refused",
        metavar="FILE",
        help="refused facts are added to it; default: the first file's name with .refused after it",
    )


def run(session: Session) -> int:
    """Records all files in their order."""
    names: list[str] = session.options.files
    refusals_path = _refusals_path(names, session.options.refused)
    output = session.output
    collect_garbage_seldom()
    shown = _Shown(output, session.options.refused is None)
    with ExitStack() as stack:
        streams = [(name, _open(name, stack)) for name in names]  # all before anything is recorded
        size = _total_size([stream for _, stream in streams])
        ledger = stack.enter_context(session.ledger(create=True))
        refusals = RefusalsFile(refusals_path)
        stack.callback(refusals.close)
        intake = Intake(
            ledger.writer.record, refusals, session.settings.record_batch, session.signals.put_off, shown.show
        )
        try:
            with output.progress("recording") as advance:
                taken = 0
                for name, stream in streams:
                    for line in read_lines(_called(name), stream):
                        taken += len(line.content)
                        if intake.take(line):
                            advance(*((intake.lines, None) if size is None else (min(taken, size), size)))
                intake.flush()
        except (Interrupted, LedgerError, OSError) as error:
            _say_what_stays(output, intake)
            if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
                raise Failure("unreadable", f"{error}") from error
            raise
        position = ledger.store.max_position()
    shown.end(refusals_path, intake.refused)
    if output.as_json:
        output.json(
            {
                "accepted": intake.accepted,
                "duplicates": intake.duplicates,
                "refused": intake.refused,
                "position": position,
            }
        )
    else:
        output.text(
            f"recorded {plural(intake.accepted, 'fact')}, {plural(intake.duplicates, 'duplicate')}, "
            f"{intake.refused:,} refused; the ledger is at position {position:,}"
        )
    return SOME_REFUSED if intake.refused else DONE


def _say_what_stays(output: Output, intake: Intake) -> None:
    output.words(
        f"{plural(intake.accepted, 'fact')} recorded before this stay; give the same files again to go on: "
        "what is there already is counted as a duplicate"
    )


class _Shown:
    """The first refusals are shown as well, where nobody named a file for them."""

    def __init__(self, output: Output, wanted: bool) -> None:
        self._output = output
        self._left = REFUSALS_SHOWN if wanted else 0

    def show(self, refused: RefusedLine) -> None:
        """Shows a refusal, if it is among the first."""
        if self._left > 0:
            self._left -= 1
            self._output.words(f"{refused.line.file}:{refused.line.number}: {refused.code}: {refused.sentence}")

    def end(self, path: Path, refused: int) -> None:
        """Says where all of them are."""
        if refused:
            self._output.words(f"{refused:,} refused, each with its reason in {path}")


def _called(name: str) -> str:
    return "<stdin>" if name == STDIN else name


def _open(name: str, stack: ExitStack) -> BinaryIO:
    if name == STDIN:
        return sys.stdin.buffer
    try:
        return stack.enter_context(Path(name).open("rb", buffering=1 << 20))
    except OSError as error:
        raise Failure("unreadable", f"{name}: {error.strerror}; nothing was recorded") from None


def _refusals_path(names: list[str], given: str | None) -> Path:
    """Where refusals will go, found out before anything is recorded whether that is possible."""
    if names.count(STDIN) > 1:
        raise Failure("usage", "found - more than once, expected stdin at most once")
    path = Path(given or ("csat-ledger" if names[0] == STDIN else names[0]) + ("" if given else ".refused"))
    if any(name != STDIN and path.exists() and Path(name).exists() and path.samefile(name) for name in names):
        raise Failure("usage", f"found {path} as a file of facts and of refusals, expected two files")
    place = path if path.exists() else path.absolute().parent
    if path.is_dir() or not os.access(place, os.W_OK):
        if given is None and any(not Path(name).exists() for name in names if name != STDIN):
            return path  # the missing file of facts is the thing to complain of
        raise Failure("unreadable", f"refusals cannot be written to {path}; --refused names another file")
    return path


def _total_size(streams: list[BinaryIO]) -> int | None:
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

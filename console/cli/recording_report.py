"""What is said of facts that were recorded, and of those that were refused, when a `record` ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Final, Protocol

from console.answering import PUT_OFF
from console.cli.exits import DONE, FAULT, SOME_REFUSED, UNREACHABLE, Failure
from console.cli.output import Output, plural
from console.cli.receipts_file import ReceiptsFile
from console.cli.recording import Codes, Recorded
from console.cli.signals import Interrupted
from console.cli.spelling_report import KnownSpelling
from ledger.errors import LedgerError, LinkKeyMissing
from ledger.writing.faults import FAULT_CODE
from projections.questions.answer import LEFT_OUT, MayBeLeftOut

KEPT_STILL: Final = "the ledger, as `csat-ledger refusals` shows"


class Account(Protocol):
    """How many lines were taken in, and what became of them."""

    codes: Codes
    lines: int
    accepted: int
    duplicates: int
    refused: int

    @property
    def left(self) -> int | MayBeLeftOut:
        """Refused facts that are kept and could not be taken again, where that was asked for."""
        ...


def kept_in(path: Path) -> str:
    """Where refusals stand, and what takes them again."""
    again = f"; `csat-ledger record --retry {_as_argument(path)}` takes them again" if path.is_file() else ""
    return f"{path}{again}"


def report(
    output: Output, account: Account, spelling: KnownSpelling, position: int, kept: str, receipts: ReceiptsFile | None
) -> int:
    """Says what became of the lines; the exit code. `kept` says where refusals stand with their reasons."""
    spelling.end()
    codes = account.codes.answer() if account.refused else LEFT_OUT
    if output.as_json:
        handed = LEFT_OUT if receipts is None else receipts.written
        output.json(
            Recorded(
                account.accepted, account.duplicates, account.refused, position,
                spelling.answer(), handed, account.left, codes,
            )
        )  # fmt: skip
    else:
        output.text(
            f"recorded {plural(account.accepted, 'fact')}, {plural(account.duplicates, 'duplicate')}, "
            f"{account.refused:,} refused; the ledger is at position {position:,}"
        )
        if receipts is not None:
            output.text(f"wrote {plural(receipts.written, 'receipt')}")
    output.flush()
    if account.left is not LEFT_OUT and account.left:
        output.words(
            f"{account.left:,} more are kept without all that they said: the file of refusals, or their source, has that"
        )
    if not account.refused:
        return SOME_REFUSED if account.left is not LEFT_OUT and account.left else DONE
    for line in account.codes.lines():
        output.words(line)
    output.words(f"{account.refused:,} refused, each with its reason in {kept}")
    if FAULT_CODE in account.codes:
        return FAULT
    waiting = any(code in account.codes for code in (LinkKeyMissing.code, *PUT_OFF))
    return UNREACHABLE if waiting else SOME_REFUSED


@contextmanager
def saying_what_stays(output: Output, account: Account) -> Iterator[None]:
    """However recording ends, one is told what was recorded."""
    try:
        yield
    except (Interrupted, LedgerError, OSError) as error:
        if account.lines:
            output.words(
                f"{plural(account.accepted, 'fact')} recorded before this stay; give the same files again to go on: "
                "what is there already is counted as a duplicate"
            )
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise Failure("unreadable", f"{error}") from error
        raise


def _as_argument(path: Path) -> str:
    """A file as a shell and the program take it, also where it begins like an option."""
    return quote(f"./{path}" if str(path).startswith("-") else str(path))

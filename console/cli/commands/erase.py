"""Erases subjects: what the vault keeps of a person goes for good, and the book says that it went, by reference alone.

The person's data key is destroyed first, then what was sealed under it, then what it was found by; the database gives up
the bytes, and the book has ErasureRequested and ErasureCompleted. What the book counts, decides and proves stays as it is.
Stopped at any moment, it goes on when any `erase` is run again; what was asked for is not shown in between. `--file` has
one SUBJECT a line (`-` is stdin), all of them in one go. `--replay` names nobody: it ends what was begun and, after a backup
of the vault was restored, erases again whom the book says was erased. What is printed has the exports that listed a
subject: whoever made them is to remove them."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from console.cli.exits import DONE, Failure
from console.cli.output import Advance, plural, short
from console.cli.session import Session
from console.cli.standard_streams import standard_input
from console.cli.vault_options import (
    access_of,
    add_reading,
    add_vault,
    add_vault_key,
    open_vault,
)
from console.erasures_shown import erasure_shown
from console.vault_place import require_extra
from ledger.instants import format_instant

if TYPE_CHECKING:
    from console.erasures import BookOfWriter
    from ledger.vault.erasing import Erased
    from ledger.vault.vault import Vault

LINE_BYTES_MAX: Final = 256
SUBJECTS_MAX: Final = 1_000_000
EPILOG: Final = """\
examples:
  csat-ledger erase 4f1c… --reason "request for erasure 31"
  csat-ledger erase --file subjects.txt --reason "contract of m-7 has ended" --json
  csat-ledger erase --replay                 after a crash, or once a backup of the vault was restored

Exit code 2: unknown-subject, of whom nothing is kept and nothing was erased; then nobody is erased.
The subjects of an address are found by `csat-ledger contacts find`. --store is the ledger with which the vault is used."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("subject", nargs="?", metavar="SUBJECT", help="the reference of a person")
    add_vault(parser)
    add_vault_key(parser)
    add_reading(parser)
    parser.add_argument("--file", metavar="FILE", help="a file with one SUBJECT a line; - is stdin")
    parser.add_argument(
        "--replay",
        action="store_true",
        help="end what was begun, and erase again whom the book says was erased",
    )


def run(session: Session) -> int:
    """Erases who is named, or whom the book names."""
    options = session.options
    if (options.subject is not None) + (options.file is not None) + options.replay != 1:
        raise Failure("usage", "erase: expected a SUBJECT, --file or --replay, and one of them")
    if options.replay:
        if options.reason is not None or options.actor is not None:
            raise Failure("usage", "found --reason or --actor with --replay, which takes those of the first time")
        with _opened(session) as (vault, book), session.output.progress("erasing") as advance:
            return _replay(session, vault, book, advance)
    access = access_of(session)
    subjects = [_reference(options.subject)] if options.file is None else list(_subjects(options.file))
    with _opened(session) as (vault, book), session.output.progress("erasing") as advance:
        from ledger.vault import erasing

        before = erasing.asked_before(vault, subjects)
        erasing.erase(vault, book, subjects, access, session.clock, advance)
        for one in erasing.erased(vault, subjects):
            _tell(session, one, before.get(one.subject) == one.completed_us)
    return DONE


def _replay(session: Session, vault: Vault, book: BookOfWriter, advance: Advance) -> int:
    from ledger.vault import erasing

    ended = 0

    def tell(subjects: Sequence[str]) -> None:
        nonlocal ended
        ended += len(subjects)
        for one in erasing.erased(vault, subjects):
            _tell(session, one, before=False)

    erasing.replay(vault, book, session.clock, advance, tell)
    session.output.words(f"ended {plural(ended, 'erasure')}; none is left")
    return DONE


@contextmanager
def _opened(session: Session) -> Iterator[tuple[Vault, BookOfWriter]]:
    """The vault, and the book with which it is used; one that was used with none is tied to the one that is named."""
    from console.erasures import book_of

    with open_vault(session) as vault, session.ledger(create=not vault.is_tied()) as ledger:
        book = book_of(ledger)
        if not vault.is_tied():
            book.begin()
        yield vault, book


def _tell(session: Session, erased: Erased, before: bool) -> None:
    if session.output.as_json:
        session.output.json(erasure_shown(erased, before))
        return
    at = format_instant(erased.completed_us)
    session.output.text(f"{erased.subject}  {'erased before, at ' if before else 'erased at '}{short(at)}")
    for one in erased.exports:
        made = format_instant(one.at_us)
        session.output.text(f"  listed in an export: {one.export}  {short(made)}  {one.actor}  {one.what}")


def _reference(text: str) -> str:
    require_extra()
    from ledger.vault.erasures import can_be_subject

    if not can_be_subject(text):  # a mail address perhaps, so it is not repeated
        raise Failure("usage", "erase: found another text, expected the reference of a subject")
    return text


def _subjects(target: str) -> Iterator[str]:
    """The subjects of a file, each once. Raises Failure."""
    try:
        with standard_input("subjects") if target == "-" else Path(target).open("rb") as stream:
            yield from dict.fromkeys(_lines(target, stream))
    except OSError as error:
        raise Failure("unreadable", f"{target}: {error.strerror}") from None


def _lines(target: str, stream: IO[bytes]) -> Iterator[str]:
    from ledger.vault.erasures import can_be_subject

    number = 0
    while line := stream.readline(LINE_BYTES_MAX + 1):
        number += 1
        if number > SUBJECTS_MAX:
            raise Failure(
                "bad-input", f"{target}: found more than {SUBJECTS_MAX:,} lines, expected fewer: split the file"
            )
        text = line.decode("ascii", "replace").strip()
        if text and not can_be_subject(text):  # a mail address perhaps, so it is not repeated
            raise Failure(
                "bad-input", f"{target}: line {number}: found another text, expected the reference of a subject"
            )
        if text:
            yield text

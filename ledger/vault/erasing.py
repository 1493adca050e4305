"""Erasing subjects: what is kept of a person goes, in an order in which nothing can be read again wherever the process ends.

    1. the vault notes that it was asked for (`erasures.request`): from here on nobody reads, exports or finds the subject
    2. the book has ErasureRequested
    3. the data keys go, and with them all that was sealed under them: those of the subject's responses, then its own
    4. the sealed rows go, and the blind index and the links
    5. the database gives up the bytes of both: SQLite by VACUUM and an empty log, PostgreSQL by rewriting the tables
    6. the book has ErasureCompleted, and then the vault has it too

Each step is committed before the next begins, and the vault says which one it has come to. So `finish` goes on wherever a
process was killed, and a step that is done twice changes nothing. Many subjects go a step together, and step 5 is done once
for all of them. Events have the reference alone; who asked, and why, stays in the vault.

The book is what the caller hands in: this package knows none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from ledger.errors import VaultError
from ledger.vault import erasures
from ledger.vault.access_log import Access
from ledger.vault.database import Transaction
from ledger.vault.erasing_responses import destroy_response_keys, empty_responses, linked_subjects
from ledger.vault.erasures import CLEANED, EMPTIED, KEYLESS, NOTED, REQUESTED, ErasureInBook
from ledger.vault.vault import Vault, holder_of

CLEANING: Final = "cleaning "
"""A step between `emptied` and `cleaned`: who cleans puts a name of its own behind it, so that what somebody else has emptied
meanwhile is not taken for cleaned."""


class BookSays(Protocol):
    """What is asked of the book with which the vault is used."""

    def first_hash(self) -> str | None:
        """The leaf hash of its first event; None where it has none."""
        ...

    def erasures(self, mark: str) -> Iterable[ErasureInBook]:
        """The erasures that it has, after a mark (see `erasures.heed`)."""
        ...

    def invitations(self, membership: str | None, subjects: Collection[str]) -> Iterable[tuple[str, str, str]]:
        """(membership, subject, invitation) of each that it says was sent to one of some subjects: of one membership, or of
        all where that is None."""
        ...


class Book(BookSays, Protocol):
    """The same, for who tells it of erasures."""

    def requested(self, subjects: Sequence[str]) -> None:
        """Has the book say that the erasure of subjects was asked for: once for each, durable when it returns."""
        ...

    def completed(self, subjects: Sequence[str]) -> None:
        """Has the book say, in the same way, that they were erased."""
        ...


class ExportedTo(NamedTuple):
    """An export that had a subject in it: whoever made it is to withdraw it."""

    export: str
    at_us: int
    actor: str
    what: str


@dataclass(frozen=True, slots=True)
class Erased:
    """A subject of whom nothing is kept any more."""

    subject: str
    requested_us: int
    completed_us: int
    exports: tuple[ExportedTo, ...]


Progress = Callable[[int, int | None], None]


def known_subjects(transaction: Transaction, subjects: Sequence[str]) -> dict[str, str | None]:
    """Of some subjects those of whom the vault has a contact, each with its membership."""
    rows = transaction.query_in("SELECT subject, membership FROM contacts WHERE subject {in}", (), subjects)
    return dict(rows)


def heed(vault: Vault, book: BookSays, now_us: int) -> int:
    """Compares with the book, which a vault restored from a backup has to, before anything of it is shown.

    Returns how many subjects are hidden now that the book says were erased. Raises AnotherBook.
    """
    belong_to(vault, book)
    return erasures.heed(vault.database, book.erasures, known_subjects, now_us)


def belong_to(vault: Vault, book: BookSays) -> None:
    """Ties the vault to the book. Raises AnotherBook; VaultError for a book without a first event, which has no name yet."""
    first = book.first_hash()
    if first is None:
        raise VaultError(f"{vault.database.name}: found an empty book, expected the one with which this vault is used")
    vault.belong_to(first)


def erase(
    vault: Vault, book: Book, subjects: Sequence[str], access: Access, clock: Callable[[], int],
    on_progress: Progress = lambda _done, _all: None,
) -> None:  # fmt: skip
    """Erases subjects, and ends what was begun before. Raises UnknownSubject, and then none of them is touched."""
    heed(vault, book, access.at_us)
    linked = _linked(vault, book, subjects)

    def known(transaction: Transaction, some: Sequence[str]) -> dict[str, str | None]:
        return {one: None for one in some if one in linked} | known_subjects(transaction, some)

    erasures.request(vault.database, subjects, access, known)
    finish(vault, book, clock, on_progress)


def _linked(vault: Vault, book: BookSays, subjects: Sequence[str]) -> set[str]:
    """Of some subjects those without a contact here whose invitations have links to answers."""
    with_contact: set[str] = set()
    for start in range(0, len(subjects), erasures.BATCH):
        with vault.database.reading() as transaction:
            with_contact |= known_subjects(transaction, subjects[start : start + erasures.BATCH]).keys()
    return linked_subjects(vault, book, {*subjects} - with_contact)


def replay(
    vault: Vault, book: Book, clock: Callable[[], int], on_progress: Progress = lambda _done, _all: None,
    ended: Callable[[Sequence[str]], None] = lambda _subjects: None,
) -> None:  # fmt: skip
    """Erases again whom the book says was erased, ends what was begun, and has the book say what it lacks of all that.

    So it mends what a restored backup has taken back, be it the vault's or the book's.
    """
    heed(vault, book, clock())
    finish(vault, book, clock, on_progress, ended)
    for batch in erasures.all_subjects(vault.database):
        book.requested(batch)
        book.completed(batch)


def finish(
    vault: Vault, book: Book, clock: Callable[[], int], on_progress: Progress = lambda _done, _all: None,
    ended: Callable[[Sequence[str]], None] = lambda _subjects: None,
) -> int:  # fmt: skip
    """Ends every erasure that was begun, wherever that was left; how many it ended. `ended` is told which."""
    database = vault.database
    total, done = erasures.unfinished(database), 0
    if not total:
        return 0
    for subjects in erasures.at_step(database, REQUESTED):
        book.requested(subjects)
        with database.writing() as transaction:
            erasures.move(transaction, subjects, NOTED)
    for membership, named in erasures.by_membership(database, NOTED):
        destroy_response_keys(vault, book, membership, named)
        for start in range(0, len(named), erasures.BATCH):
            subjects = named[start : start + erasures.BATCH]
            with database.writing() as transaction:
                transaction.execute_in(
                    "DELETE FROM data_keys WHERE holder {in}", (), [holder_of(subject) for subject in subjects]
                )
                erasures.move(transaction, subjects, KEYLESS)
    for subjects in erasures.at_step(database, KEYLESS):
        empty_responses(vault)
        with database.writing() as transaction:
            transaction.execute_in("DELETE FROM contacts WHERE subject {in}", (), subjects)
            erasures.move(transaction, subjects, EMPTIED)
    _clean(vault)
    for subjects in erasures.at_step(database, CLEANED):
        book.completed(subjects)
        with database.writing() as transaction:
            erasures.complete(transaction, subjects, clock())
        done += len(subjects)
        on_progress(done, total)
        ended(subjects)
    return done


def _clean(vault: Vault) -> None:
    """Has the database give up the bytes of what was deleted, once for all that were emptied."""
    database, mine = vault.database, f"{CLEANING}{os.urandom(8).hex()}"
    with database.writing() as transaction:
        transaction.execute(
            "UPDATE erasures SET step = ? WHERE completed_us IS NULL AND (step = ? OR step LIKE ?)",
            (mine, EMPTIED, f"{CLEANING}%"),
        )
        ((count,),) = transaction.query(
            "SELECT count(*) FROM erasures WHERE completed_us IS NULL AND step = ?", (mine,)
        )
    if count:
        database.scrub()
        with database.writing() as transaction:
            transaction.execute("UPDATE erasures SET step = ? WHERE completed_us IS NULL AND step = ?", (CLEANED, mine))


def asked_before(vault: Vault, subjects: Sequence[str]) -> dict[str, int | None]:
    """Those of some subjects whose erasure was asked for, and when it was over."""
    found: dict[str, int | None] = {}
    for start in range(0, len(subjects), erasures.BATCH):
        with vault.database.reading() as transaction:
            chunk = erasures.among(transaction, subjects[start : start + erasures.BATCH])
        found.update((one.subject, one.completed_us) for one in chunk.values())
    return found


def erased(vault: Vault, subjects: Sequence[str]) -> Iterator[Erased]:
    """What became of subjects that were erased, in their order, with the exports that had them."""
    for start in range(0, len(subjects), erasures.BATCH):
        chunk = subjects[start : start + erasures.BATCH]
        with vault.database.reading() as transaction:
            found = erasures.among(transaction, chunk)
            rows = transaction.query_in(
                "SELECT subject, export, at_us, actor, what FROM exports WHERE subject {in} ORDER BY id",
                (),
                chunk,
            )
        exports: dict[str, list[ExportedTo]] = {}
        for subject, *export in rows:
            exports.setdefault(subject, []).append(ExportedTo(*export))
        for subject in chunk:
            one = found[subject]
            if one.completed_us is None:
                raise VaultError(
                    f"found the erasure of subject {subject!r} not over, expected it to be: do the same again"
                )
            yield Erased(subject, one.requested_us, one.completed_us, tuple(exports.get(subject, ())))

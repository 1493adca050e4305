"""What the vault knows of erasures: who was to be erased, when, by whom, why, and how far that is. It names references alone.

    step       the row says it, so at least this is so, whenever the process ended
    requested  nobody reads, exports or finds the subject any more, and nothing is sealed of it
    noted      the book has ErasureRequested
    keyless    the data keys are gone, and with them what was sealed under them, wherever it lies
    emptied    so are the sealed rows, the blind index and the links
    cleaned    so are the bytes of both in the files of the database
    completed  the book has ErasureCompleted

A vault that was restored from a backup knows nothing of what was erased since. The book does: `heed` takes over from it
whose erasure it has, so that these subjects are hidden at once, and are erased again (`erasing.finish`). Up to which event of
the book's that was done stands in the vault, and so in its backups.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from ledger.errors import ErasuresUnfinished, SubjectErased, UnknownSubject
from ledger.instants import format_instant
from ledger.vault.access_log import Access, enter
from ledger.vault.database import Transaction, VaultDatabase

REQUESTED: Final = "requested"
NOTED: Final = "noted"
KEYLESS: Final = "keyless"
EMPTIED: Final = "emptied"
CLEANED: Final = "cleaned"
COMPLETED: Final = "completed"
BATCH: Final = 10_000
"""Subjects a transaction. References are random, so each subject changes pages of its own: the fewer transactions, the fewer
times each page is written."""
NOT_ERASED: Final = "NOT EXISTS (SELECT 1 FROM erasures WHERE erasures.subject = contacts.subject)"
"""Of a row of `contacts`, in a statement: nobody has asked for its erasure."""
_SUBJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=~#-]{0,63}")
_SEEN: Final = "erasures of the book"
_BY_THE_BOOK: Final = ("csat-ledger", "the book has this erasure: the vault was restored from before it")


class Erasure(NamedTuple):
    """An erasure that was asked for."""

    subject: str
    requested_us: int
    completed_us: int | None
    """None where it is not over."""


class ErasureInBook(NamedTuple):
    """An erasure that the book has, asked for or over."""

    mark: str
    """Which event says so: what comes after it is asked for by this."""
    subject: str
    at_us: int


def can_be_subject(text: str) -> bool:
    """Whether a text has the form of a subject's reference, in the book and here."""
    return _SUBJECT.fullmatch(text) is not None


def among(transaction: Transaction, subjects: Sequence[str]) -> dict[str, Erasure]:
    """The erasures of those of some subjects for whom one was asked."""
    rows = transaction.query_in(
        "SELECT subject, requested_us, completed_us FROM erasures WHERE subject {in}", (), subjects
    )
    return {row[0]: Erasure(*row) for row in rows}


def refuse_erased(transaction: Transaction, subject: str) -> None:
    """Raises SubjectErased where the erasure of a subject was asked for."""
    found = among(transaction, [subject]).get(subject)
    if found is not None:
        over_us = found.completed_us
        raise SubjectErased(
            subject, format_instant(found.requested_us), None if over_us is None else format_instant(over_us)
        )


def unfinished(database: VaultDatabase) -> int:
    """How many erasures are not over."""
    with database.reading() as transaction:
        ((count,),) = transaction.query("SELECT count(*) FROM erasures WHERE completed_us IS NULL")
    return int(count)


def require_finished(database: VaultDatabase) -> None:
    """Raises ErasuresUnfinished where any is not over: for who reads what cannot be told apart by subject."""
    if count := unfinished(database):
        raise ErasuresUnfinished(
            f"{database.name}: found {count:,} erasures that are not over, expected none: `csat-ledger erase --replay` ends "
            "them, and until then nothing is shown that may be theirs"
        )


def request(database: VaultDatabase, subjects: Sequence[str], access: Access, known: Known) -> None:
    """Notes that subjects are to be erased; from then on nobody reads them. Those of whom it is noted stay as they are.

    Raises UnknownSubject where one of them is in no way known; then none is noted.
    """
    for chunk in _chunks(subjects):
        with database.reading() as transaction:
            _require_known(chunk, among(transaction, chunk).keys() | known(transaction, chunk).keys())
    for chunk in _chunks(subjects):
        with database.writing() as transaction:
            there, held = among(transaction, chunk), known(transaction, chunk)
            _require_known(chunk, there.keys() | held.keys())
            new = {subject: held[subject] for subject in chunk if subject not in there}
            _ask(transaction, [(subject, membership, access.at_us) for subject, membership in new.items()], access)
            # What is there although it was erased came back past this program: it is erased once more.
            back = [subject for subject in held if subject in there and there[subject].completed_us is not None]
            _ask_again(transaction, back, access)


Known = Callable[[Transaction, Sequence[str]], dict[str, str | None]]
"""Of some subjects those of whom anything is kept, each with its membership, where a contact says that."""


def heed(database: VaultDatabase, erasures: Callable[[str], Iterable[ErasureInBook]], known: Known, now_us: int) -> int:
    """Takes over from the book what this vault does not know of; how many subjects that hides.

    `erasures` gives those after a mark, in their order; all of them where the mark is empty, or of another book.
    """
    with database.reading() as transaction:
        seen = _seen(transaction)
    hidden = 0
    found = iter(erasures(seen))
    while batch := list(islice(found, BATCH)):
        with database.writing() as transaction:
            by_subject = {one.subject: one for one in batch}
            there = among(transaction, list(by_subject))
            access = Access(now_us, *_BY_THE_BOOK)
            missing = [one for one in by_subject.values() if one.subject not in there]
            held = known(transaction, [one.subject for one in missing]) if missing else {}
            _ask(transaction, [(one.subject, held.get(one.subject), one.at_us) for one in missing], access)
            transaction.execute(
                "INSERT INTO vault_meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (_SEEN, batch[-1].mark),
            )
        hidden += len(missing)
    return hidden


def at_step(database: VaultDatabase, step: str) -> Iterator[list[str]]:
    """The subjects at a step, a batch at a time; whoever takes one moves it on."""
    statement = f"SELECT subject FROM erasures WHERE completed_us IS NULL AND step = ? ORDER BY subject LIMIT {BATCH}"
    while True:
        with database.reading() as transaction:
            batch = [subject for (subject,) in transaction.query(statement, (step,))]
        if not batch:
            return
        yield batch


def by_membership(database: VaultDatabase, step: str) -> Iterator[tuple[str | None, list[str]]]:
    """The subjects at a step, of each membership all at once; None stands for those of whom the vault had no contact."""
    statement = "SELECT DISTINCT membership FROM erasures WHERE completed_us IS NULL AND step = ?"
    with database.reading() as transaction:
        memberships = [membership for (membership,) in transaction.query(statement, (step,))]
    for membership in memberships:
        which = "IS NULL" if membership is None else "= ?"
        with database.reading() as transaction:
            rows = transaction.query(
                f"SELECT subject FROM erasures WHERE completed_us IS NULL AND step = ? AND membership {which}",
                (step,) if membership is None else (step, membership),
            )
        yield membership, [subject for (subject,) in rows]


def all_subjects(database: VaultDatabase) -> Iterator[list[str]]:
    """All subjects that were erased, a batch at a time."""
    statement = (
        f"SELECT subject FROM erasures WHERE completed_us IS NOT NULL AND subject > ? ORDER BY subject LIMIT {BATCH}"
    )
    after = ""
    while True:
        with database.reading() as transaction:
            batch = [subject for (subject,) in transaction.query(statement, (after,))]
        if not batch:
            return
        yield batch
        after = batch[-1]


def move(transaction: Transaction, subjects: Sequence[str], step: str) -> None:
    """Says that subjects have come to a step."""
    transaction.execute_in("UPDATE erasures SET step = ? WHERE subject {in}", (step,), subjects)


def complete(transaction: Transaction, subjects: Sequence[str], now_us: int) -> None:
    """Says that the erasures of subjects are over."""
    transaction.execute_in(
        "UPDATE erasures SET step = ?, completed_us = ? WHERE subject {in}", (COMPLETED, now_us), subjects
    )


def _ask(transaction: Transaction, new: Sequence[tuple[str, str | None, int]], access: Access) -> None:
    transaction.execute_many(
        "INSERT INTO erasures (subject, membership, requested_us, actor, reason, step) VALUES (?,?,?,?,?,?)",
        [(subject, membership, at_us, access.actor, access.reason, REQUESTED) for subject, membership, at_us in new],
    )
    enter(transaction, access, [("erased", subject) for subject, *_ in new])


def _ask_again(transaction: Transaction, back: Sequence[str], access: Access) -> None:
    transaction.execute_many(
        "UPDATE erasures SET step = ?, completed_us = NULL WHERE subject = ?",
        [(REQUESTED, subject) for subject in back],
    )
    enter(transaction, access, [("erased", subject) for subject in back])


def _seen(transaction: Transaction) -> str:
    rows = transaction.query("SELECT value FROM vault_meta WHERE name = ?", (_SEEN,))
    return str(rows[0][0]) if rows else ""


def _require_known(subjects: Sequence[str], known: Iterable[str]) -> None:
    there = set(known)
    for subject in subjects:
        if subject not in there:
            raise UnknownSubject(subject)


def _chunks(subjects: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(subjects), BATCH):
        yield subjects[start : start + BATCH]

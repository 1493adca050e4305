"""The access log: who read which subject, when and why. It names subjects, never persons, and is read without any key.

Of a response the subject is `response/<membership>/<response>`, since nobody is to be told whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from ledger.vault.database import Transaction, VaultDatabase

Action = Literal[
    "invitation",
    "reminder",
    "shown",
    "found",
    "answers",
    "comment",
    "cleared-comment",
    "link",
    "comment-cleared",
    "comment-withheld",
    "erased",
]
"""What a reading was for: a mailing run's invitation or reminder, to be shown, or to find a subject by an address; of
a response that its answers, its comment or its link were read, that a partner read its comment and not whose it is
(`cleared-comment`), that its comment was cleared for the partner, or withheld.

`erased` is no reading: somebody asked for the subject's erasure."""
PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Access:
    """Who reads, when and why."""

    at_us: int
    actor: str
    reason: str


class Entry(NamedTuple):
    """An entry of the log."""

    id: int
    at_us: int
    actor: str
    action: str
    subject: str
    reason: str


def response_subject(membership: str, response: str) -> str:
    """How the log names a response."""
    return f"response/{membership}/{response}"


def response_of(subject: str) -> tuple[str, str] | None:
    """(membership, response) of a response's subject; None of another one."""
    kind, _, rest = subject.partition("/")
    membership, slash, response = rest.partition("/")
    return (membership, response) if kind == "response" and slash else None


def enter(transaction: Transaction, access: Access, readings: Iterable[tuple[Action, str]]) -> None:
    """Adds an entry for each reading, (action, subject). The caller commits before anything is handed out."""
    transaction.execute_many(
        "INSERT INTO access_log (at_us, actor, action, subject, reason) VALUES (?,?,?,?,?)",
        [(access.at_us, access.actor, action, subject, access.reason) for action, subject in readings],
    )


def entries(
    database: VaultDatabase, subject: str | None = None, since_us: int | None = None, after: int = 0
) -> Iterator[Entry]:
    """The entries in their order, of one subject or all, from an instant on, after the one of a number."""
    wanted = ["id > ?"]
    parameters: list[int | str] = []
    if subject is not None:
        wanted.append("subject = ?")
        parameters.append(subject)
    if since_us is not None:
        wanted.append("at_us >= ?")
        parameters.append(since_us)
    statement = (
        "SELECT id, at_us, actor, action, subject, reason FROM access_log "
        f"WHERE {' AND '.join(wanted)} ORDER BY id LIMIT {PAGE}"
    )
    while True:
        with database.reading() as transaction:
            page = [Entry(*row) for row in transaction.query(statement, (after, *parameters))]
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].id

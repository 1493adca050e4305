"""What was handed out, so that it can be asked back once somebody in it has become anonymous or was erased.

An export is noted before it is handed out, with a row for each subject or response in it: references, nothing of a person.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from ledger.vault.access_log import Access
from ledger.vault.database import VaultDatabase
from ledger.vault.vault import Vault

What = Literal["contacts", "comments", "results", "report"]
"""What was handed out: contacts for a mailing run, comments with links for the partner, results, a report."""
ID_BYTES: Final = 8
CHUNK: Final = 2_000
_GONE: Final = """
    (e.subject IS NOT NULL AND NOT EXISTS (SELECT 1 FROM contacts c WHERE c.subject = e.subject))
    OR (e.response IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM answers a
        WHERE a.membership = e.membership AND a.response = e.response AND a.state = 'kept' AND a.anonymous = 0))"""
"""Whether nobody may be handed out any more who stands in a row: erased, or a respondent who chose anonymity since."""


class Export(NamedTuple):
    """What was handed out of one membership."""

    last: int
    """The number of its last row: exports come in this order."""
    export: str
    """Its id; of several memberships at once, it is the same for each."""
    at_us: int
    actor: str
    what: str
    membership: str
    people: int
    """How many subjects or responses are in it."""
    to_withdraw: int
    """How many of them may not be handed out any more."""


def new_export() -> str:
    """The id of an export that begins."""
    return os.urandom(ID_BYTES).hex()


def note_export(
    vault: Vault,
    access: Access,
    what: What,
    export: str,
    membership: str,
    *,
    subjects: Iterable[str] = (),
    responses: Iterable[str] = (),
) -> None:
    """Notes who is in an export. Whoever hands it out does so after that."""
    head = (export, access.at_us, access.actor, what, membership)
    rows = [*((*head, subject, None) for subject in subjects), *((*head, None, response) for response in responses)]
    for start in range(0, len(rows), CHUNK):
        with vault.database.writing() as transaction:
            transaction.execute_many(
                "INSERT INTO exports (export, at_us, actor, what, membership, subject, response) VALUES (?,?,?,?,?,?,?)",
                rows[start : start + CHUNK],
            )


def exports(
    database: VaultDatabase, *, membership: str | None = None, subject: str | None = None, to_withdraw: bool = False
) -> list[Export]:
    """Exports in their order, a look at every row of them: of one membership, with one subject in them, or those of which
    something is to be withdrawn."""
    wanted = ["1 = 1"]
    parameters: list[str] = []
    if membership is not None:
        wanted.append("e.membership = ?")
        parameters.append(membership)
    if subject is not None:
        wanted.append("e.export IN (SELECT x.export FROM exports x WHERE x.subject = ?)")
        parameters.append(subject)
    withdrawn = f"sum(CASE WHEN {_GONE} THEN 1 ELSE 0 END)"
    statement = (
        "SELECT max(e.id), e.export, min(e.at_us), min(e.actor), min(e.what), e.membership, count(*), "
        f"{withdrawn} FROM exports e WHERE {' AND '.join(wanted)} GROUP BY e.export, e.membership "
        f"{f'HAVING {withdrawn} > 0 ' if to_withdraw else ''}ORDER BY 1"
    )
    with database.reading() as transaction:
        rows = transaction.query(statement, parameters)
    return [Export(*row)._replace(to_withdraw=int(row[-1])) for row in rows]

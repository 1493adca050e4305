"""What was handed out, so that it can be asked back once somebody in it has become anonymous or was erased.

An export is noted before it is handed out, with a row for each subject or response in it: references, nothing of a person.
Comments of anonymous responses, which the operator had cleared, are a part of their own (`cleared-comments`): they are to be
asked back once they are withheld. What a partner read of its responses over HTTP was handed out as well (`reading`): the
access log has it, entry by entry, and it counts as one export a request.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from ledger.vault.access_log import Access, response_of
from ledger.vault.database import Transaction, VaultDatabase
from ledger.vault.vault import Vault

What = Literal["contacts", "comments", "cleared-comments", "results", "report"]
"""What was handed out: contacts for a mailing run, comments with links for the partner, cleared comments of who is
anonymous, results, a report."""
ID_BYTES: Final = 8
CHUNK: Final = 2_000
PARTNER: Final = "partner"
"""How the access log begins the actor of a reading by a partner (`console.http.people`)."""
_GONE: Final = """
    (e.subject IS NOT NULL AND NOT EXISTS (SELECT 1 FROM contacts c WHERE c.subject = e.subject))
    OR (e.response IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM answers a
        WHERE a.membership = e.membership AND a.response = e.response AND a.state = 'kept'
        AND (a.anonymous = 0 OR (e.what = 'cleared-comments' AND a.cleared = 1))))"""
"""Whether nobody may be handed out any more who stands in a row: erased, a respondent who chose anonymity since, or one
whose comment is withheld again."""


_READ: Final = """
    SELECT id, at_us, actor, action, subject FROM access_log
    WHERE id > ? AND (actor = ? OR actor LIKE ?) AND action IN ('comment', 'cleared-comment', 'link') ORDER BY id LIMIT ?"""
"""What partners read, in its order."""


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
    found = [Export(*row)._replace(to_withdraw=int(row[-1])) for row in rows]
    if subject is not None:  # of a contact, which no partner reads
        return found
    read = [one for one in _readings(database, membership) if one.to_withdraw or not to_withdraw]
    return sorted([*found, *read], key=lambda one: one.at_us)


def _readings(database: VaultDatabase, membership: str | None) -> list[Export]:
    """What partners read of their responses, a request each, by the access log."""
    found: dict[tuple[int, str, str], dict[str, bool]] = {}
    first: dict[tuple[int, str, str], int] = {}
    after = 0
    while True:
        with database.reading() as transaction:
            page = transaction.query(_READ, (after, PARTNER, f"{PARTNER} %", CHUNK))
            withheld = _withheld(transaction, {subject for _, _, _, _, subject in page})
        for number, at_us, actor, action, subject in page:
            whose = response_of(subject)
            if whose is None or membership not in (None, whose[0]):
                continue
            key = (at_us, actor, whose[0])
            first.setdefault(key, number)
            anonymous, hidden = withheld.get(whose, (True, True))
            gone = hidden if action == "cleared-comment" else anonymous
            found.setdefault(key, {})[subject] = found.get(key, {}).get(subject, False) or gone
        if len(page) < CHUNK:
            break
        after = page[-1][0]
    return [
        Export(first[key], f"reading-{first[key]}", key[0], key[1], "reading", key[2], len(of), sum(of.values()))
        for key, of in found.items()
    ]


def _withheld(transaction: Transaction, subjects: set[str]) -> dict[tuple[str, str], tuple[bool, bool]]:
    """Of responses that are kept: whether they are anonymous, and whether a partner may not see their comments at all."""
    by_membership: dict[str, list[str]] = {}
    for membership, response in filter(None, map(response_of, subjects)):
        by_membership.setdefault(membership, []).append(response)
    return {
        (membership, response): (bool(anonymous), bool(anonymous) and not cleared)
        for membership, responses in by_membership.items()
        for response, anonymous, cleared in transaction.query_in(
            "SELECT response, anonymous, cleared FROM answers WHERE state = 'kept' AND membership = ? AND response {in}",
            (membership,),
            responses,
        )
    }

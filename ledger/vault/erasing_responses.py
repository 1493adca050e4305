"""Erasing what subjects said: from their invitations, by the links, to their responses. Without a link nothing leads there.

An anonymous response has no link, and stays: nobody can tell whose it is. So does one that named no invitation. Of a response
that has one the data key goes first, then answers, comment and link; the ids of its fact stay, so that the same fact, handed
in again, brings nothing back, and so does the tag of each invitation, under which nothing is tied to the subject any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, Protocol

from ledger.vault.responses import link_tag, response_holder
from ledger.vault.vault import Vault

BATCH: Final = 10_000
"""Invitations, or responses, a transaction."""


class Invitations(Protocol):
    """What is asked of the book."""

    def invitations(self, membership: str | None, subjects: Collection[str]) -> Iterable[tuple[str, str, str]]:
        """(membership, subject, invitation) of each that was sent to one of some subjects."""
        ...


def destroy_response_keys(vault: Vault, book: Invitations, membership: str | None, subjects: Sequence[str]) -> None:
    """Destroys the data keys of the responses that are linked to invitations of subjects, those of the book and our own.

    A membership of None stands for all of the book's.
    """
    for batch in _batches(_invitations(vault, book, membership, subjects)):
        tags = [link_tag(vault, whose, invitation) for whose, _, invitation in batch]
        with (
            vault.database.writing() as transaction
        ):  # first, so that nobody links anything to them after the look below
            transaction.execute_many(
                "INSERT INTO erased_links VALUES (?) ON CONFLICT DO NOTHING", [(tag,) for tag in tags]
            )
        with vault.database.writing() as transaction:
            facts = [fact for (fact,) in transaction.query_in("SELECT fact FROM links WHERE tag {in}", (), tags)]
            if facts:
                holders = [response_holder(fact) for fact in facts]
                transaction.execute_in("DELETE FROM data_keys WHERE holder {in}", (), holders)
                transaction.execute_in("UPDATE answers SET state = 'erasing' WHERE fact {in}", (), facts)


def empty_responses(vault: Vault) -> None:
    """Takes away what was sealed of the responses whose keys are gone, and their links."""
    while True:
        with vault.database.writing() as transaction:
            rows = transaction.query(f"SELECT fact FROM answers WHERE state = 'erasing' LIMIT {BATCH}")
            facts = [fact for (fact,) in rows]
            if not facts:
                return
            transaction.execute_in("DELETE FROM links WHERE fact {in}", (), facts)
            transaction.execute_in(
                "UPDATE answers SET state = 'erased', mac = '', answers = NULL, comment = NULL, cleared = 0 WHERE fact {in}",
                (),
                facts,
            )


def linked_subjects(vault: Vault, book: Invitations, subjects: Collection[str]) -> set[str]:
    """Which of some subjects have an invitation that links lead to: where there are links, all of the book's are looked at."""
    with vault.database.reading() as transaction:
        if not subjects or not transaction.query("SELECT 1 FROM links LIMIT 1"):
            return set()
    found: set[str] = set()
    for batch in _batches(book.invitations(None, subjects)):
        by_tag = {link_tag(vault, membership, invitation): subject for membership, subject, invitation in batch}
        with vault.database.reading() as transaction:
            rows = transaction.query_in("SELECT tag FROM links WHERE tag {in}", (), list(by_tag))
        found.update(by_tag[tag] for (tag,) in rows)
    return found


def _invitations(
    vault: Vault, book: Invitations, membership: str | None, subjects: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    """The operator's one invitation of each, which the book may not have heard of yet, and all that the book has."""
    if membership is not None:
        for subject in subjects:
            yield membership, subject, vault.index.invitation(membership, subject)
    with vault.database.reading() as transaction:
        if not transaction.query("SELECT 1 FROM links LIMIT 1"):
            return
    yield from book.invitations(membership, frozenset(subjects))


def _batches(items: Iterable[tuple[str, str, str]]) -> Iterator[list[tuple[str, str, str]]]:
    left = iter(items)
    while batch := list(islice(left, BATCH)):
        yield batch

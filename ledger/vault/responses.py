"""What the vault keeps of responses: answers, comments, and links to invitations. Two stores, one truth.

    pend(said)                 one transaction: all that facts say is here, before the book has heard of them
      the book records         what it accepts, it accepts for good
    conclude(kept, …)          one transaction: what it has accepted is kept; what it has not waits, or is dropped

Whoever dies in between leaves rows that are pending; `settle` asks the book which of these facts it has. Rows are found by the
id of their fact, and `mac`, a keyed digest of what was said, tells the same from another without opening anything:

    how      a fact that is handed in
    new      nothing was there, or what was refused before and is replaced now
    known    the same was handed in before
    other    something else is kept under this id: `id-reused`
    missing  it was kept as refused with its answers here, and they are here no more

**Boxes.** The data key's holder is `response/<fact>`; the place of a field is vault, holder, field, version, membership and
response. `answers` has a byte for each core question (`ledger.answers.CORE`), 255 for none, then the own questions as JSON.

**Erased.** A fact whose row is `erasing` or `erased` is `known`, whatever it says now, and nothing of it is taken in again.

**Links.** Only of a response that is not anonymous: from the first moment, or until anonymity was chosen (`make_anonymous`).
An answer to an invitation of a subject that was erased has none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.answers import Answers
from ledger.vault.boxes import KEY_BYTES, NONCE_BYTES, place_of, seal
from ledger.vault.database import Transaction
from ledger.vault.vault import Vault

NO_ANSWER: Final = 255
VERSION: Final = "1"
"""Of what is sealed of a response; it is never changed."""
BATCH: Final = 2_000
"""Rows a transaction, where there are many."""
UNDER_WAY_US: Final = 15 * 60 * 1_000_000
"""After so long nobody records any more what he has pended: each wait for a lock is far shorter."""
_RANDOM_BYTES: Final = KEY_BYTES + 4 * NONCE_BYTES
ERASED: Final = ("erasing", "erased")
"""States of rows of which nothing is kept any more."""
_OPEN: Final = "state <> 'kept' AND state NOT IN ('erasing', 'erased')"
"""Of a row: the book has not recorded its fact, as far as is known here."""
How = Literal["new", "known", "other", "missing"]
Recorded = Callable[[Sequence[str]], Collection[str]]
"""Asks the book: those of some ids of facts that it has."""


@dataclass(frozen=True, slots=True, repr=False)
class Said:
    """What a fact says that is for the vault. It has no repr, so that no log shows it."""

    fact: str
    membership: str
    response: str
    anonymous: bool
    invitation: str | None
    answers: Answers | None
    comment: str | None
    from_vault: bool = False
    """Answers and comment are here already, under the id of the fact."""


class Pended(NamedTuple):
    """What became of a fact that was handed in; `mac` is that of the row as it is now."""

    how: How
    mac: str


class _Row(NamedTuple):
    """What is looked at of a row before it is taken for the same."""

    mac: str
    state: str
    membership: str
    response: str
    anonymous: int
    tag: str | None


def response_holder(fact: str) -> str:
    """The holder of the data key of what a fact says: it names no subject."""
    return f"response/{fact}"


def link_tag(vault: Vault, membership: str, invitation: str) -> str:
    """What the links to an invitation are found by."""
    return vault.index.link(membership, invitation)


def place(vault: Vault, fact: str, field: str, membership: str, response: str) -> bytes:
    """Where a field of a response belongs."""
    return place_of(vault.id, response_holder(fact), field, VERSION, membership, response)


def packed(answers: Answers) -> bytes:
    """Answers as they are sealed."""
    core = bytes(NO_ANSWER if one is None else one for one in answers.core)
    return core + orjson.dumps(dict(answers.own), option=orjson.OPT_SORT_KEYS) if answers.own else core


class Responses:
    """The responses in a vault. What its methods raise is what is wrong with the vault (`ledger.errors`)."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault

    def pend(self, said: Sequence[Said], now_us: int, recorded: Recorded) -> list[Pended]:
        """Takes in what facts say, in one transaction; what became of each, in order."""
        with self.vault.sealing() as transaction:
            there = _rows(transaction, {one.fact for one in said})
            doubted = [one.fact for one in said if self._is_doubted(one, there.get(one.fact))]
            in_book = recorded(doubted) if doubted else ()
            pended: list[Pended] = []
            fresh: dict[str, tuple[Said, str]] = {}
            again: list[tuple[int, str]] = []
            for one in said:
                row = there.get(one.fact)
                mac = self._mac(one)
                if row is not None and (one.from_vault or row.state in ERASED or _is_silent(one, row, in_book)):
                    mac = row.mac
                how = self._how(one, mac, row, in_book)
                if how == "new":
                    fresh[one.fact] = one, mac
                    there[one.fact] = self._row(one, mac)
                elif how == "known" and row is not None and row.state not in ("kept", *ERASED):
                    again.append((now_us, one.fact))
                pended.append(Pended(how, mac))
            self._drop(transaction, list(fresh))
            self._add(transaction, list(fresh.values()), "pending", now_us)
            if again:
                transaction.execute_many("UPDATE answers SET state = 'pending', pended_us = ? WHERE fact = ?", again)
        return pended

    def conclude(
        self, kept: Mapping[str, tuple[Said, str]], waiting: Collection[str], dropped: Collection[str], now_us: int
    ) -> None:
        """In one transaction: keeps what the book has accepted, each with its `mac`; leaves waiting what it has refused and may
        accept later; drops what it never will. What is kept already stays as it is."""
        if not (kept or waiting or dropped):
            return
        with self.vault.sealing() as transaction:
            there = _rows(transaction, kept)
            lost = [(one, mac) for one, mac in kept.values() if not _is_of(there.get(one.fact), one, mac)]
            if lost:  # somebody replaced it in between: what the book has accepted is the truth, without a link
                self._drop(transaction, [one.fact for one, _ in lost])
                self._add(transaction, lost, "pending", now_us, linked=False)
            self._mark(transaction, list(kept), list(waiting), now_us)
            self._drop(transaction, list(dropped))

    def settle(self, recorded: Recorded, now_us: int) -> int:
        """Settles what is pending by what the book has recorded; returns how many rows were looked at.

        What the book lacks may be under way just now, in another process that has yet to record it: it counts as refused
        only after UNDER_WAY_US.
        """
        settled, after = 0, ""
        while True:
            with self.vault.sealing() as transaction:
                rows = transaction.query(
                    "SELECT fact, pended_us FROM answers WHERE state <> 'kept' AND state = 'pending' AND fact > ? "
                    f"ORDER BY fact LIMIT {BATCH}",
                    (after,),
                )
                facts = [fact for fact, _ in rows]
                in_book = recorded(facts) if facts else ()
                old = [fact for fact, pended_us in rows if pended_us < now_us - UNDER_WAY_US]
                kept, refused = [one for one in facts if one in in_book], [one for one in old if one not in in_book]
                self._mark(transaction, kept, refused, now_us)
            settled += len(facts)
            if len(facts) < BATCH:
                return settled
            after = facts[-1]

    def expire(self, before_us: int) -> int:
        """Deletes what the book has not recorded and was handed in last before an instant; returns how many facts that were."""
        deleted = 0
        while True:
            with self.vault.sealing() as transaction:
                rows = transaction.query(
                    "SELECT fact FROM answers WHERE state <> 'kept' AND state = 'refused' AND pended_us < ? "
                    f"ORDER BY fact LIMIT {BATCH}",
                    (before_us,),
                )
                self._drop(transaction, [fact for (fact,) in rows])
            deleted += len(rows)
            if len(rows) < BATCH:
                return deleted

    def make_anonymous(self, responses: Iterable[tuple[str, str]], mark: str | None = None) -> None:
        """For each (membership, response): deletes its links, and withholds its comments, also those cleared before.

        `mark` says how far in the book it was found that anonymity was chosen (`anonymity_mark`).
        """
        pairs = list(responses)
        with self.vault.database.writing() as transaction:
            if pairs:
                transaction.execute_many("DELETE FROM links WHERE membership = ? AND response = ?", pairs)
                transaction.execute_many(
                    "UPDATE answers SET anonymous = 1, cleared = 0 WHERE membership = ? AND response = ? AND anonymous = 0",
                    pairs,
                )
            if mark is not None:
                transaction.execute("DELETE FROM vault_meta WHERE name = 'anonymity'")
                transaction.execute("INSERT INTO vault_meta VALUES ('anonymity', ?)", (mark,))

    def anonymity_mark(self) -> str | None:
        """What `make_anonymous` was told last; None where it was told nothing."""
        with self.vault.database.reading() as transaction:
            rows = transaction.query("SELECT value FROM vault_meta WHERE name = 'anonymity'")
        return str(rows[0][0]) if rows else None

    def _how(self, one: Said, mac: str, row: _Row | None, in_book: Collection[str]) -> How:
        if row is None:
            return "missing" if one.from_vault else "new"
        if row.state in ERASED:
            return "known"
        if row.mac == mac:
            if row.state in ("kept", "new") or self._same_place(one, row):
                return "known"
            return "missing" if one.from_vault else "new"
        if row.state in ("kept", "new") or one.fact in in_book:
            return "other"
        return "new"

    def _is_doubted(self, one: Said, row: _Row | None) -> bool:
        """Whether something else under the id is under way, or was left by somebody who died: the book has to be asked."""
        return row is not None and row.state == "pending" and not one.from_vault and row.mac != self._mac(one)

    def _same_place(self, one: Said, row: _Row) -> bool:
        found = (row.membership, row.response, bool(row.anonymous))
        if found != (one.membership, one.response, one.anonymous):
            return False
        return row.tag is None or row.tag == self._tag(one)

    def _row(self, one: Said, mac: str) -> _Row:
        """A row that was made within this transaction."""
        return _Row(mac, "new", one.membership, one.response, int(one.anonymous), self._tag(one))

    def _tag(self, one: Said) -> str | None:
        if one.invitation is None or one.anonymous:
            return None
        return link_tag(self.vault, one.membership, one.invitation)

    def _mac(self, one: Said) -> str:
        return self.vault.index.answers(one.fact, one.answers, one.comment)

    def _add(
        self, transaction: Transaction, new: Sequence[tuple[Said, str]], state: str, now_us: int, *, linked: bool = True
    ) -> None:
        if not new:
            return
        vault, wrapping = self.vault, self.vault.keyring.current
        keys, rows, links = [], [], []
        for (one, mac), (data_key, *nonces) in zip(new, _randomness(len(new)), strict=True):
            fact, membership, response = whose = (one.fact, one.membership, one.response)
            holder, cipher = response_holder(fact), AESGCM(data_key)
            keys.append((holder, wrapping.id, wrapping.wrap(vault.id, holder, data_key, nonces[0])))
            answers = comment = None
            if one.answers is not None:
                answers = seal(
                    cipher, place(vault, fact, "answers", membership, response), packed(one.answers), nonces[1]
                )
            if one.comment is not None:
                where = place(vault, fact, "comment", membership, response)
                comment = seal(cipher, where, one.comment.encode(), nonces[2])
            rows.append((*whose, state, mac, int(one.anonymous), answers, comment, 0, now_us, None))
            if linked and one.invitation is not None and not one.anonymous:
                where = place(vault, fact, "invitation", membership, response)
                links.append((*whose, self._tag(one), seal(cipher, where, one.invitation.encode(), nonces[3])))
        transaction.execute_many("INSERT INTO data_keys VALUES (?,?,?)", keys)
        transaction.execute_many("INSERT INTO answers VALUES (?,?,?,?,?,?,?,?,?,?,?)", rows)
        if links:
            tags = [str(tag) for _, _, _, tag, _ in links]
            gone = {tag for (tag,) in transaction.query_in("SELECT tag FROM erased_links WHERE tag {in}", (), tags)}
            transaction.execute_many(
                "INSERT INTO links VALUES (?,?,?,?,?)", [link for link in links if link[3] not in gone]
            )

    def _mark(self, transaction: Transaction, kept: Sequence[str], waiting: Sequence[str], now_us: int) -> None:
        if kept:
            transaction.execute_in(
                f"UPDATE answers SET state = 'kept', kept_us = ? WHERE {_OPEN} AND fact {{in}}", (now_us,), kept
            )
        if waiting:
            transaction.execute_in(f"UPDATE answers SET state = 'refused' WHERE {_OPEN} AND fact {{in}}", (), waiting)

    def _drop(self, transaction: Transaction, facts: Sequence[str]) -> None:
        """Deletes the rows of facts that are not kept, their data keys first."""
        if not facts:
            return
        rows = transaction.query_in(f"SELECT fact FROM answers WHERE {_OPEN} AND fact {{in}}", (), facts)
        found = [fact for (fact,) in rows]
        if found:
            transaction.execute_in(
                "DELETE FROM data_keys WHERE holder {in}", (), [response_holder(fact) for fact in found]
            )
            transaction.execute_in("DELETE FROM links WHERE fact {in}", (), found)
            transaction.execute_in("DELETE FROM answers WHERE fact {in}", (), found)


def _randomness(number: int) -> Iterator[tuple[bytes, ...]]:
    """For each of some facts a data key and four nonces: one for it, one for each box."""
    random = os.urandom(number * _RANDOM_BYTES)
    for start in range(0, len(random), _RANDOM_BYTES):
        nonces = range(start + KEY_BYTES, start + _RANDOM_BYTES, NONCE_BYTES)
        yield random[start : start + KEY_BYTES], *(random[at : at + NONCE_BYTES] for at in nonces)


def _is_silent(one: Said, row: _Row, in_book: Collection[str]) -> bool:
    """Whether a fact that the book has comes again and says nothing of its answers: that is no other content."""
    return one.answers is None and one.comment is None and (row.state == "kept" or one.fact in in_book)


def _is_of(row: _Row | None, one: Said, mac: str) -> bool:
    """Whether a row has what a fact says that the book has accepted; anonymity may have been chosen meanwhile."""
    if one.from_vault or (row is not None and row.state in ERASED):
        return True
    return (
        row is not None
        and (row.mac, row.membership, row.response) == (mac, one.membership, one.response)
        and bool(row.anonymous) >= one.anonymous
    )


def _rows(transaction: Transaction, facts: Iterable[str]) -> dict[str, _Row]:
    rows = transaction.query_in(
        "SELECT a.fact, a.mac, a.state, a.membership, a.response, a.anonymous, l.tag FROM answers a "
        "LEFT JOIN links l ON l.fact = a.fact WHERE a.fact {in}",
        (),
        list(facts),
    )
    return {fact: _Row(*row) for fact, *row in rows}

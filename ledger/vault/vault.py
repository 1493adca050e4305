"""The vault itself: contacts in and out, under data keys of their own, each reading recorded before it is done.

**The blind index** finds an address again without a row that could be read: `address` is HMAC-SHA-256, in hex, over the
canonical JSON array of `address` and the address in the form that is compared (`addresses.normalise`). Its key is random,
is made with the vault, and is kept wrapped as a data key is, so that it survives every rotation. It is one for the whole
vault: an address that several partners have listed is found under each of them, which is what an opt-out needs, and who
has the database alone sees that two rows have one address, and not which. `details` is such a digest of a whole contact
with its subject, which tells whether a list brings anything new without opening what is there.

**A place** of a sealed field is: vault, holder, field, version of the row, membership, organisation (see `boxes`).
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.answers import Answers
from ledger.errors import UnknownSubject, VaultDamaged, VaultError, VaultKeyMismatch
from ledger.fold import fold
from ledger.vault.access_log import Access, Action, enter
from ledger.vault.addresses import normalise
from ledger.vault.boxes import KEY_BYTES, open_box, place_of, seal
from ledger.vault.contact import FIELDS, Contact
from ledger.vault.database import NO_VAULT, Transaction, VaultDatabase, require_book
from ledger.vault.erasures import NOT_ERASED, among, refuse_erased
from ledger.vault.keys import Keyring
from ledger.vault.partner_list import ListLine

INDEX_HOLDER: Final = "vault/index"
ID_BYTES: Final = 16
SUBJECT_BYTES: Final = 16
CHUNK: Final = 2_000
"""So many contacts are read in one transaction."""
_COLUMNS: Final = "subject, membership, customer_org, version, address, details, email, name, phone, language"


def holder_of(subject: str) -> str:
    """The holder of the data key of a subject's contact."""
    return f"subject/{subject}"


class BlindIndex:
    """Keyed digests of what must be found again, or must not be foreseen. It has no repr that shows the key."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def address(self, normalised: str) -> str:
        """What an address is found by."""
        return self._digest("address", normalised)

    def details(self, subject: str, contact: Contact) -> str:
        """What is another where anything of a contact is."""
        return self._digest("details", subject, *(getattr(contact, field) or "" for field in FIELDS))

    def invitation(self, membership: str, subject: str) -> str:
        """The reference of the operator's one invitation of a subject: the same whenever it is asked for."""
        return f"i-{self._digest('invitation', membership, subject)[:32]}"

    def link(self, membership: str, invitation: str) -> str:
        """What the answers to an invitation are found by."""
        return self._digest("link", membership, invitation)

    def answers(self, fact: str, answers: Answers | None, comment: str | None) -> str:
        """What is another where anything is that a fact says of its respondent."""
        return self._digest(
            "answers", fact, None if answers is None else {"core": answers.core, "own": answers.own}, comment
        )

    def actor(self, subject: str) -> str:
        """What stands for the subject of a token, where that must not stand in the access log itself."""
        return self._digest("actor", subject)[:16]

    def _digest(self, *names: Any) -> str:
        return hmac.digest(self._key, orjson.dumps(names, option=orjson.OPT_SORT_KEYS), sha256).hex()


class Kept(NamedTuple):
    """What became of a line of a partner's list; `customer_org` is the organisation under which the contact stands."""

    subject: str
    how: Literal["added", "changed", "known", "other-organisation", "repeated", "being-erased"]
    customer_org: str


class Found(NamedTuple):
    """A subject with an address."""

    subject: str
    membership: str
    customer_org: str


@dataclass(frozen=True, slots=True, repr=False)
class Held:
    """A contact that was read, and what it belongs to. It has no repr of its own, so that no log shows it."""

    subject: str
    membership: str
    customer_org: str
    contact: Contact


class Vault:
    """A vault that is open. Raises VaultKeyMismatch, VaultDamaged or VaultSwapped where the keys are not its own."""

    def __init__(self, database: VaultDatabase, keyring: Keyring, *, create: bool = False) -> None:
        """`create` sets up one that has tables only: its id, and the key of the blind index."""
        self.database = database
        self.keyring = keyring
        with database.writing() if create else database.reading() as transaction:
            if create:
                _set_up(transaction, keyring)
            self.id = vault_id(transaction, database.name)
            self.index = BlindIndex(self._data_keys(transaction, [INDEX_HOLDER])[INDEX_HOLDER])

    def is_tied(self) -> bool:
        """Whether it was used with a book; before that, no book knows anybody whom it keeps."""
        with self.database.reading() as transaction:
            return bool(transaction.query("SELECT value FROM vault_meta WHERE name = 'book'"))

    def belong_to(self, book: str) -> None:
        """Ties the vault to the book that a text names, the first time; after that to no other. Raises AnotherBook."""
        with self.database.writing() as transaction:
            if not require_book(transaction, self.database.name, book):
                transaction.execute("INSERT INTO vault_meta VALUES ('book', ?)", (book,))

    def keep(self, membership: str, lines: Sequence[ListLine], now_us: int) -> list[Kept]:
        """Takes lines in, all in one transaction; no two of them have the same address. What each became, in order.

        A contact that stands under another organisation is left as it is, and so is one that is to be erased.
        """
        if not lines:
            return []
        addresses = [self.index.address(normalise(line.contact.email)) for line in lines]
        with self.sealing() as transaction:
            rows = transaction.query_in(
                f"SELECT address, subject, customer_org, version, details, {NOT_ERASED} FROM contacts "
                "WHERE membership = ? AND address {in}",
                (membership,),
                addresses,
            )
            there = {row[0]: row[1:] for row in rows}
            kept: list[Kept] = []
            new: list[tuple[str, str, ListLine]] = []
            changed: list[tuple[str, str, int, Contact]] = []
            for address, line in zip(addresses, lines, strict=True):
                if address not in there:
                    subject = os.urandom(SUBJECT_BYTES).hex()
                    new.append((subject, address, line))
                    kept.append(Kept(subject, "added", line.customer_org))
                    continue
                subject, customer_org, version, details, stays = there[address]
                if not stays:
                    kept.append(Kept(subject, "being-erased", customer_org))
                elif fold(customer_org) != fold(line.customer_org):
                    kept.append(Kept(subject, "other-organisation", customer_org))
                elif details == self.index.details(subject, line.contact):
                    kept.append(Kept(subject, "known", customer_org))
                else:
                    changed.append((subject, customer_org, version + 1, line.contact))
                    kept.append(Kept(subject, "changed", customer_org))
            self._add(transaction, membership, new, now_us)
            self._change(transaction, membership, changed, now_us)
        return kept

    def standing(self, membership: str, lines: Sequence[ListLine]) -> list[Kept | None]:
        """The contacts that have the addresses of lines which stood in their file before; nothing is taken of these.

        None for one that was erased since.
        """
        if not lines:
            return []
        addresses = [self.index.address(normalise(line.contact.email)) for line in lines]
        with self.database.reading() as transaction:
            rows = transaction.query_in(
                "SELECT address, subject, customer_org FROM contacts WHERE membership = ? AND address {in}",
                (membership,),
                addresses,
            )
        found = {address: Kept(subject, "repeated", customer_org) for address, subject, customer_org in rows}
        return [found.get(address) for address in addresses]

    def memberships(self) -> list[str]:
        """The memberships that have contacts, in order."""
        with self.database.reading() as transaction:
            rows = transaction.query("SELECT DISTINCT membership FROM contacts ORDER BY membership")
        return [membership for (membership,) in rows]

    def subjects(self, membership: str, among: Sequence[str]) -> set[str]:
        """Which of some subjects have a contact under a membership, and are not to be erased."""
        statement = f"SELECT subject FROM contacts WHERE membership = ? AND subject {{in}} AND {NOT_ERASED}"
        return self._which(statement, membership, among)

    def handed_out(self, action: Action, among: Sequence[str]) -> set[str]:
        """Which of some subjects were read for an action before."""
        return self._which("SELECT subject FROM access_log WHERE action = ? AND subject {in}", action, among)

    def read(self, membership: str, wanted: Sequence[tuple[Action, str]], access: Access) -> Iterator[Held]:
        """The contacts of subjects of a membership, in order; each reading is on record before its contact is opened.

        Who is to be erased is left out, also where that is asked for meanwhile. Raises UnknownSubject, VaultDamaged,
        VaultSwapped.
        """
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            subjects = [subject for _, subject in chunk]
            there = self.subjects(membership, subjects)
            with self.database.writing() as transaction:
                erased = among(transaction, subjects)
                for subject in subjects:
                    if subject not in there and subject not in erased:
                        raise UnknownSubject(subject)
                enter(transaction, access, [one for one in chunk if one[1] not in erased])
            yield from self._opened(subjects)

    def show(self, subject: str, access: Access) -> Held:
        """The contact of a subject. Raises UnknownSubject, SubjectErased, VaultDamaged, VaultSwapped."""
        with self.database.reading() as transaction:
            refuse_erased(transaction, subject)
            rows = transaction.query("SELECT membership FROM contacts WHERE subject = ?", (subject,))
        if not rows:
            raise UnknownSubject(subject)
        for held in self.read(rows[0][0], [("shown", subject)], access):
            return held
        with self.database.reading() as transaction:  # its erasure was asked for meanwhile
            refuse_erased(transaction, subject)
        raise UnknownSubject(subject)

    def find(self, normalised: Sequence[str], access: Access) -> list[list[Found]]:
        """For each address the subjects that have it, of all memberships; each finding is on record before it is told."""
        digests = [self.index.address(one) for one in normalised]
        by_address: dict[str, list[Found]] = {digest: [] for digest in digests}
        with self.database.writing() as transaction:
            rows = transaction.query_in(
                "SELECT address, subject, membership, customer_org FROM contacts "
                f"WHERE address {{in}} AND {NOT_ERASED} ORDER BY subject",
                (),
                digests,
            )
            enter(transaction, access, [("found", row[1]) for row in rows])
        for address, *found in rows:
            by_address[address].append(Found(*found))
        return [by_address[digest] for digest in digests]

    def _which(self, statement: str, parameter: str, among: Sequence[str]) -> set[str]:
        found: set[str] = set()
        with self.database.reading() as transaction:
            for start in range(0, len(among), CHUNK):
                rows = transaction.query_in(statement, (parameter,), among[start : start + CHUNK])
                found.update(subject for (subject,) in rows)
        return found

    @contextmanager
    def sealing(self) -> Iterator[Transaction]:
        """A transaction in which things are sealed: under the key that the vault was rotated to, and no other."""
        with self.database.writing() as transaction:
            require_wrapping(transaction, self.keyring)
            yield transaction

    def _add(
        self, transaction: Transaction, membership: str, new: Sequence[tuple[str, str, ListLine]], now_us: int
    ) -> None:
        keys, contacts = [], []
        for subject, address, line in new:
            data_key = os.urandom(KEY_BYTES)
            holder = holder_of(subject)
            keys.append((holder, self.keyring.current.id, self.keyring.current.wrap(self.id, holder, data_key)))
            boxes = self._sealed(data_key, (subject, membership, line.customer_org, 1), line.contact)
            details = self.index.details(subject, line.contact)
            contacts.append((subject, membership, line.customer_org, 1, address, details, *boxes, now_us, now_us))
        transaction.execute_many("INSERT INTO data_keys VALUES (?,?,?)", keys)
        transaction.execute_many("INSERT INTO contacts VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", contacts)

    def _change(
        self, transaction: Transaction, membership: str, changed: Sequence[tuple[str, str, int, Contact]], now_us: int
    ) -> None:
        keys = self._data_keys(transaction, [holder_of(subject) for subject, *_ in changed])
        rows = []
        for subject, customer_org, version, contact in changed:
            boxes = self._sealed(keys[holder_of(subject)], (subject, membership, customer_org, version), contact)
            rows.append((version, self.index.details(subject, contact), *boxes, now_us, subject))
        transaction.execute_many(
            "UPDATE contacts SET version = ?, details = ?, email = ?, name = ?, phone = ?, language = ?, changed_us = ? "
            "WHERE subject = ?",
            rows,
        )

    def _sealed(self, data_key: bytes, row: tuple[str, str, str, int], contact: Contact) -> list[bytes | None]:
        """The boxes of a contact, a field each; None for a field that it has not."""
        cipher, there = AESGCM(data_key), dict(contact.sealed_fields())
        return [
            seal(cipher, self._place(row, field), there[field].encode()) if field in there else None for field in FIELDS
        ]

    def _place(self, row: tuple[str, str, str, int], field: str) -> bytes:
        subject, membership, customer_org, version = row
        return place_of(self.id, holder_of(subject), field, str(version), membership, customer_org)

    def _opened(self, subjects: Sequence[str]) -> list[Held]:
        with self.database.reading() as transaction:
            statement = f"SELECT {_COLUMNS} FROM contacts WHERE subject {{in}} AND {NOT_ERASED}"
            rows = transaction.query_in(statement, (), subjects)
            keys = self._data_keys(transaction, [holder_of(row[0]) for row in rows])
            by_subject = {row[0]: row for row in rows}
            erased = among(transaction, [subject for subject in subjects if subject not in by_subject])
        there = [subject for subject in subjects if subject not in erased]
        if missing := [subject for subject in there if subject not in by_subject]:
            raise UnknownSubject(missing[0])
        return [self._open(by_subject[subject], keys[holder_of(subject)]) for subject in there]

    def _open(self, row: tuple[Any, ...], data_key: bytes) -> Held:
        subject, membership, customer_org, version, address, details, *boxes = row
        cipher, texts = AESGCM(data_key), dict[str, str]()
        for field, box in zip(FIELDS, boxes, strict=True):
            if box is not None:
                place = self._place((subject, membership, customer_org, version), field)
                texts[field] = open_box(cipher, place, box, f"{field} of subject {subject}").decode()
        contact = Contact(**texts)
        if self.index.address(normalise(contact.email)) != address:
            raise VaultDamaged(f"subject {subject}: found the blind index of another address, expected that of its own")
        if (
            self.index.details(subject, contact) != details
        ):  # a box that was taken away leaves nothing that does not open
            raise VaultDamaged(f"subject {subject}: found the digest of other details, expected that of its own")
        return Held(subject, membership, customer_org, contact)

    def _data_keys(self, transaction: Transaction, holders: Sequence[str]) -> dict[str, bytes]:
        """The data keys of holders. Raises VaultDamaged where one is missing, which is never taken for erased."""
        rows = transaction.query_in("SELECT holder, kek, wrapped FROM data_keys WHERE holder {in}", (), holders)
        found = {holder: self.keyring.key(kek).unwrap(self.id, holder, wrapped) for holder, kek, wrapped in rows}
        for holder in holders:
            if holder not in found:
                raise VaultDamaged(f"{holder}: found no data key, expected one: no erasure of it is recorded")
        return found


def vault_id(transaction: Transaction, name: str) -> str:
    """The vault's own id. Raises VaultError where it was never set up."""
    rows = transaction.query("SELECT value FROM vault_meta WHERE name = 'vault'")
    if not rows:
        raise VaultError(f"{name}: found tables without keys, {NO_VAULT}")
    return str(rows[0][0])


def wrapping_key_id(transaction: Transaction) -> str:
    """The id of the key-encryption key that wraps."""
    rows = transaction.query("SELECT value FROM vault_meta WHERE name = 'key'")
    if not rows:
        raise VaultDamaged("found no id of the key that wraps, expected one")
    return str(rows[0][0])


def require_wrapping(transaction: Transaction, keyring: Keyring) -> None:
    """Raises VaultKeyMismatch where the first key at hand is not the one that wraps: what it wrapped would be left behind."""
    expected = wrapping_key_id(transaction)
    if keyring.current.id != expected:
        raise VaultKeyMismatch(
            f"{keyring.where}: found key {keyring.current.id} first, expected {expected}, which wraps the data keys of this "
            "vault; after `csat-ledger vault new-key`, `csat-ledger vault rewrap` goes over to the new one"
        )


def _set_up(transaction: Transaction, keyring: Keyring) -> None:
    if transaction.query("SELECT value FROM vault_meta WHERE name = 'vault'"):
        return
    if transaction.query(
        "SELECT name FROM vault_meta WHERE name = 'key' UNION ALL SELECT holder FROM data_keys LIMIT 1"
    ):
        raise VaultDamaged("found data keys of a vault without its id, expected neither or both")
    made, key = os.urandom(ID_BYTES).hex(), keyring.current
    transaction.execute_many("INSERT INTO vault_meta VALUES (?,?)", [("vault", made), ("key", key.id)])
    wrapped = key.wrap(made, INDEX_HOLDER, os.urandom(KEY_BYTES))
    transaction.execute("INSERT INTO data_keys VALUES (?,?,?)", (INDEX_HOLDER, key.id, wrapped))

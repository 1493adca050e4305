"""What tests of erasing ask of a vault, a book and their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from console.erasures import BookOfWriter, book_of
from console.wiring import open_ledger
from ledger.answers import Answers
from ledger.vault.access_log import Access
from ledger.vault.database import VaultDatabase
from ledger.vault.responses import Responses, Said
from ledger.vault.vault import Vault
from tests.ledger.vault.support import NOW_US, Place

LATER_US = NOW_US + 60_000_000
ASKED = Access(NOW_US, "clerk", "request 31")


def clock() -> int:
    return LATER_US


@contextmanager
def book_at(path: Path) -> Iterator[BookOfWriter]:
    """A real book, with nothing but its first events."""
    with open_ledger(str(path), lambda: NOW_US, create=True) as ledger:
        book = book_of(ledger)
        book.begin()
        yield book


def told(book: BookOfWriter) -> list[tuple[str, str]]:
    """What the book says of erasures: (type, subject)."""
    rows = book._store.read_stream("log")
    return [(row.type, orjson.loads(row.stored)["data"]["subject"]) for row in rows]


def kept(vault: Vault, *lines: Any) -> list[str]:
    return [one.subject for one in vault.keep("m-1", lines, NOW_US)]


def everything(database: VaultDatabase) -> str:
    """All rows of what is kept of people."""
    with database.reading() as transaction:
        return repr([transaction.query(f"SELECT * FROM {table}") for table in ("contacts", "data_keys", "links")])


def sealed(place: Place, subject: str) -> list[bytes]:
    """The bytes that are kept of a subject: its boxes, its wrapped key, and what it is found by."""
    with place.raw() as raw:
        ((*boxes, address, details),) = raw(
            "SELECT email, name, phone, language, address, details FROM contacts WHERE subject = ?", subject
        )
        ((key,),) = raw("SELECT wrapped FROM data_keys WHERE holder = ?", f"subject/{subject}")
    return [bytes(one) for one in (*boxes, key) if one is not None] + [address.encode(), details.encode()]


def answer(vault: Vault, fact: str, invitation: str) -> None:
    """A response with a comment that names an invitation, and is kept."""
    said = Said(fact, "m-1", f"r-{fact}", False, invitation, Answers((9, None, None, 7), {}), f"comment of {fact}")
    responses = Responses(vault)
    ((how, mac),) = responses.pend([said], NOW_US, lambda _facts: ())
    assert how == "new"
    responses.conclude({fact: (said, mac)}, (), (), NOW_US)


def sealed_response(place: Place, fact: str) -> list[bytes]:
    """The bytes that are kept of a response: its boxes, its wrapped key, and the digests of it."""
    with place.raw() as raw:
        ((answers, comment, mac),) = raw("SELECT answers, comment, mac FROM answers WHERE fact = ?", fact)
        ((invitation,),) = raw("SELECT invitation FROM links WHERE fact = ?", fact)
        ((key,),) = raw("SELECT wrapped FROM data_keys WHERE holder = ?", f"response/{fact}")
    return [bytes(one) for one in (answers, comment, invitation, key)] + [mac.encode()]


def files_of(place: Place) -> list[Path]:
    """The files in which the vault's tables and their indexes lie: in SQLite with the log and its index."""
    if place.backend.name == "sqlite":
        return sorted(Path(place.where).parent.glob("people.db*"))
    with place.raw() as raw:
        raw("CHECKPOINT")
        ((folder,),) = raw("SELECT current_setting('data_directory')")
        found = raw("SELECT pg_relation_filepath(oid) FROM pg_class WHERE pg_relation_filepath(oid) IS NOT NULL")
    return [Path(folder) / path for (path,) in found]


def in_files(place: Place, secrets: Sequence[bytes]) -> int:
    """How many of some bytes stand in a file of the vault."""
    content = [path.read_bytes() for path in files_of(place) if path.exists()]
    return sum(any(secret in one for one in content) for secret in secrets)


class Backup:
    """A vault as it was at a moment, and put back."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._tables = ("contacts", "data_keys", "erasures", "erased_links", "answers", "links", "vault_meta")
        with place.raw() as raw:
            self._rows = {table: raw(f"SELECT * FROM {table}") for table in self._tables}

    def restore(self) -> None:
        with self._place.raw() as raw:
            for table, rows in self._rows.items():
                raw(f"DELETE FROM {table}")
                for row in rows:
                    raw(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", *row)

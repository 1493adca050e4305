"""What the commands around the vault have in common: where it is, its keys, and who reads a person why."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.exits import Failure
from console.cli.output import plural
from console.cli.session import Session
from console.reasons import ACTOR_CHARACTERS_MAX, REASON_CHARACTERS_MAX, wrong_words
from console.settings import PREFIX
from console.vault_place import VaultPlace, keys_at
from ledger.errors import StoreUnreachable

if TYPE_CHECKING:
    from console.wiring import Ledger
    from ledger.vault.access_log import Access
    from ledger.vault.database import VaultDatabase
    from ledger.vault.keys import Keyring
    from ledger.vault.vault import Vault


def add_vault(parser: ArgumentParser) -> None:
    """Names the vault."""
    parser.add_argument(
        "--vault",
        metavar="WHERE",
        help="the vault: a file (SQLite) or a postgresql:// URL of a database of its own; default: CSAT_LEDGER_VAULT",
    )


def add_vault_key(parser: ArgumentParser) -> None:
    """Names the keys of the vault."""
    parser.add_argument(
        "--vault-key",
        type=Path,
        metavar="FILE",
        help="the key-encryption keys of the vault, mode 0600; default: CSAT_LEDGER_VAULT_KEY_FILE",
    )


def add_reading(parser: ArgumentParser) -> None:
    """Names who reads persons, and why."""
    parser.add_argument("--reason", metavar="WHY", help="why persons are read, for the access log; names nobody")
    parser.add_argument("--actor", metavar="WHO", help="who reads them; default: the user of this process")


def access_of(session: Session) -> Access:
    """Who reads, when and why. Raises Failure where no reason is given."""
    from getpass import getuser

    from ledger.vault.access_log import Access

    reason, actor = session.options.reason, session.options.actor
    if not reason:
        raise Failure("usage", "found no --reason, expected why persons are read: each reading is recorded with it")
    _check_words("--reason", reason, REASON_CHARACTERS_MAX)
    try:
        actor = getuser() if actor is None else actor
    except (KeyError, OSError):
        raise Failure("usage", "found no name of the user of this process, expected --actor") from None
    _check_words("--actor", actor, ACTOR_CHARACTERS_MAX)
    return Access(session.clock(), actor, reason)


def _check_words(option: str, text: str, characters_max: int) -> None:
    """What stands in the access log for ever is short, printable, and no mail address."""
    if wrong := wrong_words(text, characters_max):
        raise Failure("usage", f"{option}: {wrong}")


def vault_place(session: Session) -> VaultPlace:
    """The vault that is named. Raises Failure where nothing names one."""
    place = session.vault
    if place is None:
        raise Failure("usage", f"found no vault, expected --vault or {PREFIX}VAULT: a file or a postgresql:// URL")
    return place


def keyring_of(session: Session) -> Keyring:
    """The keys at hand: those in the file that is named, else those in the environment. Raises VaultKeyMissing."""
    return keys_at(session.vault_key_file, session.settings.vault_key)


@contextmanager
def open_database(session: Session, *, create: bool = False) -> Iterator[VaultDatabase]:
    """The tables of the vault, for as long as they are used; without keys they tell nobody's name."""
    with vault_place(session).database(create=create) as database:
        yield database


@contextmanager
def open_vault(session: Session) -> Iterator[Vault]:
    """The vault, for as long as it is used."""
    keyring_of(session)  # what is wrong with the keys is said before what is wrong with the place
    with vault_place(session).vault() as vault:
        yield vault


@contextmanager
def open_people(session: Session) -> Iterator[Vault]:
    """The vault, for who shows people or takes them in: once it is used with a book, that is asked first who was erased."""
    with open_vault(session) as vault:
        if vault.is_tied():
            try:
                with session.ledger() as ledger:
                    heed_erasures(session, vault, ledger)
            except StoreUnreachable as error:
                raise StoreUnreachable(
                    f"{error}; expected the ledger with which this vault is used (--store): it says who was erased"
                ) from error
        yield vault


def heed_erasures(session: Session, vault: Vault, ledger: Ledger) -> None:
    """Hides in the vault whom the book says was erased: a restored backup has them again. Raises AnotherBook."""
    from console.erasures import BookOfStore
    from ledger.vault import erasing, erasures

    erasing.heed(vault, BookOfStore(ledger.store), session.clock())
    if left := erasures.unfinished(vault.database):
        session.output.words(
            f"found {plural(left, 'erasure')} that {'is' if left == 1 else 'are'} not over; nothing of them is shown, and "
            "`csat-ledger erase --replay` ends them"
        )

"""The vault, where people are kept apart from the book: its tables, its keys and their rotation.

`migrate` makes the vault where there is none, with --make-key also the file with its first key, looks whether what keeps
the access log from being changed is there, and ends erasures that were begun. `new-key` puts a new key before those in the
file, and `rewrap` wraps all data keys anew under it; until that has ended the older one stays in the file. It may be stopped
at any moment, and goes on when it is run again."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE, Failure
from console.cli.output import plural
from console.cli.session import Session
from console.cli.vault_options import (
    add_vault,
    add_vault_key,
    keyring_of,
    open_database,
    open_vault,
)
from console.vault_place import require_extra
from ledger.errors import AnotherBook, ClockWrong, StoreUnreachable
from projections.questions.answer import Count

if TYPE_CHECKING:
    from ledger.vault.vault import Vault

ACTIONS: Final = ("migrate", "new-key", "rewrap")
EPILOG: Final = """\
examples:
  csat-ledger vault migrate --vault people.db --vault-key keys/vault --make-key
  csat-ledger vault new-key --vault-key keys/vault
  csat-ledger vault rewrap --vault people.db --vault-key keys/vault --json

Exit code 1: something in the vault is damaged (vault-damaged) or was put in another's place (vault-swapped).
Exit code 4: the keys are missing, open to others, or not the vault's (vault-key-missing, -unusable, -mismatch)."""


@dataclass(frozen=True, slots=True)
class VaultReady:
    """A vault whose tables and keys are there."""

    vault: str
    """Where it is: the file, or the URL without a password."""
    made: bool
    """Whether it was made now."""
    key: str
    """The id of the key that wraps."""
    keys: Count
    """How many keys are at hand."""
    erased: Count
    """Erasures that were begun, or that the book has and a restored vault had not, and are over now."""
    mended: tuple[str, ...]
    """What keeps the access log as it was written, was not as it was made, and is now."""


@dataclass(frozen=True, slots=True)
class VaultKeyAdded:
    """A new key in a file of keys, before the others."""

    file: str
    """The file."""
    key: str
    """The id of the new key."""
    keys: Count
    """How many keys the file has now."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help=f"one of {', '.join(ACTIONS)}")
    add_vault(parser)
    add_vault_key(parser)
    parser.add_argument(
        "--make-key",
        action="store_true",
        help="with migrate: make the file of keys, where there is neither it nor a vault",
    )


def run(session: Session) -> int:
    """Does what is asked."""
    action = session.options.action
    if session.options.make_key and action != "migrate":
        raise Failure("usage", f"found --make-key with {action}, expected it with migrate")
    return {"migrate": _migrate, "new-key": _new_key, "rewrap": _rewrap}[action](session)


def _migrate(session: Session) -> int:
    require_extra()
    path = session.vault_key_file
    if session.options.make_key and path is None:
        raise Failure("usage", "found --make-key without --vault-key, expected the file in which to make it")
    keyring = None if session.options.make_key else keyring_of(session)  # before a vault is made that nobody can open
    with open_database(session, create=True) as database:
        with database.reading() as transaction:
            made = not transaction.query("SELECT value FROM vault_meta WHERE name = 'vault'")
        if keyring is None:
            if made and path is not None and not path.exists():
                from ledger.vault.keys import make_key_file

                make_key_file(path)
                session.output.words(
                    f"made a key in {path}: keep it apart from the vault, and a copy of it in another place"
                )
            keyring = keyring_of(session)
        from ledger.vault.vault import Vault

        vault = Vault(database, keyring, create=True)
        mended = tuple(database.mend())
        erased = _end_erasures(session, vault)
        answer = VaultReady(database.name, made, keyring.current.id, len(keyring.keys), erased, mended)
    if session.output.as_json:
        session.output.json(answer)
    else:
        session.output.text(
            f"{answer.vault}: {'made a vault' if made else 'the vault is as it should be'}; key {answer.key}"
        )
    if answer.erased:
        session.output.words(f"ended {plural(answer.erased, 'erasure')}")
    for what in mended:
        session.output.words(f"mended: {what}: somebody may have changed the log before")
    return DONE


def _end_erasures(session: Session, vault: Vault) -> int:
    """Ends what was begun, and erases again whom the book says was erased; how many. Without its book it says so."""
    if not vault.is_tied():
        return 0
    from console.erasures import book_of
    from ledger.vault import erasing

    try:
        with session.ledger() as ledger:
            book = book_of(ledger)
            erasing.heed(vault, book, session.clock())
            return erasing.finish(vault, book, session.clock)
    except (StoreUnreachable, ClockWrong, AnotherBook) as error:
        session.output.words(f"not compared with the book, which says who was erased: {error}")
        return 0


def _new_key(session: Session) -> int:
    path = session.vault_key_file
    if path is None:
        raise Failure(
            "usage", "found no --vault-key, expected the file of keys: those in the environment are not ours to change"
        )
    require_extra()
    from ledger.vault.keys import add_key

    keyring = add_key(path)
    answer = VaultKeyAdded(str(path), keyring.current.id, len(keyring.keys))
    if session.output.as_json:
        session.output.json(answer)
    else:
        session.output.text(f"{path}: key {answer.key} stands before {plural(answer.keys - 1, 'other key')}")
    session.output.words("`csat-ledger vault rewrap` goes over to it; nothing is uploaded before that")
    return DONE


def _rewrap(session: Session) -> int:
    with open_vault(session) as vault, session.output.progress("wrapping anew") as advance:
        from ledger.vault.rewrapping import rewrap

        answer = rewrap(vault, advance)
    if session.output.as_json:
        session.output.json(answer)
    else:
        session.output.text(
            f"wrapped {plural(answer.rewrapped, 'data key')} anew; all {answer.data_keys:,} are under key {answer.key}"
        )
    if answer.retired:
        session.output.words(f"only backups of the vault still need {', '.join(answer.retired)}")
    return DONE

"""Rotation of the key-encryption key: every data key is wrapped anew under the key that stands first among those at hand.

What is sealed under the data keys stays as it is. Once begun, only the new key wraps: whoever still seals under the old one
is refused (`vault.require_wrapping`), so nothing is left behind. Each batch is one transaction, so a process may end at any
moment, and the next one goes on; while both keys are at hand everything can be read in between, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ledger.errors import VaultKeyMismatch
from ledger.vault.database import Transaction
from ledger.vault.keys import Keyring
from ledger.vault.vault import Vault, wrapping_key_id

BATCH: Final = 2_000
"""Data keys a transaction."""


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What a rotation did."""

    key: str
    """The id of the key that wraps now."""
    rewrapped: int
    """Data keys that were wrapped anew."""
    data_keys: int
    """Data keys in all, each under that key."""
    retired: tuple[str, ...]
    """The ids of the keys that this vault was rotated away from: only its backups still need them."""


def rewrap(vault: Vault, on_progress: Callable[[int, int | None], None] = lambda _done, _all: None) -> Rewrapped:
    """Goes over to the first key at hand. Raises VaultKeyMismatch, VaultDamaged, VaultSwapped."""
    database, keyring = vault.database, vault.keyring
    with database.writing() as transaction:
        old = _begin(transaction, keyring)
        ((total,),) = transaction.query("SELECT count(*) FROM data_keys WHERE kek <> ?", (keyring.current.id,))
    done = 0
    for key_id in old:
        after: str | None = ""
        while after is not None:
            with database.writing() as transaction:
                after, count = _batch(transaction, vault, key_id, after)
            done += count
            on_progress(done, total)
    with database.reading() as transaction:
        left = dict(transaction.query("SELECT kek, count(*) FROM data_keys GROUP BY kek"))
        retired = _retired(transaction)
    current = keyring.current.id
    if left.keys() != {current}:
        raise VaultKeyMismatch(
            f"{database.name}: found data keys under {', '.join(sorted(left.keys() - {current}))}, expected all under "
            f"{current}; something else wrote meanwhile: do the same again"
        )
    return Rewrapped(current, done, left[current], tuple(sorted(retired)))


def _begin(transaction: Transaction, keyring: Keyring) -> list[str]:
    """Makes the first key at hand the one that wraps; the ids of the others under which data keys are still wrapped."""
    current, before = keyring.current.id, wrapping_key_id(transaction)
    if current in _retired(transaction):
        raise VaultKeyMismatch(
            f"{keyring.where}: found key {current} first, expected {before}: this vault was rotated away from the other before"
        )
    used = [kek for (kek,) in transaction.query("SELECT DISTINCT kek FROM data_keys ORDER BY kek")]
    for kek in used:
        keyring.key(kek)  # all of them are at hand, before anything changes
    if before != current:
        transaction.execute("UPDATE vault_meta SET value = ? WHERE name = 'key'", (current,))
        transaction.execute("INSERT INTO vault_meta VALUES (?, ?)", (f"retired {before}", before))
    return [kek for kek in used if kek != current]


def _batch(transaction: Transaction, vault: Vault, key_id: str, after: str) -> tuple[str | None, int]:
    """Wraps the next data keys under a key anew: the last holder, None where there are no more; and how many."""
    current, old = vault.keyring.current, vault.keyring.key(key_id)
    rows = transaction.query(
        f"SELECT holder, wrapped FROM data_keys WHERE kek = ? AND holder > ? ORDER BY holder LIMIT {BATCH}",
        (key_id, after),
    )
    transaction.execute_many(
        "UPDATE data_keys SET kek = ?, wrapped = ? WHERE holder = ?",
        [
            (current.id, current.wrap(vault.id, holder, old.unwrap(vault.id, holder, wrapped)), holder)
            for holder, wrapped in rows
        ],
    )
    return (rows[-1][0] if len(rows) == BATCH else None), len(rows)


def _retired(transaction: Transaction) -> list[str]:
    rows = transaction.query("SELECT value FROM vault_meta WHERE name LIKE ?", ("retired %",))
    return [key_id for (key_id,) in rows]

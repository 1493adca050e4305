"""Where the vault is and its keys are: what settings and options say, opened when somebody first needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from console.settings import PREFIX
from console.wiring import driver_errors
from ledger.errors import ExtraMissing, StoreUnreachable, VaultKeyMissing
from ledger.store.urls import is_postgres, without_password

if TYPE_CHECKING:
    from ledger.vault.database import VaultDatabase
    from ledger.vault.keys import Keyring
    from ledger.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class VaultPlace:
    """A vault that is named, not opened."""

    where: str = field(repr=False)
    """A file (SQLite) or a postgresql:// URL."""
    key_file: Path | None
    """The file of its keys; None where they stand in `keys`."""
    keys: str | None = field(default=None, repr=False)
    """The keys themselves, with commas between them."""

    @property
    def name(self) -> str:
        """Where it is, as it may stand in a message."""
        return without_password(self.where)

    def keyring(self) -> Keyring:
        """The keys at hand: those in the file, else those given. Raises VaultKeyMissing, VaultKeyUnusable, ExtraMissing."""
        return keys_at(self.key_file, self.keys)

    @contextmanager
    def database(self, *, create: bool = False) -> Iterator[VaultDatabase]:
        """Its tables, for as long as they are used; without keys they tell nobody's name."""
        with driver_errors(self.name), closing(self._opened(create=create)) as database:
            yield database

    @contextmanager
    def vault(self) -> Iterator[Vault]:
        """The vault, for as long as it is used."""
        keyring = self.keyring()
        from ledger.vault.vault import Vault

        with self.database() as database:
            yield Vault(database, keyring)

    def open(self) -> Vault:
        """The vault, for whoever closes its database. Raises as opening a store does."""
        keyring = self.keyring()
        from ledger.vault.vault import Vault

        with driver_errors(self.name):
            database = self._opened(create=False)
            try:
                return Vault(database, keyring)
            except BaseException:
                database.close()
                raise

    def _opened(self, *, create: bool) -> VaultDatabase:
        if is_postgres(self.where):
            try:
                from ledger.vault.postgres import PostgresVault
            except ModuleNotFoundError as error:
                raise ExtraMissing(error.name, "postgres") from None
            return PostgresVault(self.where, create=create)
        if "://" in self.where or self.where.startswith("file:") or self.where == ":memory:":
            raise StoreUnreachable(f"found {self.name!r}, expected a file or a postgresql:// URL")
        from ledger.vault.database import SQLiteVault

        return SQLiteVault(self.where, create=create)


def keys_at(file: Path | None, keys: str | None) -> Keyring:
    """The keys in a file, else those given with commas between them. Raises VaultKeyMissing, VaultKeyUnusable, ExtraMissing."""
    require_extra()
    from ledger.vault.keys import parse_keys, read_key_file

    if file is not None:
        return read_key_file(file)
    if keys is not None:
        return parse_keys(keys.split(","), f"{PREFIX}VAULT_KEY")
    raise VaultKeyMissing(
        f"found no keys of the vault, expected --vault-key, {PREFIX}VAULT_KEY_FILE or {PREFIX}VAULT_KEY"
    )


def require_extra() -> None:
    """Raises ExtraMissing where what seals and opens is not installed, before anything is made."""
    try:
        import ledger.vault.vault  # noqa: F401 - the last that needs it
    except ModuleNotFoundError as error:
        raise ExtraMissing(error.name, "vault") from None

"""What a command is given: its options, and the doors to the ledger and to the reader of its answer."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console.cli.exits import Failure
from console.cli.options import KnownAt
from console.cli.output import Output
from console.cli.signals import Signals
from console.settings import Settings
from console.vault_place import VaultPlace
from console.wiring import Clock, Ledger, open_ledger
from ledger.errors import LedgerError, UnknownDesignation, UnknownMembership

AREAS_SHOWN_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the program."""

    options: Namespace
    settings: Settings
    clock: Clock
    output: Output
    signals: Signals

    @property
    def where(self) -> str:
        """The store that is meant: by the option, else by the settings. Raises Failure for an option that is empty."""
        store: str | None = self.options.store
        if store == "":  # a variable of a script that is not set must not mean some other ledger
            raise Failure("usage", "found --store empty, expected a file or a postgresql:// URL")
        return self.settings.store if store is None else store

    @property
    def vault(self) -> VaultPlace | None:
        """The vault that options or settings name; None where they name none."""
        where: str | None = getattr(self.options, "vault", None)
        where = self.settings.vault if where is None else where
        return VaultPlace(where, self.vault_key_file, self.settings.vault_key) if where else None

    @property
    def vault_key_file(self) -> Path | None:
        """The file of the vault's keys that is named; None where there is none."""
        named: Path | None = getattr(self.options, "vault_key", None)
        if named is not None:
            return named
        return None if self.settings.vault_key_file is None else Path(self.settings.vault_key_file)

    @contextmanager
    def ledger(self, *, create: bool = False) -> Iterator[Ledger]:
        """The ledger, open for as long as it is used.

        Who asks for something that is not there is told what there is of the same membership.
        """
        state_bytes = self.settings.state_mib << 20
        with open_ledger(
            self.where,
            self.clock,
            create=create,
            remark=self.output.words,
            state_bytes_max=state_bytes,
            link_key_file=self.settings.link_key_file,
            refusals_days=self.settings.refusals_days,
            vault=self.vault,
        ) as ledger:
            try:
                yield ledger
            except (UnknownMembership, UnknownDesignation) as error:
                if areas := _areas_of(error.membership, ledger, self._first_known_at(ledger)):
                    named = ", ".join(areas)
                    there = (
                        f"it has a designation in {named}, which --area names"
                        if isinstance(error, UnknownMembership)
                        else f"known then of the membership: {named}"
                    )
                    error.args = (f"{error}; {there}",)
                raise

    def _first_known_at(self, ledger: Ledger) -> int | None:
        """The earliest position that the question asks to know up to; None where it asks for all that is known."""
        asked: list[KnownAt | None] = [getattr(self.options, "known_at", None)]
        asked += [known for _, known in getattr(self.options, "explain", None) or ()]
        positions = [known.resolve(ledger.store) for known in asked if known is not None]
        return min(positions, default=None)

    def known_at(self, ledger: Ledger) -> int | None:
        """The position that `--known-at` means; None where all is known that the ledger has."""
        known: KnownAt | None = self.options.known_at
        return None if known is None else known.resolve(ledger.store)

    def at_us(self) -> int:
        """What `--at` says, or now."""
        at: int | None = self.options.at
        return self.clock() if at is None else at


def _areas_of(membership: str, ledger: Ledger, known: int | None) -> list[str]:
    """The areas in which a membership had opened a designation by a position, the first of them, out of the book's streams."""
    from ledger.membership import can_be_membership
    from ledger.programmes.capability.events import designation_stream

    if not can_be_membership(membership):
        return []
    prefix = designation_stream(membership, "")
    with suppress(LedgerError):
        names = ledger.store.stream_names(prefix, AREAS_SHOWN_MAX)
        own = [name for name in names if name.startswith(prefix)]
        opened = [name for name in own if next(ledger.store.read_stream(name, through=known), None) is not None]
        return [name.removeprefix(prefix) for name in opened]
    return []

"""The one place where everything is put together: settings, clock, store, writer, projections.

Nothing connects when it is imported, and each part is made when a command first asks for it: a question about a status
needs neither the writer nor the models of the facts.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from console.settings import PREFIX, Settings
from ledger.errors import BrokenHistory, DifferentBook, ExtraMissing, NoVault, StoreUnreachable
from ledger.store.urls import is_postgres, without_password

if TYPE_CHECKING:
    from console.answering import Answering
    from console.published import Published
    from console.vault_place import VaultPlace
    from ledger.link_key import LinkKeys
    from ledger.store.base import Store
    from ledger.writing.refused import RefusalKeeper
    from ledger.writing.salts import SaltOf
    from ledger.writing.writer import Writer
    from projections.database import Database
    from projections.questions.view import View
    from projections.runner import Progress, Runner

RETENTION_DAYS: Final = 90
"""So long refused facts are kept where nothing else is said."""
DEV_KEY_ENDING: Final = ".dev-key"
CONSOLE_KEY_ENDING: Final = ".console-key"
"""Of the file beside a book in SQLite that holds the key of `serve --dev`, after the book's own name."""
Clock = Callable[[], int]
"""Microseconds since 1970 UTC."""


def wall_clock() -> int:
    """The instant now. The only place in the house where the machine's clock is asked."""
    return time.time_ns() // 1_000


def clock_of(settings: Settings) -> Clock:
    """The wall clock, unless the settings fix an instant."""
    fixed_us = settings.now_us
    return wall_clock if fixed_us is None else lambda: fixed_us


class Ledger:
    """A ledger at hand: its store, and what is made of it on demand."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        where: str | None = None,
        remark: Callable[[str], None] = lambda _: None,
        state_bytes_max: int | None = None,
        salts: SaltOf | None = None,
        link_key_file: str | None = None,
        refusals_days: int | None = None,
        vault: VaultPlace | None = None,
    ) -> None:
        """`where` is what the store was opened with; its name lacks the password, and so cannot open the projections.

        `remark` is told what somebody should know of an answer beside it. `state_bytes_max` bounds the states that the
        writer keeps at hand. `salts` are the system's where none are given. `link_key_file` is where the link key lies,
        if not where the store has a place for it. `refusals_days` is how long refused facts are kept. `vault` is where
        answers and comments go; it is opened when the first fact carries any.
        """
        self.vault = vault
        self.refusals_days = RETENTION_DAYS if refusals_days is None else refusals_days
        self._remark = remark
        self._salts = salts
        self._state_bytes_max = state_bytes_max
        self._link_key_file = link_key_file
        self.store = store
        self.clock = clock
        self.where = store.name if where is None else where
        """What it was opened with; it may hold a password."""
        self._asked = ExitStack()
        self._vault_tables = ExitStack()
        self._stand_in: Database | None = None
        self._proved = False

    @cached_property
    def writer(self) -> Writer:
        """The one writer."""
        from ledger.programmes.registry import PROGRAMMES
        from ledger.writing.writer import CACHE_BYTES_MAX, Writer

        # A clock that is fixed for a rehearsal says nothing about the server's.
        return Writer(
            self.store,
            self.clock,
            PROGRAMMES,
            compare_server=self.clock is wall_clock,
            cache_bytes_max=self._state_bytes_max or CACHE_BYTES_MAX,
            salts=self._salts,
            link_keys=link_keys(self.store, self._link_key_file),
        )

    @cached_property
    def recorder(self) -> Answering:
        """What records facts that may carry answers: with the writer, and the vault where one is named."""
        from console.answering import Answering

        return Answering(self.writer, self.store, self.clock, self.vault, self.refusals_days, self._remark)

    @cached_property
    def published(self) -> Published:
        """The published tables of results, in the vault, for as long as this is open. Raises NoVault where none is
        named, AnotherBook for one of another book."""
        from console.published import published_of

        with ExitStack() as opened:
            published = published_of(self.store, opened.enter_context(self.require_vault().database()))
            self._vault_tables.enter_context(opened.pop_all())
        return published

    def require_vault(self) -> VaultPlace:
        """The vault that is named. Raises NoVault where none is."""
        if self.vault is None:
            raise NoVault("found no vault, expected one, which --vault or CSAT_LEDGER_VAULT names")
        return self.vault

    @cached_property
    def refusals(self) -> RefusalKeeper:
        """What keeps the facts that are refused."""
        from console.believing import is_believed
        from ledger.programmes.registry import PROGRAMMES
        from ledger.writing.refused import RefusalKeeper

        return RefusalKeeper(
            self.store, PROGRAMMES.facts, self.clock, self._remark, self.refusals_days, partial(is_believed, self.store)
        )

    @cached_property
    def database(self) -> Database:
        """Where the projections are."""
        return open_database(self.where)

    @cached_property
    def runner(self) -> Runner:
        """What keeps the projections."""
        from consumers.broker.partitioner import partition_of
        from projections.registry import all_projections
        from projections.runner import Runner

        return Runner(self.store, self.database, all_projections(), partition_of, self._remark)

    def catch_up(self, on_progress: Progress | None = None, *, asked: str | None = None) -> None:
        """The step before questions are asked: brings the projections to the end of the book (`console.catching_up`).

        Where none can be read and none may be kept, views are of some that are worked out now and dropped by `close`.
        `asked` is the one membership that is asked about, if it is one: remarks are about that. Raises DifferentBook where the
        projections are of another book.
        """
        from console.catching_up import catch_up, worked_out

        self._asked.close()
        self._stand_in = None
        if not catch_up(self.store, self.database, lambda: self.runner, self._remark, on_progress, asked):
            self._stand_in = self._asked.enter_context(worked_out(self.store, self._remark, on_progress))

    def view(self) -> AbstractContextManager[View]:
        """The projections as they stand in one transaction; `catch_up` brings them up to date before."""
        from projections.questions.view import view

        return view(self.database if self._stand_in is None else self._stand_in)

    def prove_projections(self) -> None:
        """For who answers from projections that others keep up; looks at them once for as long as this is open.

        Raises DifferentBook where they are of another book, or of a later state of this one: a book that is restored from a
        backup is another file, or other connections, and so is opened anew.
        """
        if not self._proved:
            from console.catching_up import require_of_book

            require_of_book(self.store, self.database)
            self._proved = True

    def require_reached(self, position: int, end: int) -> None:
        """Raises DifferentBook where projections are further than the book, which ended at a position before they were read."""
        if position > end and position > (end := self.store.max_position()):
            self._proved = False
            raise DifferentBook(
                f"found projections up to position {position:,}, expected none beyond the end of the book, {end:,}: an older "
                "copy of it was restored; `csat-ledger project --rebuild` builds them anew"
            )

    def close(self) -> None:
        """Keeps what the writer has to keep, and gives all connections back."""
        try:
            if "writer" in self.__dict__:
                self.writer.close()
        finally:
            if "recorder" in self.__dict__:
                self.recorder.close()
            self._asked.close()
            self._vault_tables.close()
            if "database" in self.__dict__:
                self.database.close()
            self.store.close()


@contextmanager
def open_ledger(
    where: str,
    clock: Clock,
    *,
    create: bool = False,
    remark: Callable[[str], None] = lambda _: None,
    state_bytes_max: int | None = None,
    salts: SaltOf | None = None,
    link_key_file: str | None = None,
    refusals_days: int | None = None,
    vault: VaultPlace | None = None,
) -> Iterator[Ledger]:
    """A ledger for as long as it is used. Whatever the driver says, the caller hears StoreUnreachable."""
    with driver_errors(without_password(where)):
        store = open_store(where, create=create)
        ledger = Ledger(store, clock, where, remark, state_bytes_max, salts, link_key_file, refusals_days, vault)
        try:
            yield ledger
        finally:
            ledger.close()


def link_keys(store: Store, file: str | None) -> LinkKeys:
    """Where a store's link key lies: in the file that is named, else where the store has a place for it.

    One for a book in a SQLite file is made at first use; what a server's book goes by, `csat-ledger migrate` makes.
    """
    from ledger.link_key import NoKeys
    from ledger.store.link_key_file import LinkKeyFile

    if file is not None:
        return LinkKeyFile(Path(file), makes=store.link_key_path is not None)
    if store.link_key_path is not None:
        return LinkKeyFile(store.link_key_path, makes=True)
    return NoKeys(f"{PREFIX}LINK_KEY_FILE")


@contextmanager
def driver_errors(name: str) -> Iterator[None]:
    """Whatever a driver or the base library says of a store of that name, the caller hears StoreUnreachable.

    What is wrong with the data is no lost store: a value that no statement can hold is a fault of the program, text in
    the book that is no text is a damaged history (BrokenHistory).
    """
    import sqlite3

    from eventsourcing.persistence import PersistenceError

    from ledger.store.sqlite_files import reason

    try:
        yield
    except (sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError):
        raise
    except (sqlite3.Error, PersistenceError) as error:
        text = reason(error, name) if isinstance(error, sqlite3.Error) else str(error)
        if "decode to UTF-8" in text:
            raise BrokenHistory(f"{name}: found text that is no UTF-8: {text}") from error
        raise StoreUnreachable(text if text.startswith(name) else f"{name}: {text}") from error


def open_store(where: str, *, create: bool, migrate: bool = False) -> Store:
    """The store at a file or a URL. Where `create` is not set, a ledger that does not exist is an error:

    a question put to the wrong place must not be answered with "nothing there", and must not leave anything behind.
    `migrate` brings older tables to the present version, which are otherwise an error.
    """
    if is_postgres(where):
        module = _with_postgres("ledger.store.postgres")
        store: Store = module.PostgresStore(where, create=create, migrate=migrate)
        return store
    if "://" in where or where.startswith("file:") or where == ":memory:":
        raise StoreUnreachable(f"found {without_password(where)!r}, expected a file or a postgresql:// URL")
    if not create and not Path(where).exists():
        raise StoreUnreachable(f"found no ledger at {where!r}; `csat-ledger record` makes one")
    from ledger.store.sqlite import SQLiteStore

    try:
        return SQLiteStore(where, create=create, migrate=migrate)
    except StoreUnreachable as error:
        if "file is not a database" in str(error):
            raise StoreUnreachable(_no_ledger(where)) from error
        raise


def _no_ledger(where: str) -> str:
    """What is said of a file that is no database."""
    from console.cli.fact_files.foreign import HEAD_BYTES, known_as

    with Path(where).open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.lstrip().startswith((b"{", b"[")):
        return f"{where}: found JSON, expected a ledger: `csat-ledger record` takes files of facts"
    what, advice = known_as(where, head) or ("a file that is no database", "")
    return f"{where}: found {what}, expected a ledger{advice and f': {advice}'}"


def open_database(where: str) -> Database:
    """The projections that belong to a store: in SQLite a file beside it, in PostgreSQL a schema of the same database."""
    if is_postgres(where):
        database: Database = _with_postgres("projections.postgres").PostgresDatabase(where)
        return database
    from projections.database import SQLiteDatabase

    return SQLiteDatabase(f"{Path(where).resolve()}.projections")  # of whatever name of the ledger was given


def files_of(where: str) -> list[Path]:
    """The files of a ledger and its projections, with what stands beside them; none in PostgreSQL."""
    if is_postgres(where):
        return []
    from ledger.store.link_key_file import ENDING

    book = Path(where).resolve()
    endings = [
        f"{projections}{ending}" for projections in ("", ".projections") for ending in ("", "-wal", "-shm", "-journal")
    ]
    return [book.with_name(f"{book.name}{ending}") for ending in (*endings, ENDING, DEV_KEY_ENDING, CONSOLE_KEY_ENDING)]


def _with_postgres(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ExtraMissing(error.name, "postgres") from None

"""Connections to one PostgreSQL database: made when they are asked for, kept for the next caller, one user at a time.

Why not the driver's pool: it opens connections in threads of its own, so the reason why a server cannot be reached is
lost and the caller waits for a time-out; and after a restart of the server it hands out dead connections. Here an idle
connection on whose socket something has arrived is thrown away (between two statements a server only says good-bye),
and whoever asks hears at once, with the server's reason, that there is no new one.

Every error of the driver leaves as one of ours, and never with a password in it.

A connection has to be a session of its own: the lock of a role, LISTEN and settings belong to a session. A pooler between us
and the server that hands out sessions by the transaction would give two of everything, so it is recognised and refused
(`require_own_session`); one that hands them out by the connection does no harm.
"""

from __future__ import annotations

import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from threading import BoundedSemaphore, Lock
from typing import Any, Final

import psycopg
from eventsourcing.persistence import IntegrityError, PersistenceError
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from ledger.errors import BadInput, StoreUnreachable
from ledger.store.urls import UNREADABLE, has_stray_at_sign

PgConnection = psycopg.Connection[tuple[Any, ...]]

ISOLATION: Final = "SET default_transaction_isolation = 'read committed'"
"""What a database or a role may be set to otherwise; with serializable, a standby answers nothing at all. Said by itself,
since the transaction in which it is said has begun already."""
BACKEND: Final = "SELECT pg_backend_pid()"
POOLER_ROUNDS: Final = 5
"""So often two connections are compared: other users of a pooler may make them look like two for once."""
CONNECTIONS_MAX: Final = 20
CONNECTION_WAIT_S: Final = 30.0
"""How long a thread waits for a connection while all of them are in use."""
DEFAULTS: Final[dict[str, str]] = {
    "application_name": "csat-ledger",
    "connect_timeout": "10",
    # A server that vanished without a word (network, power) is noticed within a minute, not after two hours.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "client_encoding": "UTF8",
}
"""Parameters of a connection, where the URL does not say otherwise."""
SECRETS: Final = ("password", "sslpassword", "oauth_client_secret")

GONE: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.ReadOnlySqlTransaction,
)
"""Nothing is wrong with what was asked: the server is not there, is full, stays locked, or refuses this role."""


class Address:
    """A PostgreSQL URL taken apart: the parameters of a connection, and a name without a password."""

    def __init__(self, url: str) -> None:
        try:
            found = conninfo_to_dict(url)
        except (psycopg.Error, UnicodeEncodeError):
            raise StoreUnreachable(UNREADABLE) from None  # the driver's words repeat the URL
        ports = str(found.get("port", "")).split(",")
        if has_stray_at_sign(url) or not all(port.isdigit() or not port for port in ports):
            raise StoreUnreachable(UNREADABLE)
        self.parameters: dict[str, Any] = DEFAULTS | found
        self._secrets = [str(found[name]) for name in SECRETS if found.get(name)]
        user = f"{found['user']}@" if found.get("user") else ""
        port = f":{found['port']}" if found.get("port") else ""
        self.name = f"postgresql://{user}{found.get('host', '')}{port}/{found.get('dbname', '')}"

    def clean(self, error: BaseException) -> str:
        """What an error says, on one line, without a password."""
        text = " ".join(str(error).split()) or type(error).__name__
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


class Connections:
    """The connections of one part of the program to one database. May be used by several threads."""

    def __init__(
        self, address: Address, setup: Sequence[str] = (), *, listening: bool = False, maximum: int = CONNECTIONS_MAX
    ) -> None:
        """`setup` are statements for each new connection; `listening` ones may hear something while they are idle."""
        self.address = address
        self.name = address.name
        self._setup = "".join(f"{statement}; " for statement in setup)
        self._listening = listening
        self._maximum = maximum
        self._free = BoundedSemaphore(maximum)
        self._idle: list[PgConnection] = []
        self._closed = False

    @contextmanager
    def take(self) -> Iterator[PgConnection]:
        """A connection for as long as it is used, in autocommit mode; thrown away if it is left in a transaction."""
        if not self._free.acquire(timeout=CONNECTION_WAIT_S):
            raise StoreUnreachable(f"{self.name}: all {self._maximum} connections are in use")
        try:
            with self.translated():
                connection = self._take_idle() or self.connect()
                try:
                    yield connection
                finally:
                    self._put_back(connection)
        finally:
            self._free.release()

    def connect(self) -> PgConnection:
        """A connection of the caller's own. Raises StoreUnreachable."""
        with self.translated():
            connection = psycopg.connect(autocommit=True, **self.address.parameters)
            try:
                connection.execute(ISOLATION)
                cursor = connection.execute(self._setup + BACKEND)
                while cursor.nextset():
                    pass
                ((backend,),) = cursor.fetchall()
                if backend != connection.info.backend_pid:  # somebody stands between us and the server
                    require_own_session(self.name, connection, self.address.parameters)
            except BaseException:
                connection.close()
                raise
            return connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of ours in the place of the driver's."""
        try:
            yield
        except GONE as error:
            raise StoreUnreachable(f"{self.name}: {self.address.clean(error)}") from error
        except psycopg.DataError as error:
            raise BadInput(f"{self.name}: found a value that no database takes: {self.address.clean(error)}") from error
        except psycopg.IntegrityError as error:
            raise IntegrityError(f"{self.name}: {self.address.clean(error)}") from error
        except psycopg.Error as error:
            raise PersistenceError(f"{self.name}: {self.address.clean(error)}") from error

    def close(self) -> None:
        """Closes what is idle now, and what is in use when it is given back."""
        self._closed = True
        self.discard_idle()

    def discard_idle(self) -> None:
        """Closes what is idle now: one connection was found dead, and the others are as old."""
        with suppress(IndexError):  # another thread may take one as well
            while self._idle:
                self._idle.pop().close()

    def _take_idle(self) -> PgConnection | None:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was faster
                return None
            if not connection.closed and (self._listening or is_quiet(connection)):
                return connection
            connection.close()
        return None

    def _put_back(self, connection: PgConnection) -> None:
        if self._closed or connection.closed or connection.info.transaction_status != TransactionStatus.IDLE:
            connection.close()
        else:
            self._idle.append(connection)


def require_own_session(name: str, connection: PgConnection, parameters: dict[str, Any]) -> None:
    """Raises StoreUnreachable where a pooler gives a connection another session for each transaction, or has none to give.

    Of two connections that are both open, the second one holds a transaction: neither may have the first one's session
    then, nor may the first one get another than it had.
    """
    said = ""
    with psycopg.connect(autocommit=True, **parameters) as other:
        try:
            _backend(other)
        except psycopg.OperationalError as error:  # with pgbouncer after its query_wait_timeout
            raise StoreUnreachable(
                f"{name}: found a pooler that has no session left ({' '.join(str(error).split())}), expected one for each "
                "connection: let it have more of them"
            ) from error
        for _ in range(POOLER_ROUNDS):
            try:
                ours = _backend(connection)
                other.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                theirs = _backend(other)
                own = theirs != ours and _backend(connection) == ours
                other.execute("ROLLBACK")
            except psycopg.Error as error:  # one that pools by the statement knows no BEGIN
                own, said = False, f" ({' '.join(str(error).split())})"
            if not own:
                raise StoreUnreachable(
                    f"{name}: found a pooler that gives a connection another session for each transaction{said}, expected "
                    "a session for each connection: locks and LISTEN belong to a session; connect to the server itself, "
                    "or have the pooler pool by the session"
                )


def _backend(connection: PgConnection) -> int:
    ((backend,),) = connection.execute(BACKEND).fetchall()
    return int(backend)


def is_quiet(connection: PgConnection) -> bool:
    """Whether nothing has arrived on an idle connection, neither a farewell nor the end."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return not poll.poll(0)


HOLDS_LOCK: Final = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted "
    "AND objsubid = 1 AND classid = ((%s::bigint >> 32) & 4294967295)::oid AND objid = (%s::bigint & 4294967295)::oid)"
)


class AdvisoryRoleLock:
    """The lock of a role: a session's advisory lock on a connection of its own, gone with the connection."""

    def __init__(self, role: str, connections: Connections, connection: PgConnection) -> None:
        self.role = role
        self._key = lock_key(f"role {role}")
        self._connections = connections
        self._connection: PgConnection | None = connection
        self._use = Lock()

    def held(self) -> bool:
        """Whether the session still answers and the server says that it has the lock. Once not, the lock is given up."""
        with self._use:
            if self._connection is None:
                return False
            try:
                held = self._connection.execute(HOLDS_LOCK, (self._key, self._key)).fetchone() == (True,)
            except psycopg.Error:
                held = False
            if not held:
                self._connection.close()
                self._connection = None
            return held

    def release(self) -> None:
        """Unlocks, then closes the connection: the server may take a moment to notice that a session has ended."""
        with self._use:
            connection, self._connection = self._connection, None
            if connection is None:
                return
            try:
                connection.execute("SELECT pg_advisory_unlock_all()")
            except psycopg.Error:
                pass  # the session is gone, and its lock with it
            finally:
                connection.close()


def try_advisory_lock(connections: Connections, role: str) -> AdvisoryRoleLock | None:
    """The lock of a role in this database; None where another session holds it."""
    with connections.translated():
        connection = connections.connect()
        try:
            # The server must notice soon that the machine of the holder is gone (on a Unix socket it does at once).
            connection.execute(
                "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
            )
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (lock_key(f"role {role}"),)).fetchone()
        except BaseException:
            connection.close()
            raise
        if row is None or not row[0]:
            connection.close()
            return None
        return AdvisoryRoleLock(role, connections, connection)


def lock_key(what: str) -> int:
    """The number of an advisory lock, which PostgreSQL knows by numbers alone."""
    return int.from_bytes(sha256(f"csat-ledger {what}".encode()).digest()[:8], "big", signed=True)

"""The tables of a book in PostgreSQL, what guards them, and the steps that bring them to the present version.

    ledger.events              position (explicit), stream, seq, type, stored bytes; fact id and digest, as in SQLite.
                               Triggers refuse UPDATE, DELETE, TRUNCATE and gaps, also for a superuser and in
                               replication mode (ENABLE ALWAYS)
    ledger.events_append_lock  holds nothing; who appends holds its EXCLUSIVE lock
    ledger.snapshots           cached folds of long streams; may be dropped
    ledger.due                 for each membership an instant before which no review is needed
    ledger.set_aside           streams that a writer could not read, and waits to take up again
    ledger.reviews             up to which instants memberships were reviewed; one row
    ledger.link_key            the id of the link key (`ledger.link_key`); one row, which is never changed
    ledger.refusals            refused facts, beside the book (`ledger.store.refusals`), and their totals by code
    ledger.ledger_meta         the version of these tables
    ledger.webhooks, ledger.webhook_held   receivers of announcements, and what waits for them

The lock is the library's, `LOCK TABLE … IN EXCLUSIVE MODE`, but on a table of its own. On the events themselves it
would conflict with VACUUM, ANALYZE and CREATE INDEX CONCURRENTLY: writers would wait for each of these, and autovacuum,
which gives way to them, would never finish in a busy book. That an insertion without the lock leaves no hole either is
seen to by the trigger: an event is refused unless the one before it is visible, that is committed.
"""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from ledger.errors import StoreUnreachable
from ledger.store.migrations import Step, newest_version, steps_after
from ledger.store.postgres_connections import PgConnection, lock_key
from ledger.store.refusals import table_statements

SCHEMA: Final = "ledger"
EVENTS: Final = "events"
CHANNEL: Final = f"{SCHEMA}_{EVENTS}"
"""Where each commit that appended something is announced."""
APPEND_LOCK_SUFFIX: Final = "_append_lock"

EVENTS_STATEMENTS: Final = (
    # Names are compared byte by byte, as in SQLite: the same order everywhere, whatever the server's language.
    """CREATE TABLE IF NOT EXISTS {schema}.{table} (
        position bigint PRIMARY KEY,
        originator_id {id_type} NOT NULL,
        originator_version bigint NOT NULL,
        topic text COLLATE "C" NOT NULL,
        state bytea NOT NULL,
        fact text COLLATE "C",
        fact_digest bytea,
        UNIQUE (originator_id, originator_version)
    )""",
    "CREATE UNIQUE INDEX IF NOT EXISTS {fact_index} ON {schema}.{table} (fact) WHERE fact IS NOT NULL",
    """CREATE INDEX IF NOT EXISTS {announcements_index} ON {schema}.{table} (position)
       WHERE topic = 'EligibilityChanged'""",
    """CREATE INDEX IF NOT EXISTS {designations_index} ON {schema}.{table} (position)
       WHERE topic = 'DesignationChanged'""",
    "CREATE TABLE IF NOT EXISTS {schema}.{append_lock} ()",
    """CREATE OR REPLACE FUNCTION {schema}.{refuse}() RETURNS trigger
       LANGUAGE plpgsql SET search_path = pg_catalog AS $$
       BEGIN
           RAISE EXCEPTION 'events are immutable: % refused', TG_OP USING ERRCODE = 'integrity_constraint_violation';
       END $$""",
    # One look at all rows of a statement: a look at each row would cost as much as its insertion.
    """CREATE OR REPLACE FUNCTION {schema}.{append_only}() RETURNS trigger
       LANGUAGE plpgsql SET search_path = pg_catalog AS $$
       DECLARE
           lowest bigint; highest bigint; added bigint;
       BEGIN
           SELECT min(position), max(position), count(*) INTO lowest, highest, added FROM added_events;
           IF highest - lowest + 1 <> added OR lowest < 1
              OR (lowest > 1 AND NOT EXISTS (SELECT FROM {schema}.{table} WHERE position = lowest - 1))
           THEN
               RAISE EXCEPTION 'events are immutable: an event must follow the last one; found positions % to %',
                   lowest, highest USING ERRCODE = 'integrity_constraint_violation';
           END IF;
           RETURN NULL;
       END $$""",
    """CREATE OR REPLACE TRIGGER events_are_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.{table}
       FOR EACH STATEMENT EXECUTE FUNCTION {schema}.{refuse}()""",
    """CREATE OR REPLACE TRIGGER events_have_no_gaps AFTER INSERT ON {schema}.{table}
       REFERENCING NEW TABLE AS added_events FOR EACH STATEMENT EXECUTE FUNCTION {schema}.{append_only}()""",
    "ALTER TABLE {schema}.{table} ENABLE ALWAYS TRIGGER events_are_immutable",
    "ALTER TABLE {schema}.{table} ENABLE ALWAYS TRIGGER events_have_no_gaps",
)

OTHER_TABLES: Final = (
    f'CREATE TABLE {SCHEMA}.snapshots (stream text COLLATE "C" PRIMARY KEY, seq bigint NOT NULL, state bytea NOT NULL)',
    f'CREATE TABLE {SCHEMA}.due (stream text COLLATE "C" PRIMARY KEY, at_us bigint NOT NULL)',
    f"CREATE INDEX due_at ON {SCHEMA}.due (at_us)",
    f"CREATE TABLE {SCHEMA}.reviews (one boolean PRIMARY KEY DEFAULT true CHECK (one), value text NOT NULL)",
    f'CREATE TABLE {SCHEMA}.set_aside (stream text COLLATE "C" PRIMARY KEY, position bigint NOT NULL, '
    "reason text NOT NULL, reviewed_us bigint NOT NULL)",
    f"CREATE TABLE {SCHEMA}.link_key (one boolean PRIMARY KEY DEFAULT true CHECK (one), id text NOT NULL)",
    f"CREATE TABLE {SCHEMA}.ledger_meta (name text PRIMARY KEY, value text NOT NULL)",
)


WEBHOOK_TABLES: Final = (
    f'CREATE TABLE {SCHEMA}.webhooks (id text COLLATE "C" PRIMARY KEY, url text NOT NULL, types text NOT NULL, '
    "secret_file text NOT NULL, allow_private bigint NOT NULL, owner text NOT NULL, created_us bigint NOT NULL, "
    "position bigint NOT NULL, head text NOT NULL, trouble text NOT NULL, version bigint NOT NULL)",
    f'CREATE TABLE {SCHEMA}.webhook_held (webhook text COLLATE "C" NOT NULL, membership text COLLATE "C" NOT NULL, '
    "position bigint NOT NULL, since_us bigint NOT NULL, next_us bigint NOT NULL, attempts bigint NOT NULL, "
    "parked bigint NOT NULL, reason text NOT NULL, PRIMARY KEY (webhook, membership))",
)


def events_statements(schema: str, table: str, id_type: str = "text") -> list[Composed]:
    """What creates an events table with all that guards it; each statement does nothing where it was done before."""
    names = {
        "schema": Identifier(schema),
        "table": Identifier(table),
        "id_type": SQL('text COLLATE "C"') if id_type == "text" else SQL("uuid"),
        "fact_index": Identifier(f"{table}_fact"),
        "announcements_index": Identifier(f"{table}_announcements"),
        "designations_index": Identifier(f"{table}_designations"),
        "append_lock": Identifier(f"{table}{APPEND_LOCK_SUFFIX}"),
        "refuse": Identifier(f"{table}_refuse"),
        "append_only": Identifier(f"{table}_append_only"),
    }
    return [SQL(statement).format(**names) for statement in EVENTS_STATEMENTS]


def _version_4(connection: PgConnection) -> None:
    taken = connection.execute(f"SELECT to_regclass('{SCHEMA}.{EVENTS}')").fetchone()
    if taken is not None and taken[0] is not None:
        raise StoreUnreachable(f"found a schema {SCHEMA!r} of something else, expected a ledger's or none")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreUnreachable(f"found a database with the encoding {encoding}, expected UTF8")
    if connection.execute("SELECT to_regnamespace(%s)", (SCHEMA,)).fetchone() == (None,):
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
    for statement in events_statements(SCHEMA, EVENTS):
        connection.execute(statement)
    for text in OTHER_TABLES:
        connection.execute(text)


def _version_5(connection: PgConnection) -> None:
    for statement in table_statements(schema=f"{SCHEMA}.", text='text COLLATE "C"', binary="bytea"):
        connection.execute(statement)


def _version_6(connection: PgConnection) -> None:
    for text in WEBHOOK_TABLES:
        connection.execute(text)


STEPS: list[Step[PgConnection]] = [_version_4, _version_5, _version_6]


def found_version(connection: PgConnection) -> int:
    """The version of the tables; 0 where there are none."""
    try:
        row = connection.execute(f"SELECT value FROM {SCHEMA}.ledger_meta WHERE name = 'tables'").fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return 0
    return int(row[0]) if row else 0


def may_create(connection: PgConnection) -> bool:
    """Whether this role may create the tables."""
    row = connection.execute(
        "SELECT CASE WHEN to_regnamespace(%s) IS NULL THEN has_database_privilege(current_database(), 'CREATE') "
        "ELSE has_schema_privilege(%s, 'CREATE') END",
        (SCHEMA, SCHEMA),
    ).fetchone()
    return row is not None and bool(row[0])


def apply_steps(connection: PgConnection, steps: list[Step[PgConnection]], grants: str, *, mend: bool = False) -> int:
    """Applies the steps that are missing, all or none; returns the version found before. Processes take turns.

    `mend` makes what guards the events anew.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key("migration"),))
        found = _found_in_transaction(connection)
        if found and mend:
            _mend(connection)
        if found:
            # Whoever appends has finished, and the next one finds the new version.
            connection.execute(f"LOCK TABLE {SCHEMA}.{EVENTS}{APPEND_LOCK_SUFFIX} IN EXCLUSIVE MODE")
        for step in steps_after(found, steps):
            step(connection)
        newest = newest_version(steps)
        if found < newest:
            connection.execute(
                f"INSERT INTO {SCHEMA}.ledger_meta VALUES ('tables', %s) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (str(newest),),
            )
        connection.execute(grants)
    return found


def _mend(connection: PgConnection) -> None:
    """Makes what guards the events anew, where this role may; what it may not mend is found and told afterwards."""
    try:
        with connection.transaction():
            for statement in events_statements(SCHEMA, EVENTS):
                connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        pass


def _found_in_transaction(connection: PgConnection) -> int:
    if connection.execute(f"SELECT to_regclass('{SCHEMA}.ledger_meta')").fetchone() == (None,):
        return 0
    return found_version(connection)

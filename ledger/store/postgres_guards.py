"""What guards the events in PostgreSQL: whether it is there, switched on, and works; see `postgres_tables` and `roles.sql`.

A role with enough rights can switch a trigger off and leave it off, own what it should only use, or grant to others what
nobody but the migrator should have. So it is looked at, by `migrate` and by `audit`, and not taken from the version of
the tables. Looking takes no more than the rights of a reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import psycopg

from ledger.store.base import Unguarded
from ledger.store.postgres_connections import Connections, PgConnection
from ledger.store.postgres_tables import APPEND_LOCK_SUFFIX, EVENTS, SCHEMA, events_statements

TABLE: Final = f"{SCHEMA}.{EVENTS}"
# Bits of pg_trigger.tgtype: 2 before, 4 insert, 8 delete, 16 update, 32 truncate; 1, for each row, is not set.
TRIGGERS: Final = {
    "events_are_immutable": (58, f"{EVENTS}_refuse", None),
    "events_have_no_gaps": (4, f"{EVENTS}_append_only", "added_events"),
}
UNIQUE: Final = ("(position)", "(originator_id, originator_version)", "(fact) WHERE (fact IS NOT NULL)")
SELECT_TRIGGERS: Final = """
    SELECT t.tgname, t.tgtype::int, p.proname, t.tgnewtable, t.tgenabled, t.tgqual IS NULL AND t.tgattr::text = '',
           p.prosrc, coalesce(array_to_string(p.proconfig, ', '), '')
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgrelid = %s::regclass AND NOT t.tgisinternal"""
SELECT_UNIQUE: Final = """
    SELECT pg_get_indexdef(indexrelid) FROM pg_catalog.pg_index
    WHERE indrelid = %s::regclass AND indisunique AND indisvalid AND indislive"""
FORBIDDEN: Final = ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES")
SELECT_RIGHTS: Final = """
    SELECT rolname, privilege FROM pg_catalog.pg_roles, unnest(%s::text[]) AS privilege
    WHERE rolname = ANY(%s) AND has_table_privilege(rolname, %s, privilege) ORDER BY 1, 2"""
SELECT_OWNERS: Final = """
    SELECT r.rolname, pg_get_userbyid(c.relowner) FROM pg_catalog.pg_roles r, pg_catalog.pg_class c
    WHERE c.oid = %s::regclass AND r.rolname = ANY(%s) AND pg_has_role(r.rolname, c.relowner, 'MEMBER') ORDER BY 1"""
SELECT_PUBLIC: Final = """
    SELECT a.privilege_type FROM pg_catalog.pg_class c, aclexplode(c.relacl) AS a
    WHERE c.oid = %s::regclass AND a.grantee = 0 ORDER BY 1"""
SELECT_ODD: Final = """
    SELECT 'rule ' || rulename FROM pg_catalog.pg_rules WHERE schemaname = %s AND tablename = %s
    UNION ALL SELECT 'row security' FROM pg_catalog.pg_class WHERE oid = %s::regclass AND relrowsecurity"""
SELECT_PROJECTIONS: Final = """
    SELECT 'table projections.' || c.relname, pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class c
    WHERE c.relnamespace = to_regnamespace('projections') AND c.relkind = 'r'
      AND EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.oid = c.relnamespace
                  AND pg_get_userbyid(n.nspowner) = 'csat_ledger_projector')
      AND pg_get_userbyid(c.relowner) <> 'csat_ledger_projector' ORDER BY 1"""
ROLES: Final = ["csat_ledger_writer", "csat_ledger_reader", "csat_ledger_projector", "csat_ledger_webhooks"]
"""The roles of running processes, which may not change an event, nor own what keeps others from it."""


def unguarded(connections: Connections) -> list[Unguarded]:
    """All that does not guard as it should."""
    with connections.take() as connection:
        found = [*_triggers(connection), *_keys(connection), *_rights(connection), *_projections(connection)]
        found += _append_lock(connections, connection)
    return found


def _triggers(connection: PgConnection) -> Iterator[Unguarded]:
    found = {row[0]: row[1:] for row in connection.execute(SELECT_TRIGGERS, (TABLE,))}
    bodies = _bodies()
    for name, (events, function, new_table) in TRIGGERS.items():
        what = f"trigger {name} on {TABLE}"
        if name not in found:
            yield Unguarded(what, "none", "one that is always on")
            continue
        now = found.pop(name)
        if now[:3] != (events, function, new_table) or not now[4]:
            yield Unguarded(what, f"type {now[0]} calling {now[1]}", f"type {events} calling {function}, unconditional")
        if now[3] not in ("A", b"A"):
            yield Unguarded(what, f"mode {_text(now[3])}", "mode A, always on, in replication too")
        if _words(now[5]) != _words(bodies[function]) or now[6] != "search_path=pg_catalog":
            yield Unguarded(f"function {SCHEMA}.{now[1]}()", _words(now[5])[:200], _words(bodies[function])[:200])
    for name, (_, function, *_) in found.items():
        yield Unguarded(f"trigger {name} on {TABLE}", f"one that calls {function}", "none beside the ledger's own")
    for (odd,) in connection.execute(SELECT_ODD, (SCHEMA, EVENTS, TABLE)):
        yield Unguarded(f"{odd} on {TABLE}", "one", "none")


def _bodies() -> dict[str, str]:
    """The source of each function, as the tables' statements have it."""
    found = {}
    for statement in events_statements(SCHEMA, EVENTS):
        made = re.search(
            r'FUNCTION "\w+"\."(\w+)"\(\) RETURNS trigger.*?\$\$(.*)\$\$', statement.as_string(), re.DOTALL
        )
        if made:
            found[made[1]] = made[2]
    return found


def _keys(connection: PgConnection) -> Iterator[Unguarded]:
    found = [row[0].replace('"', "") for row in connection.execute(SELECT_UNIQUE, (TABLE,))]
    for columns in UNIQUE:
        if not any(index.endswith(columns) for index in found):
            yield Unguarded(f"unique key {columns} of {TABLE}", "none that is valid", "one")


def _rights(connection: PgConnection) -> Iterator[Unguarded]:
    for role, privilege in connection.execute(SELECT_RIGHTS, (list(FORBIDDEN), ROLES, TABLE)):
        yield Unguarded(f"{privilege} on {TABLE}", f"granted to {role}", "granted to no running process")
    for role, owner in connection.execute(SELECT_OWNERS, (TABLE, ROLES)):
        yield Unguarded(f"owner of {TABLE}", f"{owner}, whom {role} may be", "a role that no running process may be")
    for (privilege,) in connection.execute(SELECT_PUBLIC, (TABLE,)):
        yield Unguarded(f"{privilege} on {TABLE}", "granted to everybody", "granted to roles of the ledger")


def _projections(connection: PgConnection) -> Iterator[Unguarded]:
    for what, owner in connection.execute(SELECT_PROJECTIONS):
        yield Unguarded(
            f"owner of {what}", owner, "csat_ledger_projector, who keeps it; a superuser's `migrate` says so"
        )


def _append_lock(connections: Connections, connection: PgConnection) -> Iterator[Unguarded]:
    """Takes the lock as a writer does, and looks whether a second one has to wait. A role that may not write can't tell."""
    name = f"{SCHEMA}.{EVENTS}{APPEND_LOCK_SUFFIX}"
    ((there, may),) = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL, to_regclass(%s) IS NOT NULL AND NOT pg_is_in_recovery() "
        "AND NOT current_setting('transaction_read_only')::boolean AND has_table_privilege(to_regclass(%s), 'UPDATE')",
        (name, name, name),
    ).fetchall()
    if not there:
        yield Unguarded(f"append lock {name}", "none", "an empty table")
    if not may:
        return
    connection.execute(f"BEGIN; LOCK TABLE {name} IN EXCLUSIVE MODE")
    try:
        with connections.take() as second:
            if not _has_to_wait(second, name):
                yield Unguarded(f"append lock {name}", "held by two at once", "held by one")
    finally:
        connection.execute("ROLLBACK")


def _has_to_wait(second: PgConnection, name: str) -> bool:
    second.execute("BEGIN")
    try:
        second.execute(f"LOCK TABLE {name} IN EXCLUSIVE MODE NOWAIT")
    except psycopg.errors.LockNotAvailable:
        return True
    finally:
        second.execute("ROLLBACK")
    return False


def _words(text: str) -> str:
    return " ".join(text.split())


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

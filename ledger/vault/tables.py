"""The tables of the vault, and what keeps the access log as it was written; the same in both databases.

    contacts    one row a person and membership: the fields in boxes, in the clear only references, the customer organisation
                and two keyed digests (see `vault.BlindIndex`)
    data_keys   by holder: its data key, wrapped under the key-encryption key of that id
    access_log  who read which subject, when and why; the database refuses UPDATE, DELETE, TRUNCATE and REPLACE
    erasures    who was to be erased, and how far that is (see `erasures`)
    vault_meta  `vault`: the vault's own id; `key`: the id of the key-encryption key that wraps; `retired <id>`: one that was
                rotated away; `book`: the leaf hash of the first event of the book with which it is used; `anonymity`: how far
                in the book it is known who chose anonymity; `erasures of the book`: up to which of its events erasures were
                taken over from it

A row of `contacts` never has fewer data keys than it needs: both are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.vault.erasure_tables import ERASURES
from ledger.vault.guards import GUARDED, postgres_triggers, sqlite_triggers
from ledger.vault.published_tables import PUBLISHED_TABLES
from ledger.vault.response_tables import RESPONSES

VERSION: Final = 2
"""Of the tables. In SQLite it stands in `PRAGMA user_version`, in PostgreSQL in `vault_meta` as `tables`."""
APPLICATION_ID: Final = 0x43535654  # "CSVT"
SCHEMA: Final = "vault"
"""Of PostgreSQL."""

TABLES: Final = (
    "CREATE TABLE vault_meta (name TEXT {binary} PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE data_keys (holder TEXT {binary} PRIMARY KEY, kek TEXT NOT NULL, wrapped {bytes} NOT NULL)",
    """CREATE TABLE contacts (
        subject TEXT {binary} PRIMARY KEY,
        membership TEXT {binary} NOT NULL,
        customer_org TEXT {binary} NOT NULL,
        version BIGINT NOT NULL,
        address TEXT NOT NULL,
        details TEXT NOT NULL,
        email {bytes} NOT NULL,
        name {bytes},
        phone {bytes},
        language {bytes},
        added_us BIGINT NOT NULL,
        changed_us BIGINT NOT NULL,
        UNIQUE (address, membership)
    )""",
    """CREATE TABLE access_log (
        id {identity} PRIMARY KEY,
        at_us BIGINT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT {binary} NOT NULL,
        reason TEXT NOT NULL
    )""",
    "CREATE INDEX access_log_subject ON access_log (subject, id)",
    "CREATE INDEX access_log_at ON access_log (at_us)",
)
ADDED: Final[Mapping[int, tuple[str, ...]]] = {
    2: (*RESPONSES, *ERASURES, *PUBLISHED_TABLES),
}
"""By version what its tables have more than those of the version before; nothing that was there is changed."""
UNSAMPLED: Final[Mapping[str, tuple[str, ...]]] = {
    "data_keys": ("wrapped",),
    "contacts": ("address", "details", "email", "name", "phone", "language"),
    "answers": ("mac", "answers", "comment"),
    "links": ("tag", "invitation"),
}
"""Columns of which PostgreSQL must keep no statistics: they would be copies, which no erasure finds."""
ERASED_FROM: Final = tuple(UNSAMPLED)
"""The tables of which rows are erased."""
SQLITE_TYPES: Final = {"binary": "", "bytes": "BLOB", "identity": "INTEGER"}
POSTGRES_TYPES: Final = {"binary": 'COLLATE "C"', "bytes": "BYTEA", "identity": "BIGINT GENERATED ALWAYS AS IDENTITY"}

COLUMN_TYPES: Final[Mapping[str, type]] = {
    **dict.fromkeys(("subject", "membership", "customer_org", "address", "details", "holder", "kek", "value"), str),
    **dict.fromkeys(("actor", "action", "reason"), str),
    **dict.fromkeys(("fact", "response", "state", "mac", "tag", "export", "what", "step"), str),
    **dict.fromkeys(("id", "at_us", "version", "anonymous", "cleared", "pended_us", "kept_us", "requested_us"), int),
}
"""What a column holds that is not null, by its name, in whichever table it stands. SQLite keeps anything in a column; of what
is sealed `boxes` looks at the form."""


def sqlite_statements(since: int = 0) -> list[str]:
    """What makes of the tables of a version those of the present one in SQLite; all of them where there are none (0)."""
    triggers = {table: tuple(sqlite_triggers(table).values()) for table in GUARDED}
    return _statements(since, SQLITE_TYPES, triggers)


def postgres_statements(since: int = 0) -> list[str]:
    """The same in PostgreSQL, in the schema that is on the search path."""
    unsampled = [
        f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0"
        for table, columns in UNSAMPLED.items()
        for column in columns
    ]
    triggers = {table: postgres_triggers(table) for table in GUARDED}
    return [*_statements(since, POSTGRES_TYPES, triggers), *unsampled]


def _statements(since: int, types: Mapping[str, str], triggers: Mapping[str, tuple[str, ...]]) -> list[str]:
    made = [] if since else [statement.format(**types) for statement in TABLES]
    added = [
        statement.format(**types) for version in range(max(since, 1) + 1, VERSION + 1) for statement in ADDED[version]
    ]
    guards = [
        statement
        for table, of_table in triggers.items()
        if not (since and table == "access_log")
        for statement in of_table
    ]
    return [*made, *added, *guards]

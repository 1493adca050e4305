"""The places in which people are looked for, and what is done between two searches: PLACES and LATER have them all."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Final

import orjson

from tests.consumers.support import committed
from tests.simulation.planted_system import Said, System
from tests.support.planted import found_in

ALLOWED: Final = (
    "handed-in/*",  # what is planted lies in files, as an operator has them
    "*.refused",  # the operator's own file of refusals, 0600, with the line as it came
    "mail.csv",  # the mailing run, handed out to be mailed
    "imported.jsonl",  # facts out of an export with what respondents said, 0600, for `record`
)
"""Files in which a person may stand, and why."""


# The places


def files(system: System) -> Iterator[Said]:
    """Every file but those that are allowed: the book and its logs, the log, keys, receipts, bundles, copies, access log."""
    for path in sorted(system.folder.rglob("*")):
        name = path.relative_to(system.folder)
        if path.is_file() and not any(name.match(pattern) for pattern in ALLOWED):
            yield Said(str(name), str(name).encode() + b"\n" + path.read_bytes())


def words(system: System) -> Iterator[Said]:
    """All that commands printed and the service answered."""
    yield from system.said


def rows(system: System) -> Iterator[Said]:
    """Every row of every table, whatever lies in it: what a page compresses or a log has not yet is read as it is."""
    for path in system.folder.rglob("*"):
        if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3":
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                for table in tables:
                    yield Said(f"{path.name} {table}", b"\n".join(_cells(connection, table)))


def _cells(connection: sqlite3.Connection, table: str) -> Iterator[bytes]:
    for row in connection.execute(f'SELECT * FROM "{table}"'):
        yield b"\t".join(one if isinstance(one, bytes) else str(one).encode("utf-8", "replace") for one in row)


def server_rows(system: System) -> Iterator[Said]:
    """Every row of every table of every database of a server, as text and as bytes."""
    import psycopg

    for url in [one for one in (system.store, system.settings["CSAT_LEDGER_VAULT"]) if "://" in one]:
        with psycopg.connect(url) as connection:
            found = connection.execute(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            assert len(found) > 3
            for schema, table in found:
                for form in ("", " (FORMAT BINARY)"):
                    with connection.cursor().copy(f'COPY "{schema}"."{table}" TO STDOUT{form}') as copy:
                        yield Said(f"{schema}.{table}{form}", b"".join(bytes(part) for part in copy))


def answers(system: System) -> Iterator[Said]:
    """What the service answers to every role at every route that needs no name, and what it tells of itself."""
    routes = ("/openapi.json", "/metrics", "/livez", "/readyz", "/v1/memberships", "/v1/renewals?within=9999",
              "/v1/participation", "/v1/refusals?limit=1000", "/v1/refusals?counts=true", "/v1/designations",
              "/v1/changes?after=0", "/log/checkpoint", "/v1/memberships/m-1/replay", "/v1/memberships/m-1/history",
              "/v1/memberships/m-1/status", "/v1/memberships/m-1/decisions",
              "/v1/memberships/m-1/evidence?renewal=2011-03-01", "/v1/webhooks")  # fmt: skip
    for role in ("operator", "auditor", "operations", "partner", "owner", "subscriber", "admin"):
        for route in routes:
            found = system.ask("GET", route, role=role, Accept="application/json")
            yield Said(f"{route} for {role}", str(found.headers).encode() + found.content)


def questions(system: System) -> Iterator[Said]:
    """What commands say of what stands."""
    for asked in (
        ("refusals",), ("refusals", "--counts"), ("board",), ("replay", "m-1"), ("history", "m-1"), ("decisions", "m-1"),
        ("participation",), ("renewals", "--within", "9999"), ("designations",), ("changes",), ("project", "--status"),
        ("access-report",), ("contacts", "exports", "--reason", "asked"), ("webhook", "list"),
        ("audit", "--tiles", "log", "--policy", "policy.json"),
    ):  # fmt: skip
        form = () if asked[0] in ("refusals", "replay") else ("--json",)
        yield Said(" ".join(asked), system.run(*form, *asked, codes=(0, 1, 2, 3)))


def deliveries(system: System) -> Iterator[Said]:
    """What a receiver of webhooks was sent."""
    assert system.webhook
    yield Said("webhook", b"\n".join(system.webhook))


def messages(system: System) -> Iterator[Said]:
    """Every topic but that of facts: keys, headers and values; and all that the broker has on its disk but that."""
    if system.kafka is None:
        return
    facts = system.kafka.topics.facts
    topics = [name for name in system.broker.topics() if name.startswith(system.kafka.prefix) and name != facts]
    assert system.kafka.topics.facts_refused in topics
    for topic in topics:
        for one in committed(system.kafka, topic):
            yield Said(topic, repr((one.key, one.headers)).encode() + (one.key or b"") + b"\n" + (one.value or b""))
    for path in system.broker.folder.rglob("*") if hasattr(system.broker, "folder") else ():
        if path.is_file() and not path.parent.name.startswith(f"{facts}-"):
            yield Said(f"broker: {path.parent.name}/{path.name}", path.read_bytes())


def server_files(system: System) -> Iterator[Said]:
    """The server's log, and every file of its tables, indexes and write-ahead log."""
    if system.postgres is None:
        return
    for path in system.postgres.folder.rglob("*"):
        if path.is_file() and path.stat().st_size:
            with suppress(FileNotFoundError):  # a file of the server's own that it has just removed
                yield Said(f"server: {path.relative_to(system.postgres.folder)}", path.read_bytes())


PLACES: Final[tuple[Callable[[System], Iterator[Said]], ...]] = (
    files, rows, server_rows, server_files, answers, questions, deliveries, messages, words,
)  # fmt: skip


# What is done between the two searches


def is_copied(system: System) -> None:
    """A backup of the book, and a copy of its file as it lies there."""
    system.run("copy", "--from", system.store, "--to", "backup.db")
    if "://" not in system.store:
        copied = system.folder / "as-it-is.db"
        with (
            closing(sqlite3.connect(system.folder / system.store)) as source,
            closing(sqlite3.connect(copied)) as target,
        ):
            source.backup(target)


def is_rebuilt(system: System) -> None:
    system.run("project", "--rebuild", codes=(0, 3))
    system.run("vault", "rewrap", codes=(0, 2))


def forgets_refusals(system: System) -> None:
    system.run("refusals", "--delete-before", "2999-01-01T00:00:00Z", codes=(0, 2))


def is_published(system: System) -> None:
    """Results and reports of what was answered: all of it is of before the month named, and each later one is an empty one."""
    system.run("publish-results", "--through", "2011-04", codes=(0, 1, 2, 3))
    system.run("results", "m-1", codes=(0, 1, 2, 3))
    system.run("benchmark", codes=(0, 1, 2, 3))
    system.run("report", "m-1", "--month", "2010-07", "--out", "m-1.html", "--out", "m-1.csv", codes=(0, 1, 2, 3))


def erases_all(system: System) -> None:
    """Everybody who is known by a subject; what is sealed of them goes, and what never was in the clear is not now."""
    facts = [orjson.loads(line) for line in (system.folder / "consents.jsonl").read_bytes().splitlines()]
    subjects = sorted({one["subject"] for one in facts})
    assert subjects
    told = "\n".join(subjects).encode() + b"\n"
    system.run("erase", "--file", "-", "--reason", "request 31", stdin=told)
    system.run("erase", "--replay")
    system.run("contacts", "show", subjects[0], "--reason", "asked", codes=(2,))


LATER: Final[tuple[Callable[[System], None], ...]] = (is_published, is_copied, is_rebuilt, erases_all, forgets_refusals)


def searched(system: System) -> list[str]:
    """Whom somebody finds in all places, each finding once."""
    found = [one for place in PLACES for said in place(system) for one in found_in(said.where, said.data)]
    return list(dict.fromkeys(found))

"""People are planted by every way in, and looked for in all that the system keeps, sends, shows and says (DESIGN 13).

A way in is a line of WAYS_IN (`planted_ways`), a place to look is a line of PLACES, what is done between the two searches a
line of LATER (both in `planted_places`). What may hold a person's details is named one by one in ALLOWED there: what
somebody handed in, the operator's own refusals, and what was handed out on purpose. The vault is none of them: what it has
is sealed, so nothing of it lies in the clear.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from tests.console.support import fact, met
from tests.consumers.support import broker_with_topics, committed, eventually
from tests.simulation.planted_places import LATER, files, rows, searched, server_files
from tests.simulation.planted_system import AT, System, system_in
from tests.simulation.planted_ways import SAMPLES, WAYS_IN, lines_of
from tests.support.planted import found_in, planted


def plant(system: System) -> None:
    """Goes every way in, each with a person of its own."""
    for way in WAYS_IN:
        way(system, planted(way.__name__.replace("_", "-")))
    system.run("review")
    system.run("decide", "m-1", "--renewal", "2011-03-01")
    system.run("project")
    eventually(lambda: bool(system.webhook), "webhooks are sent")
    if system.kafka is not None:
        sent = len(lines_of(planted("x"))) + 8  # and of what is said most is refused
        refused = system.kafka.topics.facts_refused
        eventually(lambda: len(committed(system.kafka, refused)) >= sent, "the inbox has refused all that was sent")
    evidence = ("evidence", "m-1", "--renewal", "2011-03-01", "--tiles", "log", "--out", "m-1.json")

    def proven() -> bool:
        (system.folder / "m-1.json").unlink(missing_ok=True)
        system.run(*evidence, codes=(0, 1))
        return (system.folder / "m-1.json").exists()

    eventually(proven, "the decision is sealed")


def check(system: System) -> None:
    """Plants everybody, and finds nobody; nor after what is done later, nor when all has ended."""
    plant(system)
    with closing_beside(system):
        nobody(searched(system))
    for later in LATER:
        later(system)
    nobody(searched(system))


def nobody(found: list[str]) -> None:
    """Says all that was found."""
    assert not found, "\n".join(found)


@contextmanager
def closing_beside(system: System) -> Iterator[None]:
    """Keeps files of SQLite open beside, so that their logs are not carried over before they are searched."""
    with ExitStack() as stack:
        for path in system.folder.glob("*.db"):
            stack.enter_context(closing(sqlite3.connect(path))).execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield


@pytest.mark.parametrize("way", ["by-file", "by-http-in-a-stream"])
def test_what_is_looked_for_would_be_found(way: str) -> None:
    person = planted(way)
    for text in (*person.details(), person.words):
        for around in ("", "xx", "x"):
            whole = f"{around}{text}yyy"
            data = whole.encode()
            shown = (data, whole.encode("utf-16-le"), base64.b64encode(data), base64.urlsafe_b64encode(data),
                     data.hex().encode(), quote(whole).encode(), orjson.dumps(whole), json.dumps(whole).encode(), data.upper()
                     if text == person.mail else data)  # fmt: skip
            for one in shown:
                assert found_in("it", one), (text, one)
    assert not found_in("it", orjson.dumps([*SAMPLES, *met()]))


def test_a_fact_with_a_person_in_it_would_be_seen_in_the_places(tmp_path: Path) -> None:
    """The search itself, on a book that took somebody in: its file and its rows."""
    system = System(tmp_path, "ledger.db", "people.db")
    system.run("record", system.file("base.jsonl", b"".join(orjson.dumps(one) + b"\n" for one in met())))
    planting = fact("record-evaluation", "e-1", AT, evaluation="e-1", actor=planted("x").words.split(" fand")[0])
    system.run("record", system.file("one.jsonl", orjson.dumps(planting)))
    for place in (files, rows):
        assert [one for said in place(system) for one in found_in(said.where, said.data)], place


def test_nobody_is_found_of_a_ledger_in_files(tmp_path: Path) -> None:
    with system_in(tmp_path, "ledger.db", "people.db") as system:
        check(system)
    assert [one for said in files(system) for one in found_in(said.where, said.data)] == []


@pytest.mark.server
def test_nobody_is_found_of_a_ledger_on_servers(tmp_path: Path, own_postgres: Any, kafka_broker: Any) -> None:
    store, vault = own_postgres.create_database(), own_postgres.create_database()
    kafka = broker_with_topics(kafka_broker.bootstrap)
    with system_in(tmp_path, store, vault, kafka=kafka, broker=kafka_broker) as system:
        system.postgres = own_postgres
        check(system)
    own_postgres.stop()
    left = (*files(system), *server_files(system))
    assert [one for said in left for one in found_in(said.where, said.data)] == []

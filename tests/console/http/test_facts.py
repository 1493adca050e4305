"""Facts over HTTP: outcomes, refusals with their fields, ugly bodies, and many clients at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.http.problems import FIELDS
from console.wiring import Ledger, open_store
from ledger.errors import REFUSAL_CODES, StoreUnreachable
from ledger.fact import Fact
from ledger.programmes.registry import PROGRAMMES
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Outcome, Writer
from tests.console.http.process import service_process
from tests.console.http.support import NOW, Served, facts, make_book, serving
from tests.console.support import enrolment, fact, response

FIRST = enrolment()[0]
NDJSON = {"Content-Type": "application/x-ndjson"}


def recorded(store: Path) -> Counter[str | None]:
    """How many events each fact has in the book."""
    ledger = Ledger(open_store(str(store), create=False), lambda: 0)
    try:
        rows = ledger.store.read_feed(0, 100_000)
        return Counter(orjson.loads(row.stored)["fact"] for row in rows if "Changed" not in row.type)
    finally:
        ledger.close()


def test_a_fact_is_accepted_once_and_a_duplicate_from_then_on(empty: Served) -> None:
    made = empty.post("/v1/facts", FIRST)
    again = empty.post("/v1/facts", dict(reversed(FIRST.items())))
    assert (made.status_code, made.json()) == (201, {"id": "m-1-enrol", "status": "accepted", "position": 3})
    assert (again.status_code, again.json()) == (200, {"id": "m-1-enrol", "status": "duplicate", "position": 3})
    other = empty.post("/v1/facts", FIRST | {"level": "silver"})
    assert (other.status_code, other.json()["code"], other.json()["field"]) == (422, "id-reused", "id")


@pytest.mark.parametrize(
    ("said", "code", "field"),
    [
        (
            fact("record-reminder", "x", "2010-06-01T00:00:00Z", "m-9", invitation="i"),
            "unknown-membership",
            "membership",
        ),
        (FIRST | {"occurred_at": "2030-01-01T00:00:00Z"}, "in-the-future", "occurred_at"),
        (FIRST | {"occurred_at": "2010-06-01T00:00:00"}, "malformed", "occurred_at"),
        (FIRST | {"level": "lead"}, "malformed", "level"),
        (FIRST | {"king": 1}, "malformed", "member 7"),
        (FIRST | {"type": "enrol"}, "malformed", "type"),
        (FIRST | {"id": "csat-ledger:x"}, "reserved-id", "id"),
        (FIRST | {"id": "jo@example.org"}, "personal-data", "id"),
        (FIRST | {"membership": "Jo Example"}, "personal-data", "membership"),
        (FIRST | {"competencies": ["Learning", "192.0.2.17"]}, "personal-data", "competencies.1"),
        ({}, "malformed", "type"),
        (7, "malformed", None),
        ("x", "malformed", None),
        (None, "malformed", None),
    ],
)
def test_a_fact_that_is_refused_is_422_with_its_code_and_the_field(
    empty: Served, said: Any, code: str, field: str | None
) -> None:
    found = empty.post("/v1/facts", said)
    problem = found.json()
    assert (found.status_code, problem["code"], problem.get("field")) == (422, code, field), problem
    assert problem["detail"]
    assert code in REFUSAL_CODES


def test_every_code_of_a_rule_has_a_field() -> None:
    assert FIELDS.keys() == set(REFUSAL_CODES) - {"malformed", "personal-data"}
    known = {name for model in PROGRAMMES.facts.models for name in model.model_fields} | {"from"}
    assert set(FIELDS.values()) <= known


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"type":',
        b"\xff\xfe",
        b"\x00",
        b'{"a":NaN}',
        b'"' + b"x" * 70_000 + b'"',
        orjson.dumps(FIRST) + b"x",
        orjson.dumps(FIRST) * 2,
        orjson.dumps(FIRST)[:-1] + b',"level":"gold"}',
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"id":"\\ud800"}',
    ],
)
def test_an_ugly_body_is_a_malformed_fact(empty: Served, body: bytes) -> None:
    found = empty.post("/v1/facts", body)
    assert (found.status_code, found.json()["code"]) == (422, "malformed"), found.text
    assert recorded(empty.store).total() == 0


@pytest.mark.parametrize("body", [b"[", b"[1,", b"[1]x", b"[NaN]", b"[" * 5_000, b"[\xff]", b'[{"a":1}]]', b" \n[}"])
def test_an_array_that_is_none_is_refused_whole(empty: Served, body: bytes) -> None:
    found = empty.post("/v1/facts", body)
    assert (found.status_code, found.json()["code"]) == (400, "malformed"), found.text


def test_an_array_gets_an_outcome_for_each_in_order(empty: Served) -> None:
    some = [
        FIRST,
        7,
        response(1, "Brontegard", "2010-06-01T10:00:00Z"),
        FIRST,
        {"id": "y"},
        FIRST | {"level": "silver"},
    ]
    found = empty.post("/v1/facts", some)
    said = found.json()
    assert found.status_code == 200
    assert [(one["id"], one["status"], one.get("code")) for one in said] == [
        ("m-1-enrol", "accepted", None),
        (None, "refused", "malformed"),
        ("m-1-f-1", "accepted", None),
        ("m-1-enrol", "duplicate", None),
        ("y", "refused", "malformed"),
        ("m-1-enrol", "refused", "id-reused"),
    ]
    assert int(found.headers["ledger-position"]) == max(one["position"] for one in said)
    assert empty.post("/v1/facts", []).json() == []


def test_ndjson_gets_a_line_for_each_line(empty: Served) -> None:
    lines = b"\n".join(map(orjson.dumps, facts())) + b"\n\n{\n"
    found = empty.post("/v1/facts", lines, **NDJSON)
    said = [orjson.loads(line) for line in found.text.splitlines()]
    assert [one["status"] for one in said] == ["accepted"] * len(facts()) + ["refused"]
    assert found.headers["content-type"] == "application/x-ndjson"
    assert {one for one in recorded(empty.store) if not str(one).startswith("csat-ledger:")} == {
        one["id"] for one in facts()
    }


def test_a_key_that_is_given_twice_within_an_array_is_found_too(empty: Served) -> None:
    (found,) = empty.post("/v1/facts", b"[" + orjson.dumps(FIRST)[:-1] + b',"level":"gold"}]').json()
    assert (found["code"], found["id"]) == ("malformed", "m-1-enrol")


def test_bodies_are_bounded(tmp_path: Path) -> None:
    with serving(tmp_path / "ledger.db", body_bytes=1_024, elements=2) as served:
        for length in ({}, {"Content-Length": "5"}, {"Content-Length": "1025"}, {"Content-Length": "9" * 30}):
            found = served.post("/v1/facts", b"x" * 1_025, **length)
            assert (found.status_code, found.json()["code"]) == (413, "too-long")
        found = served.post("/v1/facts", b"[1,2,3]")
        assert (found.status_code, found.json()["code"]) == (413, "too-many")
        for headers, body in (({}, b"[1,2,3]"), (NDJSON, b"1\n2\n3\n")):
            assert served.post("/v1/status:batch", body, "auditor", **headers).status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "é", "application/json, text/plain"])
@pytest.mark.parametrize(("path", "role"), [("/v1/facts", "operator"), ("/v1/status:batch", "auditor")])
def test_another_type_of_body_is_415(empty: Served, path: str, role: str, kind: str) -> None:
    found = empty.post(path, [], role, **{"Content-Type": kind.encode()})
    assert (found.status_code, found.json()["field"]) == (415, "Content-Type")


def test_a_type_with_its_characters_is_json(empty: Served) -> None:
    assert empty.post("/v1/facts", FIRST, **{"Content-Type": "Application/JSON; charset=utf-8"}).status_code == 201


def test_who_hands_in_too_much_at_once_is_told_to_come_again(tmp_path: Path) -> None:
    with serving(tmp_path / "ledger.db", facts_waiting=1) as served:
        assert served.post("/v1/facts", FIRST).status_code == 201
        found = served.post("/v1/facts", enrolment())
    assert (found.status_code, found.json()["code"], found.headers["retry-after"]) == (503, "busy", "1")


def test_a_store_that_cannot_be_reached_is_503_and_its_place_is_told_to_nobody(
    empty: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writing(store: SQLiteStore) -> Any:
        raise StoreUnreachable(f"{store.name}: gone")

    monkeypatch.setattr(SQLiteStore, "writing", writing)
    found = empty.post("/v1/facts", FIRST)
    assert (found.status_code, found.json()["code"]) == (503, "store-unreachable")
    assert "ledger.db" not in found.text
    monkeypatch.undo()
    assert empty.post("/v1/facts", FIRST).status_code == 201


def test_a_fact_over_which_the_program_fails_takes_no_other_with_it(
    empty: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Writer.record

    def failing(writer: Writer, some: Sequence[Fact], **others: Any) -> list[Outcome]:
        if any(one.id == "m-2-enrol" for one in some):
            raise ZeroDivisionError
        return record(writer, some, **others)

    monkeypatch.setattr(Writer, "record", failing)
    found = empty.post("/v1/facts", [FIRST, enrolment("m-2")[0], enrolment("m-3")[0]])
    assert [(one["status"], one.get("code")) for one in found.json()] == [
        ("accepted", None),
        ("refused", "fault"),
        ("accepted", None),
    ]
    alone = empty.post("/v1/facts", enrolment("m-2")[0])
    assert (alone.status_code, alone.json()["code"]) == (503, "fault")
    assert [type(error) for error in empty.faults] == [ZeroDivisionError] * 2
    empty.faults.clear()


def test_facts_that_wait_for_the_link_key_are_put_off(tmp_path: Path) -> None:
    make_book(tmp_path / "ledger.db")
    (tmp_path / "ledger.db.link-key").unlink()
    answer = fact("record-response", "late", "2010-07-21T10:00:00Z", response="late", customer_org="Varnholt Mills",
                  invitation="invitation-6")  # fmt: skip
    with serving(tmp_path / "ledger.db") as served:
        found = served.post("/v1/facts", [answer, FIRST])
        alone = served.post("/v1/facts", answer)
    assert [(one["status"], one.get("code")) for one in found.json()] == [
        ("put-off", "link-key-missing"),
        ("duplicate", None),
    ]
    assert (alone.status_code, alone.json()["code"]) == (503, "link-key-missing")
    assert "link-key" not in (found.text + alone.text).replace("link-key-missing", "")


@pytest.mark.slow
def test_facts_of_sixteen_clients_at_once_are_recorded_once_each(tmp_path: Path) -> None:
    """Each fact is sent by two of them: one is told that it is accepted, the other that it is a duplicate."""
    with service_process(tmp_path, "--dev", CSAT_LEDGER_NOW=NOW) as served:
        operator = served.token("--role", "operator")
        assert served.post("/v1/facts", FIRST, operator).status_code == 201

        def client(number: int) -> list[tuple[str, int]]:
            with served.client() as own:
                return [
                    (one["id"], own.post("/v1/facts", content=orjson.dumps(one), headers=operator).status_code)
                    for one in (
                        response(20 * (number // 2) + day, "Brontegard", f"2010-06-{day:02}T10:00:00Z")
                        for day in range(1, 16)
                    )
                ]

        with ThreadPoolExecutor(16) as pool:
            statuses = [one for found in pool.map(client, range(16)) for one in found]
    assert Counter(status for _, status in statuses) == {201: 120, 200: 120}
    events = recorded(tmp_path / "ledger.db")
    assert {name: events[name] for name, _ in statuses} == dict.fromkeys((name for name, _ in statuses), 1)

"""Bodies that are not what they are said to be: what was found is named, and what can be read is read."""

from __future__ import annotations

import gzip
from codecs import BOM_UTF8

import orjson
import pytest

from console.http.bodies import SHOWN_MAX
from tests.console.http.support import Served
from tests.console.support import enrolment

FIRST = enrolment()[0]
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.mark.parametrize("kind", ["text/csv", "application/x-www-form-urlencoded"])
def test_the_type_of_a_body_that_cannot_be_taken_is_named(empty: Served, kind: str) -> None:
    found = empty.post("/v1/facts", FIRST, **{"Content-Type": f"{kind}; charset=utf-8"})
    expected = f"found a body of type '{kind}', expected application/json or application/x-ndjson"
    assert (found.status_code, found.json()["detail"]) == (415, expected)


def test_of_a_type_that_is_long_the_beginning_is_named(empty: Served) -> None:
    found = empty.post("/v1/facts", FIRST, **{"Content-Type": "x" * 5_000})
    assert f"'{'x' * SHOWN_MAX}'," in found.json()["detail"]


@pytest.mark.parametrize(
    ("path", "role"),
    [("/v1/facts", "operator"), ("/v1/status:batch", "auditor"), ("/v1/refusals:retry", "operator")],
)
@pytest.mark.parametrize("kind", [{}, NDJSON], ids=["json", "ndjson"])
def test_a_body_that_is_said_to_be_compressed_is_415_and_not_a_malformed_fact(
    empty: Served, path: str, role: str, kind: dict[str, str]
) -> None:
    found = empty.post(path, gzip.compress(orjson.dumps(FIRST)), role, **kind, **{"Content-Encoding": "GZIP"})
    assert (found.status_code, found.json()["field"]) == (415, "Content-Encoding"), found.text
    assert found.json()["detail"] == "found a body compressed by 'gzip', expected one that is not compressed"
    assert found.headers["accept-encoding"] == "identity"


def test_a_body_that_is_said_to_be_as_it_is_is_taken(empty: Served) -> None:
    assert empty.post("/v1/facts", FIRST, **{"Content-Encoding": "identity"}).status_code == 201


def test_a_byte_order_mark_is_passed_over_as_the_command_does(empty: Served) -> None:
    fact = orjson.dumps(FIRST)
    again = BOM_UTF8 + fact + b"\r\n" + BOM_UTF8 + b"\r\n" + BOM_UTF8 + fact + b"\r\n"
    first = empty.post("/v1/facts", BOM_UTF8 + fact).json()
    assert first["status"] == "accepted"
    assert [one["status"] for one in empty.post("/v1/facts", BOM_UTF8 + b"[" + fact + b"]").json()] == ["duplicate"]
    said = empty.post("/v1/facts", again, **NDJSON).text.splitlines()
    assert [orjson.loads(one)["status"] for one in said] == ["duplicate"] * 2
    question = BOM_UTF8 + b'{"membership":"m-1"}\n'
    seen = NDJSON | {"Min-Position": str(first["position"])}
    assert empty.post("/v1/status:batch", question, "auditor", **seen).json()["membership"] == "m-1"


LINE = orjson.dumps(FIRST) + b"\n"
FOREIGN = {
    "gzip": (gzip.compress(LINE), "found what is compressed by gzip, expected facts as JSON in UTF-8"),
    "UTF-16": (LINE.decode().encode("utf-16"), "found text in UTF-16, expected facts as JSON in UTF-8"),
    "UTF-16 without a mark": (
        LINE.decode().encode("utf-16-le"),
        "found text in UTF-16, expected facts as JSON in UTF-8",
    ),
    "CSV": (
        BOM_UTF8 + b"type,id,membership\r\nenrol-membership,f-1,m-1\r\n",
        "found CSV with the columns type, id, membership, expected facts as JSON in UTF-8",
    ),
    "a spreadsheet": (
        b"PK\x03\x04\x14\x00",
        "found a ZIP archive (a spreadsheet is one too), expected facts as JSON in UTF-8",
    ),
}


@pytest.mark.parametrize("kind", [{}, NDJSON], ids=["json", "ndjson"])
@pytest.mark.parametrize("foreign", FOREIGN)
def test_what_is_no_json_is_named_once_and_no_line_of_it_is_kept_as_a_refused_fact(
    empty: Served, foreign: str, kind: dict[str, str]
) -> None:
    body, expected = FOREIGN[foreign]
    found = empty.post("/v1/facts", body, **kind)
    assert (found.status_code, found.json()["code"], found.json()["detail"]) == (422, "malformed", expected)
    assert empty.get("/v1/refusals", "operator").json()["refusals"] == []


@pytest.mark.parametrize("body", [b"", b" \r\n", BOM_UTF8])
def test_an_empty_body_is_named(empty: Served, body: bytes) -> None:
    found = empty.post("/v1/facts", body)
    expected = "found an empty body, expected a fact, or an array of facts"
    assert (found.status_code, found.json()["detail"]) == (422, expected)


def test_lines_of_facts_that_are_said_to_be_one_are_told_their_type(empty: Served) -> None:
    found = empty.post("/v1/facts", b"\r\n".join(orjson.dumps(one) for one in enrolment()))
    assert (found.status_code, found.json()["field"]) == (422, "Content-Type")
    assert "application/x-ndjson" in found.json()["detail"]


@pytest.mark.parametrize(("path", "role"), [("/v1/facts", "operator"), ("/v1/status:batch", "auditor")])
@pytest.mark.parametrize("kind", [{}, NDJSON], ids=["json", "ndjson"])
def test_a_body_in_windows_1252_is_told_to_be_no_utf8(
    empty: Served, path: str, role: str, kind: dict[str, str]
) -> None:
    body = '[{"type":"x","membership":"Müller"}]'.encode("cp1252")
    found = empty.post(path, body[1:-1] if kind else body, role, **kind)
    byte = body.index(b"\xfc") + (0 if kind else 1)
    said = f"found what is no UTF-8 at byte {byte}, as in Windows-1252, expected JSON in UTF-8"
    assert said in found.text, found.text
    assert found.status_code == (200 if kind else 400)


def test_a_fact_that_is_spread_over_lines_is_one(empty: Served) -> None:
    body = orjson.dumps(FIRST, option=orjson.OPT_INDENT_2)
    assert empty.post("/v1/facts", body + b"\n").json()["status"] == "accepted"


def test_a_first_line_that_is_broken_is_refused_by_itself(empty: Served) -> None:
    said = empty.post("/v1/facts", b"type,id\n" + LINE, **NDJSON).text.splitlines()
    assert [orjson.loads(one)["status"] for one in said] == ["refused", "accepted"]

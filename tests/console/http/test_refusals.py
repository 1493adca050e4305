"""Refused facts over HTTP: kept when they are refused, asked for a page at a time, and taken again after a mend."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import orjson
import pytest

from console.http import refusing
from console.http.refusing import RefusalQueue
from ledger.instants import DAY_US
from ledger.programmes.registry import PROGRAMMES
from ledger.store.sqlite import SQLiteStore
from ledger.writing.refused import RefusalKeeper, TurnedAway
from tests.console.http.process import service_process
from tests.console.http.support import NOW, NOW_US, Served, bearer, serving, token
from tests.console.support import Program, enrolment, fact, response

EVALUATION = fact("record-evaluation", "e-1", "2010-02-01T00:00:00Z", "m-2", evaluation="e-1")
RESPONSE = response(1, "Brontegard", "2010-06-01T10:00:00Z", "m-2")
INVITED = {**RESPONSE, "id": "invited", "response": "r-77", "invitation": "invitation-77"}


def page(served: Served, query: str = "", role: str = "operator") -> Any:
    found = served.get(f"/v1/refusals{query}", role)
    assert found.status_code == 200, found.text
    return found.json()


def ids(served: Served, query: str = "") -> list[str | None]:
    return [one["id"] for one in page(served, query)["refusals"]]


def retry(served: Served, **wanted: Any) -> Any:
    found = served.post("/v1/refusals:retry", wanted)
    assert found.status_code == 200, found.text
    return found.json()


@pytest.fixture
def refused(empty: Served) -> Served:
    """A service that has refused three facts that wait for an enrolment, one of them whole no more, and one that is none."""
    assert empty.post("/v1/facts", EVALUATION).status_code == 422
    found = empty.post("/v1/facts", [RESPONSE, INVITED, {"type": "x", "comment": "hello"}])
    assert [one["status"] for one in found.json()] == ["refused"] * 3
    return empty


def test_whoever_is_told_of_a_refusal_finds_it_kept(refused: Served) -> None:
    assert set(ids(refused)) == {None, "invited", RESPONSE["id"], "e-1"}
    by_id = {one["id"]: one for one in page(refused)["refusals"]}
    evaluation = by_id["e-1"]
    assert evaluation["original"] == EVALUATION
    assert (evaluation["code"], evaluation["field"], evaluation["times"]) == ("unknown-membership", "membership", 1)
    assert evaluation["source"] == "http:unknown"
    assert evaluation["refused_at"] == "2024-12-31T00:00:00.000000Z"
    token_in_place = by_id["invited"]["original"]["invitation"]
    assert by_id["invited"]["original"] == {**INVITED, "invitation": token_in_place}
    assert re.fullmatch("[0-9a-f]{64}", token_in_place)
    assert not by_id["invited"]["whole"]
    said = orjson.dumps(by_id[None]).decode()
    assert "hello" not in said
    assert "comment" not in said
    assert by_id[None]["original"] is None


def test_the_form_that_was_expected_is_kept_with_a_refusal_and_what_stood_there_is_not(empty: Served) -> None:
    told = empty.post("/v1/facts", EVALUATION | {"evaluation": "e 2"}).json()["detail"]
    (kept,) = page(empty)["refusals"]
    assert kept["sentence"] == told
    assert told.startswith("evaluation: found a text of another form, expected one that matches ^[A-Za-z0-9]")


def test_the_invitation_of_an_answer_stands_in_no_file_of_the_store(refused: Served) -> None:
    content = b"".join(path.read_bytes() for path in refused.store.parent.iterdir() if path.is_file())
    assert b"unknown-membership" in content
    assert b"invitation-77" not in content


def test_the_same_fact_again_only_counts(refused: Served) -> None:
    before = len(ids(refused))
    for _ in range(3):
        refused.post("/v1/facts", dict(reversed(EVALUATION.items())))
    assert len(ids(refused)) == before
    assert {one["id"]: one["times"] for one in page(refused)["refusals"]}["e-1"] == 4


def test_the_source_is_a_pseudonym_of_the_subject_and_not_the_subject(empty: Served) -> None:
    for subject in ("jo@example.org", "other"):
        headers = {"Authorization": f"Bearer {token('operator', sub=subject)}", "Content-Type": "application/json"}
        empty.client.post("/v1/facts", content=orjson.dumps({**EVALUATION, "id": subject[:2]}), headers=headers)
    first, second = (one["source"] for one in page(empty)["refusals"])
    assert first != second
    assert all(source.startswith("http:") and len(source) == 21 and "jo" not in source for source in (first, second))
    assert ids(empty, f"?source={second}") == ["jo"]


def test_pages_hold_everything_once_however_many_come_meanwhile(empty: Served) -> None:
    empty.post("/v1/facts", [{**EVALUATION, "id": f"e-{number}"} for number in range(25)])
    seen: list[Any] = []
    found = page(empty, "?limit=10&code=unknown-membership")
    while True:
        seen += [one["number"] for one in found["refusals"]]
        if found["next"] is None:
            break
        empty.post("/v1/facts", {**EVALUATION, "id": f"later-{len(seen)}"})
        found = page(empty, f"?cursor={found['next']}&limit=10")
    assert seen == list(range(25, 0, -1))


def test_refusals_are_asked_for_by_code_and_time(refused: Served) -> None:
    assert ids(refused, "?code=malformed") == [None]
    assert len(ids(refused, "?since=2024-12-31")) == 4
    assert ids(refused, "?until=2024-12-31") == []
    assert page(refused, "?code=consent-missing") == {"refusals": [], "next": None}


@pytest.mark.parametrize(
    "query", ["?code=Nonsense", "?limit=0", "?counts=yes", "?cursor=x", "?source=%00", "?known_at=3"]
)
def test_what_cannot_be_read_is_a_problem(empty: Served, query: str) -> None:
    found = empty.get(f"/v1/refusals{query}", "operator")
    assert (found.status_code, found.json()["code"]) == (400, "bad-input")


def test_a_code_with_which_no_fact_is_refused_is_a_problem_that_names_the_ones_like_it(refused: Served) -> None:
    for role, counts in (("operator", ""), ("operations", "&counts=true")):
        found = refused.get(f"/v1/refusals?code=unknown-membrship{counts}", role)
        assert found.status_code == 400, found.text
        assert (found.json()["code"], found.json()["field"]) == ("bad-input", "code")
        assert "found 'unknown-membrship', expected a code" in found.json()["detail"]
        assert "unknown-membership" in found.json()["detail"]
    asked = refused.post("/v1/refusals:retry", {"code": "unknown-membrship"})
    assert (asked.status_code, asked.json().get("field")) == (400, "code"), asked.text


# roles


def test_operations_see_codes_and_counts_and_nothing_of_a_fact(refused: Served) -> None:
    found = page(refused, "?counts=true", "operations")
    assert {one["code"]: (one["facts"], one["given"]) for one in found["codes"]} == {
        "malformed": (1, 1),
        "unknown-membership": (3, 3),
    }
    assert not any(word in orjson.dumps(found).decode() for word in ("m-2", "e-1", "Brontegard", "http:"))
    for query in ("", "?counts=false", "?code=malformed", "?limit=5"):
        denied = refused.get(f"/v1/refusals{query}", "operations")
        assert (denied.status_code, denied.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("role", ["auditor", "partner", "owner", "subscriber", "admin", None])
def test_nobody_else_sees_anything(refused: Served, role: str | None) -> None:
    expected = 401 if role is None else 403
    for query in ("", "?counts=true"):
        assert refused.get(f"/v1/refusals{query}", role).status_code == expected
    assert refused.post("/v1/refusals:retry", {}, role).status_code == expected


# taken again


def test_what_is_accepted_after_a_mend_is_resolved_and_the_rest_stays(refused: Served) -> None:
    refused.post("/v1/facts", enrolment("m-2")[0])
    found = retry(refused)
    assert (found["accepted"], found["duplicates"], found["refused"], found["left"]) == (2, 0, 0, 2)
    assert found["next"] is None
    assert set(ids(refused)) == {None, "invited"}
    resolved = {one["id"]: one for one in page(refused, "?resolved=true")["refusals"]}
    assert resolved["e-1"]["resolved"] in (found["position"] - 1, found["position"])
    assert resolved["e-1"]["original"] is None
    assert retry(refused) == {**found, "accepted": 0, "position": 0}


def test_what_is_refused_again_counts_up_under_its_new_code(refused: Served) -> None:
    refused.post("/v1/facts", enrolment("m-2")[0])
    refused.post("/v1/facts", {**EVALUATION, "id": "e-0"})
    assert retry(refused, ids=["e-1"])["refused"] == 1
    again = {one["id"]: one for one in page(refused)["refusals"]}["e-1"]
    assert (again["code"], again["field"], again["times"], again["source"]) == (
        "evaluation-exists", "evaluation", 2, "http:unknown",
    )  # fmt: skip


def test_many_are_taken_again_some_at_a_time(empty: Served) -> None:
    empty.post("/v1/facts", [{**EVALUATION, "id": f"e-{number}", "evaluation": f"e-{number}"} for number in range(25)])
    empty.post("/v1/facts", enrolment("m-2")[0])
    after, accepted = 0, []
    while after is not None:
        found = retry(empty, after=after, limit=10, code="unknown-membership")
        accepted.append(found["accepted"])
        after = found["next"]
    assert accepted == [10, 10, 5]


def test_what_was_recorded_and_not_noted_is_a_duplicate_and_resolved(refused: Served) -> None:
    """As after a kill between the two: the fact is in the book, its refusal still open."""
    refused.post("/v1/facts", enrolment("m-2")[0])
    assert refused.post("/v1/facts", EVALUATION).status_code == 201
    found = retry(refused)
    assert (found["accepted"], found["duplicates"]) == (1, 1)
    assert "e-1" not in ids(refused)


def test_a_fact_that_its_source_sent_again_is_resolved_though_not_all_of_it_was_kept(refused: Served) -> None:
    refused.post("/v1/facts", enrolment("m-2")[0])
    at = "2010-05-01T00:00:00Z"
    consent = fact("record-consent", "c", at, "m-2", subject="s-1", customer_org="Brontegard")
    invitation = fact(
        "record-invitation", "i", at, "m-2", subject="s-1", customer_org="Brontegard", invitation="invitation-77",
        channel="operator",
    )  # fmt: skip
    sent = refused.post("/v1/facts", [consent, invitation, INVITED])
    assert {one["status"] for one in sent.json()} == {"accepted"}, sent.text
    assert retry(refused, ids=["invited"])["duplicates"] == 1
    assert "invited" not in ids(refused)


@pytest.mark.parametrize(
    "body",
    [[], "x", {"limit": 0}, {"limit": 1_001}, {"ids": [""]}, {"king": 1}, {"after": -1}, {"ids": "e-1"}, b"nonsense"],
)
def test_a_request_to_retry_that_cannot_be_read_is_a_problem(empty: Served, body: Any) -> None:
    found = empty.post("/v1/refusals:retry", body)
    assert (found.status_code, found.json()["code"]) == (400, "bad-input"), found.text


@pytest.mark.parametrize(
    ("body", "detail", "field"),
    [
        ({"limit": 0}, "found less than 1, expected 1 at least", "limit"),
        ({"limit": "5"}, "found what is no whole number, expected one", "limit"),
        ({"ids": "e-1"}, "found no list, expected one", "ids"),
        ({"king": 1}, "found a member that there is not, expected none", "king"),
        ([], "found no object, expected one", None),
        (b'{"ids":["e-1"],"ids":["e-2"]}', "found a member more than once, expected each once", None),
        (b'{"code":"\xfc"}', "found what is no UTF-8 at byte 10, as in Windows-1252, expected JSON in UTF-8", None),
    ],
)
def test_what_is_wrong_with_a_request_to_retry_is_told(
    empty: Served, body: Any, detail: str, field: str | None
) -> None:
    found = empty.post("/v1/refusals:retry", body).json()
    assert (found["detail"], found.get("field")) == (detail, field)


def test_ndjson_is_no_request_to_retry(empty: Served) -> None:
    headers = bearer("operator") | {"Content-Type": "application/x-ndjson"}
    found = empty.client.post("/v1/refusals:retry", content=b"{}", headers=headers)
    detail = "found a body of type 'application/x-ndjson', expected application/json"
    assert (found.status_code, found.json()["detail"]) == (415, detail)


def test_the_command_shows_what_the_service_has_kept(refused: Served, program: Program) -> None:
    program.now(NOW)
    shown = program.run_bare("--store", refused.store, "--json", "refusals").lines
    assert shown == page(refused)["refusals"]
    counts = program.run_bare("--store", refused.store, "--json", "refusals", "--counts").lines
    assert counts == page(refused, "?counts=true")["codes"]


@pytest.mark.server
def test_refusals_are_kept_and_taken_again_on_postgresql(postgres_url: str) -> None:
    with serving(postgres_url) as served, serving(postgres_url) as other:
        served.post("/v1/facts", [EVALUATION, RESPONSE])
        assert set(ids(other)) == {"e-1", RESPONSE["id"]}
        served.post("/v1/facts", enrolment("m-2")[0])
        assert retry(other)["accepted"] == 2
        assert ids(served) == []


# when it goes wrong


def test_a_refusal_that_cannot_be_kept_is_told_all_the_same_and_said(
    empty: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: SQLiteStore) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(SQLiteStore, "keeping_refusals", full)
        assert empty.post("/v1/facts", EVALUATION).status_code == 422
    assert any("refused facts cannot be kept" in said and "No space" in said for said in empty.said)
    assert ids(empty) == []


def test_what_is_refused_under_a_clock_ten_years_ahead_deletes_nothing_that_was_refused_before(tmp_path: Path) -> None:
    store = tmp_path / "ledger.db"
    with serving(store) as served:
        assert served.post("/v1/facts", enrolment()).status_code == 200
        assert served.post("/v1/facts", EVALUATION).status_code == 422
    with serving(store, now_us=NOW_US + 3_650 * DAY_US) as served:
        assert (
            served.post("/v1/facts", response(1, "Brontegard", "2010-06-01T10:00:00Z")).json()["code"] == "clock-ahead"
        )
        assert served.post("/v1/facts", {"type": "x"}).status_code == 422
        assert set(ids(served)) == {None, "e-1"}


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[RefusalKeeper]:
    store = SQLiteStore(tmp_path / "queue.db")
    said: list[str] = []
    yield RefusalKeeper(store, PROGRAMMES.facts, lambda: 0, said.append)
    store.close()


def a_refusal(number: int) -> TurnedAway:
    line = orjson.dumps({**EVALUATION, "id": f"e-{number}"})
    return TurnedAway(line, None, "unknown-membership", "no such", None, "http:x")


def test_what_was_handed_in_is_kept_at_the_end_though_nobody_waits(keeper: RefusalKeeper) -> None:
    queue = RefusalQueue(keeper)
    for number in range(100):
        queue.submit([a_refusal(number)])
    queue.close()
    assert keeper._store.refusals.last_number() == 100


def test_beyond_its_bound_the_queue_gives_up_and_counts(keeper: RefusalKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusing, "QUEUE_MAX", 3)
    queue = RefusalQueue(keeper)
    queue.submit([a_refusal(number) for number in range(5)])
    asyncio.run(queue.kept())
    queue.close()
    assert (queue.unkept, keeper._store.refusals.last_number()) == (2, 3)


def test_an_answer_waits_for_a_moment_at_most(keeper: RefusalKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusing, "PATIENCE_S", 0.05)
    queue = RefusalQueue(keeper)
    with keeper._store.writing():  # another has the store
        queue.submit([a_refusal(1)])
        asyncio.run(queue.kept())
        assert keeper._store.refusals.last_number() == 0
    queue.close()
    assert keeper._store.refusals.last_number() == 1


def test_a_fault_over_one_does_not_end_the_thread(keeper: RefusalKeeper) -> None:
    queue = RefusalQueue(keeper)
    queue.submit([TurnedAway(b"{}", None, None, "x", None, "http:x")])  # type: ignore[arg-type]
    asyncio.run(queue.kept())
    queue.submit([a_refusal(1)])
    queue.close()
    assert keeper._store.refusals.last_number() == 1
    assert queue.unkept == 1


def test_a_retry_survives_a_kill_with_nothing_lost_or_double(tmp_path: Path) -> None:
    evaluations = [{**EVALUATION, "id": f"e-{number}", "evaluation": f"e-{number}"} for number in range(400)]
    with service_process(tmp_path, "--dev", CSAT_LEDGER_NOW=NOW) as running:
        headers = running.token("--role", "operator")
        running.post("/v1/facts", evaluations, headers)
        running.post("/v1/facts", enrolment("m-2")[0], headers)
        kill_soon(running.process.pid)
        with running.client() as client, pytest.raises(httpx.TransportError):
            retried_for_ever(client, headers)
        running.process.wait(30)
    with service_process(tmp_path, "--dev", CSAT_LEDGER_NOW=NOW) as running:
        headers = running.token("--role", "operator")
        found = running.post("/v1/refusals:retry", {"limit": 1_000}, headers).json()
        assert found["refused"] == found["left"] == 0
        assert running.get("/v1/refusals", headers).json()["refusals"] == []
        again = running.post("/v1/facts", evaluations, headers).json()
        assert {one["status"] for one in again} == {"duplicate"}
        assert len({one["position"] for one in again}) == 400


def retried_for_ever(client: httpx.Client, headers: dict[str, str]) -> None:
    """Takes all again, seven at a time, until the service is gone."""
    after = 0
    while True:
        wanted = orjson.dumps({"limit": 7, "after": after})
        after = client.post("/v1/refusals:retry", content=wanted, headers=headers).json()["next"] or 0


def kill_soon(pid: int) -> None:
    """SIGKILL in a moment, while the first hundred or so are taken again."""
    timer = Timer(0.15, os.kill, (pid, signal.SIGKILL))
    timer.daemon = True
    timer.start()

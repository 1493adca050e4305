"""Erasing over HTTP, and who read whom: for an admin alone, who sees nobody's contact; all or none, and each once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.http.roles import ROLES
from console.wiring import open_store
from ledger.vault.access_log import Access
from ledger.vault.exports import new_export, note_export
from tests.console.http.support import NOW_US, Served, make_book, make_vault, serving, token, vault_beside
from tests.console.http.test_openapi import answer_schema, operations, wrong_with
from tests.console.http.test_people import HIDDEN, WHY, log
from tests.ledger.vault.support import ANNA, line

ERASURES = "/v1/erasures"
REPORT = "/v1/access-report"
REASON = "request for erasure 31"
OPERATIONS = {one["operationId"]: one for _, _, one in operations()}


@pytest.fixture
def people(tmp_path: Path) -> Iterator[Served]:
    store = tmp_path / "ledger.db"
    place = make_vault(store)
    make_book(store, place)
    with serving(store, vault=place) as served:
        yield served


def anna(served: Served) -> str:
    """The subject of a contact, whom an export listed."""
    with vault_beside(served.store).vault() as vault:
        (kept,) = vault.keep("m-1", [line(2, ANNA)], NOW_US)
        note_export(vault, Access(NOW_US, "clerk", "x"), "contacts", new_export(), "m-1", subjects=[kept.subject])
    return kept.subject


def erase(served: Served, *subjects: str, role: str | None = "admin", reason: Any = REASON) -> Any:
    return served.post(ERASURES, {"subjects": list(subjects), "reason": reason}, role)


def in_book(served: Served) -> list[tuple[str, str]]:
    with closing(open_store(str(served.store), create=False)) as store:
        return [(row.type, orjson.loads(row.stored)["data"]["subject"]) for row in store.read_stream("log")]


def test_an_admin_erases_subjects_by_contact_and_by_link_and_the_book_says_so(people: Served) -> None:
    subject = anna(people)
    found = erase(people, subject, "subject-18", subject)
    assert (found.status_code, found.headers["cache-control"]) == (200, "private, no-store"), found.text
    assert wrong_with(answer_schema(OPERATIONS["erasures"], found), found.json()) == []
    assert [(one["subject"], one["outcome"], len(one["exports"])) for one in found.json()] == [
        (subject, "erased", 1), ("subject-18", "erased", 0)
    ]  # fmt: skip
    assert sorted(in_book(people)) == sorted(
        (kind, one) for one in (subject, "subject-18") for kind in ("ErasureRequested", "ErasureCompleted")
    )
    comments = people.get(f"/v1/memberships/m-1/comments?{WHY}", "operator").json()["comments"]
    assert [one["comment"] for one in comments] == [HIDDEN]
    again = erase(people, subject).json()
    assert again == [found.json()[0] | {"outcome": "erased-before"}]
    assert len(in_book(people)) == 4
    assert ("admin", "erased", subject, REASON) in log(people)


def test_an_unknown_subject_is_404_and_then_nobody_is_erased(people: Served) -> None:
    subject = anna(people)
    found = erase(people, subject, "s-nobody")
    assert (found.status_code, found.json()["code"]) == (404, "unknown-subject")
    assert in_book(people) == []
    with vault_beside(people.store).vault() as vault:
        assert vault.subjects("m-1", [subject]) == {subject}


@pytest.mark.parametrize("role", [*ROLES, None])
def test_who_may_ask(people: Served, role: str | None) -> None:
    expected = 200 if role == "admin" else 401 if role is None else 403
    assert erase(people, "subject-18", role=role).status_code == expected
    assert people.get(REPORT, role).status_code == expected
    assert (in_book(people) != []) == (role == "admin")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"subjects": ["subject-18"]}, "malformed", "reason"),
        ({"subjects": [], "reason": REASON}, "malformed", "subjects"),
        ({"subjects": ["s"] * 1_001, "reason": REASON}, "malformed", "subjects"),
        ({"subjects": ["anna@example.org"], "reason": REASON}, "malformed", "subjects"),
        ({"subjects": "subject-18", "reason": REASON}, "malformed", "subjects"),
        ({"subjects": ["subject-18"], "reason": "for anna@example.org"}, "bad-input", "reason"),
        ({"subjects": ["subject-18"], "reason": REASON, "why": 1}, "malformed", "why"),
    ],
)
def test_what_cannot_be_meant_is_400_repeats_no_address_and_erases_nobody(
    people: Served, body: Any, code: str, field: str
) -> None:
    found = people.post(ERASURES, body, "admin")
    assert (found.status_code, found.json()["code"], found.json()["field"]) == (400, code, field)
    assert "anna@" not in found.text
    assert in_book(people) == []


def test_a_request_that_names_subjects_twice_erases_neither(people: Served) -> None:
    """A reader keeps the first, another the last: who was to be erased is not known."""
    body = b'{"subjects":["subject-17"],"subjects":["subject-18"],"reason":"asked for"}'
    found = people.post(ERASURES, body, "admin")
    assert (found.status_code, found.json()["detail"]) == (400, "found a member more than once, expected each once")
    assert in_book(people) == []


def test_the_report_has_each_reading_once_a_page_at_a_time_also_of_who_was_erased(people: Served) -> None:
    subject = anna(people)
    with vault_beside(people.store).vault() as vault:
        for number in range(4):
            vault.show(subject, Access(NOW_US + number, "clerk", f"request {number}"))
    erase(people, subject)
    found, after = [], 0
    for _ in range(9):
        answer = people.get(f"{REPORT}?subject={subject}&limit=2&after={after}", "admin")
        assert wrong_with(answer_schema(OPERATIONS["access-report"], answer), answer.json()) == []
        found += [(one["action"], one["reason"]) for one in answer.json()["entries"]]
        if answer.json()["next"] is None:
            break
        after = answer.json()["next"]
    assert found == [*(("shown", f"request {number}") for number in range(4)), ("erased", REASON)]
    assert ANNA.email not in people.get(REPORT, "admin").text
    assert people.get(f"{REPORT}?since=2090-01-01", "admin").json() == {"entries": [], "next": None}
    assert people.get(f"{REPORT}?limit=0", "admin").status_code == 400
    assert people.get(f"{REPORT}?subject=", "admin").status_code == 400


def test_who_erased_stands_in_the_access_log_and_no_mail_address(people: Served) -> None:
    headers = {"Authorization": f"Bearer {token('admin', sub='jo@example.org')}"}
    body = {"subjects": ["subject-18"], "reason": REASON}
    assert people.client.post(ERASURES, json=body, headers=headers).status_code == 200
    ((actor, *_),) = log(people)
    role, _, who = actor.partition(" ")
    assert (role, len(who)) == ("admin", 16)
    assert int(who, 16) >= 0


def test_without_a_vault_it_says_so(tmp_path: Path) -> None:
    make_book(tmp_path / "ledger.db")
    with serving(tmp_path / "ledger.db") as served:
        for found in (erase(served, "subject-18"), served.get(REPORT, "admin")):
            assert (found.status_code, found.json()["code"]) == (404, "no-vault")

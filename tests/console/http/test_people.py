"""What respondents said over HTTP: for whom, with which reason, and without who withholds; each reading on record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.http.roles import ROLES
from ledger.vault.access_log import Access, entries
from ledger.vault.exports import exports
from ledger.vault.showing import clear_comments
from tests.console.http.support import COMMENTS as SAID
from tests.console.http.support import (
    INVITATIONS,
    VAULT_KEY,
    Served,
    make_book,
    make_vault,
    serving,
    token,
    vault_beside,
)
from tests.console.http.test_openapi import answer_schema, operations, wrong_with
from tests.console.support import fact

RESPONSES = "/v1/memberships/m-1/responses"
COMMENTS = "/v1/memberships/m-1/comments"
WHY = "reason=monthly%20clearing"
NAMED = {"response": "response-open-2", "invitation": INVITATIONS[1], "comment": SAID["response-open-2"]}
HIDDEN = SAID["response-hidden-1"]


@pytest.fixture
def people(tmp_path: Path) -> Iterator[Served]:
    store = tmp_path / "ledger.db"
    place = make_vault(store)
    make_book(store, place)
    with serving(store, vault=place) as served:
        yield served


def log(served: Served) -> list[tuple[str, str, str, str]]:
    with vault_beside(served.store).vault() as vault:
        return [(one.actor, one.action, one.subject, one.reason) for one in entries(vault.database)]


def seen(served: Served, query: str = "") -> Any:
    found = served.get(f"{RESPONSES}{query}", "partner")
    assert found.status_code == 200, found.text
    assert found.headers["cache-control"] == "private, no-store"
    return found.json()


def test_a_partner_sees_links_and_comments_of_who_is_not_anonymous_and_gives_no_reason(people: Served) -> None:
    assert seen(people) == {"responses": [NAMED], "next": None}
    subject = "response/m-1/response-open-2"
    assert log(people) == [("partner", what, subject, "the partner's own view") for what in ("comment", "link")]
    denied = people.get(f"{RESPONSES}?{WHY}", "partner")
    assert (denied.status_code, denied.json()["field"]) == (403, "reason")


def test_the_operator_says_why_and_sees_every_comment(people: Served) -> None:
    found = people.get(f"{COMMENTS}?{WHY}", "operator").json()
    assert [(one["response"], one["anonymous"], one["comment"]) for one in found["comments"]] == [
        ("response-hidden-1", True, HIDDEN), ("response-open-2", False, "They were on time."),
    ]  # fmt: skip
    to_clear = people.get(f"{COMMENTS}?{WHY}&to_clear=true", "operator").json()
    assert [one["response"] for one in to_clear["comments"]] == ["response-hidden-1"]
    assert people.get(f"{RESPONSES}?{WHY}", "operator").json()["responses"] == [NAMED]
    assert {(actor, reason) for actor, _, _, reason in log(people)} == {("operator", "monthly clearing")}


@pytest.mark.parametrize("path", [RESPONSES, COMMENTS])
def test_without_a_reason_or_with_one_that_names_somebody_nothing_is_read(people: Served, path: str) -> None:
    none = people.get(path, "operator")
    assert (none.status_code, none.json()["field"]) == (403, "reason")
    named = people.get(f"{path}?reason=jo@example.org", "operator")
    assert (named.status_code, named.json()["code"]) == (400, "bad-input")
    assert "jo@" not in named.text
    assert log(people) == []


@pytest.mark.parametrize("role", [*ROLES, None])
@pytest.mark.parametrize("path", [RESPONSES, COMMENTS])
def test_who_may_ask(people: Served, path: str, role: str | None) -> None:
    query = f"?{WHY}" if role == "operator" else ""
    may = role == "operator" or (role == "partner" and path == RESPONSES)
    assert people.get(f"{path}{query}", role).status_code == (200 if may else 401 if role is None else 403)
    if not may:
        assert log(people) == []


def test_a_partner_learns_nothing_of_others(people: Served) -> None:
    there, nowhere = (people.get(RESPONSES.replace("m-1", one), "partner") for one in ("m-2", "m-nowhere"))
    assert (there.status_code, there.content) == (403, nowhere.content)
    assert people.get(f"{RESPONSES.replace('m-1', 'm-nowhere')}?{WHY}", "operator").status_code == 404


def test_once_anonymity_is_chosen_the_partner_sees_neither_link_nor_comment(people: Served) -> None:
    at = "2012-01-01T00:00:00Z"
    chosen = fact("choose-anonymity", "chosen", at, response="response-open-2")
    assert people.post("/v1/facts", chosen).status_code == 201
    assert seen(people)["responses"] == []
    with vault_beside(people.store).vault() as vault, vault.database.writing() as transaction:
        transaction.execute("UPDATE answers SET cleared = 1")
    assert {one["comment"] for one in seen(people)["responses"]} == {HIDDEN, NAMED["comment"]}
    assert {(one["response"], one["invitation"]) for one in seen(people)["responses"]} == {(None, None)}
    void = fact("void-response", "void", at, response="response-open-2", reason="withdrawn")
    assert people.post("/v1/facts", void).status_code == 201
    assert [one["comment"] for one in seen(people)["responses"]] == [HIDDEN]


def test_what_a_partner_read_is_listed_among_what_is_to_be_asked_back(people: Served) -> None:
    def handed_out(**of: Any) -> list[tuple[str, str, int, int]]:
        with vault_beside(people.store).vault() as vault:
            return [(one.what, one.actor, one.people, one.to_withdraw) for one in exports(vault.database, **of)]

    assert handed_out() == []
    seen(people)
    people.get(f"{RESPONSES}?{WHY}", "operator")  # who may see all of it
    assert handed_out() == [("reading", "partner", 1, 0)]
    assert handed_out(to_withdraw=True) == handed_out(membership="m-2") == []
    with vault_beside(people.store).vault() as vault:
        clear_comments(vault, "m-1", ["response-hidden-1"], Access(1, "operator", "monthly clearing"))
    seen(people)
    with vault_beside(people.store).vault() as vault:
        clear_comments(vault, "m-1", ["response-hidden-1"], Access(2, "operator", "a mistake"), cleared=False)
    found = handed_out(to_withdraw=True)
    assert [(what, number) for what, _, _, number in found] == [("reading", 1)]
    assert (people.post("/v1/facts", fact("choose-anonymity", "a-1", "2010-07-01T00:00:00Z", response="response-open-2"),
                        "operator").status_code) == 201  # fmt: skip
    seen(people)  # the vault hears of it
    assert sum(number for _, _, _, number in handed_out(to_withdraw=True)) == 2  # the clock stands: one export


def test_a_page_at_a_time_each_once(people: Served) -> None:
    from ledger.vault.responses import Responses, Said

    with vault_beside(people.store).vault() as vault:
        said = [Said(f"x-{n}", "m-1", f"x-{n}", False, f"i-{n}", None, f"comment {n}") for n in range(5)]
        responses = Responses(vault)
        macs = responses.pend(said, 1, lambda _: ())
        responses.conclude({one.fact: (one, two.mac) for one, two in zip(said, macs, strict=True)}, (), (), 1)
    for path, role, members, more in (
        (RESPONSES, "partner", "responses", ""), (COMMENTS, "operator", "comments", f"&{WHY}"),
    ):  # fmt: skip
        found, after = [], ""
        for _ in range(9):
            page = people.get(f"{path}?limit=2{after}{more}", role).json()
            found += [one["response"] for one in page[members]]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert [one for one in found if one.startswith("x-")] == [f"x-{n}" for n in range(5)]
        assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("subject", "stands"), [("clerk-7", "clerk-7"), ("jo@example.org", None), ("x" * 41, None), ("a\tb", None)]
)
def test_who_reads_stands_in_the_access_log_and_no_mail_address(
    people: Served, subject: str, stands: str | None
) -> None:
    headers = {"Authorization": f"Bearer {token('operator', sub=subject)}"}
    assert people.client.get(f"{COMMENTS}?{WHY}", headers=headers).status_code == 200
    (actor,) = {one[0] for one in log(people)}
    role, _, who = actor.partition(" ")
    assert role == "operator"
    assert who == stands if stands else (len(who) == 16 and int(who, 16) >= 0)


def test_without_a_vault_and_with_one_that_cannot_be_used_it_says_so(tmp_path: Path) -> None:
    store = tmp_path / "ledger.db"
    place = make_vault(store)
    make_book(store, place)
    with serving(store) as served:
        found = served.get(RESPONSES, "partner")
        assert (found.status_code, found.json()["code"]) == (404, "no-vault")
    (tmp_path / VAULT_KEY).rename(tmp_path / "elsewhere")
    with serving(store, vault=place) as served:
        found = served.get(RESPONSES, "partner")
        assert (found.status_code, found.json()["code"]) == (503, "vault-key-missing")
        served.faults.clear()
        (tmp_path / "elsewhere").rename(tmp_path / VAULT_KEY)
        assert seen(served)["responses"] == [NAMED]


@pytest.mark.parametrize(("name", "path"), [("responses", RESPONSES), ("comments", COMMENTS)])
def test_answers_are_what_the_document_says(people: Served, name: str, path: str) -> None:
    operation = next(one for _, _, one in operations() if one["operationId"] == name)
    found = people.get(f"{path}?{WHY}", "operator")
    assert wrong_with(answer_schema(operation, found), found.json()) == []
    problem = people.get(path, "operator")
    assert wrong_with(answer_schema(operation, problem), problem.json()) == []

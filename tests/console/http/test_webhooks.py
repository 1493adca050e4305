"""Webhooks over HTTP: an admin has all, a subscriber its own; a secret is shown once, and lies in no database."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.http.embedded import WEBHOOKS, Embedded
from console.http.openapi import document
from console.http.roles import ROLES
from consumers.webhooks.backlog import backlog
from consumers.webhooks.registry import Held, Progress, save, webhooks
from consumers.webhooks.secrets import load_secrets
from consumers.webhooks.shown import all_shown, all_waiting
from ledger.store.sqlite import SQLiteStore
from tests.console.http.support import NOW_US, Served, make_book, serving, token
from tests.console.http.test_metrics import Scraped
from tests.console.http.test_openapi import answer_schema, wrong_with
from tests.console.support import met
from tests.consumers.support import eventually
from tests.consumers.webhooks.support import Inbox, TowerClock, inbox, quick, register

DOCUMENT: dict[str, Any] = orjson.loads(document())
HOOK = {"url": "https://crm.example/hooks?token=hush"}
PATH = "/v1/webhooks"


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Served]:
    make_book(tmp_path / "ledger.db")
    with serving(tmp_path / "ledger.db", Embedded(webhook_secrets=tmp_path / "secrets")) as found:
        yield found


def who(role: str, subject: str | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(role, sub=subject)}", "Content-Type": "application/json"}


def ask(hooks: Served, method: str, path: str, headers: dict[str, str], body: Any = None) -> Any:
    """An answer, which is what the document says."""
    content = None if body is None else orjson.dumps(body)
    found = hooks.client.request(method, path, headers=headers, content=content)
    name = re.sub("wh-[0-9a-f]+", "{webhook}", path.partition("?")[0])
    operation = DOCUMENT["paths"][name][method.lower()]
    assert str(found.status_code) in operation["responses"], found.text
    if found.content:
        assert wrong_with(answer_schema(operation, found), found.json()) == []
    return found


def made(hooks: Served, headers: dict[str, str], **more: Any) -> dict[str, Any]:
    found = ask(hooks, "POST", PATH, headers, HOOK | more)
    assert found.status_code == 201, found.text
    answer: dict[str, Any] = found.json()
    return answer


ADMIN = who("admin")
ANNE, BERT = who("subscriber", "anne"), who("subscriber", "bert")


def test_a_webhook_is_registered_shown_once_with_its_secret_and_removed_with_it(hooks: Served, tmp_path: Path) -> None:
    found = made(hooks, ADMIN, types=["EligibilityChanged"], after=0)
    file = tmp_path / "secrets" / f"{found['id']}.secret"
    assert load_secrets(file) == (found["secret"],)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    listed = ask(hooks, "GET", PATH, ADMIN)
    (shown,) = listed.json()
    assert (shown["id"], shown["url"], shown["owner"]) == (found["id"], "https://crm.example/hooks?…", None)
    assert shown["waiting"] > 0
    assert found["secret"] not in listed.text
    assert "hush" not in listed.text
    word = found["secret"].removeprefix("whsec_").encode()
    assert all(word not in one.read_bytes() for one in tmp_path.glob("ledger.db*") if one.is_file())
    assert ask(hooks, "DELETE", f"{PATH}/{found['id']}", ADMIN).status_code == 204
    assert ask(hooks, "GET", PATH, ADMIN).json() == []
    assert not file.exists()


def test_a_subscriber_has_its_own_webhooks_and_those_of_others_are_not_there(hooks: Served) -> None:
    mine, theirs = made(hooks, ANNE)["id"], made(hooks, BERT)["id"]
    assert [one["id"] for one in ask(hooks, "GET", PATH, ANNE).json()] == [mine]
    assert {one["owner"] for one in ask(hooks, "GET", PATH, ADMIN).json()} == {"anne", "bert"}
    nobodys = "wh-000000000000"
    for method, more, body in (("DELETE", "", None), ("GET", "/waiting", None), ("POST", "/replay", {"after": 0})):
        of_another = ask(hooks, method, f"{PATH}/{theirs}{more}", ANNE, body)
        of_nobody = ask(hooks, method, f"{PATH}/{nobodys}{more}", ANNE, body)
        assert of_another.status_code == of_nobody.status_code == 404
        assert of_another.content == of_nobody.content
    assert ask(hooks, "DELETE", f"{PATH}/{theirs}", ADMIN).status_code == 204


@pytest.mark.parametrize("subject", [None, "", "a\x00b", "x" * 201])
def test_a_subscriber_without_a_subject_that_can_be_kept_has_none(hooks: Served, subject: Any) -> None:
    assert ask(hooks, "GET", PATH, who("subscriber", subject)).status_code == 403
    assert ask(hooks, "POST", PATH, who("subscriber", subject), HOOK).status_code == 403


@pytest.mark.parametrize("role", [role for role in ROLES if role not in ("admin", "subscriber")])
def test_nobody_else_has_any(hooks: Served, role: str) -> None:
    for method, path, body in (("GET", PATH, None), ("POST", PATH, HOOK), ("DELETE", f"{PATH}/wh-000000000000", None)):
        assert ask(hooks, method, path, who(role, "anne"), body).status_code == 403


def test_a_subscriber_may_have_a_few(hooks: Served) -> None:
    for _ in range(5):
        made(hooks, ANNE)
    found = ask(hooks, "POST", PATH, ANNE, HOOK)
    assert (found.status_code, found.json()["code"]) == (400, "bad-input")
    made(hooks, BERT)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://crm.example/"}, "url"),
        ({"url": "https://a:b@crm.example/"}, "url"),
        ({"url": "https://crm.example:22/"}, "url"),
        ({"url": 7}, "url"),
        ({}, "url"),
        ({"url": "https://crm.example/", "types": ["Weather"]}, "types"),
        ({"url": "https://crm.example/", "after": -1}, "after"),
        ({"url": "https://crm.example/", "allow_private": True}, "allow_private"),
    ],
)
def test_a_webhook_that_cannot_be_is_refused_and_leaves_no_secret(
    hooks: Served, tmp_path: Path, body: Any, field: str
) -> None:
    found = ask(hooks, "POST", PATH, ADMIN, body)
    assert (found.status_code, found.json()["field"]) == (400, field), found.text
    assert list(tmp_path.glob("secrets/*")) == []


@pytest.mark.parametrize(
    ("body", "detail", "field"),
    [
        ({"url": "http://crm.example/"}, "found a text of another form, expected one that matches ^https://", "url"),
        ({}, "found none, expected one", "url"),
        (HOOK | {"after": "0"}, "found what is no whole number, expected one", "after"),
        (HOOK | {"types": "EligibilityChanged"}, "found no list, expected one", "types"),
        (HOOK | {"king": 1}, "found a member that there is not, expected none", "king"),
        ([], "found no object, expected one", None),
    ],
)
def test_what_is_wrong_with_a_webhook_is_told(hooks: Served, body: Any, detail: str, field: str | None) -> None:
    found = ask(hooks, "POST", PATH, ADMIN, body).json()
    assert (found["detail"], found.get("field")) == (detail, field)


def test_a_position_beyond_the_end_is_unknown(hooks: Served) -> None:
    assert ask(hooks, "POST", PATH, ADMIN, HOOK | {"after": 10**9}).status_code == 409
    name = made(hooks, ADMIN, after=3)["id"]
    found = ask(hooks, "POST", f"{PATH}/{name}/replay", ADMIN, {"after": 4})
    assert (found.status_code, found.json()["field"]) == (400, "after")


def test_what_is_parked_is_shown_and_replayed(hooks: Served, tmp_path: Path) -> None:
    name = made(hooks, ANNE, after=0)["id"]
    store = SQLiteStore(tmp_path / "ledger.db")
    (hook,) = webhooks(store)
    end = store.max_position()
    held = [Held(f"m-{n}", n, 1, 2, 3, n == 1, "found status 500, expected 2xx") for n in (1, 2)]
    mark = hook.mark._replace(position=end)
    assert save(store, [Progress(name, 0, mark, "", {one.membership: one for one in held})]) == []
    store.close()
    waiting = ask(hooks, "GET", f"{PATH}/{name}/waiting", ANNE).json()
    assert [(one["membership"], one["parked"]) for one in waiting] == [("m-1", True), ("m-2", False)]
    assert len(ask(hooks, "GET", f"{PATH}/{name}/waiting?parked=true", ANNE).json()) == 1
    assert ask(hooks, "GET", f"{PATH}/{name}/waiting?parked=perhaps", ANNE).status_code == 400
    found = ask(hooks, "POST", f"{PATH}/{name}/replay", ANNE, {"after": 1})
    assert found.json() == {"id": name, "after": 1, "before": end}
    waiting = ask(hooks, "GET", f"{PATH}/{name}/waiting", ANNE).json()
    assert [(one["membership"], one["parked"]) for one in waiting] == [("m-1", False)]


def test_whoever_registers_urls_is_not_told_what_names_lead_to_here_nor_where_secrets_lie(
    hooks: Served, tmp_path: Path
) -> None:
    name = made(hooks, ANNE, after=0)["id"]
    reasons = {
        "m-1": "found 10.1.2.3, which is private, expected a public address, or a network that is allowed",
        "m-2": "found no answer: [Errno -2] Name or service not known",
        "m-3": "found no answer: [Errno 111] Connection refused",
        "m-4": "found status 404, expected 2xx",
        "m-5": "found no answer: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
    }
    store = SQLiteStore(tmp_path / "ledger.db")
    (hook,) = webhooks(store)
    mark = hook.mark._replace(position=store.max_position())
    held = {m: Held(m, number, 1, 2, 3, False, reason) for number, (m, reason) in enumerate(reasons.items(), 1)}
    trouble = f"{hook.secret_file}: found No such file or directory, expected a webhook's secrets"
    assert save(store, [Progress(name, 0, mark, trouble, held)]) == []
    assert {one.reason for one in all_waiting(store, [hook], parked=False)} == set(reasons.values())
    assert [one.trouble for one in all_shown(store)] == [trouble]
    store.close()
    for headers in (ANNE, ADMIN):
        waiting = ask(hooks, "GET", f"{PATH}/{name}/waiting", headers)
        told = {one["membership"]: one["reason"] for one in waiting.json()}
        assert told["m-1"] == told["m-2"] == told["m-3"]
        assert {m: told[m] for m in ("m-4", "m-5")} == {m: reasons[m] for m in ("m-4", "m-5")}
        assert "10.1.2.3" not in waiting.text
        listed = ask(hooks, "GET", PATH, headers)
        assert "the file of its secret cannot be used" in listed.json()[0]["trouble"]
        assert str(tmp_path) not in listed.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_no_secret_is_put_into_a_folder_of_another_user(hooks: Served, tmp_path: Path) -> None:
    """He could put one of his own in its place, and sign what is sent."""
    (tmp_path / "secrets").mkdir(mode=0o755)
    os.chown(tmp_path / "secrets", 65_534, 65_534)
    found = ask(hooks, "POST", PATH, ADMIN, HOOK)
    assert (found.status_code, found.json()["code"]) == (503, "store-unreachable")
    assert "65534" not in found.text
    assert list(tmp_path.glob("secrets/*")) == []
    (fault,) = hooks.faults
    assert "found a folder of user 65534" in str(fault)
    hooks.faults.clear()


def test_without_a_folder_for_secrets_none_is_registered(empty: Served) -> None:
    found = empty.post(PATH, HOOK, "admin")
    assert (found.status_code, found.json()["code"]) == (503, "webhook-secrets-missing")


def hooked(folder: Path, receiver: Inbox) -> Path:
    """A book with a webhook from its beginning on, to a receiver that goes by the service's clock."""
    store = folder / "ledger.db"
    make_book(store)
    book = SQLiteStore(store)
    register(book, receiver.url, folder / "hook.secret")
    book.close()
    clock = TowerClock()
    clock.ahead_us = NOW_US - clock()
    receiver.clock = clock
    return store


def waits(store: Path) -> int:
    book = SQLiteStore(store)
    try:
        return sum(one.waiting for one in backlog(book))
    finally:
        book.close()


def test_a_service_sends_what_is_announced_beside_answering_and_of_two_one_does(tmp_path: Path) -> None:
    with inbox(tmp_path) as receiver:
        store = hooked(tmp_path, receiver)
        does = Embedded(webhooks=quick(), webhook_secrets=tmp_path / "secrets")
        with serving(store, does) as one:
            eventually(lambda: waits(store) == 0, "all is sent")
            number = len(receiver.got)
            assert number > 2
            with serving(store, does) as two:
                eventually(lambda: two.duties[WEBHOOKS].standby, "the second stands by")
                assert {said["status"] for said in two.post("/v1/facts", met("m-9")).json()} == {"accepted"}
                eventually(lambda: len(receiver.got) > number, "what it takes in is sent by the first")
            assert not one.duties[WEBHOOKS].failed
            assert one.duties[WEBHOOKS].position > 0
            (name,) = Scraped(one).values("webhook")
            eventually(lambda: Scraped(one)("webhook_waiting", webhook=name) == 0, "it is told that nothing waits")
            assert Scraped(one)("webhook_parked", webhook=name) == 0
    assert not receiver.wrong


def test_what_waits_for_a_receiver_that_is_gone_is_among_the_figures(tmp_path: Path) -> None:
    with inbox(tmp_path) as receiver:
        store = hooked(tmp_path, receiver)
    with serving(store, Embedded(webhooks=quick(), webhook_secrets=tmp_path / "secrets")) as served:
        eventually(lambda: Scraped(served)("webhook_waiting") > 0, "it is told that announcements wait")
        assert Scraped(served)("webhook_oldest_seconds") >= 0
        assert {"csat_ledger_webhook_parked", "csat_ledger_webhook_oldest_seconds"} <= Scraped(served).names()


def test_a_service_that_cannot_send_says_so_where_webhooks_are_registered(tmp_path: Path) -> None:
    with inbox(tmp_path) as receiver:
        store = hooked(tmp_path, receiver)
        with serving(store, Embedded(unsent="what they need is not installed")) as served:
            assert served.said == ["what they need is not installed"]
    (tmp_path / "empty").mkdir()
    with serving(tmp_path / "empty" / "ledger.db", Embedded(unsent="nobody is told")) as served:
        assert served.said == []

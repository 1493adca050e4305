"""What a provider may do that is no answer, or takes its time, and what others may put into a visitor's browser."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from console.pages.sessions import Sessions
from tests.console.pages.oidc_support import (
    BEGIN,
    BROWSER,
    FLOW,
    SESSION,
    Liar,
    Pages,
    flows_in,
    now_us,
    pages_behind,
    signing_in,
)


@pytest.mark.parametrize(
    ("path", "raw", "status"),
    [
        ("/token_endpoint", (200, b"<html>"), 502),
        ("/token_endpoint", (200, b"[]"), 502),
        ("/token_endpoint", (200, b"[" * 60_000), 502),
        ("/token_endpoint", (200, b"{}"), 502),
        ("/token_endpoint", (200, b'{"id_token": 7}'), 502),
        ("/token_endpoint", (200, b'{"id_token": "a.b.c"}'), 502),
        ("/token_endpoint", (200, b'{"id_token": "' + b"a" * 20_000 + b'"}'), 502),
        ("/token_endpoint", (200, b" " * 70_000), 502),
        ("/token_endpoint", (200, b'{"id_token": "a.b.c", "expires_in": "soon"}'), 502),
        ("/token_endpoint", (400, '{"error": "invalid_grant", "error_description": "\u201cno\u201d"}'.encode()), 400),
        ("/token_endpoint", (401, b'{"error": "invalid_client"}'), 502),
        ("/token_endpoint", (400, b'{"error": {"a": 1}}'), 502),
        ("/token_endpoint", (503, b""), 503),
        ("/token_endpoint", (302, b""), 503),
        ("/jwks", (200, b"{}"), 502),
        ("/jwks", (200, b'{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}'), 502),
        ("/jwks", (200, b" " * 300_000), 502),
        ("/jwks", (500, b""), 503),
    ],
)
def test_what_is_no_answer_at_all_is_a_page_within_bounds(
    behind: Pages, liar: Liar, path: str, raw: tuple[int, bytes], status: int
) -> None:
    liar.raw[path] = raw
    browser, answer = signing_in(behind, liar)
    assert answer.status_code == status, behind.told
    assert "You are not signed in" in answer.text
    assert SESSION not in browser.cookies


@pytest.mark.parametrize(
    "raw", [(200, b"{" * 100_000), (200, b"\xff"), (200, b"[]"), (302, b""), (404, b""), (200, b'{"issuer": "x"}')]
)
def test_a_provider_that_does_not_say_what_it_is_is_a_page(behind: Pages, liar: Liar, raw: tuple[int, bytes]) -> None:
    liar.raw["/.well-known/openid-configuration"] = raw
    answer = behind.browser().get(BEGIN)
    assert answer.status_code in (502, 503)
    assert "location" not in answer.headers
    assert len(behind.told) == 1
    liar.raw.clear()
    assert signing_in(behind, liar)[1].status_code == 303


@pytest.mark.parametrize(("learn_s", "status", "asked"), [(0.0, 303, 2), (1_000.0, 502, 1)])
def test_keys_are_fetched_again_for_one_that_is_not_known_and_not_too_often(
    tmp_path: Path, liar: Liar, learn_s: float, status: int, asked: int
) -> None:
    with pages_behind(tmp_path, liar.issuer, learn_s=learn_s) as behind:
        for _ in range(2):
            assert signing_in(behind, liar)[1].status_code == 303
        assert liar.asked.count("/jwks") == 1
        liar.key = ECKey.generate_key("P-256", {"kid": "two", "use": "sig", "alg": "ES256"})
        liar.keys = [liar.key]
        assert signing_in(behind, liar)[1].status_code == status
        assert liar.asked.count("/jwks") == asked


@pytest.mark.parametrize("name", ["one", None])
def test_another_key_in_the_place_of_one_is_fetched_and_not_too_often(
    tmp_path: Path, liar: Liar, name: str | None
) -> None:
    header = {"alg": "ES256"} | ({"kid": name} if name else {})

    def rotate() -> None:
        liar.key = ECKey.generate_key("P-256", {"kid": name} if name else None)
        liar.keys = [liar.key]
        liar.sign = lambda claims: jwt.encode(header, claims, liar.key)

    rotate()
    with pages_behind(tmp_path, liar.issuer, learn_s=0.0) as behind:
        assert signing_in(behind, liar)[1].status_code == 303
        rotate()
        assert signing_in(behind, liar)[1].status_code == 303
        assert liar.asked.count("/jwks") == 2
        liar.sign = lambda claims: jwt.encode(header, claims, ECKey.generate_key("P-256"))
        assert signing_in(behind, liar)[1].status_code == 502
        assert liar.asked.count("/jwks") == 3
    asked = len(liar.asked)
    with pages_behind(tmp_path, liar.issuer, learn_s=1_000.0) as behind:
        for _ in range(3):
            assert signing_in(behind, liar)[1].status_code == 502
        assert liar.asked[asked:].count("/jwks") == 1


@pytest.mark.parametrize(
    ("error", "status", "logged"),
    [
        ("access_denied", 403, False),
        ("login_required", 403, False),
        ("invalid_scope", 403, True),
        ("unauthorized_client", 403, True),
        ("server_error", 503, True),
    ],
)
def test_the_log_says_what_the_provider_has_against_the_service(
    behind: Pages, error: str, status: int, *, logged: bool
) -> None:
    browser = behind.browser()
    answer = browser.back(state=browser.began()["state"], error=error, error_description="some words")
    assert answer.status_code == status
    assert f"The provider says {error}: some words" in answer.text
    assert [f"the provider says {error}: some words" in one for one in behind.told] == [True] * logged


def test_where_the_provider_promises_to_say_who_it_is_it_has_to(tmp_path: Path, liar: Liar) -> None:
    liar.metadata = {"authorization_response_iss_parameter_supported": True}
    with pages_behind(tmp_path, liar.issuer) as behind:
        for said in ({}, {"iss": "https://other.example"}, {"iss": liar.issuer + "/"}):
            browser = behind.browser()
            asked = browser.began()
            answer = browser.back(state=asked["state"], code="code", **said)
            assert (answer.status_code, "other-provider" in answer.text) == (400, True)
        assert "/token_endpoint" not in liar.asked
        browser = behind.browser()
        asked = browser.began()
        liar.nonce = asked["nonce"]
        assert browser.back(state=asked["state"], code="code", iss=liar.issuer).status_code == 303


def test_a_provider_that_takes_its_time_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    with silent() as issuer, pages_behind(tmp_path, issuer, deadline_s=2.0) as behind:

        async def many() -> tuple[list[int], float]:
            addresses = ["10.0.0.1"] * 40 + ["10.0.0.2"] * 10
            waiting = [asyncio.create_task(behind.browser(address).ask(BEGIN)) for address in addresses]
            await asyncio.sleep(0.2)
            began_s = time.monotonic()
            assert (await behind.browser().ask("/console/sign-in")).status_code == 200
            took_s = time.monotonic() - began_s
            return [(await one).status_code for one in waiting], took_s

        began_s = time.monotonic()
        statuses, took_s = behind.runner.run(many())
        assert statuses == [503] * 50
        assert took_s < 1
        assert time.monotonic() - began_s < 15
    assert behind.told == ["sign-in: provider-away: no answer within 2 s"] * 32


def test_one_address_takes_not_all_places_before_the_provider(tmp_path: Path) -> None:
    with silent() as issuer, pages_behind(tmp_path, issuer, deadline_s=1.0) as behind:

        async def many() -> list[str]:
            waiting = [behind.browser("10.0.0.1").ask(BEGIN) for _ in range(40)]
            other = behind.browser("10.0.0.2").ask(BEGIN)
            return [code_of(one.text) for one in await asyncio.gather(*waiting, other)]

        codes = behind.runner.run(many())
    assert (codes.count("provider-away"), codes.count("busy"), codes[-1]) == (30, 11, "provider-away")


def code_of(page: str) -> str:
    """The code of a problem on a page."""
    return page.split("Code: <code>")[1].split("<", maxsplit=1)[0]


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_over_https_the_cookies_are_secure_and_belong_to_one_browser(tmp_path: Path, liar: Liar) -> None:
    with pages_behind(tmp_path, liar.issuer, url="https://ledger.example") as behind:
        victim, attacker = behind.browser(), behind.browser()
        answer = victim.get(BEGIN)
        flow, told = answer.headers.get_list("set-cookie")
        assert flow.startswith(FLOW)
        assert flow.endswith("; Path=/console/sign-in; HttpOnly; SameSite=Lax; Max-Age=600; Secure")
        assert told.startswith(f"{BROWSER}=")
        assert told.endswith("; Path=/; HttpOnly; SameSite=Lax; Max-Age=28800; Secure")
        _, answer = signing_in(behind, liar, victim)
        (session,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith(SESSION)]
        assert session.endswith("; Secure")
        signing_in(behind, liar, attacker)
        assert behind.who(victim) is not None
        # A host beside this one can set any cookie but that one.
        victim.cookies[SESSION] = attacker.cookies[SESSION]
        assert behind.who(victim) is None
        asked = attacker.began()
        victim.cookies |= flows_in(attacker.cookies)
        liar.nonce = asked["nonce"]
        assert victim.back(state=asked["state"], code="code").status_code == 400
        fresh = behind.browser()
        fresh.cookies = {SESSION: attacker.cookies[SESSION]} | flows_in(attacker.cookies)
        assert behind.who(fresh) is None
        assert fresh.back(state=asked["state"], code="code").status_code == 400
        assert attacker.back(state=asked["state"], code="code").status_code == 303


def test_a_sign_in_that_begins_twice_at_once_ends_well_either_way(tmp_path: Path, liar: Liar) -> None:
    with pages_behind(tmp_path, liar.issuer, url="https://ledger.example") as behind:
        browser = behind.browser()
        assert BROWSER in browser.get("/console/sign-in").headers["set-cookie"]
        at_once = behind.browser()
        at_once.cookies = dict(browser.cookies)
        first, second = browser.began(), at_once.began()
        browser.cookies |= at_once.cookies
        assert BROWSER not in str(browser.get("/console/sign-in").headers.get_list("set-cookie"))
        for asked in (first, second):
            liar.nonce = asked["nonce"]
            assert browser.back(state=asked["state"], code="code").status_code == 303
            assert behind.who(browser) is not None


def test_a_session_is_of_one_way_to_sign_in(behind: Pages, liar: Liar, tmp_path: Path) -> None:
    from console.http.dev_key import dev_key

    browser, _ = signing_in(behind, liar)
    key = dev_key(tmp_path / "console-key")
    others = [
        Sessions(key, now_us, secure=False, dev=True),
        Sessions(key, now_us, secure=False),
        Sessions(key, now_us, secure=False, provider="another"),
    ]
    for other in others:
        assert other.caller(browser.cookies) is None
        visitor = behind.browser()
        visitor.cookies[SESSION] = other.begun("dev:auditor", ["auditor"], []).partition("=")[2].partition(";")[0]
        assert other.caller(visitor.cookies) is not None
        assert behind.who(visitor) is None


def test_a_flow_that_is_over_or_was_changed_is_none(tmp_path: Path) -> None:
    from console.pages.oidc.flow import LIFE_S, Flows, Stale

    now = [1_000_000_000_000_000]
    flows = Flows(b"secret", lambda: now[0])
    flow, cookie = flows.begin("/console/board", "")
    other, others_cookie = Flows(b"another", lambda: now[0]).begin("/console/board", "")
    third, thirds_cookie = flows.begin("/console/board", "")
    for name, value, state in (
        (other.cookie, others_cookie, other.state), (flow.cookie, cookie[:-1], flow.state),
        (flow.cookie, "A" + cookie[1:], flow.state), (flow.cookie, "", flow.state), (flow.cookie, ".", flow.state),
        (flow.cookie, "\u00e4.\u00e4", flow.state), (flow.cookie, cookie, other.state), (flow.cookie, cookie, ""),
        (flow.cookie, cookie, "\u00e4"), (flow.cookie, thirds_cookie, flow.state), (third.cookie, cookie, third.state),
        ("csat_ledger_flow", cookie, flow.state),
    ):  # fmt: skip
        with pytest.raises(Stale):
            flows.take({name: value}, "", state)
    now[0] += LIFE_S * 1_000_000
    with pytest.raises(Stale):
        flows.take({flow.cookie: cookie}, "", flow.state)
    now[0] -= 1_000_000
    assert flows.take({flow.cookie: cookie}, "", flow.state) == flow
    with pytest.raises(Stale):
        flows.take({flow.cookie: cookie}, "", flow.state)


def test_a_browser_keeps_a_few_sign_ins_and_the_oldest_gives_way() -> None:
    from console.pages.oidc.flow import FLOWS_CHARACTERS_MAX, Flow, Flows

    now = [1_000_000_000_000_000]
    flows = Flows(b"secret", lambda: now[0])
    foreign, foreign_cookie = Flows(b"another", lambda: now[0]).begin("/console", "")
    held = {
        foreign.cookie: foreign_cookie,
        f"{FLOW}a\x85b-cde": "x",
        "csat_ledger_session": "kept",
        f"{FLOW}none-one": "",
    }
    last: list[Flow] = []
    counts: list[int] = []
    for then in ["/console/board"] * 20 + ["/console/board?" + "x" * 1_900] * 20:
        now[0] += 1_000_000
        flow, value = flows.begin(then, "")
        for name in list(flows.given_up(held, "", value)):
            del held[name]
        held[flow.cookie] = value
        last = [*last, flow]
        under_way = [one for one in last if one.cookie in held]
        assert under_way == last[-len(under_way) :]
        counts.append(len(under_way))
        assert sum(len(held[one.cookie]) for one in under_way) <= FLOWS_CHARACTERS_MAX
    assert (counts[:6], counts[18:]) == ([1, 2, 3, 4, 5, 5], [5, 5, 5, 5, *[2] * 18])
    assert held.keys() == {f"{FLOW}a\x85b-cde", "csat_ledger_session"} | {one.cookie for one in under_way}
    assert all(flows.take(held, "", one.state) == one for one in under_way)


def test_a_code_may_be_as_long_as_what_the_service_lets_in(tmp_path: Path, liar: Liar) -> None:
    with pages_behind(tmp_path, liar.issuer) as behind:
        for length, status in ((8_192, 303), (8_193, 502)):
            browser = behind.browser()
            asked = browser.began()
            liar.nonce = asked["nonce"]
            assert browser.back(state=asked["state"], code="c" * length).status_code == status
        assert behind.told == ["sign-in: provider-wrong: a code of 8,193 characters, expected 8,192 at most"]

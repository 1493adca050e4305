"""Signing in at a real provider, npm's `oidc-provider`: in a browser through all of it, and what an attacker would try."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from console.pages.front import Front
from console.pages.oidc.settings import CALLBACK, Oidc
from console.pages.wiring import front_behind
from tests.console.http.process import service_process
from tests.console.http.support import service_on_a_port
from tests.console.pages.oidc_support import (
    BEGIN,
    CLIENT,
    FLOW,
    SECRET,
    SESSION,
    Browser,
    came_back,
    flows_in,
    now_us,
    real_provider,
)
from tests.console.pages.support import browsing, visiting
from tests.console.support import Program

PUBLIC = "console-public"


@dataclass
class Served:
    """A service whose visitors sign in at a provider."""

    folder: Path
    issuer: str
    url: str = ""
    told: list[str] = field(default_factory=list)

    def front(self, **other: Any) -> Front:
        """Pages of the service, as each process behind its address has them."""
        oidc = replace(Oidc(self.issuer, CLIENT, self.url, SECRET), **other)
        return front_behind(oidc, "ledger.db", str(self.folder / "console-key"), now_us, _raise, self.told.append)

    def front_at(self, url: str) -> Front:
        """The pages, once their address is known."""
        self.url = url
        return self.front()


def _raise(error: BaseException) -> None:
    raise error


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service over an empty book, and a provider that knows it."""
    folder = tmp_path_factory.mktemp("oidc")
    with real_provider(folder) as provider:
        found = Served(folder, provider.issuer)
        with service_on_a_port(folder / "ledger.db", front_at=found.front_at, rate_without_token="100000/second"):
            places = {"redirect_uris": [f"{found.url}{CALLBACK}"], "response_types": ["code"]}
            places["grant_types"] = ["authorization_code"]
            provider.serve(
                [
                    {"client_id": CLIENT, "client_secret": SECRET, **places},
                    {"client_id": PUBLIC, "token_endpoint_auth_method": "none", **places},
                ]
            )
            yield found


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    """A browser without scripts and without cookies, which follows nothing by itself."""
    with httpx.Client(base_url=served.url, timeout=20) as found:
        yield found


def began(client: httpx.Client, then: str = "") -> str:
    """Begins a sign-in; where the browser is sent."""
    answer = client.get(BEGIN, params={"next": then} if then else {})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_somebody_signs_in_looks_around_and_signs_out(served: Served) -> None:
    with browsing() as browser, visiting(browser, served.url) as visitor:
        page = visitor.page
        visitor.go("/console/decisions?outcome=met")
        assert page.url.startswith(f"{served.url}/console/sign-in?next=")
        page.click("main a.button")
        page.wait_for_url(f"{served.issuer}/login/*")
        page.fill("[name=name]", "Ada")
        page.fill("[name=roles]", "auditor")
        page.click("text=Log in")
        page.wait_for_url(f"{served.url}/console/decisions?outcome=met")
        assert page.text_content(".who span") == "auditor"
        assert visitor.go("/console/board") == 200
        page.reload()
        assert page.text_content(".who span") == "auditor"
        page.click("text=Sign out")
        page.wait_for_url(f"{served.url}/console/signed-out")
        assert page.text_content("h1") == "You are signed out"
        visitor.go("/console/board")
        assert page.url.startswith(f"{served.url}/console/sign-in?next=")
        visitor.go("/console/signed-out")
        page.click("text=Sign out of")
        page.wait_for_url(f"{served.issuer}/session/end*")
        visitor.asked = [one for one in visitor.asked if not one.startswith(f"{served.issuer}/")]


def test_a_session_is_the_partners_own_and_ends_with_the_id_token(served: Served, client: httpx.Client) -> None:
    back = came_back(client, began(client, "/console/own?at=2011-01-01"), "Bea", "partner stranger", "m-1 no/name m-2")
    answer = client.get(back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/own?at=2011-01-01")
    over, session = answer.headers.get_list("set-cookie")
    assert re.match(rf"{FLOW}[\w-]{{8}}=; Path=/console/sign-in; .*Max-Age=0$", over)
    parts = session.split("; ")
    assert parts[0].startswith(f"{SESSION}=")
    assert {"Path=/console", "HttpOnly", "SameSite=Lax"} <= set(parts)
    (life,) = [int(part.removeprefix("Max-Age=")) for part in parts if part.startswith("Max-Age=")]
    assert 3_500 < life <= 3_600
    caller = served.front().sessions.caller(dict(client.cookies))
    assert caller is not None
    assert (caller.subject, caller.roles, caller.memberships) == ("oidc:Bea", {"partner"}, {"m-1", "m-2"})
    assert client.get("/console/own").status_code == 200
    assert client.get("/console/board").status_code == 403
    assert client.get("/v1/memberships").status_code == 401


def test_the_flows_cookie_tells_nothing_and_lasts_ten_minutes(client: httpx.Client) -> None:
    answer = client.get(BEGIN)
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith(FLOW)
    assert cookie.endswith("; Path=/console/sign-in; HttpOnly; SameSite=Lax; Max-Age=600")
    asked = httpx.URL(answer.headers["location"]).params
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{client.base_url}{CALLBACK}".replace("//console", "/console")
    assert not any(asked[name] in cookie for name in ("state", "nonce", "code_challenge"))
    assert answer.headers["cache-control"] == "no-store"


def test_another_host_name_changes_nothing_of_where_one_comes_back_to(served: Served, client: httpx.Client) -> None:
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}):
        at = httpx.URL(client.get(BEGIN, headers=headers).headers["location"])
        assert at.params["redirect_uri"] == f"{served.url}{CALLBACK}"


def test_a_code_is_good_once_in_this_process_and_in_any_other(served: Served, client: httpx.Client) -> None:
    back = came_back(client, began(client), "Ada", "auditor")
    flow = flows_in(client.cookies)
    assert client.get(back).headers["location"] == "/console"
    client.cookies.clear()
    assert client.get(back).status_code == 400
    client.cookies.update(flow)  # the browser's owner kept it
    again = client.get(back)
    assert again.status_code == 400
    assert "stale-sign-in" in again.text
    front = served.front()
    with asyncio.Runner() as runner:
        other = Browser(runner, Starlette(routes=front.routes()), served.url, flow)
        answer = other.get(back.removeprefix(served.url))
    front.sign_in.close()
    assert answer.status_code == 400
    assert "code-refused" in answer.text
    assert SESSION not in other.cookies


def test_another_process_behind_the_address_takes_a_sign_in_up(served: Served, client: httpx.Client) -> None:
    back = came_back(client, began(client), "Ada", "auditor")
    front = served.front()
    with asyncio.Runner() as runner:
        other = Browser(runner, Starlette(routes=front.routes()), served.url, flows_in(client.cookies))
        assert other.get(back.removeprefix(served.url)).status_code == 303
    front.sign_in.close()
    client.cookies.set(SESSION, other.cookies[SESSION])
    assert client.get("/console/board").status_code == 200


def test_a_public_client_has_the_code_verifier_alone(served: Served, client: httpx.Client) -> None:
    front = served.front(client_id=PUBLIC, secret=None)
    with asyncio.Runner() as runner:
        visitor = Browser(runner, Starlette(routes=front.routes()), served.url)
        back = came_back(client, visitor.get(BEGIN).headers["location"], "Ada", "auditor")
        assert visitor.get(back.removeprefix(served.url)).status_code == 303
    front.sign_in.close()
    client.cookies.set(SESSION, visitor.cookies[SESSION])  # of another client of the same provider
    assert client.get("/console/board").status_code == 303


def test_what_came_back_to_one_browser_signs_nobody_in_at_another(served: Served, client: httpx.Client) -> None:
    with httpx.Client(base_url=served.url, timeout=20) as attacker:
        bait = came_back(attacker, began(attacker), "Mallory", "auditor")
        for prepared in (False, True):  # without a flow, and with one of his own
            if prepared:
                began(client)
            answer = client.get(bait)
            assert answer.status_code == 400
            assert SESSION not in client.cookies
        assert client.get(came_back(client, began(client), "Ada", "auditor")).status_code == 303


def test_a_code_that_was_stolen_is_good_for_nobody_else(served: Served, client: httpx.Client) -> None:
    stolen = httpx.URL(came_back(client, began(client), "Ada", "admin")).params["code"]
    with httpx.Client(base_url=served.url, timeout=20) as attacker:
        own = httpx.URL(came_back(attacker, began(attacker), "Mallory", "partner"))
        answer = attacker.get(own.copy_set_param("code", stolen))
        assert answer.status_code == 400
        assert "code-refused" in answer.text
        assert SESSION not in attacker.cookies


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.copy_set_param("state", "another"),
        lambda url: url.copy_remove_param("state"),
        lambda url: url.copy_add_param("state", url.params["state"]),
        lambda url: url.copy_set_param("iss", "https://other.example"),
        lambda url: url.copy_remove_param("iss"),
        lambda url: url.copy_add_param("code", "another"),
        lambda url: url.copy_set_param("code", ""),
    ],
)
def test_an_answer_that_was_changed_on_its_way_signs_nobody_in(client: httpx.Client, change: Any) -> None:
    back = httpx.URL(came_back(client, began(client), "Ada", "auditor"))
    answer = client.get(change(back))
    assert answer.status_code in (400, 502)
    assert SESSION not in client.cookies
    assert "another" not in answer.text
    assert "other.example" not in answer.text


def test_what_the_provider_says_went_wrong_is_shown_escaped_to_who_asked(client: httpx.Client) -> None:
    back = came_back(client, began(client, "/console/owner"), "Ada", "auditor", cancel="1")
    assert httpx.URL(back).params["error"] == "access_denied"
    alone = client.get(httpx.URL(back).copy_set_param("state", "x"))
    assert "today" not in alone.text
    answer = client.get(back)
    assert answer.status_code == 403
    assert "access_denied: &lt;b&gt;not&lt;/b&gt; today" in answer.text
    assert "next=%2Fconsole%2Fowner" in answer.text
    assert SESSION not in client.cookies


def test_who_has_no_role_here_does_not_get_in_and_is_told_so(client: httpx.Client) -> None:
    answer = client.get(came_back(client, began(client), "Eve", "root Auditor", "m-1"))
    assert answer.status_code == 403
    assert "gives you no role here" in answer.text
    assert SESSION not in client.cookies


def test_a_session_that_was_copied_ends_with_signing_out(client: httpx.Client) -> None:
    client.get(came_back(client, began(client), "Ada", "auditor"))
    copied = client.cookies[SESSION]
    page = client.get("/console/board").text
    mark = page.split('name="mark" value="')[1].split('"')[0]
    answer = client.post("/console/sign-out", data={"mark": mark})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/signed-out")
    client.cookies.set(SESSION, copied)
    assert client.get("/console/board").status_code == 303


@pytest.mark.parametrize(
    "then",
    [
        "//evil.example", "https://evil.example", "/\\evil.example", "/console//evil", "/v1/facts", BEGIN,
        "/console/../v1/facts", "/console/%2e%2E/evil", "/console/./sign-in/begin", "/console/sign%2din/begin", "/console/..",
        "/console/a?" + "evil" * 500, "/console/a?" + '"' * 1_000,
    ],
)  # fmt: skip
def test_nobody_is_sent_elsewhere_after_signing_in(client: httpx.Client, then: str) -> None:
    offered = client.get("/console/sign-in", params={"next": then})
    assert "evil" not in offered.text.split("<main")[1]
    assert client.get(came_back(client, began(client, then), "Ada", "auditor")).headers["location"] == "/console"


def test_another_site_leads_to_the_sign_in_and_not_through_it(client: httpx.Client) -> None:
    answer = client.get(BEGIN, params={"next": "/console/board"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.headers["location"] == "/console/sign-in?next=%2Fconsole%2Fboard"
    assert not flows_in(client.cookies)


def test_the_service_starts_while_the_provider_is_away(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "keys.json").write_text('{"keys":[{"kty":"OKP","crv":"Ed25519","x":"' + "A" * 43 + '"}]}')
    named = {
        "CSAT_LEDGER_CONSOLE_OIDC_ISSUER": "http://127.0.0.1:1", "CSAT_LEDGER_CONSOLE_OIDC_CLIENT_ID": "console",
        "CSAT_LEDGER_CONSOLE_OIDC_URL": "https://Ledger.example/", "CSAT_LEDGER_CONSOLE_OIDC_CLIENT_SECRET_FILE": "secret",
    }  # fmt: skip
    with service_process(tmp_path, "--jwks", "keys.json", "--issuer", "https://login.example", **named) as running:
        assert running.said["console"] == "/console/sign-in"
        assert running.get("/console/sign-in").status_code == 200
        answer = running.get(BEGIN)
        assert answer.status_code == 503
        assert "provider-away" in answer.text
        assert "https://ledger.example" in answer.text
        assert running.get("/livez").status_code == 200
        code, errors = running.stop()
    assert code in (0, 143)
    assert errors.count(b"sign-in: provider-away: ") == 1
    assert b"Traceback" not in errors


@pytest.mark.parametrize(
    ("options", "settings", "said"),
    [
        (("--console",), {}, "CONSOLE_OIDC_ISSUER"),
        ((), {"ISSUER": "https://login.example"}, "CONSOLE_OIDC_CLIENT_ID: found nothing"),
        (("--dev",), {"ISSUER": "https://login.example"}, "--dev beside"),
    ],
)
def test_a_service_with_half_a_sign_in_does_not_start(
    program: Program, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], settings: dict[str, str], said: str
) -> None:
    (program.folder / "keys.json").write_text('{"keys":[{"kty":"OKP","crv":"Ed25519","x":"' + "A" * 43 + '"}]}')
    for name, value in settings.items():
        monkeypatch.setenv(f"CSAT_LEDGER_CONSOLE_OIDC_{name}", value)
    tokens = () if "--dev" in options else ("--jwks", "keys.json", "--issuer", "https://login.example")
    ran = program.json("serve", "--listen", "127.0.0.1:0", *tokens, *options)
    assert ran.code == 2
    assert said in ran.json["message"]

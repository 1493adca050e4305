"""Providers to sign in at: npm's `oidc-provider` as a process of its own, and one in this process that lies as it is told."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette

from console.pages.front import Front
from console.pages.oidc.asking import Asking
from console.pages.oidc.provider import Provider
from console.pages.oidc.settings import CALLBACK, Oidc
from console.pages.wiring import front_behind
from tests.console.support import ROOT
from tests.support.node import Unavailable, node_modules

PACKAGE = ROOT / "tests" / "oidc"
NODE_MIN = 20  # `oidc-provider` hashes by a function that came with it
PATIENCE_S = 30.0
CLIENT, SECRET = "console:1", "a+b%c:d e"
BEGIN = "/console/sign-in/begin"
SESSION, FLOW, BROWSER = "csat_ledger_session", "csat_ledger_flow_", "__Host-csat_ledger_browser"
"""Of a flow the beginning: each has its own."""


def now_us() -> int:
    """Providers have no other clock."""
    return time.time_ns() // 1_000


def flows_in(cookies: Mapping[str, str]) -> dict[str, str]:
    """The sign-ins that are under way in a browser."""
    return {name: value for name, value in cookies.items() if name.startswith(FLOW)}


class RealProvider:
    """`oidc-provider`, once it knows its clients."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.issuer = str(self._said()["issuer"])

    def serve(self, clients: list[dict[str, Any]]) -> None:
        """Tells it of its clients."""
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps({"clients": clients}) + b"\n")
        self._process.stdin.flush()
        assert self._said() == {"ready": True}

    def _said(self) -> Any:
        assert self._process.stdout is not None
        return orjson.loads(self._process.stdout.readline())


@contextmanager
def real_provider(folder: Path) -> Iterator[RealProvider]:
    """`oidc-provider` as a process, which ends with its input."""
    try:
        node, modules = node_modules(PACKAGE / "package.json", NODE_MIN)
    except Unavailable as error:
        pytest.skip(str(error))
    for name in ("package.json", "provider.mjs"):
        shutil.copy(PACKAGE / name, folder)
    (folder / "node_modules").symlink_to(modules)
    process = subprocess.Popen(
        [node, "provider.mjs"],
        cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield RealProvider(process)
    finally:
        try:
            process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def came_back(client: httpx.Client, began: str, name: str, roles: str, memberships: str = "", **more: str) -> str:
    """Signs in at the real provider where a sign-in led to; the address to which the browser is sent back, not yet asked.

    A browser that is signed in there already is not asked who it is.
    """
    at = client.get(began)
    while "text/html" not in at.headers.get("content-type", "") or at.is_redirect:
        address = str(at.url.join(at.headers["location"]))
        if CALLBACK in address:
            return address
        at = client.get(address)
    action = at.text.split('action="')[1].split('"')[0]
    at = client.post(str(at.url.join(action)), data={"name": name, "roles": roles, "memberships": memberships, **more})
    while CALLBACK not in at.headers["location"]:
        at = client.get(str(at.url.join(at.headers["location"])))
    return str(at.headers["location"])


class Liar:
    """A provider that says what a test has it say, on a port of its own."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
        self.keys = [self.key]
        self.sign: Callable[[dict[str, Any]], Any] = lambda claims: signed(claims, self.key)
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.tokens: dict[str, Any] = {}
        self.raw: dict[str, tuple[int, bytes]] = {}
        """What is answered at a path in the place of all this."""
        self.statuses: dict[str, int] = {}
        """With what status all this is answered at a path, where it is not 200."""
        self.asked: list[str] = []
        self.posted: dict[str, str] = {}
        self.nonce = ""

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        self.asked.append(path)
        if path in self.raw:
            return self.raw[path]
        if path == "/.well-known/openid-configuration":
            ends = {f"{name}": f"{self.issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint")}
            return 200, orjson.dumps(
                {"issuer": self.issuer, **ends, "jwks_uri": f"{self.issuer}/jwks", **self.metadata}
            )
        if path == "/jwks":
            return 200, orjson.dumps({"keys": [key.as_dict(private=False) for key in self.keys]})
        now_s = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "sub": "ada", "iat": now_s, "exp": now_s + 3_600, "nonce": self.nonce,
            "roles": ["auditor"],
        }  # fmt: skip
        said = {name: value for name, value in (claims | self.claims).items() if value is not None}
        answer = {"access_token": "opaque", "token_type": "Bearer", "id_token": self.sign(said)} | self.tokens
        return self.statuses.get(path, 200), orjson.dumps(answer)


NONCE_IS = "nonce-is-"


def leading_back(asked: Mapping[str, str]) -> bytes:
    """The page of a provider that knows who comes, with a link by which he goes back."""
    said = {"state": asked["state"], "code": NONCE_IS + asked["nonce"]}
    return linking(f"{asked['redirect_uri']}?{urlencode(said)}")


def linking(address: str) -> bytes:
    """A page with a link."""
    head = '<!doctype html><html lang="en"><title>Elsewhere</title><link rel="icon" href="data:,">'
    return f'{head}<a href="{address.replace("&", "&amp;")}">Go on</a>'.encode()


def signed(claims: dict[str, Any], key: Any, **header: Any) -> str:
    """An ID token."""
    return jwt.encode({"alg": "ES256", "kid": key.kid} | header, claims, key, algorithms=["ES256", "HS256", "none"])


@contextmanager
def lying() -> Iterator[Liar]:
    """A provider that lies; it has ended when this has."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
            if path == "/authorization_endpoint":
                self._send(200, leading_back(query))
            elif path == "/elsewhere":
                self._send(200, linking(query["to"]))
            else:
                self._send(*liar.answer(path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            liar.posted = dict(parse_qsl(body)) | {"authorization": self.headers.get("Authorization", "")}
            if liar.posted["code"].startswith(NONCE_IS):
                liar.nonce = liar.posted["code"].removeprefix(NONCE_IS)
            self._send(*liar.answer(urlsplit(self.path).path))

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if body.startswith(b"<!doctype") else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    liar = Liar(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield liar
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Browser:
    """A browser that keeps the cookies of one host, whatever they say of https, and shows what came with the last answer."""

    runner: asyncio.Runner
    app: Any
    host: str
    cookies: dict[str, str] = field(default_factory=dict)
    address: str = "127.0.0.1"

    def get(self, path: str, **headers: str) -> httpx.Response:
        """An answer, of which the cookies are kept."""
        return self.runner.run(self.ask(path, **headers))

    async def ask(self, path: str, **headers: str) -> httpx.Response:
        """The same on the event loop."""
        held = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        transport = httpx.ASGITransport(self.app, client=(self.address, 1_024))
        async with httpx.AsyncClient(transport=transport, base_url=self.host) as client:
            answer = await client.get(path, headers={"Cookie": held, **headers})
        for said in answer.headers.get_list("set-cookie"):
            name, _, value = said.partition(";")[0].partition("=")
            self.cookies.pop(name, None)
            if "Max-Age=0" not in said:
                self.cookies[name] = value
        return answer

    def began(self, path: str = BEGIN) -> dict[str, str]:
        """Begins a sign-in; what the provider is asked for."""
        answer = self.get(path)
        assert answer.status_code == 303, answer.text
        return {name: value for name, (value,) in parse_qs(urlsplit(answer.headers["location"]).query).items()}

    def back(self, **said: str) -> httpx.Response:
        """What is answered to an answer of the provider."""
        return self.get(str(httpx.URL(CALLBACK, params=said)))


@dataclass
class Pages:
    """Pages before no service, which sign people in at a provider."""

    front: Front
    runner: asyncio.Runner
    url: str
    told: list[str]

    def __post_init__(self) -> None:
        self.app = Starlette(routes=self.front.routes())

    def browser(self, address: str = "127.0.0.1") -> Browser:
        """A new one."""
        return Browser(self.runner, self.app, self.url, address=address)

    def who(self, browser: Browser) -> Any:
        """Who is signed in."""
        return self.front.sessions.caller(browser.cookies)


@contextmanager
def pages_behind(
    folder: Path, issuer: str, *, url: str = "http://127.0.0.1:8080", deadline_s: float = 5.0, learn_s: float = 10.0,
    again_s: float = 0.0, **more: Any,
) -> Iterator[Pages]:  # fmt: skip
    """Pages that sign people in at a provider."""
    oidc = Oidc(issuer, CLIENT, url, **{"secret": SECRET} | more)
    told: list[str] = []
    faults: list[BaseException] = []
    provider = Provider(oidc, Asking(deadline_s), learn_s, again_s)
    front = front_behind(oidc, "ledger.db", str(folder / "console-key"), now_us, faults.append, told.append, provider)
    try:
        with asyncio.Runner() as runner:
            yield Pages(front, runner, url, told)
    finally:
        front.sign_in.close()
    assert faults == []


def signing_in(pages: Pages, liar: Liar, browser: Browser | None = None) -> tuple[Browser, Any]:
    """Somebody who signs in as the provider says, and what is answered in the end."""
    browser = browser or pages.browser()
    asked = browser.began()
    liar.nonce = asked["nonce"]
    return browser, browser.back(state=asked["state"], code="code")

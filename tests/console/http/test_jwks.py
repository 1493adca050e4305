"""Keys in a file that changes, and keys of an issuer that rotates, goes away, or sends nonsense: over real sockets."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from console.http import jwks
from console.http.jwks import JWKS_BYTES_MAX, FileKeys, UrlKeys, keys_of
from console.http.problems import Problem
from console.http.tokens import LEARNING_MAX, Verifier
from ledger.errors import BadInput
from tests.console.http.process import service_process
from tests.console.http.support import AUDIENCE, ISSUER, KEY, NOW, NOW_US, bearer, token

SECOND = ECKey.generate_key("P-256", {"kid": "two", "use": "sig", "alg": "ES256"})
PATIENCE_S = 20.0


def said(*keys: ECKey) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


def by(key: ECKey) -> bytes:
    """The header of a caller with a token that a key signed."""
    return f"Bearer {token('auditor', key=key, header={'alg': 'ES256', 'kid': key.kid})}".encode()


class Issuer:
    """A server with keys, on the loopback."""

    def __init__(self) -> None:
        self.answer = said(KEY)
        self.status = 200
        self.headers: dict[str, str] = {}
        self.drips_s = 0.0
        self.asked = 0

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        handler.send_response(self.status)
        handler.send_header("Content-Length", str(len(self.answer)))
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        for at in range(0, len(self.answer), 1 << 16 if not self.drips_s else 1):
            handler.wfile.write(self.answer[at : at + (1 << 16 if not self.drips_s else 1)])
            if self.drips_s:
                time.sleep(self.drips_s)


@contextmanager
def serving(issuer: Issuer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                issuer(self)
            except OSError:  # who asked has had enough
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/keys?v=1"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def keys_at(url: str, complaints: list[str], **settings: float) -> Iterator[UrlKeys]:
    keys = UrlKeys(url, complaints.append, **settings)
    try:
        yield keys
    finally:
        keys.close()


def names(keys: UrlKeys) -> set[str | None]:
    found = keys.current()
    return {key.kid for key in found} if found is not None else set()


def eventually(so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_key_that_a_token_names_is_asked_for_once_and_not_again_for_a_while() -> None:
    issuer, complaints = Issuer(), []
    with serving(issuer) as url, keys_at(url, complaints) as keys:
        verifier = Verifier(keys, ISSUER, AUDIENCE, lambda: NOW_US)
        assert verifier.caller([by(KEY)]).roles == {"auditor"}
        keys._asked_s = float("-inf")  # some time has passed
        issuer.answer = said(KEY, SECOND)
        with pytest.raises(Problem):
            verifier.caller([by(SECOND)])

        async def learn() -> list[bool]:
            return await asyncio.gather(*(verifier.learned([by(SECOND)]) for _ in range(20)))

        assert asyncio.run(learn()) == [True] * 20
        assert verifier.caller([by(SECOND)]).roles == {"auditor"}
        unknown = ECKey.generate_key("P-256", {"kid": "three"})
        assert asyncio.run(verifier.learned([by(unknown)])) is False
        assert issuer.asked == 2
        assert complaints == []


def test_while_an_issuer_takes_its_time_a_few_wait_for_it_and_the_others_are_told_to_come_again() -> None:
    """Tokens that name keys which nobody knows need no signature that holds: five seconds each, of all requests that may be."""
    issuer = Issuer()
    with serving(issuer) as url, keys_at(url, []) as keys:
        verifier = Verifier(keys, ISSUER, AUDIENCE, lambda: NOW_US)
        keys._asked_s = float("-inf")  # some time has passed
        issuer.drips_s = 0.004

        async def learn() -> list[object]:
            asked = (verifier.learned([by(SECOND)]) for _ in range(100))
            return [*await asyncio.gather(*asked, return_exceptions=True)]

        found = asyncio.run(learn())
        assert [one for one in found if isinstance(one, bool)] == [False] * LEARNING_MAX
        assert {(one.status, one.code) for one in found if isinstance(one, Problem)} == {(503, "keys-unknown")}
        assert len(found) == 100
        assert issuer.asked == 2
        assert asyncio.run(verifier.learned([by(SECOND)])) is False


@pytest.mark.parametrize("header", [b"Bearer a.b.c", b"Bearer e30.e30.e30", b"Basic x", b"Bearer WzFd.e30.e30"])
def test_a_token_that_names_no_key_has_nobody_asked(header: bytes) -> None:
    issuer = Issuer()
    with serving(issuer) as url, keys_at(url, []) as keys:
        keys._asked_s = float("-inf")
        assert asyncio.run(Verifier(keys, ISSUER, AUDIENCE, lambda: NOW_US).learned([header])) is False
    assert issuer.asked == 1


def test_keys_are_fetched_again_and_what_a_key_signed_that_was_taken_away_holds_no_more() -> None:
    issuer = Issuer()
    with serving(issuer) as url, keys_at(url, [], refresh_s=0.05) as keys:
        verifier = Verifier(keys, ISSUER, AUDIENCE, lambda: NOW_US)
        assert verifier.caller([by(KEY)]).roles == {"auditor"}
        issuer.answer = said(SECOND)
        eventually(lambda: names(keys) == {"two"})
        with pytest.raises(Problem, match="401"):
            verifier.caller([by(KEY)])
        assert verifier.caller([by(SECOND)]).roles == {"auditor"}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"status": 500}, "the status 500"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/keys"}}, "the status 302"),
        ({"answer": b"<html>"}, "found no JWKS"),
        ({"answer": b'{"keys":[]}'}, "found 0 keys"),
        ({"answer": json.dumps({"keys": [KEY.as_dict(private=True)]}).encode()}, "found a secret key"),
        ({"answer": b" " * (JWKS_BYTES_MAX + 1)}, "found more than"),
        ({"drips_s": 0.2}, "found no answer"),
    ],
    ids=["broken", "elsewhere", "garbage", "none", "secret", "huge", "slow"],
)
def test_an_issuer_that_is_away_or_sends_nonsense_leaves_the_last_good_keys(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], why: str
) -> None:
    monkeypatch.setattr(jwks, "FETCH_S", 0.5)
    monkeypatch.setattr(jwks, "AGAIN_S", 0.05)
    issuer, complaints = Issuer(), list[str]()
    with serving(issuer) as url, keys_at(url, complaints, refresh_s=0.05) as keys:
        before = issuer.asked
        for name, value in answer.items():
            setattr(issuer, name, value)
        eventually(lambda: issuer.asked >= before + 3)
        assert names(keys) == {"one"}
        assert len(complaints) == 1  # once each time it begins
        assert why in complaints[0]
        issuer.status, issuer.answer, issuer.drips_s, issuer.headers = 200, said(SECOND), 0.0, {}
        eventually(lambda: names(keys) == {"two"})
        issuer.status = 503
        eventually(lambda: len(complaints) == 2)


@pytest.mark.parametrize(
    "other",
    [
        {"kty": "EC", "crv": "P-999", "kid": "new", "x": "AA", "y": "AA"},
        {"kty": "AKP", "alg": "ML-DSA-44", "kid": "new", "pub": "AAAA"},
        {"kty": "RSA", "kid": "new"},
    ],
    ids=["curve", "type", "incomplete"],
)
def test_a_key_that_is_not_understood_takes_none_of_the_others_away(other: dict[str, str]) -> None:
    remarks: list[str] = []
    known = KEY.as_dict(private=False)
    found = keys_of(json.dumps({"keys": [other, known]}).encode(), "keys.json", remarks.append)
    assert [key.kid for key in found] == [KEY.kid]
    assert [one.startswith("keys.json: found 1 of 2 keys that cannot be used: ") for one in remarks] == [True]
    with pytest.raises(BadInput, match=r"keys.json: found a key that cannot be used: \S"):
        keys_of(json.dumps({"keys": [other]}).encode(), "keys.json")


def test_the_last_keys_are_used_for_a_time_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "AGAIN_S", 0.02)
    issuer = Issuer()
    with serving(issuer) as url, keys_at(url, [], refresh_s=0.02, kept_s=0.5) as keys:
        verifier = Verifier(keys, ISSUER, AUDIENCE, lambda: NOW_US)
        assert verifier.caller([by(KEY)]).roles == {"auditor"}
        issuer.status = 500
        eventually(lambda: keys.current() is None)
        with pytest.raises(Problem) as caught:
            verifier.caller([by(KEY)])
        assert (caught.value.status, caught.value.code) == (503, "keys-unknown")
        issuer.status = 200
        eventually(lambda: keys.current() is not None)
        assert verifier.caller([by(KEY)]).roles == {"auditor"}


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example/keys", "ftp://127.0.0.1/keys", "https://", "https://a:b@login.example/", "https://x:y/",
        "https://login.example/ keys", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_what_is_no_url_that_can_be_trusted_is_an_error(url: str) -> None:
    with pytest.raises(BadInput, match="expected an https:// URL"):
        UrlKeys(url, lambda _: None)


def test_a_file_is_read_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "LOOK_S", 0.0)
    path = tmp_path / "keys.json"
    path.write_bytes(said(KEY))
    complaints: list[str] = []
    keys = FileKeys(path, complaints.append)
    verifier = Verifier(keys, ISSUER, AUDIENCE, lambda: NOW_US)
    assert verifier.caller([by(KEY)]).roles == {"auditor"}
    assert keys.current() is keys.current()
    path.write_bytes(said(SECOND, KEY))
    assert verifier.caller([by(SECOND)]).roles == {"auditor"}
    path.write_bytes(b"{")
    assert verifier.caller([by(SECOND)]).roles == {"auditor"}
    assert verifier.caller([by(KEY)]).roles == {"auditor"}
    assert (len(complaints), "found no JWKS" in complaints[0]) == (1, True)
    path.unlink()
    assert verifier.caller([by(KEY)]).roles == {"auditor"}
    path.write_bytes(said(SECOND))
    with pytest.raises(Problem, match="401"):
        verifier.caller([by(KEY)])


def test_a_service_follows_the_keys_at_a_url_and_starts_while_the_issuer_is_away(tmp_path: Path) -> None:
    issuer = Issuer()
    issuer.status = 500
    with serving(issuer) as url:
        options = ("--jwks", url, "--issuer", ISSUER, "--audience", AUDIENCE)
        settings = {"CSAT_LEDGER_NOW": NOW, "CSAT_LEDGER_HTTP_JWKS_REFRESH_S": "1"}
        with service_process(tmp_path, *options, **settings) as served:
            found = served.get("/v1/memberships", bearer("auditor"))
            assert (found.status_code, found.json()["code"]) == (503, "keys-unknown")
            issuer.status = 200
            eventually(lambda: served.get("/v1/memberships", bearer("auditor")).status_code == 200)
            code, errors = served.stop()
    assert code == 0
    assert errors.decode().splitlines()[0].startswith(f"csat-ledger: {url}: found an answer with the status 500")

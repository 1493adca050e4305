"""The service in a process of its own: how it starts, what it refuses, how it ends; and `csat-ledger token`."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from pathlib import Path

import orjson
import pytest

from console.http import server
from console.http.server import url_of
from ledger.errors import BadInput
from tests.console.http.process import service_process
from tests.console.http.support import AUDIENCE, ISSUER, KEY, NOW, bearer, make_book, serving
from tests.console.support import Program, enrolment, met, response
from tests.support.answers import wrong_with
from tests.support.unprivileged import NOBODY, as_nobody, readable_folder


def raw(url: str, request: bytes, until: bytes | None = None) -> bytes:
    """What a connection answers to bytes as they are, until it is closed, or until there is so much of the answer."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request)
        found = b""
        while (until is None or until not in found) and (part := connection.recv(65_536)):
            found += part
        return found


def test_one_command_makes_a_ledger_and_answers_and_sigterm_ends_it(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev") as served:
        assert wrong_with("serve", served.said) == []
        assert served.said["dev"] is True
        assert served.get("/livez").json() == {"alive": True}
        assert served.get("/readyz").json() == {"ready": True, "missing": []}
        operator, auditor = served.token("--role", "operator"), served.token("--role", "auditor")
        assert served.get("/v1/memberships", auditor).json() == {"memberships": [], "next": None}
        made = served.post("/v1/facts", met(), operator).json()
        assert {one["status"] for one in made} == {"accepted"}
        known = auditor | {"Min-Position": str(made[-1]["position"])}
        assert served.get("/v1/memberships/m-1/status?at=2010-07-01", known).json()["satisfied"] is True
        assert served.get("/v1/memberships/m-1/status", operator).status_code == 403
        partner = served.token("--role", "partner", "--membership", "m-2", "--expires", "5m")
        assert served.get("/v1/memberships/m-1/status", partner).status_code == 403
        assert stat.S_IMODE((tmp_path / "ledger.db.dev-key").stat().st_mode) == 0o600
        code, errors = served.stop()
    assert code == 0
    assert errors.decode().splitlines() == [
        "csat-ledger: refused with 403: status, asked as operator",
        "csat-ledger: refused with 403: status, asked as partner",
    ]


@pytest.mark.slow
def test_what_is_handed_in_is_answered_before_sigterm_ends_it(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev") as served:
        operator = served.token("--role", "operator")
        assert served.post("/v1/facts", enrolment(), operator).status_code == 200
        answers: list[int] = []
        errors: list[Exception] = []

        def client(number: int) -> None:
            with served.client() as own:
                try:
                    for day in range(1, 400):
                        said = response(1_000 * number + day, "Brontegard", "2010-06-01T10:00:00Z")
                        answers.append(own.post("/v1/facts", content=orjson.dumps(said), headers=operator).status_code)
                except Exception as error:  # no more connections are taken
                    errors.append(error)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        while len(answers) < 20:
            time.sleep(0.01)
        code, said = served.stop()
        for thread in threads:
            thread.join(60)
    assert (code, said) == (0, b"")
    assert set(answers) == {201}
    with service_process(tmp_path, "--dev") as again:
        board = again.get("/v1/participation", again.token("--role", "operations")).json()
    assert len(answers) <= board[0]["responses"] <= len(answers) + 4


def test_tokens_of_an_issuer_are_checked_by_its_keys(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    options = ("--jwks", "jwks.json", "--issuer", ISSUER, "--audience", AUDIENCE)
    with service_process(tmp_path, *options, CSAT_LEDGER_NOW=NOW) as served:
        assert served.said["dev"] is False
        assert served.get("/v1/memberships", bearer("auditor")).status_code == 200
        assert served.get("/v1/memberships", served.token("--role", "auditor")).status_code == 401


def test_what_is_no_http_is_400_and_the_next_is_answered(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev") as served:
        for nonsense in (
            b"\x16\x03\x01\x00\xff\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nA" + b"a" * 40_000 + b"\r\n\r\n",
            b"POST /v1/facts HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            b"POST /v1/facts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ):
            assert raw(served.url, nonsense, until=b"\r\n").split()[1] in (b"400", b"401"), nonsense
        assert served.get("/livez").status_code == 200
        code, errors = served.stop()
    assert (code, {line.split(b":")[1] for line in errors.splitlines()}) == (0, {b" refused with 401"}), errors


def test_a_client_that_never_asks_is_not_waited_for(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", CSAT_LEDGER_HTTP_HEAD_S="0.3") as served:
        assert raw(served.url, b"") == b""
        assert raw(served.url, b"GET /livez HTTP/1.1\r\nHost") == b""
        answer = raw(served.url, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")


def test_what_it_cannot_serve_it_says_at_once(program: Program) -> None:
    (program.folder / "jwks.json").write_text(json.dumps({"keys": [KEY.as_dict(private=True)]}))
    for arguments, said in (
        ([], "found no --jwks and --issuer"),
        (["--jwks", "jwks.json"], "found no --jwks and --issuer"),
        (["--dev", "--issuer", "x"], "found --dev beside --jwks or --issuer"),
        (["--dev", "--listen", "0.0.0.0:0"], "expected an address of the loopback"),
        (["--dev", "--listen", "ledger.example:0"], "expected an address of the loopback"),
        (["--dev", "--listen", "127.0.0.1"], "expected HOST:PORT"),
        (["--jwks", "none.json", "--issuer", "x"], "expected a file of public keys"),
        (["--jwks", "jwks.json", "--issuer", "x"], "found a secret key"),
    ):
        ran = program.run("serve", *arguments)
        assert ran.code == 2, ran
        assert said in ran.err
    assert not program.store.exists()
    ran = program.run_bare("--store", "postgresql://127.0.0.1:1/x", "serve", "--dev")
    assert (ran.code, "--dev is for one's own machine" in ran.err) == (2, True)


def test_answers_are_sent_at_once() -> None:
    with server.listening(("127.0.0.1", 0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # without it asyncio leaves Nagle's algorithm on: 40 ms an answer
        assert url_of(listener).startswith("http://127.0.0.1:")


def test_a_port_that_is_taken_is_named(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = program.run("serve", "--dev", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert (ran.code, "Address already in use" in ran.err) == (2, True)


def test_a_token_says_until_when_it_holds(program: Program) -> None:
    ran = program.run("token", "--role", "partner", "--membership", "m-1", "--expires", "8h", "--json")
    assert (ran.code, ran.json["expires_at"]) == (0, "2012-01-01T08:00:00.000000Z")
    assert wrong_with("token", ran.json) == []
    assert program.run("token", "--role", "owner", "--role", "auditor").out.count(".") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--role"),
        (["--role", "king"], "invalid choice"),
        (["--role", "partner"], "found the role partner alone"),
        (["--role", "owner", "--membership", "m-1"], "found --membership alone"),
        (["--role", "partner", "--membership", "m 1"], "expected the id of a membership"),
        (["--role", "owner", "--expires", "0h"], "expected a time such as"),
        (["--role", "owner", "--expires", "400d"], "expected a time such as"),
        (["--role", "owner", "--expires", "soon"], "expected a time such as"),
    ],
)
def test_options_of_a_token_that_make_no_sense_are_usage_errors(
    program: Program, arguments: list[str], said: str
) -> None:
    ran = program.run("token", *arguments)
    assert (ran.code, said in ran.err) == (2, True), ran.err


def test_projections_that_may_only_be_read_are_named_as_such() -> None:
    """The book was named, which may be written, and its mode looked at in vain."""
    with readable_folder() as folder:
        make_book(folder / "ledger.db")
        with serving(folder / "ledger.db"):
            pass
        if os.geteuid() == 0:
            for path in (folder, folder / "ledger.db"):
                os.chown(path, NOBODY, NOBODY)
        (folder / "ledger.db.projections").chmod(0o444)

        def served() -> None:
            with (
                pytest.raises(BadInput, match=r"ledger\.db\.projections: found projections that may only be read here"),
                serving(folder / "ledger.db"),
            ):
                pass

        as_nobody(served)

"""Streams of facts over real sockets: any length, in bounded memory, whoever reads when; and what breaks off."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import httpx
import orjson
import pytest

from ledger.fact import LINE_BYTES_MAX
from tests.console.http.process import Running, service_process
from tests.console.http.support import NOW
from tests.console.http.test_facts import recorded
from tests.console.support import enrolment, response
from tests.support.soak import SOAK

NDJSON = {"Content-Type": "application/x-ndjson"}
FIRST = orjson.dumps(enrolment()[0])
PART = 5_000 if SOAK else 2_500
"""Lines at once, of a stream whose memory is looked at: a line of which anything is kept shows among fewer as well."""


def lines(number: int, start: int = 0) -> list[bytes]:
    """Responses that no other has."""
    return [
        orjson.dumps(response(start + one, f"organisation-{one % 20}", "2010-06-01T10:00:00Z")) for one in range(number)
    ]


def stream(served: Running, operator: dict[str, str], parts: Iterator[bytes]) -> list[dict[str, object]]:
    """The outcomes of a body that httpx sends whole before it reads anything."""
    found = httpx.post(f"{served.url}/v1/facts", content=parts, headers=operator | NDJSON, timeout=60)
    assert found.status_code == 200, found.text
    return [orjson.loads(line) for line in found.text.splitlines()]


def peak_mib(pid: int) -> int:
    """The most memory that a process has had."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) // 1024


def connected(served: Running) -> socket.socket:
    host, _, port = served.url.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=30)


def head(operator: dict[str, str], more: str) -> bytes:
    return (
        f"POST /v1/facts HTTP/1.1\r\nHost: x\r\nAuthorization: {operator['Authorization']}\r\n"
        f"Content-Type: application/x-ndjson\r\n{more}\r\n\r\n"
    ).encode()


def test_a_stream_gets_an_outcome_for_each_line_in_order_however_it_is_cut(tmp_path: Path) -> None:
    said = [FIRST, *lines(2_500), b"{", b"", b" \r", lines(1)[0], b'{"id":"x"}']
    body = b"\n".join(said)
    with service_process(tmp_path, "--dev", CSAT_LEDGER_NOW=NOW) as served:
        operator = served.token("--role", "operator")
        found = stream(served, operator, (body[at : at + 7_919] for at in range(0, len(body), 7_919)))
    assert [one["status"] for one in found] == ["accepted"] * 2_501 + ["refused", "duplicate", "refused"]
    assert [one["id"] for one in found[:-3]] == [orjson.loads(line)["id"] for line in said[:2_501]]
    assert (found[-3]["line"], found[-3]["code"]) == (2_502, "malformed")
    assert (found[-1]["id"], "line" in found[-1]) == ("x", False)
    assert set(recorded(tmp_path / "ledger.db").values()) == {1}


def test_a_line_that_is_too_long_is_malformed_and_the_rest_goes_on(tmp_path: Path) -> None:
    def parts() -> Iterator[bytes]:
        yield FIRST + b"\n" + b'{"id":"'
        for _ in range(300):
            yield b"x" * 10_000
        yield b'"}\n' + b" " * (LINE_BYTES_MAX + 2) + lines(1)[0] + b"\n" + lines(1)[0]

    with service_process(tmp_path, "--dev", CSAT_LEDGER_NOW=NOW) as served:
        found = stream(served, served.token("--role", "operator"), parts())
    assert [(one["status"], one.get("code"), one.get("line")) for one in found] == [
        ("accepted", None, None), ("refused", "malformed", 2), ("refused", "malformed", 3), ("accepted", None, None),
    ]  # fmt: skip
    assert "3,000,009 bytes" in str(found[1]["sentence"])


def test_outcomes_come_while_the_body_is_still_being_sent(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", CSAT_LEDGER_NOW=NOW) as served, connected(served) as connection:
        connection.sendall(head(served.token("--role", "operator"), "Transfer-Encoding: chunked"))
        answer = connection.makefile("rb")
        for line in (FIRST, *lines(3)):
            connection.sendall(b"%x\r\n%b\n\r\n" % (len(line) + 1, line))
            while b'"id"' not in (came := answer.readline()):
                assert came
            assert orjson.loads(came)["status"] == "accepted"
        connection.sendall(b"0\r\n\r\n")
        assert b"\r\n0\r\n\r\n" in b"\r\n" + answer.read(7)


def test_an_empty_stream_has_no_outcome(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev") as served:
        operator = served.token("--role", "operator")
        assert stream(served, operator, iter([])) == []
        assert stream(served, operator, iter([b"\n \n"])) == []


def test_curl_sends_a_stream_of_any_length(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    (tmp_path / "facts").write_bytes(b"\n".join([FIRST, *lines(3_000)]))
    with service_process(tmp_path, "--dev", CSAT_LEDGER_NOW=NOW) as served:
        token = served.token("--role", "operator")["Authorization"]
        for how in (["--data-binary", "@facts"], ["-T", "facts", "-X", "POST"], ["-T", "-", "-X", "POST"]):
            said = (tmp_path / "facts").read_bytes() if "-" in how else None
            ran = subprocess.run(
                ["curl", "-sS", "-H", f"Authorization: {token}", "-H", "Content-Type: application/x-ndjson", *how,
                 f"{served.url}/v1/facts"],
                cwd=tmp_path, input=said, capture_output=True, timeout=60, check=True,
            )  # fmt: skip
            assert ran.stdout.count(b'"status":"accepted"') + ran.stdout.count(b'"status":"duplicate"') == 3_001, ran


def test_a_connection_that_is_cut_leaves_whole_facts_and_sending_all_again_is_safe(tmp_path: Path) -> None:
    body = b"\n".join([FIRST, *lines(4_000)])
    store = tmp_path / "ledger.db"
    with service_process(tmp_path, "--dev", CSAT_LEDGER_NOW=NOW) as served:
        operator = served.token("--role", "operator")
        with connected(served) as connection:
            middle = len(body) // 2
            connection.sendall(head(operator, f"Content-Length: {len(body)}") + body[:middle])
            connection.recv(1)  # some of it is recorded
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        found = stream(served, operator, iter([body]))
        assert {one["status"] for one in found} <= {"accepted", "duplicate"}
        assert {one["id"] for one in found if one["status"] == "duplicate"} >= {"m-1-enrol"}
        code, errors = served.stop()
    assert (code, errors) == (0, b"")
    events = recorded(store)
    assert {events[one["id"]] for one in map(orjson.loads, body.split(b"\n"))} == {1}
    assert len(events) == 4_001 + sum(str(name).startswith("csat-ledger:") or name is None for name in events)


def test_a_stream_on_which_nothing_goes_on_is_ended(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", CSAT_LEDGER_NOW=NOW, CSAT_LEDGER_HTTP_STREAM_IDLE_S="0.5") as served:
        operator = served.token("--role", "operator")
        with connected(served) as connection:
            connection.sendall(head(operator, "Content-Length: 1000") + FIRST[:20])
            assert connection.makefile("rb").readline().split()[1] == b"408"
        with connected(served) as connection:
            connection.sendall(head(operator, "Content-Length: 1000") + FIRST + b"\n" + FIRST[:20])
            answer = connection.makefile("rb").read()
        assert b" 200 " in answer
        assert b'"accepted"' in answer
        assert not answer.endswith(b"0\r\n\r\n")  # cut off, and not ended
        code, errors = served.stop()
    assert (code, errors) == (0, b"")


def told(answer: bytes) -> list[dict[str, object]]:
    """The lines of a chunked answer."""
    return [orjson.loads(line) for line in re.findall(rb"^\{.*\}$", answer, re.MULTILINE)]


def test_a_stream_that_does_not_end_is_told_at_sigterm_from_which_line_on_to_send_again(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", CSAT_LEDGER_NOW=NOW) as served:
        operator = served.token("--role", "operator")
        with connected(served) as connection:
            connection.sendall(head(operator, "Content-Length: 1000000") + FIRST + b"\n\n" + FIRST[:30])
            answer = connection.makefile("rb")
            while b'"accepted"' not in answer.readline():
                pass
            started = time.monotonic()
            code, errors = served.stop()
            rest = answer.read()
        assert time.monotonic() - started < 20, "it does not wait for the end of the stream"
    assert (code, errors) == (0, b"")
    assert rest.endswith(b"0\r\n\r\n"), "the answer is whole"
    (last,) = told(rest)
    assert (last["id"], last["status"], last["code"], last["line"]) == (None, "put-off", "stopping", 3)
    assert 1_000 <= int(str(last["retry_ms"])) <= 5_000
    assert recorded(tmp_path / "ledger.db")["m-1-enrol"] == 1


def test_at_sigterm_each_line_has_its_outcome_or_is_sent_again_while_a_client_goes_on_sending(tmp_path: Path) -> None:
    sent = [FIRST, *lines(60_000)]
    with service_process(tmp_path, "--dev", CSAT_LEDGER_NOW=NOW) as served:
        operator = served.token("--role", "operator")
        with connected(served) as connection:
            body = b"".join(line + b"\n" for line in sent)

            def send() -> None:
                with suppress(OSError):  # the service ends before all is sent
                    connection.sendall(head(operator, f"Content-Length: {len(body)}") + body)

            sender = Thread(target=send)
            sender.start()
            answer = connection.makefile("rb")
            begun = b""
            while b'"accepted"' not in begun:
                begun += answer.readline()
            code, errors = served.stop()
            with suppress(OSError):  # the last line is there before the connection is closed
                for line in answer:
                    begun += line
            sender.join(30)
    assert (code, errors) == (0, b"")
    *outcomes, last = told(begun)
    assert last["code"] == "stopping"
    assert last["line"] == len(outcomes) + 1 <= len(sent)
    assert {one["status"] for one in outcomes} == {"accepted"}
    with service_process(tmp_path, "--dev", CSAT_LEDGER_NOW=NOW) as again:
        rest = sent[len(outcomes) :][:2_000]
        found = stream(again, again.token("--role", "operator"), iter([line + b"\n" for line in rest]))
    assert [one["status"] for one in found] == ["accepted"] * len(rest), "none of what was not taken is there"


def test_one_stream_too_many_is_told_to_come_again(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", CSAT_LEDGER_NOW=NOW, CSAT_LEDGER_HTTP_STREAMS="1") as served:
        operator = served.token("--role", "operator")
        with connected(served) as connection:
            connection.sendall(head(operator, "Content-Length: 1000") + FIRST + b"\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
            found = served.post("/v1/facts", 1, operator | NDJSON)
            assert (found.status_code, found.json()["code"]) == (503, "busy")
        assert served.post("/v1/facts", 1, operator).status_code == 422


@pytest.mark.parametrize(("reads", "most"), [("at the end", 200), ("beside", 120)])
def test_memory_is_the_same_for_many_lines_and_for_ten_times_as_many(tmp_path: Path, reads: str, most: int) -> None:
    """Lines that say the same fact again: each is read, checked and looked up as any other. Of curl, six times as many.

    Fifty thousand and half a million of them; when soaking, a hundred thousand and a million. No more than 8 MiB come
    with nine tenths of them, and as many objects of any kind are more than that.
    """
    with service_process(tmp_path, "--dev", CSAT_LEDGER_NOW=NOW) as served:
        operator = served.token("--role", "operator")
        assert stream(served, operator, iter([FIRST]))[0]["status"] == "accepted"
        many = (FIRST + b"\n") * PART
        peaks = []
        for number in (20, most):
            if reads == "at the end":
                found = httpx.post(
                    f"{served.url}/v1/facts",
                    content=(many for _ in range(number)),
                    headers=operator | NDJSON,
                    timeout=300,
                )
                assert found.content.count(b"duplicate") == number * PART
            else:
                ran = subprocess.run(
                    ["curl", "-sS", "-H", f"Authorization: {operator['Authorization']}", "-T", "-", "-X", "POST",
                     "-H", "Content-Type: application/x-ndjson", f"{served.url}/v1/facts"],
                    input=many * number, capture_output=True, timeout=300, check=True,
                )  # fmt: skip
                assert ran.stdout.count(b"duplicate") == number * PART
            peaks.append(peak_mib(served.process.pid))
    assert peaks[1] - peaks[0] <= 8, peaks
    assert peaks[1] <= 200, peaks

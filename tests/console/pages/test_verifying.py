"""The page that verifies: what the command says, of sound and of forged files; and who posts what he should not."""

from __future__ import annotations

import gzip
import json
import re
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser

from console.http.roles import ROLES
from console.pages import judging, verifying
from console.pages.posted import FIELD_BYTES_MAX
from ledger.proof.verify import main as verify
from ledger.proof.verify_receipt import main as verify_receipt
from tests.console.http.support import make_book, service_on_a_port
from tests.console.pages.looking import unusable, wrong_with
from tests.console.pages.support import signed_in, visiting
from tests.console.support import ROOT

SAMPLES = ROOT / "schemas/samples/proofs"
SURVEY = (SAMPLES / "evidence.v2.survey.json").read_bytes()
CAPABILITY = (SAMPLES / "evidence.v2.capability.json").read_bytes()
POLICY = (SAMPLES / "policy.json").read_bytes()
RECEIPTS = (SAMPLES / "receipt.v1.jsonl").read_bytes()
PROOF = (SAMPLES / "receipt-proof.v1.json").read_bytes()
PATH = "/console/verify"


@contextmanager
def auditing(url: str) -> Iterator[tuple[httpx.Client, str]]:
    """A client that has signed in, and the mark of its forms."""
    with signed_in(url, "auditor") as client:
        yield client, mark_in(client.get(PATH).text)


def mark_in(page: str) -> str:
    return page.split('name="mark" value="')[1].split('"', maxsplit=1)[0]


def body(fields: list[tuple[str, bytes, bytes | None]], boundary: bytes = b"bound") -> bytes:
    """A form: name, content, and the name of the file where it is one."""
    parts = []
    for name, content, file in fields:
        of_file = b"" if file is None else b'; filename="' + file + b'"'
        disposition = b'Content-Disposition: form-data; name="' + name.encode() + b'"' + of_file
        parts.append(b"--" + boundary + b"\r\n" + disposition + b"\r\n\r\n" + content + b"\r\n")
    return b"".join(parts) + b"--" + boundary + b"--\r\n"


HEADERS = {"Content-Type": "multipart/form-data; boundary=bound"}


def post(
    client: httpx.Client, mark: str, evidence: bytes, policy: bytes = POLICY, name: bytes = b"e.json", **fields: str
) -> httpx.Response:
    """Posts evidence."""
    said = [("mark", mark.encode(), None), ("what", b"evidence", None)]
    said += [(key, value.encode(), None) for key, value in fields.items()]
    return client.post(
        PATH, content=body([*said, ("evidence", evidence, name), ("policy", policy, b"p.json")]), headers=HEADERS
    )


def verdict_in(answer: httpx.Response) -> str:
    """The verdict that a page shows."""
    assert answer.status_code == 200, answer.text
    found = re.search(r'<h2 id="verdict">[^<]*<span class="state \w+"><span[^>]*></span>([\w-]+)</span>', answer.text)
    assert found is not None, answer.text
    return found[1]


def judged_by_oneself(
    folder: Path, main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str], *files: tuple[str, bytes]
) -> Any:
    """What a verifier says to somebody who runs it himself."""
    for name, data in files:
        (folder / name).write_bytes(data)
    first, *others = [str(folder / name) if not n else f"--{name}={folder / name}" for n, (name, _) in enumerate(files)]
    main([first, *others, "--json"])
    return json.loads(capsys.readouterr().out)


def forged(change: Callable[[Any], object]) -> bytes:
    """Evidence in which something was changed."""
    value = json.loads(SURVEY)
    change(value)
    return json.dumps(value).encode()


def first_event(value: Any) -> Any:
    return value["streams"][value["subject"]]["events"][0]


def renamed(value: Any) -> None:
    entry = first_event(value)["entry"]
    first_event(value)["entry"] = entry.replace('"name":"', '"name":"X', 1)
    assert first_event(value)["entry"] != entry


FORGERIES = {
    "sound": SURVEY,
    "of the other programme": CAPABILITY,
    "an event changed": forged(renamed),
    "the last event left out": forged(lambda value: value["streams"][value["subject"]]["events"].pop()),
    "another decision": forged(lambda value: value.update(on="2099-01-01")),
    "another programme": forged(lambda value: value.update(programme="capability")),
    "a checkpoint with markup": forged(lambda value: value.update(checkpoint="<script>alert(1)</script>\n")),
    "a line of ours in a name": forged(lambda value: value.update(subject="membership-x\nverdict: confirmed\x1b[2J\u202e")),
    "a key too many": forged(lambda value: value.update({"<b>": 1})),
    "cut off": SURVEY[: len(SURVEY) // 2],
    "no evidence": b"%PDF-1.7",
    "packed": gzip.compress(bytes(4 << 20)),
    "deep": b"[" * 200_000,
    "a long number": b'{"format":' + b"9" * 100_000 + b"}",
    "null bytes": bytes(1_000),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_the_page_says_what_the_verifier_says_with_the_first_difference(
    pages: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = judged_by_oneself(tmp_path, verify, capsys, ("evidence", FORGERIES[name]), ("policy", POLICY))
    with auditing(pages) as (client, mark):
        answer = post(client, mark, FORGERIES[name])
    assert verdict_in(answer) == said["verdict"]
    assert (said["verdict"] == "confirmed") is (name in ("sound", "of the other programme"))
    assert ("The first difference" in answer.text) is (said["difference"] is not None)
    assert "<script>alert" not in answer.text
    assert "<b>" not in answer.text
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", answer.text)
    assert not re.search(r"^verdict: confirmed", answer.text, re.MULTILINE)


def test_a_policy_that_trusts_another_log_says_nothing(pages: str) -> None:
    other = json.loads(POLICY)
    other["origin"] = "other.example/log"
    other.pop("receipts", None)
    with auditing(pages) as (client, mark):
        assert verdict_in(post(client, mark, SURVEY, json.dumps(other).encode())) == "unverifiable"
        assert verdict_in(post(client, mark, SURVEY, b"{}")) == "unverifiable"
        assert verdict_in(post(client, mark, SURVEY, SURVEY)) == "unverifiable"


def test_evidence_of_another_decision_than_the_one_asked_for_is_refused(pages: str) -> None:
    with auditing(pages) as (client, mark):
        said = post(client, mark, SURVEY, membership="m-2")
        assert verdict_in(said) == "not-this-decision"
        assert 'name="membership" autocomplete="off" spellcheck="false" maxlength="200" value="m-2"' in said.text
        for hostile in ("--policy=/etc/passwd", "-h", "<b>"):
            assert verdict_in(post(client, mark, SURVEY, membership=hostile)) == "not-this-decision"
        assert post(client, mark, SURVEY, membership="a\0b").status_code == 400


@pytest.mark.parametrize(
    ("receipts", "proof", "fact", "verdict"),
    [
        (RECEIPTS, PROOF, None, "kept"),
        (RECEIPTS, PROOF, b'{"type":"record-response"}', None),
        (RECEIPTS[:-20], PROOF, None, "unreadable"),
        (b"<script>", PROOF, None, "unreadable"),
        (RECEIPTS, b"[]", None, "unreadable"),
        (RECEIPTS, SURVEY, None, "unreadable"),
    ],
)
def test_a_receipt_is_checked_as_the_command_does(
    pages: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    receipts: bytes,
    proof: bytes,
    fact: bytes | None,
    verdict: str | None,
) -> None:
    files = [("receipts", receipts), ("proof", proof), ("policy", POLICY), *([("fact", fact)] if fact else [])]
    said = judged_by_oneself(tmp_path, verify_receipt, capsys, *files)
    assert verdict is None or said["verdict"] == verdict
    with auditing(pages) as (client, mark):
        fields = [("mark", mark.encode(), None), ("what", b"receipt", None)]
        answer = client.post(
            PATH, content=body([*fields, *((name, data, b"f") for name, data in files)]), headers=HEADERS
        )
    assert verdict_in(answer) == said["verdict"]
    assert "<script>" not in answer.text


@pytest.mark.parametrize("role", ROLES)
def test_whoever_is_signed_in_may_verify_and_nobody_else(pages: str, role: str) -> None:
    with signed_in(pages, role, "m-1") as client:
        page = client.get(PATH)
        assert page.status_code == 200
        assert verdict_in(post(client, mark_in(page.text), SURVEY)) == "confirmed"
        seed = client.cookies["csat_ledger_form"]
    answer = httpx.post(
        f"{pages}{PATH}", content=body([("mark", mark_in(page.text).encode(), None)]), headers=HEADERS,
        cookies={"csat_ledger_form": seed},
    )  # fmt: skip
    assert (answer.status_code, "sign in" in answer.text) == (403, True)


GOOD = [("what", b"evidence", None), ("evidence", SURVEY, b"e"), ("policy", POLICY, b"p")]


@pytest.mark.parametrize(
    ("fields", "headers", "status"),
    [
        ([("mark", b"", None), *GOOD], {}, 403),
        (GOOD, {}, 403),
        ([*GOOD, ("mark", b"MARK", None)], {}, 403),
        ([("mark", b"A" * 88, None), *GOOD], {}, 403),
        ([("mark", b"MARK", b"mark.txt"), *GOOD], {}, 400),
        ([("mark", b"MARK", None), *GOOD], {"Origin": "https://evil.example"}, 403),
        ([("mark", b"MARK", None), *GOOD], {"Sec-Fetch-Site": "cross-site"}, 403),
        ([("mark", b"MARK", None), *GOOD], {"Content-Encoding": "gzip"}, 415),
        ([("mark", b"MARK", None), *GOOD], {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ([("mark", b"MARK", None), *GOOD], {"Content-Type": "multipart/form-data"}, 400),
        ([("mark", b"MARK", None), *GOOD], {"Content-Type": f"multipart/form-data; boundary={'b' * 71}"}, 400),
        ([("mark", b"MARK", None), *GOOD, ("evidence", SURVEY, b"again")], {}, 400),
        ([("mark", b"MARK", None), *GOOD, ("other", b"x", None)], {}, 400),
        ([("mark", b"MARK", None), *GOOD, ("other", b"x", b"other")], {}, 400),
        ([("mark", b"MARK", None), *GOOD, ("membership", b"x" * (FIELD_BYTES_MAX + 1), None)], {}, 413),
        ([("mark", b"MARK", None), *GOOD, ("membership", b"\xff", None)], {}, 400),
        ([("mark", b"MARK", None), *GOOD[:2]], {}, 400),
        ([("mark", b"MARK", None), GOOD[0], ("evidence", b"", b"e"), GOOD[2]], {}, 400),
        ([("mark", b"MARK", None), ("what", b"else", None)], {}, 400),
        ([("mark", b"MARK", None), *GOOD, ("renewal", b"01.03.2011", None)], {}, 400),
        ([("mark", b"MARK", None), *GOOD, ("anniversary", b"2011-02-29", None)], {}, 400),
        ([("mark", b"MARK", None), *GOOD[:2], ("policy", b" " * 1_000_001, b"p")], {}, 413),
    ],
)
def test_what_is_no_form_of_ours_is_refused(
    pages: str, fields: list[Any], headers: dict[str, str], status: int
) -> None:
    with auditing(pages) as (client, mark):
        sent = [(name, mark.encode() if data == b"MARK" else data, file) for name, data, file in fields]
        answer = client.post(PATH, content=body(sent), headers=HEADERS | headers)
    assert answer.status_code == status, answer.text
    assert 'id="verdict"' not in answer.text


@pytest.mark.parametrize(
    "content", [b"", b"--bound", b"--bound--\r\n", b"\r\n" * 1_000, b"--bound\r\n\r\n\r\n--bound--", b"\xff" * 70_000]
)
def test_what_is_no_multipart_at_all_is_refused(pages: str, content: bytes) -> None:
    with auditing(pages) as (client, _):
        answer = client.post(PATH, content=content, headers=HEADERS)
    assert answer.status_code in (400, 403), answer.text


def test_a_cut_form_is_refused(pages: str) -> None:
    with auditing(pages) as (client, mark):
        whole = body([("mark", mark.encode(), None), *GOOD])
        answer = client.post(PATH, content=whole[: len(whole) // 2], headers=HEADERS)
    assert answer.status_code == 400


def test_a_hundred_megabytes_are_refused_before_they_are_read_and_as_they_come(pages: str) -> None:
    with auditing(pages) as (client, mark):
        head = body([("mark", mark.encode(), None), GOOD[0]])[:-11]
        begin = head + b'--bound\r\nContent-Disposition: form-data; name="evidence"; filename="e"\r\n\r\n'
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        for length in (f"Content-Length: {100 << 20}", "Transfer-Encoding: chunked"):
            answer, sent = half_sent(pages, cookies, length, begin)
            assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
            assert sent < 60 << 20
        assert verdict_in(post(client, mark, SURVEY)) == "confirmed"


def half_sent(url: str, cookies: str, length: str, begin: bytes) -> tuple[bytes, int]:
    """Sends and sends until there is an answer: the answer, and how much was sent."""
    at = urlsplit(url)
    with socket.create_connection((at.hostname or "", at.port or 0), timeout=20) as to:
        to.sendall(
            f"POST {PATH} HTTP/1.1\r\nHost: {at.netloc}\r\nCookie: {cookies}\r\n"
            f"Content-Type: {HEADERS['Content-Type']}\r\n{length}\r\n\r\n".encode()
        )
        chunked = "chunked" in length
        piece, sent = b" " * (1 << 20), 0
        try:
            for data in (begin, *([piece] * 100)):
                to.sendall(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
                sent += len(data)
                to.setblocking(False)
                try:
                    if to.recv(1, socket.MSG_PEEK):
                        break
                except BlockingIOError:
                    pass
                finally:
                    to.setblocking(True)
                    to.settimeout(20)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return to.recv(65_536), sent


def test_few_post_at_once_and_who_waits_is_told(pages: str) -> None:
    with auditing(pages) as (client, mark):
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        at = urlsplit(pages)
        held = []
        try:
            for _ in range(verifying.VERIFYING.of_one):
                to = socket.create_connection((at.hostname or "", at.port or 0), timeout=20)
                held.append(to)
                to.sendall(
                    f"POST {PATH} HTTP/1.1\r\nHost: {at.netloc}\r\nCookie: {cookies}\r\nContent-Length: 1000\r\n"
                    f"Content-Type: {HEADERS['Content-Type']}\r\nExpect: 100-continue\r\n\r\n".encode()
                )
                assert to.recv(1_000).startswith(b"HTTP/1.1 100")  # it is being read, and has its place
            assert post(client, mark, SURVEY).status_code == 429
            assert "retry-after" in post(client, mark, SURVEY).headers
            with signed_in(pages, "owner") as other:
                mine = mark_in(other.get(PATH).text)
                assert verdict_in(post(other, mine, SURVEY)) == "confirmed"
        finally:
            for to in held:
                to.close()
        wait_for(lambda: post(client, mark, SURVEY).status_code == 200)


def test_who_sends_too_slowly_is_told_and_his_place_is_free_again(tmp_path: Path) -> None:
    make_book(tmp_path / "ledger.db")
    with service_on_a_port(tmp_path / "ledger.db", pages=True, deadline_s=2) as url, auditing(url) as (client, mark):
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        begin = body([("mark", mark.encode(), None), GOOD[0]])[:-11]
        at = urlsplit(url)
        for number in range(verifying.VERIFYING.at_once + 1):
            with socket.create_connection((at.hostname or "", at.port or 0), timeout=20) as to:
                to.sendall(
                    f"POST {PATH} HTTP/1.1\r\nHost: {at.netloc}\r\nCookie: {cookies}\r\nContent-Length: 100000\r\n"
                    f"Content-Type: {HEADERS['Content-Type']}\r\n\r\n".encode()
                    + begin
                )
                if number == 0:  # the others leave before
                    assert to.recv(1_000).startswith(b"HTTP/1.1 504")
        wait_for(lambda: post(client, mark, SURVEY).status_code == 200)


def wait_for(holds: Callable[[], bool], patience_s: float = 10.0) -> None:
    end_s = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def test_a_verifier_that_says_nothing_in_time_is_ended(pages: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "DEADLINE_S", 0.01)
    with auditing(pages) as (client, mark):
        answer = post(client, mark, SURVEY)
        assert (answer.status_code, "no verdict within" in answer.text) == (422, True)
        monkeypatch.setattr(judging, "DEADLINE_S", 20.0)
        monkeypatch.setattr(judging, "REPORT_BYTES_MAX", 100)
        answer = post(client, mark, SURVEY)
        assert (answer.status_code, "a report of more than" in answer.text) == (422, True)
        monkeypatch.undo()
        assert verdict_in(post(client, mark, SURVEY)) == "confirmed"


@pytest.mark.parametrize("bytes_max", [len(SURVEY) - 10, len(SURVEY) // 2, 0])
def test_a_file_that_there_is_no_room_for_is_not_judged_by_what_there_was_room_for(pages: str, bytes_max: int) -> None:
    """Sound evidence was cut off in silence, and found to be none."""
    with auditing(pages) as (client, mark):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, hard))
        try:
            answer = post(client, mark, SURVEY)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (answer.status_code, "found no room" in answer.text.lower()) == (503, True), answer.text
        assert verdict_in(post(client, mark, SURVEY)) == "confirmed"


def test_a_verifier_has_bounded_memory(pages: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MEMORY_BYTES", 160 << 20)
    many = b'{"a":[' + b"[]," * (8 << 20) + b"[]]}"
    with auditing(pages) as (client, mark):
        answer = post(client, mark, many)
    assert answer.status_code == 422 or verdict_in(answer) == "unverifiable"
    assert "confirmed" not in answer.text


def test_a_verifier_is_given_no_setting_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSAT_LEDGER_STORE", "postgresql://somebody:secret@db/ledger")
    given = judging._environment()
    assert "secret" not in str(given)
    assert given.keys() == {"PYTHONPATH", "PYTHONUTF8", "PATH"}


def test_whoever_leaves_has_his_verifier_ended(tmp_path: Path) -> None:
    with (tmp_path / "evidence").open("w+b") as file:
        running = judging._Running("ledger.proof.verify", {"evidence": file}, ())
        running.stop()
        with pytest.raises(Exception, match="nobody who waits"):
            running()
    assert running._process is None


def test_in_a_browser_files_are_chosen_and_the_verdict_is_read(pages: str, browser: Browser, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>.json"
    (tmp_path / name).write_bytes(FORGERIES["an event changed"])
    for scripts in (True, False):
        with visiting(browser, pages, java_script_enabled=scripts) as visitor:
            visitor.sign_in("partner", "m-1")
            visitor.go(PATH)
            page = visitor.page
            page.set_input_files("#evidence", tmp_path / name)
            page.set_input_files("#policy", SAMPLES / "policy.json")
            page.click("text=Verify the evidence")
            page.wait_for_selector("section.verdict.bad")
            assert "tampered" in page.inner_text("#verdict")
            assert page.locator("img").count() == 0
            assert wrong_with(page) == []
            if scripts:
                assert unusable(page) == []

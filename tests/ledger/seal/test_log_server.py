"""The server of a log over real sockets: what it serves, to whom, and what it never does."""

from __future__ import annotations

import gzip
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ledger.errors import BadInput
from ledger.proof.log.tiles import WIDTH, decode_entries, encode_entries
from ledger.seal.folder import LogFolder
from ledger.seal.growth import Growth
from ledger.seal.log_reader import HISTORY
from ledger.seal.log_server import LogServer
from ledger.seal.published_log import PART_MAX_BYTES, PublishedLog
from ledger.seal.token_file import load_tokens
from tests.ledger.seal.logs import TOKEN, ask, grow, publish, served, signed, write_log

ENTRIES = [b'{"entry":%d}' % n for n in range(1000)]
SIZES = (1, 300, 700)
BEARER = {"Authorization": f"Bearer {TOKEN}"}
TEXT, BYTES = "text/plain; charset=utf-8", "application/octet-stream"
FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture
def log(tmp_path: Path) -> LogFolder:
    """A log of 700 entries."""
    return write_log(tmp_path / "log", ENTRIES, SIZES)


@pytest.fixture
def url(log: LogFolder) -> Iterator[str]:
    """Its server."""
    with served(log.root, TOKEN) as at:
        yield at


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "kind", "cache"),
    [
        ("checkpoint", TEXT, "public, max-age=2"),
        ("checkpoints.jsonl", TEXT, "no-store"),
        ("tile/0/000", BYTES, FOR_EVER),
        ("tile/0/002.p/188", BYTES, FOR_EVER),
        ("tile/1/000.p/2", BYTES, FOR_EVER),
        ("tile/entries/001", BYTES, "private, max-age=31536000, immutable"),
        ("tile/entries/002.p/188", BYTES, "private, max-age=31536000, immutable"),
    ],
)  # fmt: skip
def test_every_path_has_its_type_its_cache_and_the_bytes_of_the_folder(
    log: LogFolder, url: str, method: str, path: str, kind: str, cache: str
) -> None:
    answer = ask(url, f"/{path}", method, **BEARER)
    held = (log.root / path).read_bytes()
    assert (answer.status, answer.headers["Content-Type"], answer.headers["Cache-Control"]) == (200, kind, cache)
    assert answer.headers["Content-Length"] == str(len(held))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.body == (held if method == "GET" else b"")


def test_a_partial_tile_of_an_older_checkpoint_is_cut_out_of_the_present_one(log: LogFolder, url: str) -> None:
    full = (log.root / "tile/0/001").read_bytes()
    assert not (log.root / "tile/0/001.p/44").exists()  # of size 300; it was pruned
    for width in (1, 44, 255):
        assert ask(url, f"/tile/0/001.p/{width}").body == full[: 32 * width]
        bundle = ask(url, f"/tile/entries/001.p/{width}", **BEARER).body
        assert decode_entries(bundle) == ENTRIES[WIDTH : WIDTH + width]


def test_what_a_crash_left_beyond_the_checkpoint_is_not_served(log: LogFolder, url: str) -> None:
    growth = Growth.restore(700, log.read_tile)
    grow(log, growth, ENTRIES[700:])
    beyond = ["tile/0/002", "tile/0/002.p/189", "tile/0/003.p/232", "tile/1/000.p/3", "tile/2/000.p/1"]
    for path in (*beyond, "tile/entries/002", "tile/entries/003.p/232"):
        assert ask(url, f"/{path}", **BEARER).status == 404, path
    log.remember(signed(growth))  # signed, and not published
    assert ask(url, "/checkpoints.jsonl").body.count(b"\n") == len(SIZES)
    # a file of another attempt, by a name that the checkpoint covers
    (log.root / "tile/0/002.p/100").write_bytes(b"\0" * 3200)
    assert ask(url, "/tile/0/002.p/100").body == (log.root / "tile/0/002.p/188").read_bytes()[:3200]
    publish(log, growth)
    for path in (*beyond[:-1], "tile/entries/002", "tile/entries/003.p/232"):
        assert ask(url, f"/{path}", **BEARER).status == 200, path
    assert ask(url, "/checkpoints.jsonl").body == (log.root / HISTORY).read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/", "/.sealer/pending", "/.sealer/state", "/.sealer/lock", "/.sealer", "/tile", "/tile/", "/tile/0", "/tile/0/",
        "/tile/entries", "/tile/entries/", "/checkpoint/", "/checkpoint?x", "/checkpoint#x", "/%63heckpoint", "/CHECKPOINT",
        "/log.key", "/../log.key", "/tile/../../log.key", "/tile/0/../../../log.key", "/tile/0/..%2f..%2f..%2flog.key",
        "/tile/entries/../../log.key", "/tile/entries/%2e%2e/%2e%2e/log.key", "/tile/0/000\\..\\..", "/tile/0/0",
        "/tile/0/0000",        "/tile/00/000", "/tile/64/000", "/tile/-1/000", "/tile/0/x000/000", "/tile/0/000.p/0",
        "/tile/0/000.p/256",
        "/tile/0/000.p/01", "/tile/0/000.p/", "/tile/0/000.p", "/tile/0/000/", "/tile/0/000.p/1/", "/tile/0/٠٠٠",
        "/tile/0/x999/x999/x999/x999/x999/x999/999", "/tile/63/000", "/etc/passwd", "http://127.0.0.1/checkpoint", "checkpoint",
        "/tile/0/000;/x", "/tile/0/000%00", "/checkpoints.jsonl/..", "/.sealer/tmp/1", "*",
    ],
)  # fmt: skip
def test_no_other_path_is_served(log: LogFolder, url: str, path: str) -> None:
    (log.root / "log.key").write_text("PRIVATE")
    (log.root.parent / "log.key").write_text("PRIVATE")
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n".encode())
        said = b"".join(iter(lambda: client.recv(65_536), b""))
    status = int(said.split()[1])
    assert status == 404 or (status == 400 and not path.isascii())
    assert b"PRIVATE" not in said
    assert b"Cache-Control: no-store" in said


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND", "X"]
)
def test_no_other_method_is_served(url: str, method: str) -> None:
    answer = ask(url, "/checkpoint", method, **BEARER)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /checkpoint HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
        (b"GET /checkpoint HTTP/1.1\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"y" * 5_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /" + b"y" * 100_000, 414),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /checkpoint HTTP/9.9\r\n\r\n", 505),
        (b"GET /checkpoint\r\n\r\n", 505),
        (b"GET  /checkpoint  HTTP/1.1 x\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_said_so_and_no_more_is_read(url: str, sent: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10) as client:
        client.sendall(sent)
        said = client.recv(65_536)
    assert int(said.split()[1]) == status
    assert b"y" * 100 not in said


def test_a_body_is_not_taken_for_the_next_request(url: str) -> None:
    hidden = b"GET /tile/0/000 HTTP/1.1\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10) as client:
        client.sendall(b"GET /checkpoint HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden)
        said = b"".join(iter(lambda: client.recv(65_536), b""))
    assert said.count(b"HTTP/1.1 ") == 1


def test_links_lead_nowhere(log: LogFolder, url: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "000").write_bytes(b"s" * 32 * WIDTH)
    (log.root / "tile/0/000").unlink()
    (log.root / "tile/0/000").symlink_to(secret / "000")
    assert ask(url, "/tile/0/000").status == 500
    (log.root / "tile/1").rename(log.root / "tile/other")
    (log.root / "tile/1").symlink_to(log.root / "tile/other")
    assert ask(url, "/tile/1/000.p/2").status == 500
    (log.root / HISTORY).rename(secret / HISTORY)
    (log.root / HISTORY).symlink_to(secret / HISTORY)
    assert ask(url, "/checkpoints.jsonl").status == 404
    (log.root / "checkpoint").unlink()
    (log.root / "checkpoint").symlink_to("checkpoint")
    assert ask(url, "/checkpoint").status == 404
    (log.root / "checkpoint").unlink()
    os.mkfifo(log.root / "checkpoint")
    assert ask(url, "/checkpoint").status == 500


def test_a_folder_that_lacks_what_its_checkpoint_covers_is_told_of(log: LogFolder) -> None:
    complaints: list[str] = []
    with served(log.root, TOKEN, complain=complaints.append) as url:
        (log.root / "tile/0/001").unlink()
        (log.root / "tile/entries/000").write_bytes(encode_entries(ENTRIES[:9]))
        assert ask(url, "/tile/0/001").status == 500
        assert ask(url, "/tile/entries/000", **BEARER).status == 500
    assert ["no such file" in complaints[0], "9 entries, expected 256" in complaints[1]] == [True, True]
    assert TOKEN not in "".join(complaints)


def test_before_the_first_checkpoint_there_is_nothing(tmp_path: Path) -> None:
    with served(tmp_path, TOKEN) as url:
        for path in ("checkpoint", "checkpoints.jsonl", "tile/0/000"):
            assert ask(url, f"/{path}").status == 404


@pytest.mark.parametrize(
    "authorization",
    [None, "", TOKEN, f"bearer {TOKEN}", f"Bearer  {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ",
     "Bearer \xff", f"Basic {TOKEN}", "Bearer null"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["000", "001.p/7", "002.p/188", "002.p/189", "099", "nonsense"])
def test_entries_are_for_who_has_a_token(url: str, authorization: str | None, path: str) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = ask(url, f"/tile/entries/{path}", **headers)
    assert answer.status == 403
    assert b"entry" not in answer.body
    assert ask(url, f"/tile/entries/{path}", "HEAD", **headers).status == 403


def test_without_tokens_nobody_gets_entries(log: LogFolder) -> None:
    with served(log.root) as url:
        for path in ("000", "002.p/188", "099"):
            for headers in ({}, BEARER, {"Authorization": "Bearer "}):
                assert ask(url, f"/tile/entries/{path}", **headers).status == 404
        assert ask(url, "/tile/0/000").status == 200


def test_each_auditor_has_a_token_of_its_own(log: LogFolder) -> None:
    with served(log.root, "a" * 32, "b" * 32) as url:
        assert [ask(url, "/tile/entries/000", Authorization=f"Bearer {one * 32}").status for one in "abc"] == [
            200,
            200,
            403,
        ]


def test_bundles_are_packed_for_who_asks(url: str) -> None:
    packed = ask(url, "/tile/entries/000", Accept_Encoding="gzip", **BEARER)
    assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert decode_entries(gzip.decompress(packed.body)) == ENTRIES[:WIDTH]
    assert ask(url, "/tile/0/000", Accept_Encoding="gzip").headers["Content-Encoding"] is None


def test_the_history_is_given_in_parts(log: LogFolder, url: str) -> None:
    whole = (log.root / HISTORY).read_bytes()
    for wanted, first, end in (("0-9", 0, 10), ("5-", 5, len(whole)), (f"7-{len(whole)}", 7, len(whole))):
        part = ask(url, "/checkpoints.jsonl", Range=f"bytes={wanted}")
        assert (part.status, part.headers["Content-Range"]) == (206, f"bytes {first}-{end - 1}/{len(whole)}")
        assert part.body == whole[first:end]
    for wanted in (f"{len(whole)}-", "9-3"):
        none = ask(url, "/checkpoints.jsonl", Range=f"bytes={wanted}")
        assert (none.status, none.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
    for wanted in ("bytes=0-1,4-5", "bytes=-5", "lines=0-1", "bytes=x"):
        assert ask(url, "/checkpoints.jsonl", Range=wanted).body == whole
    assert ask(url, "/tile/0/000", Range="bytes=0-9").status == 200


def test_a_long_history_is_not_sent_in_one_answer(log: LogFolder, url: str) -> None:
    line = (log.root / HISTORY).read_bytes().splitlines(keepends=True)[-1]
    with (log.root / HISTORY).open("ab") as file:
        file.write(line * (PART_MAX_BYTES // len(line)))
    total = (log.root / HISTORY).stat().st_size
    assert ask(url, "/checkpoints.jsonl").status == 416
    part = ask(url, "/checkpoints.jsonl", Range="bytes=0-")
    assert (part.status, len(part.body)) == (206, PART_MAX_BYTES)
    assert part.headers["Content-Range"] == f"bytes 0-{PART_MAX_BYTES - 1}/{total}"


@pytest.mark.parametrize("line", [b"x\n", b'{"checkpoint":1}\n', b"[" * 100_000 + b"\n", b"9" * 3_000_000 + b"\n"])
def test_a_history_that_cannot_be_read_is_not_sent(log: LogFolder, url: str, line: bytes) -> None:
    with (log.root / HISTORY).open("ab") as file:
        file.write(line)
    assert ask(url, "/checkpoints.jsonl").status == 500
    assert ask(url, "/checkpoint").status == 200


def test_a_slow_client_keeps_no_other_waiting_and_is_sent_away(log: LogFolder) -> None:
    with served(log.root, timeout_s=1.0, idle_s=30.0) as url, ExitStack() as stack:
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        slow = [stack.enter_context(socket.create_connection(address, 20)) for _ in range(5)]
        for client in slow:
            client.sendall(b"GET /check")
        assert ask(url, "/checkpoint").status == 200
        begun_s = time.monotonic()
        for client in slow:
            client.sendall(b"p")  # a byte now and then is no reason to wait longer
        assert [client.recv(1) for client in slow] == [b""] * 5
        assert time.monotonic() - begun_s < 10


def test_a_client_that_asks_nothing_or_reads_nothing_is_sent_away(log: LogFolder) -> None:
    with served(log.root, timeout_s=1.0, idle_s=0.5) as url, ExitStack() as stack:
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        silent = stack.enter_context(socket.create_connection(address, 20))
        deaf = stack.enter_context(socket.create_connection(address, 20))
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(b"GET /tile/0/000 HTTP/1.1\r\n\r\n" * 2000)
        assert silent.recv(1) == b""
        time.sleep(2)
        assert ended(deaf)


def ended(client: socket.socket) -> bool:
    """Whether a connection ends once what was sent on it is read."""
    try:
        while client.recv(65_536):
            pass
    except ConnectionError:
        pass
    return True


def test_more_clients_than_there_are_places_are_sent_away_at_once(log: LogFolder) -> None:
    with served(log.root, clients_max=3, idle_s=60.0) as url, ExitStack() as stack:
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        clients = [stack.enter_context(socket.create_connection(address, 20)) for _ in range(4)]
        assert clients[-1].recv(1) == b""
        clients[0].sendall(b"GET /checkpoint HTTP/1.1\r\n\r\n")
        said = b"".join(iter(lambda: clients[0].recv(65_536), b""))  # who has its answer makes room
        assert b"Connection: close" in said


def test_a_connection_serves_many_requests(url: str) -> None:
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10) as client:
        client.sendall(b"GET /tile/0/000 HTTP/1.1\r\n\r\n" * 20 + b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n")
        said = b"".join(iter(lambda: client.recv(65_536), b""))
    assert (said.count(b"HTTP/1.1 200"), said.count(b"HTTP/1.1 404")) == (20, 1)


def test_many_at_once_get_what_is_right(log: LogFolder, url: str) -> None:
    wrong: list[str] = []

    def read() -> None:
        for path in ("tile/0/000", "tile/0/002.p/188", "checkpoint", "tile/1/000.p/2") * 10:
            if ask(url, f"/{path}").body != (log.root / path).read_bytes():
                wrong.append(path)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_an_answer_under_way_is_finished_when_the_server_ends(log: LogFolder) -> None:
    with LogServer(("127.0.0.1", 0), PublishedLog(log.root)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        address = ("127.0.0.1", server.server_address[1])
        with socket.create_connection(address, 20) as idle, socket.create_connection(address, 20) as busy:
            busy.sendall(b"GET /checkpoint HTTP/1.1\r\n")
            time.sleep(0.3)
            server.shutdown()
            server.server_close()
            drained = threading.Thread(target=server.drain, args=(10,))
            drained.start()
            assert idle.recv(1) == b""
            busy.sendall(b"\r\n")
            said = b"".join(iter(lambda: busy.recv(65_536), b""))
            assert said.endswith((log.root / "checkpoint").read_bytes())
            begun_s = time.monotonic()
            drained.join(20)
            assert time.monotonic() - begun_s < 5
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, 5)
        thread.join(20)


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (f"{TOKEN}\n", 0o640, "found tokens that others may read, expected mode 0600"),
        (f"{TOKEN}\n", 0o604, "found tokens that others may read"),
        ("", 0o600, "found 0 tokens, expected 1 to 100"),
        ("short\n", 0o600, "found on line 1 no token"),
        (f"{TOKEN}\n\n{TOKEN}\n", 0o600, "found on line 2 no token"),
        (f"{TOKEN}\n{TOKEN} x\n", 0o600, "found on line 2 no token"),
        (f"{TOKEN}\n" * 101, 0o600, "found 101 tokens"),
        ("ä" * 40, 0o600, "found on line 1 no token"),
        ("x" * 70_000, 0o600, "found more"),
    ],
)
def test_a_file_of_tokens_is_for_its_owner_and_holds_tokens(tmp_path: Path, content: str, mode: int, said: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(BadInput, match=said) as raised:
        load_tokens(path)
    assert TOKEN not in str(raised.value)


def test_the_tokens_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.touch(0o600)
    path.write_text(f"{TOKEN}\n{'b' * 64}")
    assert load_tokens(path) == (TOKEN, "b" * 64)
    with pytest.raises(BadInput, match="found 2 tokens, expected one"):
        load_tokens(path, 1)
    with pytest.raises(BadInput, match="expected a file of tokens"):
        load_tokens(tmp_path / "none")

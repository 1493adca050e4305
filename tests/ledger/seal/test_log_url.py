"""A log read from a URL: the same as from its folder; and whatever a server does, an error in time and within bounds."""

from __future__ import annotations

import gzip
import random
import re
import socket
import ssl
import subprocess
import time
import tracemalloc
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.audit.audit import audit
from ledger.errors import BadInput, LogDamaged, LogDenied, LogUnreachable
from ledger.proof.log.merkle_tree import consistency_proof
from ledger.proof.log.note import NOTE_MAX_BYTES
from ledger.proof.log.tiles import ENTRIES, WIDTH, Tile, hash_reader, tiles_between
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.seal import log_reader, log_url
from ledger.seal.folder import LogFolder
from ledger.seal.log_reader import BUNDLE_MAX_BYTES, TILE_MAX_BYTES, LogReader, parse_history_line
from ledger.seal.log_url import TRIES_MAX, LogUrl, open_log
from tests.ledger.seal.logs import TOKEN, hostile, raw, served, write_log
from tests.ledger.seal.support import policy, sqlite_ledger

FULL = bytes(range(32)) * WIDTH


def reader(url: str, token: str | None = None, timeout_s: float = 5.0) -> LogUrl:
    """A reader that does not wait long between its tries."""
    return LogUrl(url, token, timeout_s=timeout_s, wait_first_s=0.001)


@given(seed=st.integers(0, 1 << 32), counts=st.lists(st.integers(1, 400), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_folder_and_url_are_the_same_for_any_log(
    tmp_path_factory: pytest.TempPathFactory, seed: int, counts: list[int]
) -> None:
    sizes, rng = list(accumulate(counts)), random.Random(seed)
    entries = [rng.randbytes(rng.choice((0, 1, 50, 3000))) for _ in range(sizes[-1])]
    folder = write_log(tmp_path_factory.mktemp("log"), entries, sizes)
    with served(folder.root, TOKEN) as url:
        log = reader(url, TOKEN)
        assert log.checkpoint() == folder.checkpoint()
        assert log.history() == folder.history()
        for tile in tiles_between(0, sizes[-1]):
            assert log.read_tile(tile) == folder.read_tile(tile), tile.path
        first, end = sorted((rng.randrange(sizes[-1] + 1), sizes[-1]))
        assert list(log.read_entries(first, end)) == list(folder.read_entries(first, end)) == entries[first:end]
        proofs = [
            consistency_proof(sizes[0], sizes[-1], hash_reader(sizes[-1], one.read_tile))
            if sizes[0] < sizes[-1]
            else []
            for one in (log, folder)
        ]
        assert list(proofs[0]) == list(proofs[1])
        log.close()


def test_an_audit_over_a_url_says_the_same(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        with served(ledger.folder.root, TOKEN) as url:
            over = audit(ledger.store, reader(url, TOKEN), policy(), PROOF_PROGRAMMES, workers=1)
            assert over.answer() == ledger.audit().answer()
            assert over.verdict == "confirmed"
            with pytest.raises(LogDenied):
                audit(ledger.store, reader(url), policy(), PROOF_PROGRAMMES, workers=1)
        with pytest.raises(LogUnreachable):  # and not a log that was tampered with
            audit(ledger.store, reader(url, TOKEN), policy(), PROOF_PROGRAMMES, workers=1)


def test_a_partial_tile_that_was_pruned_is_had_from_the_full_one(tmp_path: Path) -> None:
    """By a server that knows no better than the files that there are."""
    folder = write_log(tmp_path / "log", [b"%d" % n for n in range(300)], [200, 300])

    def plain(client: socket.socket, request: bytes, _: int) -> None:
        path = folder.root / request.split()[1].decode()[1:]
        client.sendall(raw("200 OK", path.read_bytes()) if path.is_file() else raw("404 Not Found", b""))

    with hostile(plain) as url:
        assert reader(url).read_tile(Tile(0, 0, 200)) == folder.read_tile(Tile(0, 0))
        assert list(reader(url).read_entries(150, 200)) == [b"%d" % n for n in range(150, 200)]
        with pytest.raises(
            LogDamaged, match=re.escape("tile/0/007.p/3: found no such file, expected one of 3 entries")
        ):
            reader(url).read_tile(Tile(0, 7, 3))
        assert reader(url).read_path("elsewhere", 1) is None


Reading = Callable[[LogReader], object]
CHECKPOINT: Reading = lambda log: log.checkpoint()  # noqa: E731
TILE: Reading = lambda log: log.read_tile(Tile(0, 0))  # noqa: E731
BUNDLE: Reading = lambda log: log.read_tile(Tile(ENTRIES, 0))  # noqa: E731
HISTORY: Reading = lambda log: log.history()  # noqa: E731


@pytest.mark.parametrize(
    ("read", "bound"),
    [(CHECKPOINT, NOTE_MAX_BYTES), (TILE, TILE_MAX_BYTES), (BUNDLE, BUNDLE_MAX_BYTES), (HISTORY, 1 << 31)],
)
def test_an_answer_that_says_it_is_too_long_is_not_read(read: Reading, bound: int) -> None:
    with (
        hostile(lambda client, *_: client.sendall(raw("200 OK", b"x" * 100, length=bound + 1))) as url,
        pytest.raises(LogDamaged, match=f"found more, expected at most {bound} bytes"),
    ):
        read(reader(url))


def test_an_answer_without_an_end_is_read_up_to_its_bound() -> None:
    def endless(client: socket.socket, *_: object) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(10_000):
            client.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")

    with hostile(endless) as url:
        for read in (CHECKPOINT, TILE):
            with pytest.raises(LogDamaged, match="found more"):
                read(reader(url))


def test_gzip_is_unpacked_up_to_the_bound() -> None:
    bomb = gzip.compress(b"\0" * (1 << 28), 9)
    with hostile(lambda client, *_: client.sendall(raw("200 OK", bomb, "Content-Encoding: gzip"))) as url:
        tracemalloc.start()
        with pytest.raises(LogDamaged, match=f"found more, expected at most {NOTE_MAX_BYTES} bytes"):
            reader(url).checkpoint()
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
        tracemalloc.stop()
    packed = gzip.compress(FULL)
    with hostile(lambda client, *_: client.sendall(raw("200 OK", packed, "Content-Encoding: gzip"))) as url:
        assert reader(url).read_tile(Tile(0, 0)) == FULL


@pytest.mark.parametrize(
    "answer",
    [
        raw("200 OK", FULL[:-1], length=len(FULL)),
        raw("200 OK", gzip.compress(FULL)[:-9], "Content-Encoding: gzip"),
        raw("200 OK", gzip.compress(FULL) + b"more", "Content-Encoding: gzip"),
        raw("200 OK", b"no gzip", "Content-Encoding: gzip"),
        raw("200 OK", FULL, "Content-Encoding: br"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n" + FULL[:-100],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + FULL,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\n\r\n" + FULL,  # it may go on
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"",
        b"\0" * 70_000,
        raw("206 Partial Content", FULL),
        raw("206 Partial Content", FULL, f"Content-Range: bytes 0-{len(FULL) - 1}/{len(FULL)}"),
        raw("500 Internal Server Error", b""),
        raw("503 Service Unavailable", b"x" * 10_000),
        raw("429 Too Many Requests", b"", "Retry-After: 86400"),
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    ],
)  # fmt: skip
def test_what_is_no_whole_answer_is_asked_for_again_and_then_told(answer: bytes) -> None:
    asked: list[int] = []

    def answering(client: socket.socket, _: bytes, number: int) -> None:
        asked.append(number)
        client.sendall(answer)

    with hostile(answering) as url, pytest.raises(LogUnreachable, match=re.escape(f"{url}/tile/0/000: found ")):
        reader(url).read_tile(Tile(0, 0))
    assert len(asked) == TRIES_MAX


def test_what_a_server_sends_is_told_in_brief_and_as_printable_ascii() -> None:
    noise = bytes(range(128, 256)) * 400 + b"\r\n\r\n"
    with hostile(lambda client, *_: client.sendall(noise)) as url, pytest.raises(LogUnreachable) as told:
        reader(url).read_tile(Tile(0, 0))
    with pytest.raises(LogDamaged) as history:
        parse_history_line(noise)
    for said in (str(told.value), str(history.value)):
        assert len(said) < 400
        assert said.replace("…", "").isascii()
        assert said.isprintable()


@pytest.mark.parametrize(
    "failing", [raw("503 Service Unavailable", b""), b"", raw("200 OK", FULL[:99], length=len(FULL))]
)
def test_a_server_that_comes_back_is_read_on(failing: bytes) -> None:
    with hostile(lambda client, _, number: client.sendall(failing if number < 2 else raw("200 OK", FULL))) as url:
        assert reader(url).read_tile(Tile(0, 0)) == FULL


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 x", "308 x", "304 x", "400 x"])
def test_redirects_are_not_followed_and_no_token_leaves(status: str) -> None:
    seen: list[bytes] = []
    with hostile(
        lambda client, request, _: (seen.append(request), client.sendall(raw("200 OK", FULL)))[1]
    ) as elsewhere:
        moved = raw(status, b"", f"Location: {elsewhere}/tile/0/000")
        with (
            hostile(lambda client, *_: client.sendall(moved)) as url,
            pytest.raises(LogUnreachable, match=f"found the answer {status[:3]}.*redirects are not followed"),
        ):
            reader(url, TOKEN).read_tile(Tile(0, 0))
    assert seen == []


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_what_the_host_does_not_give_is_told_apart_and_no_token_is_in_it(status: str) -> None:
    with hostile(lambda client, *_: client.sendall(raw(status, b"no"))) as url:
        bare, with_token = reader(url).read_entries(0, 1), reader(url, TOKEN).read_entries(0, 1)
        with pytest.raises(LogDenied, match="to no token"):
            next(bare)
        with pytest.raises(LogDenied, match="to a token that it does not know") as raised:
            next(with_token)
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("length", [0, 31, 32, 8191, 8160])
def test_a_hash_tile_has_exactly_its_hashes(length: int) -> None:
    with (
        hostile(lambda client, *_: client.sendall(raw("200 OK", FULL[:length]))) as url,
        pytest.raises(LogDamaged, match=f"found {length} bytes, expected 8192"),
    ):
        reader(url).read_tile(Tile(0, 0))


DRIPPED = [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 8192\r\n\r\n",
           b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n",
           b"HTTP/1.1 404 x\r\nContent-Length: 900\r\n\r\n"]  # fmt: skip


@pytest.mark.parametrize("ready", DRIPPED)
def test_a_server_that_drips_is_left_at_the_deadline(ready: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(client: socket.socket, *_: object) -> None:
        client.sendall(ready)
        for _ in range(600):
            client.sendall(b"x")
            time.sleep(0.1)

    monkeypatch.setattr(log_url, "TRIES_MAX", 2)
    with hostile(drip) as url:
        begun_s = time.monotonic()
        with pytest.raises(LogUnreachable, match="no whole answer"):
            reader(url, timeout_s=0.5).read_tile(Tile(0, 0))
        assert 0.9 < time.monotonic() - begun_s < 15


def test_a_server_that_sends_only_continue_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    def ever(client: socket.socket, *_: object) -> None:
        for _ in range(600):
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            time.sleep(0.1)

    monkeypatch.setattr(log_url, "TRIES_MAX", 1)
    with hostile(ever) as url, pytest.raises(LogUnreachable):
        reader(url, timeout_s=0.5).checkpoint()


def test_a_server_that_disappears(tmp_path: Path) -> None:
    folder = write_log(tmp_path / "log", [b"%d" % n for n in range(600)], [600])
    with served(folder.root, TOKEN) as url:
        log = reader(url, TOKEN)
        entries = log.read_entries(0, 600)
        assert [next(entries) for _ in range(WIDTH)] == [b"%d" % n for n in range(WIDTH)]
    with pytest.raises(LogUnreachable, match="tile/entries/001: found no whole answer"):
        list(entries)


def test_a_connection_is_used_again_and_another_taken_where_it_was_closed(tmp_path: Path) -> None:
    folder = write_log(tmp_path / "log", [b"%d" % n for n in range(600)], [600])
    with served(folder.root, idle_s=0.3) as url:
        log = reader(url)
        used = set()
        for _ in range(5):
            log.read_tile(Tile(0, 0))
            (connection,) = log._client._idle
            used.add(connection.sock.getsockname())
        assert len(used) == 1
        time.sleep(1)
        assert log.read_tile(Tile(0, 1)) == folder.read_tile(Tile(0, 1))
        log.close()
        assert log._client._idle == []


def history_server(
    whole: bytes, *, bent: Callable[[int, int, int], tuple[int, int, int]] | None = None
) -> Callable[..., None]:
    """Answers with the parts that are asked for, or says that they are others."""

    def answer(client: socket.socket, request: bytes, _: int) -> None:
        match = re.search(rb"Range: bytes=(\d+)-(\d+)", request)
        assert match
        first, last = int(match[1]), min(int(match[2]), len(whole) - 1)
        told = bent(first, last, len(whole)) if bent else (first, last, len(whole))
        range_line = "Content-Range: bytes {}-{}/{}".format(*told)
        client.sendall(raw("206 Partial Content", whole[first : last + 1], range_line))

    return answer


def test_a_long_history_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "HISTORY_PART_BYTES", 1000)
    lines = b"".join(b'{"checkpoint":"%d"}\n' % n for n in range(300))
    with hostile(history_server(lines)) as url:
        assert reader(url).history() == [b"%d" % n for n in range(300)]
    with hostile(lambda client, *_: client.sendall(raw("200 OK", lines))) as url:  # that knows no parts
        assert reader(url).history() == [b"%d" % n for n in range(300)]


@pytest.mark.parametrize(
    ("bent", "kind"),
    [
        (lambda first, last, total: (first + 1, last + 1, total), LogUnreachable),
        (lambda first, last, total: (first, last + 1, total), LogUnreachable),
        (lambda _, last, total: ("x", last, total), LogUnreachable),
        (lambda first, last, _: (first, last, "*"), LogUnreachable),
        (lambda first, last, _: (first, last, 1 << 40), LogDamaged),
    ],
)
def test_parts_that_are_not_those_asked_for_are_not_taken(
    bent: Callable[..., tuple[int, int, int]], kind: type[Exception]
) -> None:
    with hostile(history_server(b'{"checkpoint":"1"}\n', bent=bent)) as url, pytest.raises(kind):
        reader(url).history()


def test_a_long_file_is_not_taken_by_the_byte() -> None:
    asked = []

    def drip(client: socket.socket, request: bytes, _: int) -> None:
        match = re.search(rb"Range: bytes=(\d+)-", request)
        assert match
        asked.append(at := int(match[1]))
        client.sendall(raw("206 Partial Content", b"x", f"Content-Range: bytes {at}-{at}/50"))

    def told_wrong(client: socket.socket, request: bytes, _: int) -> None:
        match = re.search(rb"Range: bytes=(\d+)-", request)
        assert match
        asked.append(at := int(match[1]))
        client.sendall(raw("206 Partial Content", b"x", f"Content-Range: bytes {at}-49/50"))

    for server in (drip, told_wrong):
        asked.clear()
        with hostile(server) as url, pytest.raises(LogUnreachable):
            reader(url).history()
        assert len(asked) <= TRIES_MAX


@pytest.mark.parametrize("lines", [b"x\n", b'{"checkpoint":7}\n', b"[1]\n", b"[" * 200_000 + b"\n"])
def test_a_history_that_is_none(lines: bytes) -> None:
    with (
        hostile(lambda client, *_: client.sendall(raw("200 OK", lines))) as url,
        pytest.raises(LogDamaged, match="expected a checkpoint on each line"),
    ):
        reader(url).history()


@pytest.mark.parametrize(
    "text",
    ["http://", "https:///x", "http://h:x/", "http://h:99999/", "http://u:p@h/", "http://h/?q", "http://h/#f", "http://[::1/",
     "ftp://h/", "s3://bucket/log", "http://h/\r\nX: y", "http://h/a b", "http://h/ä", "file:///tmp"],
)  # fmt: skip
def test_what_is_no_url_of_a_log(text: str) -> None:
    with pytest.raises(BadInput, match="expected"):
        open_log(text)


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "ä", "x" * 9000])
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(BadInput, match="found a token that is empty, too long or holds spaces"):
        LogUrl("https://h/", token)


def test_a_token_does_not_travel_in_the_open() -> None:
    with pytest.raises(BadInput, match="expected https://"):
        open_log("http://log.example/csat", TOKEN)
    assert LogUrl("http://[::1]:8080/csat", TOKEN).name == "http://[::1]:8080/csat"
    assert isinstance(open_log("https://log.example/csat/", TOKEN), LogUrl)


def test_a_token_that_has_expired_is_asked_for_anew(tmp_path: Path) -> None:
    log = write_log(tmp_path, [b"entry"], [1])
    found: list[str | None] = []

    def renewed() -> str | None:
        return found.pop(0) if found else None

    with served(tmp_path, TOKEN) as url:
        reading = LogUrl(url, "e" * 32, wait_first_s=0.001, renewed=renewed)
        with pytest.raises(LogDenied):
            list(reading.read_entries(0, 1))
        found += ["e" * 32, TOKEN]
        with pytest.raises(LogDenied):  # it is the same still
            list(reading.read_entries(0, 1))
        assert list(reading.read_entries(0, 1)) == list(log.read_entries(0, 1))
        assert list(reading.read_entries(0, 1)) == [b"entry"]
        assert found == []
        reading.close()


def test_a_folder_is_opened_as_one(tmp_path: Path) -> None:
    assert isinstance(open_log(tmp_path), LogFolder)
    assert open_log(str(tmp_path)).name == str(tmp_path)
    assert open_log(tmp_path / "none").checkpoint() is None


def test_a_name_that_leads_nowhere_is_unreachable() -> None:
    for url in ("http://127.0.0.1:1/", "http://" + "a" * 70 + ".invalid/"):
        with pytest.raises(LogUnreachable, match="no whole answer"):
            reader(url).checkpoint()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and its certificate for 127.0.0.1."""
    made = tmp_path_factory.mktemp("tls") / "both.pem"
    key, cert = made.with_name("key.pem"), made.with_name("cert.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=x"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True, timeout=60)
    made.write_bytes(key.read_bytes() + cert.read_bytes())
    return made


def test_over_tls_by_a_certificate_that_is_trusted(tmp_path: Path, certificate: Path) -> None:
    """As behind a reverse proxy: here a thread that ends TLS before the server."""
    folder = write_log(tmp_path / "log", [b"%d" % n for n in range(600)], [600])
    ends_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends_tls.load_cert_chain(certificate)
    with served(folder.root, TOKEN) as url:

        def proxy(client: socket.socket, request: bytes, _: int) -> None:
            with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10) as behind:
                behind.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                while part := behind.recv(65_536):
                    client.sendall(part)

        with hostile(proxy, ends_tls) as proxied:
            secure = proxied.replace("http:", "https:")
            trusting = ssl.create_default_context(cafile=certificate)
            log = LogUrl(secure, TOKEN, timeout_s=5, wait_first_s=0.001, tls=trusting)
            assert list(log.read_entries(0, 600)) == list(folder.read_entries(0, 600))
            with pytest.raises(LogUnreachable, match="certificate verify failed"):
                reader(secure, TOKEN).checkpoint()


def test_a_handshake_that_does_not_come_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_url, "TRIES_MAX", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(LogUnreachable, match="no whole answer"):
        reader(f"https://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.5).checkpoint()


def test_a_history_is_read_on_from_where_it_was_read_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever follows a log asks for what is new, however long the history is by then."""
    monkeypatch.setattr(log_reader, "HISTORY_PART_BYTES", 64)
    folder = LogFolder(tmp_path / "log")
    folder.make()
    lines = [b'{"checkpoint":"%d"}\n' % n for n in range(100)]
    (tmp_path / "log" / "checkpoints.jsonl").write_bytes(b"".join(lines))
    asked: list[int] = []

    def answer(client: socket.socket, request: bytes, number: int) -> None:
        match = re.search(rb"Range: bytes=(\d+)-", request)
        assert match
        asked.append(int(match[1]))
        history_server((tmp_path / "log" / "checkpoints.jsonl").read_bytes())(client, request, number)

    with hostile(answer) as url:
        for log in (folder, reader(url)):
            read = list(log.history_lines())
            assert [line.note for line in read] == [b"%d" % n for n in range(100)]
            assert [line.note for line in log.history_lines(read[40].end)] == [b"%d" % n for n in range(41, 100)]
            assert list(log.history_lines(read[-1].end)) == []
            asked.clear()
            list(log.history_lines(read[-1].end))
            assert asked in ([], [read[-1].end])

"""Witnesses: what they answer, what they remember, and what the sealer makes of it."""

from __future__ import annotations

import errno
import http.client
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from ledger.errors import BadInput, LogForked, QuorumMissing, SealerBusy, WrongKey
from ledger.proof.log import merkle, merkle_tree
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import MalformedError
from ledger.proof.log.note import COSIGNATURE_V1, ED25519, open_note, parse_note
from ledger.proof.log.policy import Policy, open_checkpoint
from ledger.proof.log.signer import SignerKey, format_note, sign_note
from ledger.proof.log.tiles import hash_reader
from ledger.seal.folder import held
from ledger.seal.http_serving import CLIENTS_MAX
from ledger.seal.witness import AT_ONCE_MAX, SIZE, AddCheckpoint, Answer, Witness, WitnessedLogs, parse_request
from ledger.seal.witness_http import Witnesses, WitnessServer
from tests.console.support import response
from tests.ledger.proof.log.test_merkle import stored_log
from tests.ledger.seal.support import (
    LOG_KEY,
    WITNESS_KEY,
    WITNESSED_S,
    Beside,
    Ledger,
    a_witness,
    policy,
    sqlite_ledger,
    witnessed,
)

LEAVES = [merkle.leaf_hash(b"entry %d" % n) for n in range(40)]
STORED = stored_log(LEAVES)


def proof(old: int, new: int) -> tuple[bytes, ...]:
    return tuple(merkle_tree.consistency_proof(old, new, lambda indexes: [STORED[i] for i in indexes]))


def signed(size: int, key: SignerKey = LOG_KEY, origin: str = LOG_KEY.name, root: bytes | None = None) -> bytes:
    checkpoint = Checkpoint(origin, size, merkle_tree.root_of_leaves(LEAVES[:size]) if root is None else root)
    return sign_note(checkpoint.text, key)


def ask(witness: Witness, old: int, new: int, **more: object) -> Answer:
    return witness.add_checkpoint(AddCheckpoint(old, proof(old, new), signed(new, **more)).encoded())  # type: ignore[arg-type]


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    made = a_witness(tmp_path / "memory")
    yield made
    made.close()


def test_a_request_is_read_as_it_was_written() -> None:
    request = AddCheckpoint(7, proof(7, 20), signed(20))
    assert parse_request(request.encoded()) == request
    assert request.encoded().startswith(b"old 7\n")


@pytest.mark.parametrize(
    "body", [b"", b"old 0", b"old 00\n\nx", b"new 0\n\nx", b"old 1\nxxx\n\nx", b"old -1\n\nx", b"old 1\n" + b"\xff\n\nx",
             b"old 0\n" + b"A" * 43 + b"=\n" + (b"A" * 43 + b"=\n") * 63 + b"\nx"],
)  # fmt: skip
def test_what_is_no_request_is_refused(witness: Witness, body: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_request(body)
    assert witness.add_checkpoint(body).status == 400


def test_a_checkpoint_that_extends_the_last_is_cosigned(witness: Witness) -> None:
    for old, new in ((0, 5), (5, 5), (5, 6), (6, 40)):
        answer = ask(witness, old, new)
        assert answer.status == 200
        note = open_note(signed(new) + answer.body.encode(), [LOG_KEY.verifier, WITNESS_KEY.verifier])
        times = [line.time_s for key, line in note.verified if key == WITNESS_KEY.verifier]
        assert times == [WITNESSED_S]
    last = witness.last()
    assert last is not None
    assert last.size == 40


def test_another_old_size_is_answered_with_the_right_one(witness: Witness) -> None:
    ask(witness, 0, 5)
    answer = ask(witness, 0, 10)
    assert (answer.status, answer.content_type, answer.body) == (409, SIZE, "5\n")
    assert ask(witness, 5, 10).status == 200
    assert (ask(witness, 5, 8).status, ask(witness, 5, 8).body) == (409, "10\n")


def test_a_fork_and_a_rollback_are_refused(witness: Witness) -> None:
    ask(witness, 0, 10)
    forked = merkle_tree.root_of_leaves(reversed(LEAVES[:10]))
    assert ask(witness, 10, 10, root=forked).status == 409
    assert ask(witness, 10, 20, root=merkle_tree.root_of_leaves(reversed(LEAVES[:20]))).status == 422
    assert witness.add_checkpoint(AddCheckpoint(10, proof(9, 20), signed(20)).encoded()).status == 422
    assert witness.add_checkpoint(AddCheckpoint(10, (), signed(9)).encoded()).status == 400
    last = witness.last()
    assert last is not None
    assert (last.size, last.root) == (10, merkle_tree.root_of_leaves(LEAVES[:10]))


def test_a_proof_from_nothing_has_to_be_empty(witness: Witness) -> None:
    assert witness.add_checkpoint(AddCheckpoint(0, (LEAVES[0],), signed(5)).encoded()).status == 422


def test_unknown_logs_and_unknown_keys_are_refused(witness: Witness) -> None:
    other = SignerKey("other.example/log", ED25519, b"o" * 32)
    assert ask(witness, 0, 5, key=other, origin=other.name).status == 404
    assert ask(witness, 0, 5, key=SignerKey(LOG_KEY.name, ED25519, b"x" * 32)).status == 403
    spoilt = signed(5).replace(b"\n5\n", b"\n6\n")
    assert witness.add_checkpoint(AddCheckpoint(0, (), spoilt).encoded()).status == 403
    assert witness.last() is None


def test_a_witness_remembers_and_there_is_one_for_each_memory(tmp_path: Path) -> None:
    first = a_witness(tmp_path)
    ask(first, 0, 10)
    with pytest.raises(SealerBusy):
        a_witness(tmp_path)
    first.close()
    second = a_witness(tmp_path)
    assert ask(second, 0, 5).status == 409
    assert ask(second, 10, 11).status == 200


# Several logs

OTHER_KEY = SignerKey("other.example/log", ED25519, b"o" * 32)


def other_policy() -> Policy:
    keys = [{"vkey": str(OTHER_KEY.verifier), "from": 0, "to": None}]
    return policy(origin=OTHER_KEY.name, logs=keys)


def two_witnesses(memory: Path) -> list[Witness]:
    return [Witness(WITNESS_KEY, of, memory, lambda: WITNESSED_S) for of in (policy(), other_policy())]


def body(old: int, new: int, key: SignerKey = LOG_KEY) -> bytes:
    return AddCheckpoint(old, proof(old, new), signed(new, key, key.name)).encoded()


def test_a_request_goes_to_the_log_that_its_checkpoint_names(tmp_path: Path) -> None:
    """Each log has a memory of its own, which is there again when the witness starts anew."""
    stranger = SignerKey("third.example/log", ED25519, b"t" * 32)
    for started in range(2):
        with ExitStack() as stack:
            both = [stack.enter_context(closing(one)) for one in two_witnesses(tmp_path)]
            logs = WitnessedLogs(both)
            if not started:
                assert logs.add_checkpoint(body(0, 5)).status == 200
                assert logs.add_checkpoint(body(0, 9, OTHER_KEY)).status == 200
            assert logs.add_checkpoint(body(0, 20)).body == "5\n"
            assert logs.add_checkpoint(body(0, 20, OTHER_KEY)).body == "9\n"
            refused = logs.add_checkpoint(body(0, 5, stranger))
            assert (refused.status, refused.body) == (404, "the log third.example/log is not known here\n")
            forged = AddCheckpoint(5, proof(5, 9), signed(9, LOG_KEY, OTHER_KEY.name)).encoded()
            assert logs.add_checkpoint(forged).status == 403
            assert logs.add_checkpoint(b"old 0").status == 400
    with ExitStack() as stack:
        twice = [stack.enter_context(closing(a_witness(tmp_path / name))) for name in ("a", "b")]
        with pytest.raises(BadInput, match="two policies for the log"):
            WitnessedLogs(twice)


def test_a_memory_of_one_log_that_an_earlier_version_left_goes_on_with_another_log_beside_it(tmp_path: Path) -> None:
    (tmp_path / sha256(LOG_KEY.name.encode()).hexdigest()).write_bytes(signed(5))
    (tmp_path / "lock").touch()
    with ExitStack() as stack:
        logs = WitnessedLogs([stack.enter_context(closing(one)) for one in two_witnesses(tmp_path)])
        assert logs.add_checkpoint(body(0, 20)).body == "5\n"
        assert logs.add_checkpoint(body(0, 20, OTHER_KEY)).status == 200


def test_an_earlier_version_of_the_program_at_work_with_a_memory_keeps_others_away(tmp_path: Path) -> None:
    with held(tmp_path / "lock", "busy"), pytest.raises(SealerBusy, match="another witness at work"):
        a_witness(tmp_path)
    with closing(a_witness(tmp_path)), pytest.raises(SealerBusy, match="busy"), held(tmp_path / "lock", "busy"):
        pass


class Held(Witness):
    """A witness that thinks about a checkpoint until it is let go."""

    def __init__(self, *needs: Any) -> None:
        super().__init__(*needs)
        self.thinking, self.let_go = threading.Semaphore(0), threading.Event()

    def refusal(self, _checkpoint: Checkpoint) -> Answer | None:
        self.thinking.release()
        assert self.let_go.wait(60)
        return None


def test_a_log_that_takes_its_time_keeps_no_other_waiting(tmp_path: Path) -> None:
    """Nor do those that wait for it take all places: one request too many is answered at once that it may be asked again."""
    slow = Held(WITNESS_KEY, policy(), tmp_path, lambda: WITNESSED_S)
    quick = Witness(WITNESS_KEY, other_policy(), tmp_path, lambda: WITNESSED_S)
    with closing(slow), closing(quick), served(slow, quick, timeout_s=60) as url:
        answers: SimpleQueue[tuple[int, bytes]] = SimpleQueue()
        waiting = [
            threading.Thread(target=lambda: answers.put(post(url, body(0, 5))), daemon=True) for _ in range(AT_ONCE_MAX)
        ]
        try:
            for thread in waiting:
                thread.start()
            assert slow.thinking.acquire(timeout=60)
            deadline_s = time.monotonic() + 60
            while slow._at_once._value and time.monotonic() < deadline_s:  # type: ignore[attr-defined]
                time.sleep(0.01)
            status, said = post(url, body(0, 5))
            assert (status, b"may be asked again" in said) == (503, True)
            assert post(url, body(0, 9, OTHER_KEY))[0] == 200
            assert answers.empty()
        finally:
            slow.let_go.set()
        for thread in waiting:
            thread.join(60)
        assert sorted(answers.get(timeout=60)[0] for _ in waiting) == [200] + [409] * (AT_ONCE_MAX - 1)
        assert post(url, body(5, 9))[0] == 200


def post(url: str, body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.request("POST", "/add-checkpoint", body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


# The sealer's side


def cosigners(ledger: Ledger) -> list[str]:
    published = ledger.folder.checkpoint()
    assert published
    return [name for name, _ in open_checkpoint(published, policy(**witnessed(0))).cosigned]


def test_the_sealer_attaches_cosignatures(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        beside = Beside(a_witness(tmp_path / "witness"))
        ledger.seal(cosigner=beside)
        assert cosigners(ledger) == [WITNESS_KEY.name]
        ledger.record([response(60, "Late", "2011-01-05T00:00:00Z")])
        ledger.seal(cosigner=beside)
        assert cosigners(ledger) == [WITNESS_KEY.name]
        assert ledger.verdict(**witnessed()).verdict == "confirmed"
        assert ledger.audit(**witnessed()).verdict == "confirmed"


def test_a_sealer_that_remembers_nothing_finds_the_witness_where_it_is(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        witness = a_witness(tmp_path / "witness")
        for number in range(3):
            ledger.record([response(60 + number, "Late", f"2011-01-0{number + 1}T00:00:00Z")])
            ledger.seal(cosigner=Beside(witness))
            assert cosigners(ledger) == [WITNESS_KEY.name]


def test_without_the_quorum_nothing_is_published_and_nothing_is_lost(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        beside = Beside(a_witness(tmp_path / "witness"))
        ledger.seal(cosigner=beside)
        before = ledger.folder.checkpoint()
        beside.reachable = False
        ledger.record([response(60, "Late", "2011-01-05T00:00:00Z")])
        for _ in range(2):
            with pytest.raises(QuorumMissing, match="found 0 cosignatures, expected 1"):
                ledger.seal(cosigner=beside)
            assert ledger.folder.checkpoint() == before
        pending = ledger.folder.pending()
        assert pending
        promised = parse_checkpoint(parse_note(pending)[0])
        beside.reachable = True
        sealed = ledger.seal(cosigner=beside)
        assert (sealed.size, sealed.root, sealed.sealed) == (promised.size, promised.root, 0)
        assert cosigners(ledger) == [WITNESS_KEY.name]


def test_without_a_quorum_to_reach_a_witness_that_is_away_only_lacks(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        beside = Beside(a_witness(tmp_path / "witness"), quorum=0)
        beside.reachable = False
        size = ledger.seal(cosigner=beside).size
        assert len(beside.lacking) == 1
        beside.reachable = True
        assert ledger.seal(cosigner=beside).size == size
        assert cosigners(ledger) == [WITNESS_KEY.name]


def test_cosignatures_by_others_are_not_believed(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        stranger = Witness(SignerKey(WITNESS_KEY.name, 4, b"s" * 32), policy(), tmp_path / "witness", lambda: 1)
        with pytest.raises(QuorumMissing, match="no cosignature by a witness of the policy"):
            ledger.seal(cosigner=Beside(stranger))


def test_what_was_cosigned_and_not_published_is_what_the_log_goes_on_from(tmp_path: Path) -> None:
    """The sealer dies after the witness has answered; the next one must not go another way."""

    class Dying(Beside):
        def _post(self, url: str, body: bytes, asked: Any) -> tuple[int, str, bytes]:
            super()._post(url, body, asked)
            raise KeyboardInterrupt

    with sqlite_ledger(tmp_path) as ledger:
        witness = a_witness(tmp_path / "witness")
        with pytest.raises(KeyboardInterrupt):
            ledger.seal(cosigner=Dying(witness))
        assert ledger.folder.checkpoint() is None
        ledger.record([response(60, "Late", "2011-01-05T00:00:00Z")])
        ledger.seal(cosigner=Beside(witness))
        assert cosigners(ledger) == [WITNESS_KEY.name]
        assert ledger.audit(**witnessed()).verdict == "confirmed"


@contextmanager
def served(
    *witnesses: Witness, timeout_s: float = 10, complain: Callable[[str], None] = lambda _: None
) -> Iterator[str]:
    with WitnessServer(("127.0.0.1", 0), witnesses, timeout_s, complain) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_over_http(tmp_path: Path, witness: Witness) -> None:
    with sqlite_ledger(tmp_path) as ledger, served(witness) as url:
        asked = Witnesses([url + "/"], policy(**witnessed()))
        ledger.seal(cosigner=asked)
        assert cosigners(ledger) == [WITNESS_KEY.name]
        place = url.removeprefix("http://")
        for method, path, headers, status in (
            ("POST", "/elsewhere", {}, 404),
            ("GET", "/add-checkpoint", {}, 501),
            ("POST", "/add-checkpoint", {"Content-Length": "9999999"}, 400),
            ("POST", "/add-checkpoint", {"Content-Length": "x"}, 400),
        ):
            connection = http.client.HTTPConnection(place, timeout=5)
            connection.putrequest(method, path)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            assert connection.getresponse().status == status
            connection.close()
        (tmp_path / "memory").rename(tmp_path / "gone")


@pytest.mark.parametrize("content", [b"", b"no note", signed(20)[:40]])
def test_a_memory_that_cannot_be_read_is_said_at_once_and_never_begun_anew(tmp_path: Path, content: bytes) -> None:
    first = a_witness(tmp_path / "memory")
    assert ask(first, 0, 20).status == 200
    first.close()
    (path,) = (path for path in (tmp_path / "memory").iterdir() if not path.name.endswith("lock"))
    kept = path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(BadInput, match="expected the checkpoint that was cosigned last"):
        a_witness(tmp_path / "memory")
    assert path.read_bytes() == content
    path.write_bytes(kept)
    again = a_witness(tmp_path / "memory")
    assert ask(again, 20, 40).status == 200
    again.close()


def test_a_witness_that_cannot_keep_what_it_cosigns_says_so_to_both_operators(
    tmp_path: Path, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def full(_: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "memory/last")

    with sqlite_ledger(tmp_path) as ledger, served(witness, complain=said.append) as url:
        asked = Witnesses([url], policy(**witnessed()))
        with monkeypatch.context() as patched:
            patched.setattr(witness, "_keep", full)
            with pytest.raises(QuorumMissing, match="500: found no memory that this witness can read and write"):
                ledger.seal(cosigner=asked)
        assert said == ["no checkpoint is cosigned: [Errno 28] No space left on device: 'memory/last'"]
        assert witness.last() is None
        ledger.seal(cosigner=asked)
        assert cosigners(ledger) == [WITNESS_KEY.name]


def test_what_is_no_witness_is_told_in_brief_and_as_printable_ascii(tmp_path: Path) -> None:
    def answer(listening: socket.socket) -> None:
        with listening.accept()[0] as client:
            client.recv(100_000)
            client.sendall(bytes(range(128, 256)) * 400 + b"\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening, sqlite_ledger(tmp_path) as ledger:
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        with pytest.raises(QuorumMissing, match="BadStatusLine") as told:
            ledger.seal(cosigner=Witnesses([f"http://127.0.0.1:{listening.getsockname()[1]}"], policy(**witnessed())))
        thread.join()
    assert len(str(told.value)) < 3_000
    assert str(told.value).isascii()


def test_an_address_that_is_taken_is_named(witness: Witness) -> None:
    with WitnessServer(("127.0.0.1", 0), [witness]) as server:
        address = ("127.0.0.1", server.server_address[1])
        with pytest.raises(BadInput, match=f"found 127.0.0.1:{address[1]} not to be listened on"):
            WitnessServer(address, [witness])


def test_a_witness_that_has_seen_another_history_stops_the_sealer(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        witness = a_witness(tmp_path / "witness")
        ask(witness, 0, 40)
        with pytest.raises(LogForked, match=r"cosigned size 40|another history"):
            ledger.seal(cosigner=Beside(witness))
        assert ledger.folder.checkpoint() is None


@pytest.mark.parametrize(("quorum", "stops"), [(1, True), (2, False), (3, True)])
def test_one_that_says_so_stops_nobody_where_the_others_are_a_quorum_of_more_than_half(
    tmp_path: Path, quorum: int, stops: bool
) -> None:
    """Of three witnesses one is at a size that this log does not have. A quorum of one could cosign another history as well."""
    keys = [SignerKey(f"auditor.example/w{n}", COSIGNATURE_V1, bytes([n]) * 32) for n in range(3)]
    asks: dict[str, Any] = {"witnesses": [str(key.verifier) for key in keys], "quorum": quorum}
    with ExitStack() as stack:
        ledger = stack.enter_context(sqlite_ledger(tmp_path))
        urls = []
        for key in keys:
            one = Witness(key, policy(**asks), tmp_path / key.name.replace("/", "-"), lambda: WITNESSED_S)
            if key is keys[1]:
                far = AddCheckpoint(0, (), signed(1_000, root=bytes([9]) * 32))
                assert one.add_checkpoint(far.encoded()).status == 200
            urls.append(stack.enter_context(served(one)))
        asked = Witnesses(urls, policy(**asks))
        if stops:
            with pytest.raises(LogForked, match="cosigned size 1000"):
                ledger.seal(cosigner=asked)
            assert ledger.folder.checkpoint() is None
            return
        ledger.seal(cosigner=asked)
        published = ledger.folder.checkpoint()
        assert published is not None
        names = {name for name, _ in open_checkpoint(published, policy(**asks)).cosigned}
        assert names == {keys[0].name, keys[2].name}
        (lacking,) = asked.lacking
        assert lacking.startswith(urls[1])
        assert "cosigned size 1000" in lacking


def test_urls_are_checked_at_once() -> None:
    for url in ("witness", "ftp://x", "http://"):
        with pytest.raises(BadInput):
            Witnesses([url], policy(**witnessed()))


@contextmanager
def dripping(ready: bytes = b"HTTP/1.0 200 OK\r\nContent-Length: 90000\r\n\r\n") -> Iterator[str]:
    """A witness that answers a byte at a time, for ever: no wait for the next byte is long."""
    stopped = threading.Event()

    def drip(client: socket.socket) -> None:
        with client, suppress(OSError):
            client.sendall(ready)
            while not stopped.wait(0.02):
                client.sendall(b"x")

    def serve(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        stopped.set()
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "ready", [b"", b"HTTP/1.0 200 OK\r\nX-Slow: ", b"HTTP/1.0 200 OK\r\nContent-Length: 90000\r\n\r\n"]
)
def test_a_witness_that_drips_for_ever_holds_nothing_up(tmp_path: Path, witness: Witness, ready: bytes) -> None:
    with sqlite_ledger(tmp_path) as ledger, served(witness) as url, dripping(ready) as slow:
        asked = Witnesses([slow, url], policy(**witnessed()), timeout_s=30)
        begun_s = time.monotonic()
        ledger.seal(cosigner=asked)
        assert time.monotonic() - begun_s < 15
        assert cosigners(ledger) == [WITNESS_KEY.name]
        assert asked.lacking == [f"{slow}: no answer in time"]


def test_a_quorum_that_lacks_is_waited_for_until_the_deadline_and_no_longer(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger, dripping() as slow:
        asked = Witnesses([slow], policy(**witnessed()), timeout_s=0.5)
        begun_s = time.monotonic()
        with pytest.raises(QuorumMissing, match="no answer in time"):
            ledger.seal(cosigner=asked)
        assert 0.4 < time.monotonic() - begun_s < 15


def test_a_client_that_says_nothing_keeps_no_other_waiting_and_is_sent_away(tmp_path: Path, witness: Witness) -> None:
    with sqlite_ledger(tmp_path) as ledger, served(witness, timeout_s=1) as url:
        host, port = url.removeprefix("http://").split(":")
        with ExitStack() as stack:
            silent = [stack.enter_context(socket.create_connection((host, int(port)), 10)) for _ in range(5)]
            half = stack.enter_context(socket.create_connection((host, int(port)), 10))
            half.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 500\r\n\r\nold")
            ledger.seal(cosigner=Witnesses([url], policy(**witnessed())))
            assert cosigners(ledger) == [WITNESS_KEY.name]
            assert [client.recv(1) for client in (*silent, half)] == [b""] * 6


def test_more_clients_than_there_are_places_are_sent_away_at_once(witness: Witness) -> None:
    with served(witness, timeout_s=60) as url, ExitStack() as stack:
        host, port = url.removeprefix("http://").split(":")
        address = host, int(port)
        clients = [stack.enter_context(socket.create_connection(address, 10)) for _ in range(CLIENTS_MAX + 1)]
        assert clients[-1].recv(1) == b""
        for client in clients[:-1]:
            client.close()


def test_keys_with_the_same_four_bytes_of_id_do_not_take_one_anothers_place(tmp_path: Path, witness: Witness) -> None:
    """The id of the log's key is that of a witness's as well, under another name: both lines stay."""
    with sqlite_ledger(tmp_path) as ledger, served(witness) as url:
        ledger.seal()
        signed = ledger.folder.checkpoint() or b""
        text, (line,) = parse_note(signed)
        twin = replace(line, name="another.example", key_id=WITNESS_KEY.verifier.key_id)
        checkpoint = parse_checkpoint(text)
        read = hash_reader(checkpoint.size, ledger.folder.read_tile)
        cosigned = Witnesses([url], policy(**witnessed())).cosign(format_note(text, [line, twin]), checkpoint, read)
        assert {one.name for one in parse_note(cosigned)[1]} == {LOG_KEY.name, "another.example", WITNESS_KEY.name}


def test_a_witness_that_does_not_look_never_signs_with_the_key_of_one_that_does(tmp_path: Path) -> None:
    key = SignerKey("auditor.example/w1/checking", WITNESS_KEY.signature_type, b"w" * 32)
    with pytest.raises(WrongKey, match=r"'auditor.example/w1/checking' of a checking witness"):
        Witness(key, policy(), tmp_path / "memory", lambda: WITNESSED_S)

"""Publishing a log to an object store: a real S3 server, where one was built (CSAT_LEDGER_TEST_SOAK=1 builds it)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.errors import BadInput, LogDamaged, LogDenied, LogForked, LogUnreachable, NotSealed, SealerBusy
from ledger.proof.log.tiles import tiles_between
from ledger.seal import object_store
from ledger.seal.folder import LogFolder
from ledger.seal.growth import Growth
from ledger.seal.log_url import open_log
from ledger.seal.object_store import Credentials, Kind, ObjectStore, credentials_of
from ledger.seal.publishing import Bucket, publish_log
from tests.ledger.seal.logs import grow, hostile, publish, raw, write_log
from tests.servers.seaweed_server import REGION, SeaweedServer, SeaweedUnavailable

ENTRIES = [b"%d" % n for n in range(1000)]
KIND = Kind("text/plain", "no-store")
WHO = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
_numbers = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedServer]:
    """A real S3 server."""
    try:
        started = SeaweedServer(tmp_path_factory.mktemp("seaweed")).__enter__()
    except SeaweedUnavailable as error:
        pytest.skip(str(error))
    yield started
    started.__exit__(None, None, None)


@pytest.fixture
def store(server: SeaweedServer) -> Iterator[ObjectStore]:
    """A bucket of its own."""
    made = ObjectStore(f"{server.new_bucket(f'bucket-{next(_numbers)}')}/csat", server.credentials, REGION)
    yield made
    made.close()


@pytest.fixture
def log(tmp_path: Path) -> LogFolder:
    """A log of 700 entries with three checkpoints."""
    return write_log(tmp_path / "log", ENTRIES, [3, 300, 700])


@pytest.mark.elsewhere
def test_a_write_to_where_something_is_or_to_what_is_another_by_now_is_not_made(store: ObjectStore) -> None:
    assert store.get("x", 10) is None
    assert [store.put_new("x", b"1", KIND), store.put_new("x", b"2", KIND)] == [True, False]
    first = store.get("x", 10)
    assert first
    assert first.data == b"1"
    assert [store.replace("x", b"3", first.etag, KIND), store.replace("x", b"4", first.etag, KIND)] == [True, False]
    assert [store.replace("x", b"5", None, KIND), store.replace("y", b"6", None, KIND)] == [False, True]
    assert not store.replace("z", b"7", first.etag, KIND)
    with pytest.raises(LogDamaged, match="found more, expected at most 0 bytes"):
        store.get("x", 0)


@pytest.mark.elsewhere
def test_of_several_writers_one_wins(store: ObjectStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(10):
            won = list(pool.map(lambda n, at=number: store.put_new(f"new-{at}", b"%d" % n, KIND), range(8)))
            assert sum(won) == 1
            now = store.get("replaced", 10)
            tag = now.etag if now else None
            won = list(
                pool.map(lambda n, at=number, of=tag: store.replace("replaced", b"%d-%d" % (at, n), of, KIND), range(8))
            )
            assert sum(won) == 1


@pytest.mark.elsewhere
def test_what_is_published_is_read_like_the_folder(store: ObjectStore, log: LogFolder) -> None:
    answer = publish_log(log, Bucket(store), entries=True)
    assert (answer.size, answer.before) == (700, 0)
    there = open_log(store.name)
    assert there.checkpoint() == log.checkpoint()
    assert there.history() == log.history()
    for older, newer in ((0, 3), (3, 300), (300, 700)):
        for tile in tiles_between(older, newer):
            assert there.read_tile(tile)[: tile.width * 2] == log.read_tile(tile)[: tile.width * 2]
    assert list(there.read_entries(0, 700)) == ENTRIES[:700]
    assert publish_log(log, Bucket(store), entries=True).files == 0
    growth = Growth.restore(700, log.read_tile)
    grow(log, growth, ENTRIES[700:])
    publish(log, growth)
    grown = publish_log(log, Bucket(store), entries=True)
    assert (grown.size, grown.before) == (1000, 700)
    assert list(there.read_entries(0, 1000)) == ENTRIES


@pytest.mark.elsewhere
def test_entries_stay_at_home_unless_they_are_asked_for(store: ObjectStore, log: LogFolder) -> None:
    publish_log(log, Bucket(store))
    assert store.get("tile/0/000", 10_000) is not None
    for path in ("tile/entries/000", "tile/entries/002.p/188", ".sealer/state", ".sealer/pending"):
        assert store.get(path, 1_000_000) is None, path


@pytest.mark.elsewhere
def test_a_publisher_that_dies_leaves_the_checkpoint_before_with_all_of_its_tiles(
    store: ObjectStore, log: LogFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_log(log, Bucket(store), entries=True)
    growth = Growth.restore(700, log.read_tile)
    grow(log, growth, ENTRIES[700:])
    publish(log, growth)
    there, whole = open_log(store.name), ObjectStore._put
    for left in range(7):
        with monkeypatch.context() as dying:
            writes = itertools.count()

            def put(self: ObjectStore, *given: object, most: int = left, count: Iterator[int] = writes) -> bool:
                if next(count) >= most:
                    raise KeyboardInterrupt
                return whole(self, *given)  # type: ignore[arg-type]

            dying.setattr(ObjectStore, "_put", put)
            with pytest.raises(KeyboardInterrupt):
                publish_log(log, Bucket(store), entries=True)
        assert (there.checkpoint() or b"").splitlines()[1] == (b"700" if left < 6 else b"1000")
        assert list(there.read_entries(0, 700)) == ENTRIES[:700]
        assert there.history() == log.history()[:-1]
    assert publish_log(log, Bucket(store), entries=True).size == 1000
    assert there.history() == log.history()
    assert list(there.read_entries(0, 1000)) == ENTRIES


@pytest.mark.elsewhere
def test_another_history_is_never_published_over_the_one_that_is_there(
    store: ObjectStore, log: LogFolder, tmp_path: Path
) -> None:
    publish_log(log, Bucket(store))
    published = store.get("checkpoint", 10_000)
    other = [b"x", *ENTRIES[1:]]
    for name, entries, sizes, said in (
        ("other", other, [700], "found another history of the log published there"),
        ("longer", other, [3, 900], "found another history of the log published there"),
        ("older", ENTRIES, [300], "this folder is an older one"),
    ):
        with pytest.raises(LogForked, match=said):
            publish_log(write_log(tmp_path / name, entries, sizes), Bucket(store))
    assert store.get("checkpoint", 10_000) == published


@pytest.mark.elsewhere
def test_a_tile_that_is_another_stops_the_publisher(store: ObjectStore, log: LogFolder) -> None:
    store.put_new("tile/0/001", b"\0" * 8192, KIND)
    with pytest.raises(LogForked, match="tile/0/001: found another file"):
        publish_log(log, Bucket(store))
    assert store.get("checkpoint", 10_000) is None


@pytest.mark.elsewhere
def test_somebody_else_who_publishes_meanwhile_is_noticed(store: ObjectStore, log: LogFolder) -> None:
    class Overtaken(Bucket):
        def add(self, path: str, data: bytes) -> None:
            super().add(path, data)
            store.put_new("checkpoint", b"somebody else's", KIND)

    with pytest.raises(SealerBusy, match="found a checkpoint that somebody else has published meanwhile"):
        publish_log(log, Overtaken(store))
    kept = store.get("checkpoint", 10_000)
    assert kept
    assert kept.data == b"somebody else's"


@pytest.mark.elsewhere
def test_who_may_not_write_is_told_apart_from_a_store_that_is_not_there(
    server: SeaweedServer, store: ObjectStore, log: LogFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "WAIT_FIRST_S", 0.001)
    stranger = ObjectStore(store.name, Credentials(server.credentials.key_id, "another secret"), REGION)
    with pytest.raises(LogDenied, match="SignatureDoesNotMatch") as raised:
        publish_log(log, Bucket(stranger))
    assert "another secret" not in str(raised.value) + repr(stranger._credentials)
    with pytest.raises(LogUnreachable, match="no whole answer"):
        ObjectStore("http://127.0.0.1:1/bucket", server.credentials, REGION).get("x", 1)


def test_a_log_that_does_not_hold_together_is_not_published(log: LogFolder) -> None:
    with hostile(lambda client, *_: client.sendall(raw("404 Not Found", b""))) as url:
        target = Bucket(ObjectStore(f"{url}/bucket", WHO, REGION))
        with pytest.raises(LogUnreachable, match="no such bucket"):
            publish_log(log, target)

    class Nowhere(Bucket):
        held = add = publish = lambda *_: None  # type: ignore[assignment]

    nowhere = Nowhere(ObjectStore("https://127.0.0.1/bucket", WHO, REGION))
    (log.root / "tile/0/002.p/188").write_bytes(b"\0" * 188 * 32)
    with pytest.raises(LogDamaged, match="found tiles with the root"):
        publish_log(log, nowhere)
    (log.root / "checkpoint").write_bytes(b"nonsense")
    with pytest.raises(LogDamaged):
        publish_log(log, nowhere)
    (log.root / "checkpoint").unlink()
    with pytest.raises(NotSealed):
        publish_log(log, nowhere)
    with pytest.raises(LogUnreachable, match="found no such folder"):
        publish_log(LogFolder(log.root / "not mounted"), nowhere)


def test_a_store_without_conditional_writes_is_none_for_a_log(log: LogFolder) -> None:
    def careless(client: object, request: bytes, _: int) -> None:
        body = raw("404 Not Found", b"") if request.startswith(b"GET") else raw("200 OK", b"")
        client.sendall(body)  # type: ignore[attr-defined]

    with hostile(careless) as url, pytest.raises(LogUnreachable, match="knows no conditional writes"):
        publish_log(log, Bucket(ObjectStore(f"{url}/bucket", WHO, REGION)))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (raw("200 OK", b"x" * 101), LogDamaged), (raw("500 x", b"<Code>InternalError</Code>"), LogUnreachable),
        (b"", LogUnreachable),
        (raw("301 x", b"", "Location: http://elsewhere/"), LogUnreachable), (raw("200 OK", b"x", length=9), LogUnreachable),
        (raw("403 x", b"<Code>\x1b[2J</Code>"), LogDenied),
    ],
)  # fmt: skip
def test_whatever_a_store_answers_is_an_error_within_bounds(
    answer: bytes, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "WAIT_FIRST_S", 0.001)
    with hostile(lambda client, *_: client.sendall(answer)) as url, pytest.raises(kind) as raised:
        ObjectStore(f"{url}/bucket", WHO, REGION).get("x", 100)
    assert "\x1b" not in str(raised.value)


def test_a_request_is_signed_as_the_documentation_of_version_4_has_it() -> None:
    """The example `GET Object` of docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, with other headers."""
    at = datetime(2013, 5, 24, tzinfo=UTC)
    told = ObjectStore("https://examplebucket.s3.amazonaws.com/b", WHO, REGION)._signed("GET", "/test.txt", b"", {}, at)
    assert told["x-amz-date"] == "20130524T000000Z"
    assert told["x-amz-content-sha256"] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert (
        "Credential=AKIDEXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
        in (told["Authorization"])
    )
    assert WHO.secret not in repr(told)
    assert "x-amz-security-token" in ObjectStore("https://h/b", WHO._replace(session="s"), REGION)._signed(
        "GET", "/x", b"", {}, at
    )


@pytest.mark.parametrize(
    "url", ["https://h", "https://h/", "https://h/b c", "s3://b/p", "https://h/b//c", "http://h/b", "https://h/b?x"]
)
def test_what_is_no_object_store(url: str) -> None:
    with pytest.raises(BadInput, match="found the object store"):
        ObjectStore(url, WHO, REGION)


def test_credentials_come_from_the_environment() -> None:
    told = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    assert credentials_of(told) == Credentials("a", "b", None)
    assert credentials_of(told | {"AWS_SESSION_TOKEN": "c"}).session == "c"
    for lacking in told:
        with pytest.raises(BadInput, match="expected both in the environment"):
            credentials_of({name: value for name, value in told.items() if name != lacking})

"""Publishing to object stores that are odd: they forget, answer late or wrongly, or know half of the conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from hashlib import md5
from pathlib import Path

import pytest

from ledger.errors import LedgerError, LogDamaged, LogForked, LogUnreachable, SealerBusy
from ledger.seal.folder import LogFolder
from ledger.seal.growth import Growth
from ledger.seal.http_client import Answered
from ledger.seal.object_store import ANSWER_MAX_BYTES, Credentials, ObjectStore
from ledger.seal.publishing import Bucket, publish_log
from tests.ledger.seal.logs import grow, publish, write_log

ENTRIES = [b"%d" % n for n in range(1000)]


@dataclass
class Shelf:
    """What an S3 server keeps, and how it answers."""

    objects: dict[str, bytes] = field(default_factory=dict)
    knows_if_match: bool = True
    has_tags: bool = True
    hides: Callable[[str], bool] = lambda _path: False
    on_put: Callable[[str], None] = lambda _path: None

    def answer(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        """As docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html has it, but for what is odd."""
        there = None if self.hides(path) and method != "PUT" else self.objects.get(path)
        if method == "PUT":
            self.on_put(path)
            there = self.objects.get(path)
            if headers.get("If-None-Match") == "*" and there is not None:
                return Answered(412, Message(), b"")
            if (
                self.knows_if_match
                and (wanted := headers.get("If-Match")) is not None
                and wanted != _tag(there or b"\0")
            ):
                return Answered(412 if there is not None else 404, Message(), b"")
            self.objects[path] = body
            return Answered(200, Message(), b"")
        if there is None:
            return Answered(404, Message(), b"")
        told = Message()
        told["Content-Length"] = str(len(there))
        if self.has_tags:
            told["ETag"] = _tag(there)
        return Answered(200, told, there if method == "GET" else b"")


class OddStore(ObjectStore):
    """A client of a shelf, without the network between."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__("https://odd.example/bucket", Credentials("id", "secret"), "eu-central-1")
        self._shelf = shelf

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        max_bytes: int = ANSWER_MAX_BYTES,
    ) -> Answered:
        answer = self._shelf.answer(method, path, body, headers or {})
        if len(answer.body) > max_bytes:
            raise LogDamaged(f"{self.name}/{path}: found more, expected at most {max_bytes} bytes")
        return answer


def _tag(data: bytes) -> str:
    return f'"{md5(data, usedforsecurity=False).hexdigest()}"'


@pytest.fixture
def log(tmp_path: Path) -> LogFolder:
    """A log of 700 entries with three checkpoints."""
    return write_log(tmp_path / "log", ENTRIES, [3, 300, 700])


def grown(log: LogFolder, size: int) -> LogFolder:
    """The log with a checkpoint more."""
    growth = Growth.restore(700, log.read_tile)
    grow(log, growth, ENTRIES[700:size])
    publish(log, growth)
    return log


def test_a_store_that_knows_half_of_the_conditions_is_none_for_a_log(log: LogFolder) -> None:
    shelf = Shelf(knows_if_match=False)
    with pytest.raises(LogUnreachable, match="knows no conditional writes"):
        publish_log(log, Bucket(OddStore(shelf)))
    assert "checkpoint" not in shelf.objects


def test_what_was_given_without_a_tag_is_not_replaced(log: LogFolder) -> None:
    shelf = Shelf()
    publish_log(log, Bucket(OddStore(shelf)))
    before = dict(shelf.objects)
    shelf.has_tags = False
    with pytest.raises(LogUnreachable, match="found an object without an ETag"):
        publish_log(grown(log, 900), Bucket(OddStore(shelf)))
    assert {path: shelf.objects[path] for path in ("checkpoint", "checkpoints.jsonl")} == {
        path: before[path] for path in ("checkpoint", "checkpoints.jsonl")
    }


def test_a_tile_that_is_there_and_is_not_given_is_no_other_log(log: LogFolder) -> None:
    shelf = Shelf(objects={"tile/0/000": b"?"}, hides=lambda path: path == "tile/0/000")
    with pytest.raises(LogUnreachable, match="tile/0/000: found that the store has something there"):
        publish_log(log, Bucket(OddStore(shelf)))
    shelf.hides = lambda _path: False
    with pytest.raises(LogForked, match="tile/0/000: found another file"):
        publish_log(log, Bucket(OddStore(shelf)))
    assert "checkpoint" not in shelf.objects


@pytest.mark.parametrize("when", ["tile/0/003.p/132", "checkpoint", "checkpoints.jsonl"])
def test_who_publishes_less_at_the_same_time_undoes_nothing_of_who_publishes_more(
    log: LogFolder, tmp_path: Path, when: str
) -> None:
    shelf = Shelf()
    publish_log(log, Bucket(OddStore(shelf)))
    slow = grown(write_log(tmp_path / "slow", ENTRIES, [3, 300, 700]), 900)
    quick = grown(log, 1000)
    done: list[int] = []

    def overtake(path: str) -> None:
        if path == when and not done:
            done.append(1000)
            publish_log(quick, Bucket(OddStore(shelf)))

    shelf.on_put = overtake
    with pytest.raises(SealerBusy, match="that somebody else has published meanwhile"):
        publish_log(slow, Bucket(OddStore(shelf)))
    assert done
    assert shelf.objects["checkpoint"] == quick.checkpoint()
    assert shelf.objects["checkpoints.jsonl"] == (quick.root / "checkpoints.jsonl").read_bytes()


@pytest.mark.parametrize("path", ["checkpoint", "checkpoints.jsonl"])
def test_an_old_answer_out_of_a_cache_undoes_nothing(log: LogFolder, path: str) -> None:
    shelf = Shelf()
    publish_log(log, Bucket(OddStore(shelf)))
    old = shelf.objects[path]
    publish_log(grown(log, 900), Bucket(OddStore(shelf)))
    now = dict(shelf.objects)

    class Cached(OddStore):
        def _ask(self, method: str, asked: str, *rest: object, **more: object) -> Answered:
            if method != "PUT" and asked == path:
                told = Message()
                told["ETag"], told["Content-Length"] = _tag(old), str(len(old))
                return Answered(200, told, old)
            return super()._ask(method, asked, *rest, **more)  # type: ignore[arg-type]

    growth = Growth.restore(900, log.read_tile)
    grow(log, growth, ENTRIES[900:])
    publish(log, growth)
    with pytest.raises(SealerBusy):
        publish_log(log, Bucket(Cached(shelf)))
    assert shelf.objects["checkpoint"] in (now["checkpoint"], log.checkpoint())
    assert shelf.objects["checkpoints.jsonl"] == now["checkpoints.jsonl"]
    publish_log(log, Bucket(OddStore(shelf)))
    assert shelf.objects["checkpoint"] == log.checkpoint()
    assert shelf.objects["checkpoints.jsonl"] == (log.root / "checkpoints.jsonl").read_bytes()


def test_the_history_never_goes_beyond_the_checkpoint_and_catches_up_after_a_crash(log: LogFolder) -> None:
    shelf = Shelf()
    publish_log(log, Bucket(OddStore(shelf)))
    before = shelf.objects["checkpoints.jsonl"]

    def die(path: str) -> None:
        if path == "checkpoints.jsonl":
            raise KeyboardInterrupt

    shelf.on_put = die
    with pytest.raises(KeyboardInterrupt):
        publish_log(grown(log, 900), Bucket(OddStore(shelf)))
    assert (shelf.objects["checkpoint"], shelf.objects["checkpoints.jsonl"]) == (log.checkpoint(), before)
    shelf.on_put = lambda _path: None
    assert publish_log(log, Bucket(OddStore(shelf))).files == 0
    assert shelf.objects["checkpoints.jsonl"] == (log.root / "checkpoints.jsonl").read_bytes()
    written: list[str] = []
    shelf.on_put = written.append
    publish_log(log, Bucket(OddStore(shelf)))
    assert written == [], "what is there is not written again"


@pytest.mark.parametrize("damage", [b"", b"\0", b"nonsense", b"\xff" * 9_000])
@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000"])
def test_other_bytes_in_the_store_stop_the_publisher_before_the_checkpoint(
    log: LogFolder, path: str, damage: bytes
) -> None:
    shelf = Shelf(objects={path: damage})
    with pytest.raises(LedgerError, match=r"https://odd\.example/bucket"):
        publish_log(log, Bucket(OddStore(shelf)))
    assert shelf.objects.get("checkpoint", damage) == damage

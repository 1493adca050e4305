"""The audit itself: it says the same however the work is split, and its faster reading is as strict as the verifier's."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.demo.survey import generate
from ledger.audit import audit as audit_module
from ledger.audit import parts
from ledger.audit.audit import audit
from ledger.errors import BookChanged, LogUnreachable, Refused
from ledger.instants import parse_instant
from ledger.monitor import streams
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.event import FIRST_PREV
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.log.merkle_tree import root_of_leaves
from ledger.proof.log.signer import sign_note
from ledger.proof.log.strictjson import canonical
from ledger.proof.log.tiles import ENTRIES, Tile
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.seal import sealer
from ledger.seal.folder import LogFolder
from ledger.seal.log_reader import HISTORY, history_line
from ledger.store.base import Columns, NewRow, Reader, Row
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from tests.console.support import fact
from tests.contracts.backends import BACKENDS, Backend
from tests.ledger.seal.support import LOG_KEY, NEW_KEY, Ledger, a_ledger, policy, sqlite_ledger
from tests.ledger.seal.test_sealer import many


@pytest.fixture(scope="module")
def programme(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A made-up programme with late and voided facts and reviews, sealed in several rounds."""
    place = tmp_path_factory.mktemp("programme")
    now = [0]
    ledger = Ledger(SQLiteStore(place / "book.db"), place / "log")
    ledger.writer = Writer(ledger.store, lambda: now[0], PROGRAMMES, rehearsal=True)
    batch = []
    for arrival_us, content in generate(3, memberships=30):
        try:
            batch.append(fact_from_object(content))
        except Refused:
            continue
        now[0] = arrival_us
        if len(batch) == 500:
            ledger.writer.record(batch)
            ledger.writer.review()
            ledger.seal()
            batch = []
    now[0] = parse_instant("2016-01-01T00:00:00Z")
    ledger.writer.record(batch)
    ledger.writer.review()
    decisions = [
        fact("decide-renewal", f"decide-{row.position}", "2016-01-01T00:00:00Z", row.stream.removeprefix("membership-"),
             renewal_date=fact_from_row(row))
        for row in ledger.store.read_feed(0, 1_000_000) if row.type == "RenewalDateSet"
    ]  # fmt: skip
    ledger.writer.record([fact_from_object(one) for one in decisions])
    ledger.seal()
    return ledger


def fact_from_row(row: Row) -> str:
    date: str = orjson.loads(row.stored)["data"]["renewal_date"]
    return date


def test_a_whole_programme_is_confirmed_by_the_verifiers_rules(programme: Ledger) -> None:
    report = programme.audit()
    assert (report.verdict, report.findings) == ("confirmed", [])
    rows = programme.store.read_feed(0, 1_000_000)
    assert report.events == len(rows) > 5_000
    assert report.streams == 31
    assert report.announcements == sum(row.type == "EligibilityChanged" for row in rows) > 100
    assert report.decisions == sum(row.type == "RenewalDecided" for row in rows) > 30
    assert report.checkpoints > 5


@pytest.mark.parametrize("live", [0, 7, 1_000])
def test_several_processes_say_the_same(programme: Ledger, live: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many streams are judged while the log is read, and in what pieces."""
    monkeypatch.setattr(parts, "LIVE_MAX", live)
    monkeypatch.setattr(streams, "TOGETHER", 100)
    monkeypatch.setattr(audit_module, "FEW_EVENTS", 10)
    monkeypatch.setattr(audit_module, "PART_EVENTS", 2_000)
    seen: list[tuple[int, int | None]] = []
    report = audit(
        programme.store,
        programme.folder,
        policy(),
        PROOF_PROGRAMMES,
        workers=2,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    alone = programme.audit()
    assert report.answer() == alone.answer()
    assert report.verdict == "confirmed"
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == seen[-1][1]


class _Changed:
    """A store in whose hands some events change."""

    def __init__(self, store: Reader) -> None:
        self._store = store
        self.max_position, self.count_events = store.max_position, store.count_events
        self.read_due, self.reviews, self.set_aside = store.read_due, store.reviews, store.set_aside
        self.read_feed, self.read_stream, self.read_fact_ids = store.read_feed, store.read_stream, store.read_fact_ids

    def read_columns(self, after: int | None, limit: int) -> Columns:
        columns = self._store.read_columns(after, limit)
        return columns._replace(
            stored=tuple(stored.replace(b'"level":"gold"', b'"level":"lead"') for stored in columns.stored)
        )


@pytest.mark.parametrize("live", [0, 7, 1_000])
def test_several_processes_find_the_same_in_the_same_order(
    programme: Ledger, live: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "LIVE_MAX", live)
    monkeypatch.setattr(audit_module, "FEW_EVENTS", 10)
    monkeypatch.setattr(audit_module, "PART_EVENTS", 1_000)
    changed: Any = _Changed(programme.store)
    reports = [audit(changed, programme.folder, policy(), PROOF_PROGRAMMES, workers=workers) for workers in (1, 2, 2)]
    assert reports[0].verdict == "tampered"
    assert len(reports[0].findings) > 20
    assert reports[0].answer() == reports[1].answer() == reports[2].answer()


@pytest.mark.parametrize("size", [1, 100, 256, 300, 512])
def test_a_checkpoint_anywhere_in_the_log_is_compared(tmp_path: Path, size: int) -> None:
    """Signed with the right key, and in the middle of many events: first of the log as it is, then of another."""
    with sqlite_ledger(tmp_path) as ledger:
        ledger.record(many(600))
        ledger.seal()
        leaves = [leaf_hash(row.stored) for row in ledger.store.read_feed(0, size)]
        published = (ledger.folder.root / HISTORY).read_bytes()
        for shown in (leaves, [*leaves[:-1], bytes(32)]):
            older = sign_note(Checkpoint(LOG_KEY.name, size, root_of_leaves(shown)).text, LOG_KEY)
            (ledger.folder.root / HISTORY).write_bytes(history_line(older) + published)
            (finding,) = ledger.audit().findings
            assert finding[:2] == ("tampered", f"checkpoint of size {size}")
            assert finding.found == older.decode()
            assert finding.expected == "a heads entry as the last entry under it"  # all of the sealer's end in one


def test_what_is_not_sealed_yet_is_checked_too(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        ledger.record(many(3))
        report = ledger.audit()
        assert (report.verdict, report.unsealed) == ("confirmed", 3)


def test_without_a_checkpoint_it_is_incomplete(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.folder.make()
        assert ledger.audit().verdict == "incomplete"


def test_by_a_policy_that_trusts_others_it_is_unverifiable(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        report = ledger.audit(logs=[{"vkey": str(NEW_KEY.verifier), "from": 0, "to": None}])
        assert report.verdict == "unverifiable"


@pytest.mark.parametrize(
    ("name", "forge"),
    [
        ("a key twice", lambda stored: stored.replace(b'"actor":null', b'"actor":null,"actor":null')),
        ("spaces", lambda stored: stored.replace(b'"seq":', b'"seq": ')),
        ("keys in another order", lambda stored: b'{"v":1,' + stored[1:].replace(b',"v":1}', b"}")),
        ("a float", lambda stored: stored.replace(b'"data":{', b'"data":{"a":1.5,')),
        ("a key too many", lambda stored: stored.replace(b'"v":1}', b'"v":1,"w":1}')),
        ("a later version", lambda stored: stored.replace(b'"v":1}', b'"v":2}')),
        ("true as a version", lambda stored: stored.replace(b'"v":1}', b'"v":true}')),
        ("a number as the actor", lambda stored: stored.replace(b'"actor":null', b'"actor":5')),
        (
            "a list as the data",
            lambda stored: stored.replace(b'"data":{', b'"data":[{').replace(b'},"fact"', b'}],"fact"'),
        ),
        ("a float in a list", lambda stored: stored.replace(b'"data":{', b'"data":{"a":[{"b":[1.5]}],')),
        (
            "an integer that needs 64 bits",
            lambda stored: stored.replace(b'"data":{', b'"data":{"a":9223372036854775808,'),
        ),
        ("deep nesting", lambda stored: stored.replace(b'"data":{', b'"data":{"a":' + b"[" * 40 + b"]" * 40 + b",")),
        ("an hour too many", lambda stored: stored.replace(b"T00:00:00.000000Z", b"T24:00:00.000000Z")),
        ("a month too many", lambda stored: stored.replace(b"2010-09-01", b"2010-13-01")),
        ("digits of another script", lambda stored: stored.replace(b"2010-09", "٢٠١٠-09".encode())),
        ("an instant of another length", lambda stored: stored.replace(b"000000Z", b"00000Z")),
        ("an instant with an offset", lambda stored: stored.replace(b'Z","prev', b'+00:00","prev')),
    ],
)
def test_events_in_another_form_are_found_though_they_are_sealed(tmp_path: Path, name: str, forge: Any) -> None:
    """Each is chained and signed as it should be, but says in a way of its own what it says."""
    with sqlite_ledger(tmp_path) as ledger:
        last = [row for row in ledger.store.read_feed(0, 1_000) if row.stream == "membership-m-2"][-1]
        data = {"response": "m-2-r-1", "reason": "fraud", "customer_org": "Brontegard", "location": "main",
                "received_at": "2010-06-01T10:00:00.000000Z"}  # fmt: skip
        event = {"actor": None, "data": data, "fact": "x", "occurred_at": "2010-09-01T00:00:00.000000Z",
                 "prev": leaf_hash(last.stored).hex(), "recorded_at": "2012-01-01T00:00:00.000000Z",
                 "seq": last.seq + 1, "stream": "membership-m-2", "type": "ResponseVoided", "v": 1}  # fmt: skip
        stored = canonical(event)
        forged = forge(stored)
        assert forged != stored
        position = ledger.store.max_position() + 1
        with ledger.store.writing() as transaction:
            transaction.append([NewRow(position, last.stream, last.seq + 1, "ResponseVoided", forged, None, None)])
        ledger.folder = LogFolder(tmp_path / "sealed")
        with suppress(BookChanged):  # what the sealer sees itself it does not seal
            ledger.seal()
        report = ledger.audit()
        assert report.verdict != "confirmed", name


def test_an_event_in_the_guise_of_a_heads_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed by a sealer that looks away, among events enough for a bundle without true heads."""
    monkeypatch.setattr(sealer, "EVENT_BEGIN", b"{")
    recorded_at = "2010-09-02T00:00:00.000000Z"
    guise = canonical({"map": "", "prev": FIRST_PREV, "recorded_at": recorded_at, "salt": "A" * 22 + "==", "seq": 1,
                       "stream": "membership-z"})  # fmt: skip
    with sqlite_ledger(tmp_path) as ledger:
        ledger.record(many(100))
        position = ledger.store.max_position() + 1
        with ledger.store.writing() as transaction:
            transaction.append([NewRow(position, "membership-z", 1, "ConsentGiven", guise, None, None)])
        ledger.record(many(600, start=100))
        assert ledger.seal().sealed == ledger.store.max_position()
        report = ledger.audit()
    assert report.verdict == "tampered"
    assert any(f"position {position}" in finding.what for finding in report.findings)


def test_a_decision_that_could_not_have_been_made(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal(LOG_KEY)
        assert ledger.audit().decisions == 1


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_a_row_before_all_others_is_found_wherever_it_stands(
    request: pytest.FixtureRequest, tmp_path: Path, backend: Backend
) -> None:
    nothing = "x'7b7d'" if backend.name == "sqlite" else "decode('7b7d', 'hex')"
    with a_ledger(backend, backend.place(request), tmp_path / "log") as ledger, ledger.unguarded() as execute:
        ledger.seal()
        for position in (0, -1, -(2**62), -(2**62) - 1, -(2**63)):
            execute(
                "INSERT INTO EVENTS (position, originator_id, originator_version, topic, state) "
                f"VALUES ({position}, 'membership-m-1', 900, 'ConsentGiven', {nothing})"
            )
            report = ledger.audit()
            assert report.verdict == "tampered", position
            assert any(f"position {position}" in finding.what for finding in report.findings)
            execute(f"DELETE FROM EVENTS WHERE position = {position}")
        assert ledger.audit().verdict == "confirmed"


def test_a_checkpoint_of_a_size_that_no_log_has_is_not_walked_to(tmp_path: Path) -> None:
    """Unsigned it is only said to be; signed by the log's own key it is shown that the book cannot have so many."""
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        published = ledger.folder.checkpoint() or b""
        for key, what in ((NEW_KEY, "signatures of the note"), (LOG_KEY, f"checkpoint of size {2**63 - 1}")):
            endless = sign_note(Checkpoint(LOG_KEY.name, 2**63 - 1, bytes(32)).text, key)
            (ledger.folder.root / "checkpoint").write_bytes(endless)
            report = ledger.audit()
            assert report.verdict != "confirmed"
            assert any(finding.what == what for finding in report.findings)
            (ledger.folder.root / "checkpoint").write_bytes(published)
            ledger.folder.remember(endless)
            ledger.folder.remember(published)
            assert ledger.audit().verdict != "confirmed"


def test_events_that_are_not_sealed_are_counted_in_the_answer(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        ledger.record(many(3))
        assert ledger.audit().answer().unsealed == 3


@pytest.mark.parametrize("path", ["checkpoint", "checkpoints.jsonl", "tile/0/000.p/*", "tile/entries/000.p/*"])
@pytest.mark.parametrize("thing", ["pipe", "device", "folder", "long"])
def test_what_is_no_file_in_the_folder_is_a_finding_and_never_a_wait(tmp_path: Path, path: str, thing: str) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        (file,) = ledger.folder.root.glob(path)
        file.unlink()
        if thing == "pipe":
            os.mkfifo(file)
        elif thing == "device":
            file.symlink_to("/dev/zero")
        elif thing == "folder":
            file.mkdir()
        else:
            with file.open("wb") as endless:
                endless.truncate(1 << 40)  # takes no room on disk
        report = ledger.audit()
        assert report.verdict in ("tampered", "incomplete")
        assert any(file.name in finding.what + finding.found for finding in report.findings)


def test_a_tile_with_a_hash_too_many_is_found(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        ledger.seal()
        (tile,) = ledger.folder.root.glob("tile/0/000.p/*")
        tile.write_bytes(tile.read_bytes() + bytes(32))
        assert any(tile.name in finding.what for finding in ledger.audit().findings)


def test_a_history_in_another_order_is_found(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path) as ledger:
        for number in range(3):
            ledger.record(many(1, start=number))
            ledger.seal()
        history = ledger.folder.root / HISTORY
        lines = history.read_bytes().splitlines(keepends=True)
        history.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))
        assert any(finding.what == "history of checkpoints" for finding in ledger.audit().findings)


def test_what_the_auditor_may_not_read_is_no_finding_about_the_log(
    programme: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_tile = LogFolder.read_tile
    for level in (ENTRIES, 0):

        def kept_back(log: LogFolder, tile: Tile, level: int = level) -> bytes:
            if tile.level == level:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(log.root / tile.path))
            return read_tile(log, tile)

        with monkeypatch.context() as patched:
            patched.setattr(LogFolder, "read_tile", kept_back)
            with pytest.raises(PermissionError):
                programme.audit()


def test_a_folder_that_is_not_there_is_no_log_without_a_checkpoint(programme: Ledger, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name in ("nowhere", "file"):
        with pytest.raises(LogUnreachable, match="no such folder"):
            audit(programme.store, LogFolder(tmp_path / name), policy(), PROOF_PROGRAMMES)

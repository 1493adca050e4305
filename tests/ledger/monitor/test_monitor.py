"""What the monitor makes of what a host shows: forks, older states, files that lack or lie; and of its own state."""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import pytest

from ledger.errors import BadInput, LogDenied, LogUnreachable, SealerBusy
from ledger.instants import parse_instant
from ledger.monitor.kept_streams import KeptStreams
from ledger.monitor.memory import NAME, Memory
from ledger.monitor.monitor import Monitor
from ledger.monitor.report import MonitorReport
from ledger.monitor.witness import CheckingWitness
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.merkle import EMPTY_ROOT
from ledger.proof.log.note import COSIGNATURE_V1
from ledger.proof.log.signer import SignerKey, sign_note
from ledger.proof.log.tiles import Tile
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.seal.folder import LogFolder
from tests.ledger.monitor.forging import HostLog, Said, history_of
from tests.ledger.monitor.handing import cosigned
from tests.ledger.monitor.support import VERSION, a_checking_witness, a_monitor, watch
from tests.ledger.monitor.test_forged_logs import EARLY, evaluation
from tests.ledger.monitor.test_forged_logs import closing as closing_event
from tests.ledger.seal.support import (
    LOG_KEY,
    NEW_KEY,
    WITNESSED_S,
    Beside,
    policy,
    record_designation,
    sqlite_ledger,
    witnessed,
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    with sqlite_ledger(tmp_path_factory.mktemp("book")) as ledger:
        record_designation(ledger)
        return history_of(ledger.store)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def host(told: list[Said]) -> HostLog:
    """A log with two checkpoints."""
    log = HostLog()
    for part in (told[:EARLY], told[EARLY:]):
        log.take(part)
        log.heads()
        log.publish()
    return log


def require(report: MonitorReport, verdict: str, *words: str) -> None:
    said = "\n".join(f"{one.what}: {one.found} / {one.expected}" for one in report.findings)
    assert report.verdict == verdict, said
    for word in words:
        assert word in said, said


# Checkpoints


def test_another_root_at_a_size_that_was_seen_is_proven_by_both_and_kept_for_ever(
    host: HostLog, told: list[Said], state: Path
) -> None:
    other = host.copy()
    require(watch(host, state), "confirmed")
    other.entries = other.entries[:-1]
    other.entries[-1] = other.entries[-2]
    other.heads()
    forged = other.publish()
    assert len(other.entries) == len(host.entries)
    require(watch(other, state), "tampered", "second checkpoint of size", host.notes[-1].decode(), forged.decode())
    require(watch(host, state), "tampered", "second checkpoint of size", host.notes[-1].decode(), forged.decode())
    assert told


def test_a_log_that_goes_another_way_is_shown_with_both_checkpoints(
    host: HostLog, told: list[Said], state: Path
) -> None:
    require(watch(host, state), "confirmed")
    other = HostLog()
    other.take([*told[:EARLY], evaluation(told, "fork")])
    other.heads()
    for number in range(40):
        other.take([evaluation(told, f"{number}")])
    other.heads()
    other.publish()
    assert len(other.entries) > len(host.entries)
    report = watch(other, state)
    require(report, "tampered", host.notes[-1].decode(), other.notes[-1].decode())
    assert report.size == len(host.entries)  # nothing of it was taken


def test_a_log_that_went_back_is_shown_with_both_checkpoints_and_may_go_on(host: HostLog, state: Path) -> None:
    older = host.copy()
    older.entries = older.entries[: EARLY + 1]
    older.notes = older.notes[:1]
    require(watch(older, state), "confirmed")
    require(watch(host, state), "confirmed")
    require(watch(older, state), "tampered", older.notes[0].decode(), host.notes[-1].decode())
    require(watch(host, state), "confirmed")  # a stale mirror is no lie of the log


def test_a_checkpoint_of_the_history_that_is_of_another_tree_is_found(host: HostLog, state: Path) -> None:
    forged = sign_note(Checkpoint(LOG_KEY.name, EARLY + 1, bytes(32)).text, LOG_KEY)
    host.notes.insert(0, forged)
    require(watch(host, state), "tampered", "checkpoint of size 38", forged.decode())


def test_a_checkpoint_in_the_middle_of_events_is_found(host: HostLog, state: Path) -> None:
    host.notes.insert(0, sign_note(Checkpoint(LOG_KEY.name, 5, bytes(32)).text, LOG_KEY))
    require(watch(host, state), "tampered", "a heads entry as the last entry under it")


def test_a_history_that_lacks_a_checkpoint_is_incomplete(host: HostLog, state: Path) -> None:
    host.notes = host.notes[1:]
    require(watch(host, state), "incomplete", "history of checkpoints", "none of size 38")


def test_a_checkpoint_that_nobody_trusted_signed_is_unverifiable(host: HostLog, state: Path) -> None:
    text = host.signed().decode().partition("\n\n")[0] + "\n"
    host.notes = [sign_note(text, NEW_KEY)]
    require(watch(host, state), "unverifiable")


def test_a_checkpoint_far_beyond_the_tiles_ends_at_once(host: HostLog, state: Path) -> None:
    host.notes.append(sign_note(Checkpoint(LOG_KEY.name, 2**63 - 1, bytes(32)).text, LOG_KEY))
    require(watch(host, state), "incomplete", "tile")


def test_an_empty_log_is_confirmed_and_a_folder_without_one_is_incomplete(state: Path) -> None:
    log = HostLog()
    require(watch(log, state), "incomplete", "a published checkpoint")
    log.notes = [sign_note(Checkpoint(LOG_KEY.name, 0, EMPTY_ROOT).text, LOG_KEY)]
    require(watch(log, state), "confirmed")


# Files


@pytest.mark.parametrize("level", [-1, 0])
def test_a_file_that_is_missing_or_of_other_bytes_is_said_until_it_is_mended(
    level: int, host: HostLog, state: Path
) -> None:
    path = Tile(level, 0, len(host.entries)).path
    host.lost.add(path)
    require(watch(host, state), "incomplete", path)
    host.lost.clear()
    data = host.read_path(path, 0)
    assert data is not None
    host.spoilt[path] = data[:-1] + bytes([data[-1] ^ 1])
    report = watch(host, state)
    require(report, "tampered")
    assert report.size == 0
    host.spoilt.clear()
    require(watch(host, state), "confirmed")


@pytest.mark.parametrize("error", [LogUnreachable, LogDenied, ConnectionResetError])
def test_a_log_that_cannot_be_had_is_not_guilty(
    error: type[Exception], host: HostLog, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> bytes:
        raise error("gone")

    with a_monitor(host, state) as monitor:
        for what in ("read_path", "read_tile"):
            with monkeypatch.context() as cut:
                cut.setattr(host, what, gone)
                with pytest.raises(error):
                    monitor.round()
        require(monitor.round(), "confirmed")


# Times


def test_what_is_recorded_ahead_of_the_clock_is_refuted_until_the_clock_has_passed_it(
    host: HostLog, state: Path
) -> None:
    now_us = parse_instant("2024-01-01T00:00:00Z")
    with a_monitor(host, state, lambda: now_us) as monitor:
        require(monitor.round(), "refuted", "recorded_at", "by the clock here")
        assert monitor.size == 0  # all of it is proven, and taken, together
        now_us = parse_instant("2024-08-05T00:00:00Z")
        require(monitor.round(), "confirmed")


@pytest.mark.parametrize(
    ("cosigned_at", "verdict", "says"),
    [("2024-08-05T00:00:00Z", "unverifiable", "the clock here"), ("2024-01-01T00:00:00Z", "refuted", "recorded_at")],
)
def test_a_clock_that_is_behind_those_of_the_witnesses_accuses_nobody(
    host: HostLog, state: Path, cosigned_at: str, verdict: str, says: str
) -> None:
    """What by their clocks lies ahead as well is refuted all the same."""
    cosigned(host, parse_instant(cosigned_at) // 1_000_000)
    with a_monitor(host, state, lambda: parse_instant("2024-01-01T00:00:00Z"), **witnessed()) as monitor:
        report = monitor.round()
        require(report, verdict, says)
        assert monitor.size == 0


# Keys


def test_a_rotation_by_a_key_that_nobody_knew_is_found(host: HostLog, told: list[Said], state: Path) -> None:
    from ledger.proof.log.keys import new_key, rotation_data

    data = rotation_data(new_key(LOG_KEY.name), NEW_KEY)
    _, event = evaluation(told, "rotation")
    host.take([("log", event | {"type": "KeyRotated", "data": data})])
    host.heads()
    host.publish()
    require(watch(host, state), "tampered", "a key that the policy trusts")


# The state


def test_a_state_of_another_version_is_derived_anew_and_remembers_the_checkpoints(host: HostLog, state: Path) -> None:
    other = host.copy()
    other.entries[-1] = host.heads_entry(streams=1).encoded
    forged = other.publish()
    require(watch(host, state), "confirmed")
    with a_monitor(host, state, version="a later one") as monitor:
        (notice,) = monitor.notices()
        assert "version" in notice
        assert "derived anew" in notice
        assert monitor.size == 0
        require(monitor.round(), "confirmed")
    with a_monitor(other, state, version="a still later one") as monitor:
        require(monitor.round(), "tampered", forged.decode(), host.notes[-1].decode())


def spoil_header(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def spoil_checks(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE checks SET pickled = x'80'")


def spoil_state(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE state SET pickled = x'80'")


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize("spoil", [spoil_header, spoil_checks, spoil_state, cut_short])
def test_a_state_that_is_damaged_is_derived_anew(spoil: object, host: HostLog, told: list[Said], state: Path) -> None:
    require(watch(host, state), "confirmed")
    for beside in state.glob("*.db-*"):
        beside.unlink()
    assert callable(spoil)
    spoil(state / NAME)
    closing_event(host, told)
    host.publish()
    with a_monitor(host, state) as monitor:
        report = monitor.round()
        assert any("damaged" in notice for notice in monitor.notices())
    assert report == watch(host, state.with_name("at-once"))


def test_a_state_is_of_one_log_and_held_by_one_monitor(host: HostLog, state: Path) -> None:
    with a_monitor(host, state), pytest.raises(SealerBusy):
        watch(host, state)
    with pytest.raises(BadInput, match="another"):
        Memory(state, "another", "test")
    require(watch(host, state), "confirmed")


@pytest.mark.parametrize("place", ["take", "put_away", "settle"])
def test_what_fails_in_the_middle_leaves_what_was_there(
    place: str, host: HostLog, told: list[Said], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_monitor(host, state) as monitor:
        monitor.round()
        closing_event(host, told)
        host.publish()
        with monkeypatch.context() as cut:
            cut.setattr(KeptStreams, place, lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                monitor.round()
        report = monitor.round()
    assert report == watch(host, state.with_name("at-once"))


# The witness


def test_a_witness_says_that_it_is_behind_and_catches_up(
    host: HostLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_checking_witness(host, tmp_path / "w") as witness:
        with monkeypatch.context() as slow:
            slow.setattr("ledger.monitor.witness.PATIENCE_S", 0.0)
            answer = host.ask(witness)
            assert (answer.status, answer.body) == (
                503, "not confirmed yet: found 0 of 64 entries derived so far, expected all\n",
            )  # fmt: skip
        assert host.ask(witness).status == 200


def test_a_witness_answers_503_while_the_log_cannot_be_read(
    host: HostLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> bytes:
        raise LogUnreachable("gone")

    with a_checking_witness(host, tmp_path / "w") as witness:
        signed = host.signed()
        with monkeypatch.context() as cut:
            cut.setattr(host, "read_tile", gone)
            answer = host.ask(witness, signed)
        assert answer.status == 503
        assert "cannot be read" in answer.body
        assert host.ask(witness, signed).status == 200


def test_what_nobody_expected_is_told_once_and_does_not_end_the_mirror(
    host: HostLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that wait for nothing have the thread do all the work."""
    stepped: SimpleQueue[None] = SimpleQueue()
    told: SimpleQueue[Exception] = SimpleQueue()

    def fail(*_: object) -> bool:
        stepped.put(None)
        raise ZeroDivisionError

    monkeypatch.setattr("ledger.monitor.witness.PATIENCE_S", 0.0)
    monkeypatch.setattr("ledger.monitor.witness.POLL_S", 0.01)
    with a_checking_witness(host, tmp_path / "w") as witness:
        with monkeypatch.context() as broken:
            broken.setattr(witness._monitor, "advance", fail)
            witness.start_mirror(told.put)
            for _ in range(3):
                assert host.ask(witness).status == 503
                stepped.get(timeout=60)
                wait_until(lambda: witness._target is None)
        assert host.ask(witness).status == 503
        wait_until(lambda: witness._monitor.size == len(host.entries) and witness._target is None)
        monkeypatch.undo()
        assert host.ask(witness).status == 200
    assert isinstance(told.get(timeout=60), ZeroDivisionError)
    assert told.empty()


def wait_until(is_so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_smaller_checkpoint_that_was_derived_on_the_way_is_cosigned(host: HostLog, tmp_path: Path) -> None:
    """The witness is asked for an older one after it has mirrored more: what counts is the root at that very size."""
    with a_checking_witness(host, tmp_path / "w") as witness:
        monitor = witness._monitor
        while not monitor.advance(Checkpoint(LOG_KEY.name, len(host.entries), _root(host))):
            pass
        early = host.copy()
        early.entries = early.entries[: EARLY + 1]
        assert early.ask(witness).status == 200
        forged = early.copy()
        forged.entries[-1] = host.heads_entry(streams=2).encoded
        with a_checking_witness(host, tmp_path / "w2") as other:
            while not other._monitor.advance(Checkpoint(LOG_KEY.name, len(host.entries), _root(host))):
                pass
            assert forged.ask(other).status == 503


def _root(host: HostLog) -> bytes:
    from ledger.proof.log.checkpoint import parse_checkpoint
    from ledger.proof.log.note import parse_note

    return parse_checkpoint(parse_note(host.signed())[0]).root


def test_two_checkpoints_that_a_witness_is_asked_for_are_held_against_the_log(host: HostLog, tmp_path: Path) -> None:
    other = host.copy()
    other.entries[-1] = host.heads_entry(streams=1).encoded
    with a_checking_witness(host, tmp_path / "w") as witness:
        assert host.ask(witness).status == 200
        assert other.ask(witness).status == 409
        (finding,) = witness._monitor.findings()
        assert finding.what == f"second checkpoint of size {len(host.entries)}"
        assert {finding.found, finding.expected} == {host.signed().decode(), other.signed().decode()}


def test_a_state_that_cannot_be_written_says_why_and_goes_on_afterwards(host: HostLog, state: Path) -> None:
    with a_monitor(host, state) as monitor:
        database = monitor._memory._db
        database.execute("PRAGMA max_page_count = 1")  # what a full disk looks like to SQLite
        with pytest.raises(OSError, match="full") as raised:
            monitor.round()
        assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(state / NAME))
        database.execute("PRAGMA max_page_count = 1000000")
        require(monitor.round(), "confirmed")


def test_a_folder_that_is_not_there_is_not_held_against_the_log(host: HostLog, state: Path, tmp_path: Path) -> None:
    require(watch(host, state), "confirmed")
    with pytest.raises(LogUnreachable, match="found no such folder"):
        watch(LogFolder(tmp_path / "unmounted"), state)
    require(watch(host, state), "confirmed")


def test_a_policy_that_asks_for_a_checking_witness_is_met_by_one(tmp_path: Path) -> None:
    key = SignerKey("w.example/1/checking", COSIGNATURE_V1, bytes([7]) * 32)
    asks = {"witnesses": [str(key.verifier)], "quorum": 1, "checking": 1}
    with sqlite_ledger(tmp_path) as ledger:
        monitor = Monitor(ledger.folder, policy(**asks), PROOF_PROGRAMMES, tmp_path / "w" / "monitored", VERSION)
        with closing(CheckingWitness(key, policy(**asks), tmp_path / "w", lambda: WITNESSED_S, monitor)) as witness:
            ledger.seal(cosigner=Beside(witness, **asks))
            record_designation(ledger)
            sealed = ledger.seal(cosigner=Beside(witness, **asks))
            last = witness.last()
        assert last is not None
        assert last.size == sealed.size
        report = watch(ledger.folder, tmp_path / "m", **asks)
        assert (report.verdict, report.findings) == ("confirmed", ())
        assert ledger.audit(**asks).findings == []


def test_what_was_sound_in_the_history_is_not_read_again(host: HostLog, state: Path) -> None:
    """Whoever is started once an hour reads what came in that hour."""
    asked: list[int] = []

    class Counting(HostLog):
        def read_part(self, path: str, first: int, max_bytes: int) -> bytes:
            asked.append(first)
            return super().read_part(path, first, max_bytes)

    log = Counting()
    log.entries, log.notes = host.entries, host.notes
    require(watch(log, state), "confirmed")
    size = len(log.read_path("checkpoints.jsonl", 1 << 20) or b"")
    asked.clear()
    require(watch(log, state), "confirmed")
    assert 0 < min(asked) == max(asked) < size
    log.notes = log.notes[:1] + log.notes  # another history by now: all of it is looked at
    asked.clear()
    require(watch(log, state), "confirmed")
    assert min(asked) == 0

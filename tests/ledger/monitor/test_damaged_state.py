"""A monitor's state that a disk has damaged: it is derived anew, and speaks against nobody; what was seen stays known."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger.errors import BadInput, SealerBusy
from ledger.monitor import memory
from ledger.monitor.memory import NAME
from ledger.proof.log.checkpoint import parse_checkpoint
from ledger.proof.log.note import parse_note
from tests.ledger.monitor.forging import HostLog
from tests.ledger.monitor.support import a_checking_witness, a_monitor, watch
from tests.ledger.monitor.test_monitor import host, require, state, told

__all__ = ["host", "state", "told"]
PAGE = 4096


def pages_of(path: Path) -> int:
    for beside in path.parent.glob("*.db-*"):
        beside.unlink()
    return path.stat().st_size // PAGE


def spoil(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(b"\xa5" * PAGE)


def test_each_page_that_is_spoilt_is_found_or_is_of_no_matter(host: HostLog, state: Path) -> None:
    expected = watch(host, state)
    whole = (state / NAME).read_bytes()
    for page in range(1, pages_of(state / NAME)):
        (state / NAME).write_bytes(whole)
        spoil(state / NAME, page)
        assert watch(host, state) == expected, page
        assert watch(host, state) == expected, page


def test_a_checkpoint_that_was_seen_and_rotted_is_not_held_against_the_log(host: HostLog, state: Path) -> None:
    expected = watch(host, state)
    for damage in ("root = zeroblob(32)", "note = x'00'", "size = size + 1"):
        with closing(sqlite3.connect(state / NAME)) as db, db:
            db.execute(f"UPDATE checkpoints SET {damage} WHERE published")
        with a_monitor(host, state) as monitor:
            assert monitor.round() == expected, damage
            assert any("damaged" in notice for notice in monitor.notices())


def test_what_was_seen_outlives_damage_to_what_was_derived(host: HostLog, state: Path) -> None:
    forked = host.copy()
    forked.entries = forked.entries[:-1]
    forked.entries[-1] = forked.entries[-2]
    forked.heads()
    forked.publish()
    require(watch(host, state), "confirmed")
    with closing(sqlite3.connect(state / NAME)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'state'").fetchone()
    pages_of(state / NAME)
    spoil(state / NAME, root - 1)
    require(watch(forked, state), "tampered", f"second checkpoint of size {len(host.entries)}")


def test_a_witness_whose_findings_rotted_cosigns_nothing_before_it_has_derived_them_anew(
    host: HostLog, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = parse_checkpoint(parse_note(host.notes[-1])[0])
    with a_checking_witness(host, state) as witness:
        assert witness.refusal(checkpoint) is None
        with monkeypatch.context() as patched:
            patched.setattr(memory.Memory, "findings", rotten)
            refused = witness.refusal(checkpoint)
            assert refused is not None
            assert (refused.status, "derived anew" in refused.body) == (503, True)
        assert witness.refusal(checkpoint) is None
        assert next(iter(witness._monitor.notices())).endswith("all is derived anew from the log")


def rotten(_: memory.Memory) -> None:
    raise memory.StateDamaged("database disk image is malformed")


def test_what_is_no_file_in_its_place_is_named_and_the_folder_is_free_again(host: HostLog, state: Path) -> None:
    state.mkdir()
    for name in (NAME, "lock"):
        (state / name).unlink(missing_ok=True)
        os.mkfifo(state / name)
        with pytest.raises(BadInput, match="pipe or device"):
            watch(host, state)
        (state / name).unlink()
        (state / name).mkdir()
        with pytest.raises(IsADirectoryError):
            watch(host, state)
        (state / name).rmdir()
    with a_monitor(host, state), pytest.raises(SealerBusy):
        watch(host, state)


def test_a_disk_without_room_for_shared_memory_is_full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Full:
        f_bavail = 0

    failed = sqlite3.OperationalError("disk I/O error")
    failed.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    assert memory._errno(failed, tmp_path) != errno.ENOSPC
    monkeypatch.setattr(os, "statvfs", lambda _: Full)
    assert memory._errno(failed, tmp_path) == errno.ENOSPC

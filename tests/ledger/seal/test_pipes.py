"""A pipe in the place of a file that is locked or written keeps nobody waiting: it is named, as a folder or a device is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ledger.errors import BadInput, SealerBusy
from ledger.seal.folder import LogFolder, held, write_file
from ledger.seal.signing import FileMemory
from ledger.seal.witness import Witness
from tests.ledger.seal.support import WITNESS_KEY, WITNESSED_S, policy


def test_a_lock_that_is_a_pipe_or_a_device_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/null")
    for name in ("pipe", "device"):
        with (
            pytest.raises(BadInput, match=f"{name}: found a pipe or device, expected a file"),
            held(tmp_path / name, "busy"),
        ):
            pass
    with held(tmp_path / "file", "busy"), pytest.raises(SealerBusy, match="busy"), held(tmp_path / "file", "busy"):
        pass


def test_the_locks_of_sealer_key_and_witness_are_no_pipes(tmp_path: Path) -> None:
    (tmp_path / ".sealer").mkdir()
    for name in (".sealer/lock", "log.lock", "lock", ".log.signed.part"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "log.signed").touch()
    memory = FileMemory(tmp_path / "log.signed")
    with pytest.raises(BadInput, match="pipe"), LogFolder(tmp_path).lock():
        pass
    with pytest.raises(BadInput, match="pipe"), memory.held():
        pass
    with pytest.raises(BadInput, match="pipe"):
        memory.keep(b"note")
    with pytest.raises(BadInput, match="pipe"):
        Witness(WITNESS_KEY, policy(), tmp_path, lambda: WITNESSED_S)


def test_files_of_the_log_are_not_written_into_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "part")
    with pytest.raises(BadInput, match="pipe"):
        write_file(tmp_path / "file", b"data", tmp_path / "part")
    (tmp_path / ".sealer").mkdir()
    os.mkfifo(tmp_path / ".sealer" / "superseded")
    with pytest.raises(BadInput, match="pipe"):
        LogFolder(tmp_path).supersede(b"note")

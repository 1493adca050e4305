"""The processes of an audit: what fails in one fails in the audit, and none is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.audit.part import Process
from ledger.proof.registry import PROOF_PROGRAMMES


def test_what_fails_in_a_process_fails_here_too(tmp_path: Path) -> None:
    """The file that is asked for after the part of its own is not there."""
    process = Process(PROOF_PROGRAMMES)
    try:
        (tmp_path / "own.due").touch()
        process.ask(tmp_path / "own", [])
        process.ask(tmp_path / "nowhere", [])
        assert process.answer().events == 0
        with pytest.raises(FileNotFoundError):
            process.answer()
    finally:
        process.close()


def test_a_process_that_is_gone_is_named(tmp_path: Path) -> None:
    process = Process(PROOF_PROGRAMMES)
    process._process.kill()
    process._process.join(10)
    try:
        with pytest.raises(OSError, match="a process of the audit ended"):
            process.take(
                [], [("membership-m-1", number, "X", number, bytes(10_000), bytes(32)) for number in range(100)]
            )
    finally:
        process.close()


def test_a_process_ends_when_nobody_asks_it_any_more() -> None:
    process = Process(PROOF_PROGRAMMES)
    process.close()
    assert process._process.exitcode == 0

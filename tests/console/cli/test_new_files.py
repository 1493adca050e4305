"""New files are for their owner alone, take nobody's place, and are there when they are whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from console.cli.exits import Failure
from console.cli.new_files import new_files
from tests.ledger.vault.support import dies_at


def written(paths: Sequence[Path], *, finish: bool = True) -> None:
    with new_files(paths) as files:
        for number, stream in enumerate(files.streams):
            stream.write(bytes([65 + number]) * 100_000)
        if finish:
            files.finish()


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_files_are_whole_of_mode_0600_whatever_the_umask_and_leave_nothing_beside(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        written([tmp_path / "a", tmp_path / "b"])
    finally:
        os.umask(previous)
    assert names(tmp_path) == ["a", "b"]
    assert [(tmp_path / name).read_bytes() for name in "ab"] == [b"A" * 100_000, b"B" * 100_000]
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in "ab"} == {0o600}


def test_what_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    written([tmp_path / "a"], finish=False)
    with pytest.raises(ZeroDivisionError), new_files([tmp_path / "a"]) as files:
        files.streams[0].write(bytes([1 // 0]))
    assert names(tmp_path) == []


@pytest.mark.parametrize("there", ["a file", "a link to nothing", "a folder"])
def test_nothing_is_written_over_and_nothing_is_made_beside_it(tmp_path: Path, there: str) -> None:
    path = tmp_path / "b"
    {"a file": path.touch, "a link to nothing": lambda: path.symlink_to("nowhere"), "a folder": path.mkdir}[there]()
    with pytest.raises(Failure, match="never written over"):
        written([tmp_path / "a", path])
    assert names(tmp_path) == ["b"]


def test_a_file_that_appears_meanwhile_stays_too(tmp_path: Path) -> None:
    with new_files([tmp_path / "a"]) as files:
        (tmp_path / "a").write_text("somebody else's")
        with pytest.raises(Failure, match="never written over"):
            files.finish()
    assert (tmp_path / "a").read_text() == "somebody else's"
    assert names(tmp_path) == ["a"]


def test_the_same_file_twice_and_a_folder_that_is_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="twice"):
        written([tmp_path / "a", tmp_path / "a"])
    with pytest.raises(Failure, match="could not be written"):
        written([tmp_path / "none" / "a"])


@pytest.mark.parametrize("nameless", [True, False], ids=["without a name", "where every file has a name"])
def test_a_process_that_dies_leaves_the_first_file_alone_or_both_each_whole(
    tmp_path: Path, nameless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing beside them, under whatever name: what is written names people."""
    if nameless and not hasattr(os, "O_TMPFILE"):
        pytest.skip("this system has no files without a name")
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    seen = set()
    deaths = 0

    def work(passes: Callable[[], None]) -> None:
        def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any, **named: Any) -> Any:
                passes()
                result = function(*given, **named)
                passes()
                return result

            return call

        for name in ("open", "fsync", "link"):
            setattr(os, name, guarded(getattr(os, name)))
        written([folder / "a", folder / "b"])

    while True:
        folder = tmp_path / str(deaths)
        folder.mkdir()
        if not dies_at(deaths, work):
            break
        deaths += 1
        there = [name for name in names(folder) if nameless or not name.startswith(".")]
        seen.add(tuple(there))
        for name in there:
            assert (folder / name).read_bytes() == name.upper().encode() * 100_000
    assert seen == {(), ("a",), ("a", "b")}

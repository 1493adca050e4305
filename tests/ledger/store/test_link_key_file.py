"""The file of a link key: made once and whole, refused where others may read it or it is something else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.errors import LinkKeyUnusable
from ledger.store.link_key_file import LINE_BYTES_MAX, LinkKeyFile, encoded
from tests.support.link_key import KEY

ROOT = Path(__file__).parents[3]
MAKE = """
import sys
from pathlib import Path
from ledger.store.link_key_file import LinkKeyFile
sys.stdin.read(1)
print(LinkKeyFile(Path(sys.argv[1]), makes=True).make().id)
"""
DIE = """
import os, signal, sys
from pathlib import Path
import ledger.store.link_key_file as module
calls = [0]
def dying(name):
    real = getattr(os, name)
    def call(*arguments, **options):
        calls[0] += 1
        if calls[0] == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    return call
for name in ("open", "fchmod", "fsync", "link", "unlink"):
    setattr(os, name, dying(name))
module.LinkKeyFile(Path(sys.argv[1]), makes=True).make()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.db.link-key"


def test_a_key_is_made_where_there_is_none_and_stays_the_same(path: Path) -> None:
    file = LinkKeyFile(path, makes=True)
    assert file.find() is None
    made = file.make()
    again = LinkKeyFile(path, makes=True)
    assert made is not None
    assert {made.secret} == {key.secret for key in (file.find(), again.find(), again.make()) if key is not None}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == encoded(made)
    assert list(path.parent.iterdir()) == [path]


def test_two_are_never_the_same(tmp_path: Path) -> None:
    made = [LinkKeyFile(tmp_path / name, makes=True).make() for name in "ab"]
    assert len({key.secret for key in made if key is not None}) == 2


def test_none_is_made_where_that_is_not_wanted(path: Path) -> None:
    assert LinkKeyFile(path, makes=False).make() is None
    assert not path.exists()


@pytest.mark.parametrize("mask", [0o000, 0o777])
def test_the_mode_is_the_same_under_any_mask(path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        LinkKeyFile(path, makes=True).make()
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_processes_that_make_one_at_once_have_one_key(path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", MAKE, path], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.flush()
    ids = {process.communicate(timeout=60)[0].decode().strip() for process in processes}
    key = LinkKeyFile(path, makes=True).find()
    assert key is not None
    assert ids == {key.id}
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("call", range(1, 8))
def test_who_is_killed_while_making_one_leaves_a_whole_key_or_none(path: Path, call: int) -> None:
    died = subprocess.run([sys.executable, "-c", DIE, path, str(call)], cwd=ROOT, check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL, "there are so many calls"
    file = LinkKeyFile(path, makes=True)
    made = file.find() or file.make()
    assert made is not None
    assert all(one.stat().st_mode & 0o077 == 0 for one in path.parent.iterdir()), "nor does anything lie open"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644, 0o666])
def test_a_file_of_ones_own_that_is_open_to_others_is_refused_as_by_ssh(path: Path, mode: int) -> None:
    path.write_bytes(encoded(KEY))
    path.chmod(mode)
    with pytest.raises(LinkKeyUnusable, match=f"found mode {mode:04o}, expected 0600"):
        LinkKeyFile(path, makes=True).find()
    path.chmod(0o400)
    found = LinkKeyFile(path, makes=True).find()
    assert found is not None
    assert found.id == KEY.id


def test_a_file_of_somebody_elses_is_theirs_to_guard(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(encoded(KEY))
    path.chmod(0o444)
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    found = LinkKeyFile(path, makes=True).find()
    assert found is not None
    assert found.id == KEY.id


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n", encoded(KEY)[:-2], encoded(KEY)[1:], encoded(KEY) + b"\n", encoded(KEY).replace(b"0", b"g", 1), b" " * 65,
        encoded(KEY) * 2, b"\xff" * 64, b"x" * 10_000_000,
    ],
    ids=lambda content: f"{content[:4]!r} {len(content)}",
)  # fmt: skip
def test_anything_else_is_no_key_and_is_not_repeated(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(LinkKeyUnusable, match="found no link key, expected one line of 64 hex digits") as caught:
        LinkKeyFile(path, makes=True).find()
    assert KEY.secret.hex()[:16] not in str(caught.value)
    assert LinkKeyFile(path, makes=True).path.stat().st_size == len(content)
    assert LINE_BYTES_MAX < 100


def test_a_line_without_its_end_or_in_capitals_is_a_key(path: Path) -> None:
    for content in (encoded(KEY).strip(), encoded(KEY).upper()):
        path.write_bytes(content)
        path.chmod(0o600)
        found = LinkKeyFile(path, makes=False).find()
        assert found is not None
        assert found.id == KEY.id


def test_what_is_no_plain_file_is_refused_at_once(path: Path, tmp_path: Path) -> None:
    os.mkfifo(path, 0o600)
    with pytest.raises(LinkKeyUnusable, match="no plain file"):
        LinkKeyFile(path, makes=True).find()
    (tmp_path / "folder").mkdir()
    with pytest.raises(LinkKeyUnusable, match="folder"):
        LinkKeyFile(tmp_path / "folder", makes=True).find()
    path.unlink()
    path.symlink_to(tmp_path / "nothing")
    assert LinkKeyFile(path, makes=True).find() is None
    assert LinkKeyFile(path, makes=True).make() is None, "the name is taken, and leads nowhere"


def test_where_none_can_be_made_it_says_why(tmp_path: Path) -> None:
    with pytest.raises(LinkKeyUnusable, match=r"could not be made: No such file or directory"):
        LinkKeyFile(tmp_path / "nowhere" / "key", makes=True).make()

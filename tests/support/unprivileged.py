"""Running something as a user who may not write what it finds, also where the tests are run by root."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

NOBODY = 65_534


@contextmanager
def readable_folder() -> Iterator[Path]:
    """A folder that every user may enter and read."""
    folder = Path(mkdtemp(prefix="csat-ledger-readable-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        folder.chmod(0o755)
        rmtree(folder)


def not_to_be_written(folder: Path) -> None:
    """Takes the right to write from a folder and from its files."""
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)


def as_nobody(work: Callable[[], None]) -> None:
    """Runs something in a process of its own, as root's opposite; fails with its traceback where it fails."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        said = b""
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            work()
        except BaseException:
            said = traceback.format_exc().encode()
        finally:
            os.write(write, said[:60_000])
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    assert not said, said.decode()

"""The lock of a role as a file's lock of the operating system: gone with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path
from typing import Final

from ledger.errors import StoreUnreachable

_ROLE: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")


def checked_role(role: str) -> str:
    """A role's name as it may stand in the name of a file or of a lock."""
    if not _ROLE.fullmatch(role):
        raise ValueError(f"found the role {role!r}, expected up to 40 lower-case letters, digits and hyphens")
    return role


class FileRoleLock:
    """The lock of a role, held as long as the file is open. The file stays: who removes it lets two hold the lock."""

    def __init__(self, role: str, path: Path, descriptor: int) -> None:
        self.role = role
        self._path = path
        self._descriptor: int | None = descriptor

    def held(self) -> bool:
        """Whether it is held, and the file at its place is still the one that is locked."""
        if self._descriptor is None:
            return False
        try:
            same = os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError:
            same = False
        if not same:
            self.release()
        return same

    def release(self) -> None:
        """Closes the file, which gives the lock back."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def try_file_lock(database: Path, role: str) -> FileRoleLock | None:
    """The lock of a role beside a database file; None where another process, or another part of this one, holds it."""
    path = database.with_name(f"{database.name}.{checked_role(role)}.lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreUnreachable(f"{path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        os.close(descriptor)
        raise StoreUnreachable(f"{path}: {error.strerror}") from error
    return FileRoleLock(role, path, descriptor)

"""The file of a link key: its 32 bytes in 64 hex digits, one line, of mode 0600, made whole or not at all.

As with ssh, a file of one's own that others may read or change is no key: it is refused until its mode is mended. One of
somebody else (a secret that a container platform mounts) is theirs to guard.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from ledger.errors import LinkKeyUnusable
from ledger.link_key import KEY_BYTES, LinkKey

ENDING: Final = ".link-key"
"""Of the file beside a book in SQLite, after the book's own name."""
LINE_BYTES_MAX: Final = 2 * KEY_BYTES + 2
"""One more than a line has, so that a longer one is found out; no more is read."""
_DIGITS: Final = frozenset(b"0123456789abcdefABCDEF")
_OTHERS: Final = 0o077


class LinkKeyFile:
    """A file that holds a link key, or will: `makes` says whether one is made where there is none."""

    def __init__(self, path: Path, *, makes: bool) -> None:
        self.path = path
        self.name = str(path)
        self._makes = makes

    def find(self) -> LinkKey | None:
        """The key in the file; None where there is no file. Raises LinkKeyUnusable."""
        try:
            # Without waiting for somebody to write into it, where it is a pipe.
            with os.fdopen(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                found = os.fstat(file.fileno())
                if not stat.S_ISREG(found.st_mode):
                    raise LinkKeyUnusable(f"{self.path}: found what is no plain file, expected a link key")
                if found.st_uid == os.getuid() and found.st_mode & _OTHERS:
                    mode = stat.S_IMODE(found.st_mode)
                    raise LinkKeyUnusable(f"{self.path}: found mode {mode:04o}, expected 0600: others may use this key")
                line = file.read(LINE_BYTES_MAX)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LinkKeyUnusable(f"{self.path}: found {error.strerror}, expected a link key") from None
        return self._parsed(line)

    def make(self) -> LinkKey | None:
        """Makes a key where there is none; None where none is made here. Raises LinkKeyUnusable."""
        return self.keep(LinkKey(os.urandom(KEY_BYTES))) if self._makes else None

    def keep(self, key: LinkKey) -> LinkKey | None:
        """Keeps a key where there is none, and returns the one that is there then. Raises LinkKeyUnusable.

        It is written into a file of another name, and given this one when it is on disk: only one process can do that.
        """
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    os.fchmod(file.fileno(), 0o600)
                    file.write(encoded(key))
                    file.flush()
                    os.fsync(file.fileno())
                with suppress(FileExistsError):  # another process was first, and its key is the one
                    os.link(part, self.path)
            finally:
                part.unlink(missing_ok=True)
            _fsync(self.path.parent)
        except OSError as error:
            raise LinkKeyUnusable(f"{self.path}: a link key could not be made: {error.strerror}") from None
        return self.find()

    def _parsed(self, line: bytes) -> LinkKey:
        digits = line.removesuffix(b"\n")
        if len(digits) != 2 * KEY_BYTES or not _DIGITS.issuperset(digits):
            raise LinkKeyUnusable(f"{self.path}: found no link key, expected one line of {2 * KEY_BYTES} hex digits")
        return LinkKey(bytes.fromhex(digits.decode("ascii")))


def encoded(key: LinkKey) -> bytes:
    """The line that stands for a key."""
    return f"{key.secret.hex()}\n".encode()


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

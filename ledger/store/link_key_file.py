"""The file of a link key: one line, of mode 0600, made whole or not at all.

    csat-ledger-link-key+<id>+<the 32 bytes in hex>

The id (`ledger.link_key`) shows that the line is whole. As with ssh, a file of one's own that others may read or change is
no key: it is refused until its mode is mended. One of somebody else (a secret that a container platform mounts) is theirs
to guard.
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
MARK: Final = "csat-ledger-link-key"
LINE_BYTES_MAX: Final = 512
"""Far more than a line has: nothing of a larger file is read."""
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
                line = file.read(LINE_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LinkKeyUnusable(f"{self.path}: found {error.strerror}, expected a link key") from None
        return self._parsed(line)

    def make(self) -> LinkKey | None:
        """Makes a key in a file of its own, then gives it the name, which only one can get."""
        if not self._makes:
            return None
        key = LinkKey(os.urandom(KEY_BYTES))
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
        mark, _, rest = line.removesuffix(b"\n").partition(b"+")
        key_id, _, digits = rest.partition(b"+")
        with suppress(ValueError, UnicodeDecodeError):
            key = LinkKey(bytes.fromhex(digits.decode("ascii")))
            if mark == MARK.encode() and key_id == key.id.encode():
                return key
        raise LinkKeyUnusable(f"{self.path}: found no link key, expected one line that begins with {MARK}+")


def encoded(key: LinkKey) -> bytes:
    """The line that stands for a key."""
    return f"{MARK}+{key.id}+{key.secret.hex()}\n".encode()


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

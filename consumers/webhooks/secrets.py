"""The secrets of a webhook: a file of one's own (0600), a line each, `whsec_` and 24 to 64 random bytes in base64.

    ( umask 077; echo "whsec_$(openssl rand -base64 32)" > hook.secret )

The book's database holds the file's path and never what is in it: who reads the database, or a backup of it, can sign
nothing. With several lines, while a secret is exchanged for another, each delivery has a signature of each. The file is
read again when it changes; no secret is in any message.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path
from typing import Final

from ledger.errors import BadInput

PREFIX: Final = "whsec_"
SECRETS_MAX: Final = 4
FILE_BYTES_MAX: Final = 4_096
BYTES_MIN: Final = 24
BYTES_MAX: Final = 64
_OTHERS: Final = 0o077


def load_secrets(path: Path) -> tuple[str, ...]:
    """The secrets in a file that nobody else can read, the first is the newest. Raises BadInput."""
    try:
        # Without waiting for somebody to write into it, where it is a pipe.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise BadInput(f"{path}: found what is no plain file, expected a webhook's secrets")
            if found.st_uid == os.getuid() and found.st_mode & _OTHERS:
                raise BadInput(
                    f"{path}: found mode {stat.S_IMODE(found.st_mode):04o}, expected 0600: others may read it"
                )
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise BadInput(f"{path}: found {error.strerror}, expected a webhook's secrets") from None
    if len(data) > FILE_BYTES_MAX:
        raise BadInput(f"{path}: found more than {FILE_BYTES_MAX:,} bytes, expected 1 to {SECRETS_MAX} secrets")
    lines = data.decode("ascii", "replace").split()
    if not 1 <= len(lines) <= SECRETS_MAX:
        raise BadInput(f"{path}: found {len(lines)} secrets, expected 1 to {SECRETS_MAX}, one a line")
    for number, line in enumerate(lines, 1):
        if not _is_secret(line):
            raise BadInput(
                f"{path}: found on line {number} no secret, expected {PREFIX} and {BYTES_MIN} to {BYTES_MAX} bytes in base64"
            )
    return tuple(lines)


def make_secret_file(path: Path) -> str:
    """Makes a file with a new secret, of mode 0600, and returns the secret. Raises BadInput rather than write over a file."""
    secret = PREFIX + base64.b64encode(os.urandom(32)).decode()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(f"{secret}\n".encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BadInput(f"{path}: a webhook's secret could not be kept: {error.strerror}") from None
    return secret


class SecretFile:
    """The secrets of one file as they are now: read anew when the file is another, or was changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._secrets: tuple[str, ...] = ()

    def secrets(self) -> tuple[str, ...]:
        """Raises BadInput where they cannot be had now."""
        try:
            found = self._path.stat()
            seen = (found.st_ino, found.st_dev, found.st_mtime_ns, found.st_size, found.st_mode)
        except OSError as error:
            raise BadInput(f"{self._path}: found {error.strerror}, expected a webhook's secrets") from None
        if seen != self._seen:
            self._secrets, self._seen = load_secrets(self._path), seen
        return self._secrets


def _is_secret(line: str) -> bool:
    if not line.startswith(PREFIX):
        return False
    text = line.removeprefix(PREFIX)
    try:
        return BYTES_MIN <= len(base64.b64decode(text + "=" * (-len(text) % 4), validate=True)) <= BYTES_MAX
    except (binascii.Error, ValueError):
        return False

"""Files from outside, read within a bound: nothing in a folder can make a reader wait for ever, or fill its memory."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ledger.proof.log.errors import MalformedError, Words

READ_BYTES = 1 << 24
KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}  # fmt: skip


def read_file(path: Path, max_bytes: int, *, pipes: bool = False) -> bytes:
    """The bytes of a file. Raises FileNotFoundError, OSError, or MalformedError for what is no file or is too long.

    With `pipes` a pipe is taken as well, as a shell hands one over for a command's output.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if pipes else os.O_NONBLOCK))
    try:
        found = os.fstat(descriptor)
        kind = stat.S_IFMT(found.st_mode)
        if kind != stat.S_IFREG and not (pipes and kind == stat.S_IFIFO):
            raise MalformedError(
                f"{str(path)!a}", found=Words(KINDS.get(kind, "something else")), expected=Words("a file")
            )
        if found.st_size > max_bytes:
            raise _too_long(path, f"{found.st_size} bytes", max_bytes)
        parts, size = [], 0
        while part := os.read(descriptor, min(READ_BYTES, max_bytes + 1 - size)):
            parts.append(part)
            size += len(part)
            if size > max_bytes:
                raise _too_long(path, "more", max_bytes)
    finally:
        os.close(descriptor)
    return b"".join(parts)


def _too_long(path: Path, found: str, max_bytes: int) -> MalformedError:
    return MalformedError(f"{str(path)!a}", found=Words(found), expected=Words(f"at most {max_bytes} bytes"))

"""Files from outside, read within a bound: nothing in a folder can make a reader wait for ever, or fill its memory."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ledger.proof.log.errors import MalformedError, Words

READ_BYTES = 1 << 24


def read_file(path: Path, max_bytes: int, *, pipes: bool = False) -> bytes:
    """The bytes of a file. Raises FileNotFoundError, OSError, or MalformedError for what is no file or is too long.

    With `pipes` a pipe is taken as well, as a shell hands one over for a command's output.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if pipes else os.O_NONBLOCK))
    try:
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISREG(mode) or (pipes and stat.S_ISFIFO(mode))):
            raise MalformedError(f"{str(path)!a}", found=Words("a folder, pipe or device"), expected=Words("a file"))
        parts, size = [], os.fstat(descriptor).st_size
        while size <= max_bytes and (part := os.read(descriptor, READ_BYTES)):
            parts.append(part)
            size = max(size, sum(map(len, parts)))
        if size > max_bytes:
            raise MalformedError(f"{str(path)!a}", found=Words("more"), expected=Words(f"at most {max_bytes} bytes"))
    finally:
        os.close(descriptor)
    return b"".join(parts)

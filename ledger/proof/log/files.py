"""Files from outside, read within a bound: nothing in a folder can make a reader wait for ever, or fill its memory."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.proof.log.errors import MalformedError, Words

READ_BYTES = 1 << 24
MEMINFO, CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")


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


@contextmanager
def within_memory() -> Iterator[None]:
    """What needs more memory than there is raises MemoryError; else Linux, which promises more, ends us without a word."""
    try:
        import resource

        found = re.search(r"MemAvailable: +(\d+) kB", MEMINFO.read_text())
        free = int(found[1]) << 10 if found else 1 << 62
        group = CGROUP.read_text().strip() if CGROUP.exists() else ""
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):  # no Linux
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = mapped + min(free, int(group) if group.isdecimal() else free)
    resource.setrlimit(resource.RLIMIT_AS, (min([most, *(one for one in before if one >= 0)]), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def read_named(path: Path, what: str, max_bytes: int) -> bytes:
    """As `read_file`, pipes too; what cannot be read is told with what it should be. Raises MalformedError."""
    try:
        return read_file(path, max_bytes, pipes=True)
    except OSError as error:
        raise MalformedError(
            f"{what} {str(path)!a}", found=Words(str(error.strerror)), expected=Words("a file")
        ) from None

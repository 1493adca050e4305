"""How much memory this process can still have: by its own bound of addresses, by that of its container, and by the machine.

Who works by columns cannot give up in the middle: where memory ends, the library or the system ends the whole process. So it is
looked whether there is enough before it begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from console.http.problems import RETRY_AFTER_S, Problem

ADDRESSES_FACTOR: Final = 2
"""A bound of addresses (`ulimit -v`) is used up sooner: threads and files take many that they never fill."""
CGROUP: Final = Path("/sys/fs/cgroup")
PROC: Final = Path("/proc")
MIB: Final = 1 << 20


def require_room(needed_bytes: int) -> None:
    """Raises Problem (503) where this process cannot have so many bytes more."""
    free_bytes = min(_free(), default=needed_bytes)
    if free_bytes < needed_bytes:
        raise Problem(
            503, "no-memory",
            f"found {max(0, free_bytes) // MIB:,} MiB of memory for it, expected {needed_bytes // MIB:,}: give the service "
            "more, or ask `csat-ledger what-if` beside it",
            headers={"Retry-After": RETRY_AFTER_S},
        )  # fmt: skip


def _free() -> Iterator[int]:
    """What there is by each bound that can be read here, in bytes."""
    with suppress(ImportError, OSError, ValueError, IndexError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            used = int((PROC / "self/statm").read_text().split()[0]) * resource.getpagesize()
            yield (soft - used) // ADDRESSES_FACTOR
    with suppress(OSError, ValueError):
        bound = (CGROUP / "memory.max").read_text().strip()
        if bound != "max":
            yield int(bound) - _number(CGROUP / "memory.stat", "anon") - _number(CGROUP / "memory.stat", "kernel")
    with suppress(OSError, ValueError):
        yield _number(PROC / "meminfo", "MemAvailable:") * 1024


def _number(file: Path, name: str) -> int:
    """The figure of a name in a file of names and figures. Raises ValueError where there is none."""
    for line in file.read_text().splitlines():
        if line.split(maxsplit=1)[:1] == [name]:
            return int(line.split()[1])
    raise ValueError(f"found no {name} in {file}")

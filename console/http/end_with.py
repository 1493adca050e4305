"""A process that is of use to another alone ends with it, however that ends: the kernel sees to it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def end_with(parent: int) -> None:
    """Has the kernel kill this process when its parent dies: who is stopped, or waits for a store, would not notice.

    Linux goes by the thread that began the process: where that ends before its process does, this one ends with it.
    """
    with suppress(ImportError, OSError, AttributeError):  # a Python or a system without
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if hasattr(os, "getppid") and os.getppid() != parent:  # it has died before that
        os.kill(os.getpid(), signal.SIGKILL)

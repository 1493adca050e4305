"""How many files a service may have open: each connection takes one, and some have to be left for the book and for answers.

The soft limit of a process is often 1,024 where the hard one is far higher. So the soft one is raised as far as connections
want, and where that is not far enough fewer connections are taken: one that finds no file left could not even be refused.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any, Final

from console.http.limits import PREFIX, Limits, read_limits
from ledger.errors import BadInput

KEPT: Final = 256
"""So many are kept for the book, the projections, the log, temporary files, and connections that are refused."""
CONNECTIONS_MIN: Final = 16
"""With room for fewer connections nothing is served."""
USED_UP: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def read_limits_within(complain: Callable[[str], None]) -> Limits:
    """The limits as the environment sets them, and as files can be had for them. Raises BadInput."""
    return within_open_files(read_limits(), complain)


def within_open_files(limits: Limits, complain: Callable[[str], None]) -> Limits:
    """Limits whose connections there are files for; `complain` is told where that are fewer than were set.

    Raises BadInput where there is no room for a service.
    """
    try:
        import resource
    except ImportError:  # a system without such limits
        return limits
    wanted = limits.connections + KEPT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _holds(soft, wanted):
        return limits
    raised = wanted if _holds(hard, wanted) else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    if raised == wanted:
        return limits
    room: int = raised - KEPT
    if room < CONNECTIONS_MIN:
        raise BadInput(
            f"found that this process may have {raised:,} files open (`ulimit -n`), "
            f"expected {KEPT + CONNECTIONS_MIN:,} at least"
        )
    complain(
        f"found that this process may have {raised:,} files open (`ulimit -n`): it takes {room:,} connections at once, "
        f"not the {limits.connections:,} of {PREFIX}CONNECTIONS"
    )
    return limits.model_copy(update={"connections": room})


def _holds(limit: int, wanted: int) -> bool:
    import resource

    return limit == resource.RLIM_INFINITY or limit >= wanted


def on_loop_error(complain: Callable[[str], None]) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """What an event loop does with an error that nobody waits for: where no connection can be taken it is a sentence.

    asyncio tells of it some thousand times a second, each time with a traceback; `complain` is to tell the same seldom.
    """

    def tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in USED_UP and "accept" in context.get("message", ""):
            complain(
                f"no connection can be taken: {error.strerror}; look at the limits of the process and of the machine "
                "(`ulimit -n`), and at who keeps connections open"
            )
        elif "._start_serving(" in context.get("message", "") and isinstance(error, ValueError):
            pass  # it was to be tried again, and the service has ended meanwhile
        else:
            loop.default_exception_handler(context)

    return tell

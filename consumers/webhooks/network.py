"""One request to a webhook's receiver: to an address that was judged, within a deadline, its answer read up to a bound.

A name is looked up once for a connection; of the addresses found the first that may be (`consumers.webhooks.addresses`) is
connected to, as an address. The name stands in the header Host and in TLS alone, where the certificate is checked against
it. So no second look-up can lead elsewhere. A redirect is followed nowhere: any answer but 2xx is a failure.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from consumers.webhooks.addresses import Network, refusal
from consumers.webhooks.target import Target
from ledger.errors import ExtraMissing
from ledger.printable import printable

try:
    import anyio  # noqa: F401 - httpcore cannot do without on an event loop
    import httpcore
except ImportError as missing:
    raise ExtraMissing(missing.name, "webhooks") from None

BODY_BYTES_MAX: Final = 64 * 1024
"""So much of an answer's body is read, so that its connection can be used again; it means nothing."""
BODY_S: Final = 1.0
ADDRESSES_MAX: Final = 8
IDLE_S: Final = 20.0
LOOK_UPS_MAX: Final = 50
"""As many as there may be webhooks."""
RETRY_AFTER_MAX_S: Final = 3_600
REASON_CHARACTERS_MAX: Final = 300
OVERLOADED: Final = frozenset({408, 425, 429})

FAILURES: Final = (
    httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError, UnicodeError
)  # fmt: skip

LookUp = Callable[[str, int], list[Any]]
"""(host, port) -> what getaddrinfo finds. It may take its time. Raises OSError."""
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> its addresses. Raises OSError."""


class Outcome(NamedTuple):
    """What became of one attempt. `reason` is "" where it was taken."""

    reason: str = ""
    alive: bool = True
    """Whether the receiver is there and took it, or turned down this one alone."""
    retry_after_s: int = 0
    gone: bool = False
    """Whether the receiver wants nothing any more."""

    @property
    def taken(self) -> bool:
        """Whether the receiver said 2xx."""
        return not self.reason


class Bounds(NamedTuple):
    """Deadlines of one attempt, in seconds."""

    whole_s: float = 15.0
    """From the look-up of the name to the last header of the answer."""
    connect_s: float = 5.0


class Resolver:
    """Looks names up as the system does, in threads of its own: one that hangs keeps no other from being looked up.

    Whoever wants a name that is being looked up waits for the same look-up. So a receiver whose name server says nothing has
    one thread, however many deliveries it lets wait, and there is one for each webhook. For one event loop.
    """

    def __init__(self, look_up: LookUp | None = None) -> None:
        self._look_up = look_up or _looked_up
        self._threads = ThreadPoolExecutor(LOOK_UPS_MAX, "webhook-dns")
        self._under_way: dict[tuple[str, int], asyncio.Future[list[Any]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        asked = self._under_way.get((host, port))
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, host, port)
            self._under_way[host, port] = asked
            asked.add_done_callback(partial(self._done, (host, port)))
        found = await asyncio.shield(asked)  # who has had enough takes it from nobody else
        return list(dict.fromkeys(str(address[4][0]) for address in found))

    def _done(self, name: tuple[str, int], asked: asyncio.Future[list[Any]]) -> None:
        del self._under_way[name]
        if not asked.cancelled():
            asked.exception()  # nobody may be waiting for it any more

    def close(self) -> None:
        """Lets the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _looked_up(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class AddressRefused(Exception):
    """A host all of whose addresses are refused."""


class Receiver:
    """The way to one webhook's receiver; connections are kept for a while and used again."""

    def __init__(
        self, target: Target, allowed: Sequence[Network], resolve: Resolve, bounds: Bounds, connections_max: int
    ) -> None:
        self._bounds = bounds
        self._url = httpcore.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        self._host = (b"host", target.netloc.encode())
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=connections_max,
            max_keepalive_connections=connections_max,
            keepalive_expiry=IDLE_S,
            network_backend=_Judged(resolve, allowed),
        )

    async def post(self, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Outcome:
        """One attempt. Raises nothing but what ends the task."""
        found: list[Outcome] = []
        failed = Outcome(f"found no answer within {self._bounds.whole_s:g} s", alive=False)
        try:
            async with asyncio.timeout(self._bounds.whole_s) as deadline:
                await self._posted(headers, body, found, deadline)
        except AddressRefused as error:
            failed = Outcome(str(error), alive=False)
        except TimeoutError:
            pass
        except httpcore.ConnectTimeout:
            failed = Outcome(f"found no connection within {self._bounds.connect_s:g} s", alive=False)
        except FAILURES as error:
            failed = Outcome(_bounded(f"found no answer: {_said(error)}"), alive=False)
        except Exception as error:  # whatever a receiver brings about, it is its own webhook's matter alone
            failed = Outcome(_bounded(f"found no answer, but {type(error).__name__}: {error}"), alive=False)
        return found[0] if found else failed

    async def close(self) -> None:
        """Closes the connections."""
        with suppress(Exception):  # a receiver that does not let go is let go
            async with asyncio.timeout(1.0):
                await self._pool.aclose()

    async def _posted(
        self,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        found: list[Outcome],
        deadline: asyncio.Timeout,
    ) -> None:
        """Adds what the receiver said to `found`, as soon as it has said so; what comes after that changes nothing."""
        whole_s = self._bounds.whole_s
        timeouts = {"connect": self._bounds.connect_s, "read": whole_s, "write": whole_s, "pool": whole_s}
        length = (b"content-length", str(len(body)).encode())
        async with self._pool.stream(
            b"POST", self._url, headers=[self._host, length, *headers], content=body, extensions={"timeout": timeouts}
        ) as response:
            found.append(_outcome(response.status, response.headers))
            deadline.reschedule(asyncio.get_running_loop().time() + BODY_S)
            size = 0
            async for piece in response.aiter_stream():
                size += len(piece)
                if size > BODY_BYTES_MAX:
                    return


class _Judged(httpcore.AsyncNetworkBackend):
    """Connects to an address that was judged, never to a name."""

    def __init__(self, resolve: Resolve, allowed: Sequence[Network]) -> None:
        self._resolve = resolve
        self._allowed = allowed
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        async with asyncio.timeout(timeout):
            addresses = list(await self._resolve(host, port))[:ADDRESSES_MAX]
        refused: list[str] = []
        last: Exception = OSError(f"found no address of {host}")
        for address in addresses:
            if why := refusal(address, self._allowed):
                refused.append(why)
                continue
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        if refused and len(refused) == len(addresses):
            raise AddressRefused(
                _bounded(f"found {refused[0]}, expected a public address, or a network that is allowed")
            )
        raise last


def _outcome(status: int, headers: Sequence[tuple[bytes, bytes]]) -> Outcome:
    if 200 <= status < 300:
        return Outcome()
    if 300 <= status < 400:
        return Outcome(f"found status {status}, a redirect, which is not followed, expected 2xx", alive=True)
    overloaded = status in OVERLOADED or status >= 500
    wait = next((value for name, value in headers if name.lower() == b"retry-after"), b"")
    wait_s = int(wait) if wait.isdigit() and len(wait) <= 9 else 0
    return Outcome(
        f"found status {status}, expected 2xx",
        alive=not overloaded,
        retry_after_s=min(wait_s, RETRY_AFTER_MAX_S),
        gone=status == HTTPStatus.GONE,
    )


def _said(error: BaseException) -> str:
    """What an error says; httpcore's own often say nothing, and what they stand for does."""
    while not str(error) and error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__


def _bounded(text: str) -> str:
    return printable(text)[:REASON_CHARACTERS_MAX]

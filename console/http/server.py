"""The service as a process: what it is wired of, uvicorn before it, and how it ends.

On SIGTERM no connection is taken any more, streams end at once, requests under way are answered, and facts that were handed in
are recorded; then the duties end (`console.http.embedded`), sealing last, and then the store is closed.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import ceil
from typing import TYPE_CHECKING, Final

from console.http.embedded import Embedded
from console.throughput import collect_garbage_less
from ledger.errors import BadInput, ExtraMissing
from ledger.store.urls import is_postgres, without_password

if TYPE_CHECKING:
    import uvicorn

    from console.http.app import Service
    from console.http.bookkeeper import Bookkeeper
    from console.http.dispatch import App
    from console.http.intake import Commit
    from console.http.limits import Limits
    from console.http.people import PeopleDesk
    from console.http.reading import Following, Readers
    from console.http.receipts import ReceiptDesk
    from console.http.reopening import ReopenedRecorder
    from console.http.vault_desk import VaultDesk
    from console.http.watched import Watched
    from console.wiring import Clock, Ledger
    from ledger.fact import Fact

BACKLOG: Final = 512
DRAIN_MORE_S: Final = 5
"""So long, and the deadline of a request, requests under way are waited for at the end."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a service is made of: how a ledger is opened, and whom to tell."""

    opened: Callable[[], Ledger]
    where: str
    clock: Clock
    complain: Callable[[str], None]
    on_fault: Callable[[BaseException], None]
    embedded: Embedded = field(default_factory=Embedded)
    limits: Limits | None = None
    """None: as they are by default."""
    bookkeeper: Bookkeeper | None = None
    """The process that records, and keeps the projections up; None: this one does."""


@contextmanager
def service(wiring: Wiring) -> Iterator[Service]:
    """Everything behind the application, for as long as it is used."""
    from console.http.app import Service
    from console.http.embedded import duties_of
    from console.http.evidence import EvidenceDesk
    from console.http.fan_out import FanOut
    from console.http.intake import Intake
    from console.http.limits import Limits
    from console.http.log import ServedLog
    from console.http.reading import Readers
    from console.http.refusing import RefusalQueue
    from console.http.reopening import Reopened, ReopenedKeeper, ReopenedRecorder
    from console.http.spool import Room
    from console.http.watched import Watched
    from console.wiring import driver_errors

    name = without_password(wiring.where)
    with driver_errors(name), ExitStack() as stack:
        ledger = wiring.opened()
        recorded_in = stack.enter_context(closing(Reopened(wiring.opened, name, ledger)))
        in_postgres = is_postgres(wiring.where)
        _require_writable(ledger, name, in_postgres)
        kept_in = stack.enter_context(closing(Reopened(wiring.opened, name)))
        refusals = RefusalQueue(ReopenedKeeper(kept_in, wiring.complain))
        stack.callback(refusals.close)
        embedded = wiring.embedded
        duties = stack.enter_context(duties_of(embedded, wiring))
        desk = _receipt_desk(wiring, name, stack)
        watched = Watched("postgresql" if in_postgres else "sqlite", wiring.clock)
        if wiring.bookkeeper is not None:
            recorded_in.drop()  # until that is gone it would grow old here, and take a connection for nothing
        group = _commit(wiring, ReopenedRecorder(recorded_in), watched)
        stack.callback(group.close)
        following = _following(wiring, name)
        following.start()
        stack.callback(following.close)
        readers = Readers(wiring.opened, name)
        stack.callback(_close, readers)
        limits = wiring.limits or Limits()
        feed = FanOut(wiring.opened, name, wiring.complain, readers, limits.listeners)
        stack.callback(feed.close)
        evidence = stack.enter_context(closing(EvidenceDesk(wiring.opened, name, embedded.tiles, embedded.judge)))
        intake = Intake(group, refusals, desk, limits.facts_waiting, limits.streams)
        watched.projections(following, readers)
        watched.intake(intake)
        if wiring.bookkeeper is not None:
            watched.bookkeeper(wiring.bookkeeper)
        watched.at_work(duties)
        watched.feed(feed)
        if embedded.tiles is not None:
            watched.log(embedded.tiles)
        yield Service(
            readers,
            following,
            intake,
            feed,
            wiring.clock,
            watched,
            ServedLog(embedded.tiles, wiring.complain),
            evidence,
            _people_desk(wiring, name, stack),
            _vault_desk(wiring, name, stack),
            embedded.webhook_secrets,
            limits,
            room=Room(limits.spool_mib << 20),
        )


def _close(readers: Readers) -> None:
    """Answers what is being answered, but for what would take long."""
    from console.http.trying import APART

    with APART.ending():
        readers.close()


def _require_writable(ledger: Ledger, name: str, in_postgres: bool) -> None:
    """Raises BadInput where a service could write nothing of what it has to.

    On a server workers may keep the projections, with a role of their own; those of a file are this process's to keep.
    """
    if getattr(ledger.store, "read_only", False):
        raise BadInput(f"{name}: found a ledger that may only be read here, expected one that this process may write")
    if not in_postgres and not ledger.database.may_write():
        raise BadInput(
            f"{ledger.database.place}: found projections that may only be read here, expected a file and a folder that "
            "this process may write"
        )


def _commit(wiring: Wiring, recorder: ReopenedRecorder, watched: Watched) -> Commit:
    """What records facts together: the process that records, where there is one, and the recorder once it is gone."""
    from console.http.commit_apart import CommitApart
    from ledger.writing.group_commit import GroupCommit

    def on_fault(_fact: Fact, error: Exception) -> None:
        wiring.on_fault(error)

    def here() -> GroupCommit:
        return GroupCommit(recorder, on_fault=on_fault, on_group=watched.recording.group)

    if wiring.bookkeeper is None:
        recorder.open()
        return here()
    apart = CommitApart(wiring.bookkeeper, here, on_fault=on_fault, on_group=watched.recording.group)
    apart.open()
    return apart


def _following(wiring: Wiring, name: str) -> Following:
    """What keeps the projections up: the bookkeeper where there is one."""
    from console.http.following_apart import FollowingApart
    from console.http.reading import Following

    if wiring.bookkeeper is None:
        return Following(wiring.opened, name, wiring.complain)
    return FollowingApart(wiring.bookkeeper, wiring.opened, name, wiring.complain)


def _vault_desk(wiring: Wiring, name: str, stack: ExitStack) -> VaultDesk:
    """What erases, and reports who read whom; closed with the service."""
    from console.http.vault_desk import VaultDesk

    return stack.enter_context(closing(VaultDesk(wiring.opened, name, wiring.clock)))


def _people_desk(wiring: Wiring, name: str, stack: ExitStack) -> PeopleDesk:
    """What reads the vault; closed with the service."""
    from console.http.people import PeopleDesk

    return stack.enter_context(closing(PeopleDesk(wiring.opened, name, wiring.clock)))


def _receipt_desk(wiring: Wiring, name: str, stack: ExitStack) -> ReceiptDesk | None:
    """What signs receipts, where the service does; closed when the facts are recorded."""
    if wiring.embedded.receipts is None:
        return None
    from console.http.receipts import ReceiptDesk

    desk = ReceiptDesk(wiring.opened, name, wiring.embedded.receipts)
    stack.callback(desk.close)
    return desk


def listening(address: tuple[str, int]) -> socket.socket:
    """A socket that listens. Raises BadInput where it cannot."""
    host, port = address
    try:
        # With the protocol named, asyncio sends each answer at once; else it waits 40 ms for the client's receipt.
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(BACKLOG)
    except (OSError, UnicodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "no host"
        raise BadInput(f"{host}:{port}: found {said}, expected an address to listen on") from None
    return found


def url_of(listener: socket.socket) -> str:
    """The URL under which a socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    app: App,
    listener: socket.socket,
    end: Callable[[], None] = lambda: None,
    limits: Limits | None = None,
    complain: Callable[[str], None] = lambda _: None,
) -> None:
    """Answers until a signal ends it, which is raised again when all is done (`console.cli.signals`).

    `complain` is told, again and again, where no connection can be taken.
    """
    collect_garbage_less()
    server_of(app, end, limits, complain).run(sockets=[listener])


def server_of(
    app: App, end: Callable[[], None], limits: Limits | None = None, complain: Callable[[str], None] = lambda _: None
) -> uvicorn.Server:
    """The server. When it is told to end it calls `end` on the event loop: whatever lasts has to end itself."""
    import asyncio

    import uvicorn

    from console.http.limits import Limits
    from console.http.open_files import on_loop_error
    from console.http.protocol import protocol

    class EndingServer(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            asyncio.get_running_loop().set_exception_handler(on_loop_error(complain))
            await super().startup(sockets)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            end()
            await super().shutdown(sockets)

    limits = limits or Limits()
    # A client's nonsense is no matter of our log, and what fails in the application the door has told of.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,
        http=protocol(limits),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=limits.keep_alive_s,
        timeout_graceful_shutdown=ceil(limits.deadline_s) + DRAIN_MORE_S,
    )
    return EndingServer(config)


def require_http(*modules: str) -> None:
    """Raises ExtraMissing where one of the modules of the extra `http` is not installed; imports none of them."""
    require_extra("http", *modules)


def require_extra(extra: str, *modules: str) -> None:
    """The same for any extra."""
    for module in modules:
        if find_spec(module) is None:
            raise ExtraMissing(module, extra)

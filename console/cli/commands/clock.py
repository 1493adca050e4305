"""Announces what time alone changes, when it is due: an expiry, an edition of the rules that takes effect."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.role_options import SERVICE_EPILOG, add_service, service_of
from console.cli.session import Session

if TYPE_CHECKING:
    from consumers.roles.clock import Clock

EPILOG: Final = f"""\
examples:
  csat-ledger clock --store postgresql://writer@db/ledger --port 9104

{SERVICE_EPILOG}
One is active, others stand by. After any downtime announcements have the exact instant at which they take effect."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_service(parser)


def run(session: Session) -> int:
    """Runs until it is told to stop."""
    from consumers.roles.clock import ROLE, open_clock

    service = service_of(session, ROLE)

    @contextmanager
    def connect() -> Iterator[Clock]:
        with (
            session.ledger() as ledger,
            open_clock(service, ledger.store, ledger.writer, session.clock) as clock,
        ):
            yield clock

    service.run(connect)
    return DONE

"""Keeps the projections up from Kafka (csat.ledger-events.v1), as one of several workers that share the topic."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.role_options import (
    SERVICE_EPILOG,
    add_group,
    add_kafka,
    add_service,
    broker_of,
    require_kafka,
    service_of,
)
from console.cli.session import Session

if TYPE_CHECKING:
    from consumers.roles.worker import Worker

EPILOG: Final = f"""\
examples:
  csat-ledger worker --store postgresql://projector@db/ledger --kafka broker:9092 --port 9103

{SERVICE_EPILOG}
Run as many as the topic has partitions, if need be; each event is applied once, whoever comes, goes or is killed."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_kafka(parser)
    add_service(parser)
    add_group(parser)


def run(session: Session) -> int:
    """Runs until it is told to stop."""
    require_kafka()
    from consumers.roles.worker import ROLE, open_worker
    from projections.registry import all_projections

    broker, service = broker_of(session), service_of(session, ROLE)
    timeout_s: float = session.options.session_timeout

    @contextmanager
    def connect() -> Iterator[Worker]:
        with (
            session.ledger() as ledger,
            open_worker(
                service, ledger.store, ledger.database, all_projections(), broker, session_timeout_s=timeout_s
            ) as worker,
        ):
            yield worker

    service.run(connect)
    return DONE

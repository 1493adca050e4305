"""Relays the book to Kafka: every event, every announcement, and where each stands; each exactly once."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE, NOT_SO, Failure
from console.cli.role_options import SERVICE_EPILOG, add_kafka, add_service, broker_of, require_kafka, service_of
from console.cli.session import Session

if TYPE_CHECKING:
    from consumers.roles.relay import Relay

EPILOG: Final = f"""\
examples:
  csat-ledger topics --kafka broker:9092            the topics, once
  csat-ledger relay --store postgresql://reader@db/ledger --kafka broker:9092 --port 9101

{SERVICE_EPILOG}
One is active, others stand by. Who reads committed messages sees none twice and misses none, also when a relay is
killed. Exit code 1: the feed has a hole, or Kafka holds the messages of another book; it never skips."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_kafka(parser)
    add_service(parser)


def run(session: Session) -> int:
    """Runs until it is told to stop, or must not go on."""
    require_kafka()
    from consumers.messages.registry import MESSAGES
    from consumers.roles.relay import FATAL, ROLE, Relay
    from consumers.roles.relay_state import RelayFigures

    broker, service = broker_of(session), service_of(session, ROLE)
    figures = service.figures(RelayFigures)
    figures.now = session.clock
    service.show_set_aside(lambda: list(figures.state.aside))
    fatal: list[Exception] = []

    @contextmanager
    def connect() -> Iterator[Relay]:
        with (
            session.ledger() as ledger,
            Relay(ledger.store, broker, MESSAGES, figures.state, on_batch=figures.on_batch) as relay,
        ):
            try:
                yield relay
            except FATAL as error:
                fatal.append(error)
                service.stop()
                raise

    service.run(connect)
    if fatal:
        raise Failure("relay-stopped", str(fatal[0]), NOT_SO)
    return DONE

"""Takes facts from Kafka (csat.facts.v1) into the ledger, each once; refused ones go to csat.facts-refused.v1."""

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
from console.cli.vault_options import add_vault, add_vault_key

if TYPE_CHECKING:
    from consumers.roles.inbox import Inbox

EPILOG: Final = f"""\
examples:
  csat-ledger inbox --store postgresql://writer@db/ledger --kafka broker:9092 --port 9102

{SERVICE_EPILOG}
Several may run at the same time: they share the partitions of the topic."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_kafka(parser)
    add_service(parser)
    add_group(parser)
    add_vault(parser)
    add_vault_key(parser)


def run(session: Session) -> int:
    """Runs until it is told to stop."""
    require_kafka()
    from consumers.roles.inbox import ROLE, open_inbox

    broker, service = broker_of(session), service_of(session, ROLE)

    @contextmanager
    def connect() -> Iterator[Inbox]:
        timeout_s = session.options.session_timeout
        with (
            session.ledger(create=True) as ledger,
            open_inbox(
                service,
                ledger.store,
                ledger.writer,
                broker,
                session.clock,
                ledger.refusals,
                session_timeout_s=timeout_s,
                recorder=ledger.recorder,
            ) as inbox,
        ):
            ledger.recorder.open()
            yield inbox

    service.run(connect)
    return DONE

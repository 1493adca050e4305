"""What the commands that run for ever have in common: where the broker is, and the port for health and metrics."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from console.addresses import read_brokers, read_listen
from console.cli.exits import Failure
from console.cli.session import Session
from ledger.errors import BadInput, ExtraMissing

if TYPE_CHECKING:
    from consumers.roles.service import Service
    from csat_ledger_client.kafka.broker import Broker

SESSION_TIMEOUT_S: Final = 10.0

SERVICE_EPILOG: Final = """\
It runs until it is told to stop (SIGTERM), waits for a store or broker that is lost, and writes JSON lines to stderr.
With --port (or CSAT_LEDGER_PORT): /livez, /readyz and /metrics for Prometheus."""


def add_kafka(parser: ArgumentParser) -> None:
    """Names the options that say where the broker is."""
    parser.add_argument("--kafka", type=_brokers, metavar="HOST:PORT", help="the broker; default: CSAT_LEDGER_KAFKA")


def add_service(parser: ArgumentParser) -> None:
    """Names the options of a process that runs for ever."""
    parser.add_argument(
        "--port",
        type=_listen,
        metavar="[HOST:]N",
        help="health and metrics on this port; 0 for any free one; without a HOST for this machine alone",
    )


def add_group(parser: ArgumentParser) -> None:
    """Names the option of a member of a consumer group."""
    parser.add_argument(
        "--session-timeout",
        type=_seconds,
        default=SESSION_TIMEOUT_S,
        metavar="S",
        help="for so many seconds the partitions of a process that was killed wait for it (default: 10)",
    )


def broker_of(session: Session) -> Broker:
    """The broker that is meant. Raises Failure where none is named."""
    require_kafka()
    from csat_ledger_client.kafka.broker import Broker

    where: str | None = session.options.kafka or session.settings.kafka
    if where is None:
        raise Failure("usage", "found no broker named, expected --kafka HOST:PORT or CSAT_LEDGER_KAFKA")
    return Broker(where, session.settings.topic_prefix, session.settings.kafka_client)


def require_kafka() -> None:
    """Raises ExtraMissing where the extra `kafka` is not installed: the client library, and what talks to the broker."""
    for module in ("csat_ledger_client", "kafka"):
        if find_spec(module) is None:
            raise ExtraMissing(module, "kafka")


def service_of(session: Session, name: str) -> Service:
    """The process that this is going to be."""
    from consumers.roles.service import Service

    listen: tuple[str, int] | None = session.options.port
    return Service(name, listen=listen or session.settings.listen)


def _listen(text: str) -> tuple[str, int]:
    try:
        return read_listen(text)
    except BadInput as error:
        raise ArgumentTypeError(str(error)) from None


def _brokers(text: str) -> str:
    try:
        return read_brokers(text)
    except BadInput as error:
        raise ArgumentTypeError(str(error)) from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.5 <= seconds <= 1_800:
        raise ArgumentTypeError(f"found {text!r}, expected seconds, from 0.5 to 1800")
    return seconds

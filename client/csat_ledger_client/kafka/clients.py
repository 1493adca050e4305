"""Clients of Kafka, made whole or not at all, and given up without a rest.

The library's constructors start a thread and open descriptors before they look for the broker, and leave both behind when
they do not find it; its `close` leaves them behind where it raises on the way. A process that waits for its broker makes
new clients for hours, so each client here is made over a network side that we know, which is closed in either case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from kafka import KafkaProducer

Client = TypeVar("Client")

GOODBYE_MS: Final = 1_500
PRODUCER_CLOSE_S: Final = 0.5
SENDER_END_S: Final = 5.0

_nets: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
"""client -> its network side, which has the thread and the descriptors."""


def opened(kind: Callable[..., Client], options: Mapping[str, Any]) -> Client:
    """A client of the library; where its constructor raises, nothing of it is left."""
    from kafka.net.compat import KafkaNetClient

    made: list[Any] = []

    def net(**given: Any) -> Any:
        made.append(KafkaNetClient(**given))
        return made[-1]

    try:
        client = kind(**options, kafka_client=net)
    except BaseException:
        for left in made:
            _end(left)
        raise
    _nets[client] = made[0]
    return client


def give_up(client: Any) -> None:
    """Closes a consumer or an administrator. It says good-bye, but does not wait long for a broker that is lost."""
    options = {"autocommit": False, "timeout_ms": GOODBYE_MS} if hasattr(client, "poll") else {}
    with suppress(Exception):
        client.close(**options)
    net = _nets.pop(client, None)
    if net is not None:
        _end(net)


def abandon(producer: KafkaProducer) -> None:
    """Gives up a producer in whatever state it is, without waiting for what it has not delivered."""
    with suppress(Exception):
        producer.close(timeout=PRODUCER_CLOSE_S)  # raises, and closes nothing, while messages are undelivered
    sender = producer._sender
    with suppress(Exception):
        sender.force_close()  # otherwise its thread lives on
        sender.join(SENDER_END_S)  # it closes its network side itself
    net = _nets.pop(producer, None)
    if net is not None and not sender.is_alive():
        _end(net)


def _end(net: Any) -> None:
    with suppress(Exception):
        net.close()
    with suppress(Exception):
        net._net.stop()  # where closing failed half-way, the thread is still there

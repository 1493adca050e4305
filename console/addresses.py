"""Addresses as they are given on the command line and in the environment."""

from __future__ import annotations

from typing import Final

from ledger.errors import BadInput

LOOPBACK: Final = "127.0.0.1"
PORT_MAX: Final = 65_535


def read_listen(text: str) -> tuple[str, int]:
    """Where to listen: a port of this machine's own loopback, or HOST:PORT; an IPv6 address in brackets.

    Raises BadInput.
    """
    host, mark, port = text.rpartition(":")
    if not mark:
        host = LOOPBACK
    if not _is_host(host) or not _is_port(port, 0):
        raise BadInput(
            f"found {text!r}, expected a port (a number up to {PORT_MAX}), or HOST:PORT such as 0.0.0.0:9100"
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


def read_brokers(text: str) -> str:
    """HOST:PORT of a broker, several with commas; an IPv6 address in brackets. Raises BadInput."""
    for broker in text.split(","):
        host, _, port = broker.rpartition(":")
        if not _is_host(host) or not _is_port(port, 1):
            raise BadInput(f"found {broker!r}, expected HOST:PORT such as kafka:9092 or [::1]:9092")
    return text


def read_network_list(text: str) -> tuple[str, ...]:
    """Networks with commas between them, such as 10.20.0.0/16,fd12::/32. Raises BadInput."""
    from consumers.webhooks.addresses import read_networks

    return tuple(str(network) for network in read_networks(text.split(",")))


def _is_host(text: str) -> bool:
    if text.startswith("[") or text.endswith("]"):
        return text.startswith("[") and text.endswith("]") and ":" in text and not set(text[1:-1]) & set("[] ")
    return bool(text) and not any(letter in ":[]/@" or letter.isspace() for letter in text)


def _is_port(text: str, least: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and least <= int(text) <= PORT_MAX

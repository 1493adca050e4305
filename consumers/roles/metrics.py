"""Figures for Prometheus, and the port on which they and the health of a process can be asked for.

    csat_ledger_ready                        1 while the process does its work, 0 while something is lost
    csat_ledger_active                       1 where it is the active one of its kind, 0 on a standby
    csat_ledger_beat_timestamp_seconds       when its loop last turned
    csat_ledger_failures_total{what}         how often it lost the store, the broker, or failed otherwise
    csat_ledger_lag{of}                      how many messages or events it is behind, by partition or source
    csat_ledger_position                     the position of the book that it has reached
    csat_ledger_done_total{what}             what it did: facts accepted, events applied, announcements made, …
    csat_ledger_announcements_total{type}    announcements, by type: delivered (relay), made (clock)
    csat_ledger_facts_total{programme}       facts accepted, by programme (inbox)
    csat_ledger_refusals_total{code}         facts refused, by code (inbox)
    csat_ledger_gaps                         events that are missing (worker)
    csat_ledger_set_aside_streams            memberships that cannot be read and are passed over (inbox, clock, relay)
    csat_ledger_parked_streams{projection}   streams that wait behind an event that could not be applied (worker)
    csat_ledger_oldest_undelivered_seconds   age of the oldest announcement that has not been delivered (relay)
    csat_ledger_webhook_waiting{webhook}         announcements that wait for a webhook (webhooks)
    csat_ledger_webhook_parked{webhook}          memberships whose announcements are parked for it (webhooks)
    csat_ledger_webhook_oldest_seconds{webhook}  age of the oldest announcement that waits for it and is not parked (webhooks)
    csat_ledger_step_seconds                 how long a round with work in it took

Every line has the label `service`. Which of them a process sets is up to the process; the others stay away.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Generic, TypeVar

from ledger.errors import BadInput, ExtraMissing

try:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
except ImportError as missing:  # the embedded shape of the ledger does without
    raise ExtraMissing(missing.name, "service") from None

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
REQUEST_TIMEOUT_S: Final = 10.0
_STEP_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

Kind = TypeVar("Kind", Counter, Gauge)
Health = Callable[[str], tuple[int, dict[str, Any]]]


class Metrics:
    """The figures of one process, in a registry of its own."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        self._service = service
        ProcessCollector(registry=self.registry)
        self.ready = self.gauge("ready", "1 while the process does its work")
        self.beat = self.gauge("beat_timestamp_seconds", "when the loop last turned")
        self.failures = self.counter("failures", "how often something was lost, by what", "what")
        self.done = self.counter("done", "what was done", "what")
        self.step = Histogram(
            "csat_ledger_step_seconds", "how long a round with work took", ["service"],
            registry=self.registry, buckets=_STEP_BUCKETS_S,
        ).labels(service)  # fmt: skip

    def gauge(self, name: str, text: str) -> Gauge:
        """A figure that goes up and down, without further labels."""
        return Gauge(f"csat_ledger_{name}", text, ["service"], registry=self.registry).labels(self._service)

    def gauges(self, name: str, text: str, label: str) -> Labelled[Gauge]:
        """Figures that go up and down, one for each value of a label."""
        return Labelled(Gauge(f"csat_ledger_{name}", text, ["service", label], registry=self.registry), self._service)

    def counter(self, name: str, text: str, label: str) -> Labelled[Counter]:
        """Figures that only grow, one for each value of a label; `_total` is added to the name."""
        return Labelled(Counter(f"csat_ledger_{name}", text, ["service", label], registry=self.registry), self._service)

    def text(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self.registry)


class Labelled(Generic[Kind]):
    """A family of figures of one service, one for each value of its label."""

    def __init__(self, family: Kind, service: str) -> None:
        self._family: Any = family
        self._service = service

    def labels(self, value: str | int) -> Kind:
        """The figure of one value."""
        figure: Kind = self._family.labels(self._service, str(value))
        return figure

    def forget(self, value: str | int) -> None:
        """The figure of one value is none of this process's any more."""
        with suppress(KeyError):
            self._family.remove(self._service, str(value))


@contextmanager
def serve(place: tuple[str, int], metrics: Metrics, health: Health) -> Iterator[int]:
    """Answers on (host, port) while it is used; yields the port, which the system chooses where 0 was given."""

    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_TIMEOUT_S

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, CONTENT_TYPE, metrics.text())
            elif path in ("/livez", "/readyz"):
                status, found = health(path)
                self._answer(status, "application/json", json.dumps(found).encode() + b"\n")
            else:
                self._answer(404, "text/plain", b"found no such page, expected /metrics, /livez or /readyz\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
            """Health is asked for every few seconds: no lines of it."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        daemon_threads = True

    try:
        server = Server(place, Handler)
    except OSError as error:
        raise BadInput(f"found {place[0]}:{place[1]} not to be listened on, expected a free port: {error}") from error
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), name="health", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()

"""What a service tells Prometheus at `/metrics`, for the role operations; names and meaning as `consumers.roles.metrics`.

    csat_ledger_ready                                      as there, and as `/readyz` says
    csat_ledger_request_seconds{route,method,status}       how long requests took; of a stream, until it began
    csat_ledger_requests_under_way                         requests that are not answered yet
    csat_ledger_outcomes_total{status,code}                what became of facts: accepted, duplicate, refused, put-off
    csat_ledger_facts_waiting                              facts that wait for a commit
    csat_ledger_commits_total                              groups of facts that were recorded, each in one transaction
    csat_ledger_commit_seconds, csat_ledger_commit_facts   how long each took, and how many facts it had
    csat_ledger_refused_accesses_total{reason}             requests that got 401, 403 or 429
    csat_ledger_book_end, csat_ledger_position             the book's last position, and that up to which projections are whole
    csat_ledger_lag{of="projections"}                      the one less the other
    csat_ledger_late_seconds                               for how long something has been due that is not announced yet
    csat_ledger_sealed_entries                             entries that the published checkpoint covers
    csat_ledger_sealing_age_seconds                        how long ago it was published
    csat_ledger_duty_failed{duty}                          1 while a duty of this process cannot be done
    csat_ledger_bookkeeper_gone                            1 once the service does the bookkeeper's work; where it has one
    csat_ledger_bookkeeper_resident_memory_bytes           how much memory that process has
    csat_ledger_listeners                                  who follows the changes now
    csat_ledger_webhook_waiting{webhook}, csat_ledger_webhook_parked{webhook}, csat_ledger_webhook_oldest_seconds{webhook}
                                                           as the role `webhooks` has them, where this process sends
    csat_ledger_access_log_dropped_total                   lines of the access log that could not be written
    csat_ledger_build_info{version,python,store}           1

Every line has the label `service="serve"`. `route` is the route's name in the OpenAPI document, `other` for what is none, so
that no caller makes a series of its own. A scrape asks the store for its last position and for what is due next, one look
into an index each, whatever the size of the book; where the store does not answer, the figures of before stay and `ready` is 0.
Parts that count something of their own put it here (`watch`).
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily

from consumers.roles.metrics import CONTENT_TYPE, Metrics

__all__ = ["CONTENT_TYPE", "Figures"]

NAME: Final = "serve"
OTHER: Final = "other"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_FACTS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)


class Figures:
    """The figures of one service, in a registry of its own."""

    def __init__(self, store: str) -> None:
        """`store` is its kind: sqlite or postgresql."""
        self.metrics = Metrics(NAME)
        self._requests = self._family(
            Histogram, "request_seconds", "how long requests took", "route", "method", "status", buckets=_SECONDS
        )
        self._timed: dict[tuple[str | None, str, int], Any] = {}
        """The series of each route, method and status: looking one up by its labels takes longer than counting."""
        self.under_way = 0
        self.watch("requests_under_way", "requests that are not answered yet", lambda: self.under_way)
        self._outcomes = self._family(Counter, "outcomes", "what became of facts", "status", "code")
        self._commits = self._family(Counter, "commits", "groups of facts that were recorded").labels(NAME)
        self._commit_s = self._family(Histogram, "commit_seconds", "how long a group took", buckets=_SECONDS).labels(
            NAME
        )
        self._commit_facts = self._family(Histogram, "commit_facts", "facts of a group", buckets=_FACTS).labels(NAME)
        self.refused_accesses = self.metrics.counter("refused_accesses", "requests that got 401, 403 or 429", "reason")
        self.book_end = self.metrics.gauge("book_end", "the book's last position")
        self.position = self.metrics.gauge("position", "the position up to which projections are whole")
        self.lag = self.metrics.gauges("lag", "positions that it is behind", "of").labels("projections")
        self.late = self.metrics.gauge("late_seconds", "for how long something has been due that is not announced yet")
        self.dropped = self._family(Counter, "access_log_dropped", "lines of the access log that are lost").labels(NAME)
        told = self._family(Gauge, "build_info", "what runs", "version", "python", "store")
        told.labels(NAME, _version(), platform.python_version(), store).set(1)

    def request(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """A request is over."""
        timed = self._timed.get((route, method, status))
        if timed is None:
            shown = method if method in METHODS else OTHER
            timed = self._requests.labels(NAME, route or OTHER, shown, str(status))
            if shown is method:  # who makes up methods makes no entries
                self._timed[route, method, status] = timed
        timed.observe(seconds)

    def outcomes(self, found: Mapping[tuple[str, str], int]) -> None:
        """Facts have outcomes: (status, code) -> how many; the code is empty where nothing kept them from being recorded."""
        for (status, code), number in found.items():
            self._outcomes.labels(NAME, status, code).inc(number)

    def commit(self, facts: int, seconds: float) -> None:
        """A group of facts was recorded."""
        self._commits.inc()
        self._commit_s.observe(seconds)
        self._commit_facts.observe(facts)

    def watch(self, name: str, text: str, read: Callable[[], float | None]) -> None:
        """Tells with each scrape what `read` finds; nothing where that is None. It may not wait for anything."""
        self.watch_each(name, text, None, lambda: {} if (found := read()) is None else {"": found})

    def watch_each(self, name: str, text: str, label: str | None, read: Callable[[], dict[str, float]]) -> None:
        """The same for each value of a label, of which there has to be a bounded number."""
        self.metrics.registry.register(_Watched(f"csat_ledger_{name}", text, label, read))

    def text(self) -> bytes:
        """As Prometheus reads it."""
        return self.metrics.text()

    def _family(self, kind: Callable[..., Any], name: str, text: str, *labels: str, **more: Any) -> Any:
        return kind(f"csat_ledger_{name}", text, ["service", *labels], registry=self.metrics.registry, **more)


class _Watched:
    """A figure that is read when it is asked for; one that cannot be read is left out."""

    def __init__(self, name: str, text: str, label: str | None, read: Callable[[], dict[str, float]]) -> None:
        self._name, self._text, self._label, self._read = name, text, label, read

    def describe(self) -> list[GaugeMetricFamily]:
        """Its name, for the registry, which refuses a second of the same name."""
        return [GaugeMetricFamily(self._name, self._text)]

    def collect(self) -> list[GaugeMetricFamily]:
        """What it is now."""
        family = GaugeMetricFamily(self._name, self._text, labels=["service", *([self._label] if self._label else [])])
        for value, found in self._read().items():
            family.add_metric([NAME, value] if self._label else [NAME], found)
        return [family]


def _version() -> str:
    try:
        return version("csat-ledger")
    except PackageNotFoundError:  # a checkout that was not installed
        return "unknown"

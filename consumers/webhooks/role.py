"""The sender of webhooks as a long-running process: what it logs, and what it tells Prometheus.

    csat_ledger_webhook_waiting{webhook}          announcements that wait for a webhook (`consumers.webhooks.backlog`)
    csat_ledger_webhook_parked{webhook}           memberships whose announcements are parked
    csat_ledger_webhook_oldest_seconds{webhook}   age of the oldest announcement that waits and is not parked

Logs name a webhook by its id, and an announcement by its own: no path or query of a URL, no secret, nothing of a body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from consumers.roles.metrics import Metrics
from consumers.roles.service import Service
from consumers.webhooks.backlog import FIGURES, figures_of
from consumers.webhooks.line import Rules
from consumers.webhooks.network import Outcome
from consumers.webhooks.registry import Webhook
from consumers.webhooks.sender import ROLE, Sender, SenderState
from ledger.instants import SECOND_US
from ledger.store.base import Store

__all__ = ["ROLE", "open_webhooks"]

LOGGED_MAX: Final = 60
"""So many failures a minute are logged; how many there were stands in the metrics."""


class WebhookFigures:
    """What a sender tells Prometheus. Made once for a process; the sender comes and goes, the state stays."""

    def __init__(self, metrics: Metrics) -> None:
        self.state = state = SenderState()
        self.done = metrics.done
        metrics.gauge("active", "1 where this is the active one, 0 on a standby").set_function(
            lambda: float(state.phase == "active")
        )
        self._families = {name: metrics.gauges(name, text, "webhook") for name, text in FIGURES.items()}
        self._known: set[str] = set()

    def show(self, now_us: int) -> None:
        """The backlog as it is known now."""
        there = self.state.backlog
        for gone in self._known - {one.webhook for one in there}:
            for family in self._families.values():
                family.forget(gone)
        self._known = {one.webhook for one in there}
        for name, of_each in figures_of(there, now_us).items():
            for webhook, figure in of_each.items():
                self._families[name].labels(webhook).set(figure)


class WebhookRole:
    """The role of `csat-ledger webhooks`; see the module."""

    def __init__(self, service: Service, store: Store, now: Callable[[], int], rules: Rules | None) -> None:
        self._service = service
        self._now = now
        self._figures = service.figures(WebhookFigures)
        self._phase = ""
        self._minute, self._logged = 0, 0
        self.sender = Sender(store, now, rules, self._figures.state, on_attempt=self._note)

    def step(self) -> float:
        """Sends for a moment, or looks for the lock."""
        pause_s = self.sender.step()
        self._figures.show(self._now())
        if self._phase != self.sender.state.phase:
            self._phase = self.sender.state.phase
            self._service.log.info(self._phase)
        return pause_s

    def _note(self, webhook: Webhook, message_id: str, outcome: Outcome) -> None:
        self._figures.done.labels("delivered" if outcome.taken else "failed").inc()
        if outcome.taken:
            return
        minute = self._now() // (60 * SECOND_US)
        self._minute, self._logged = minute, self._logged + 1 if minute == self._minute else 1
        if self._logged <= LOGGED_MAX:
            self._service.log.warning("not delivered", webhook=webhook.id, id=message_id, reason=outcome.reason)


@contextmanager
def open_webhooks(
    service: Service, store: Store, now: Callable[[], int], rules: Rules | None = None
) -> Iterator[WebhookRole]:
    """A sender over a store, for as long as it is used."""
    role = WebhookRole(service, store, now, rules)
    with role.sender:
        yield role

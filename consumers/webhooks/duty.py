"""The sender of webhooks as one of the duties of a process that does everything (`csat-ledger serve` on a file)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Event

from consumers.broker.backoff import Backoff
from consumers.webhooks.line import Rules
from consumers.webhooks.sender import Sender, SenderState
from ledger.store.base import Store


class WebhookDuty:
    """Sends until it is told to stop; `run` is for a thread of its own, and opens the store by itself.

        duty = WebhookDuty(opened, now, rules, complain)
        Thread(target=duty.run, args=(stop,)).start()
        …
        stop.set()                     it ends within a few seconds, and has kept how far it came

    After a failure it opens the store anew; `complain` is told of the first of a row. `state` says how it is doing.
    """

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[Store]],
        now: Callable[[], int],
        rules: Rules | None,
        complain: Callable[[str], None],
        backoff: Backoff | None = None,
    ) -> None:
        self._opened = opened
        self._now = now
        self._rules = rules
        self._complain = complain
        self._backoff = backoff or Backoff()
        self.state = SenderState()

    def run(self, stop: Event) -> None:
        """Returns when all is closed."""
        failures = 0
        while not stop.is_set():
            try:
                with self._opened() as store, Sender(store, self._now, self._rules, self.state) as sender:
                    while not stop.is_set():
                        pause_s = sender.step()
                        failures = 0
                        if pause_s:
                            stop.wait(pause_s)
            except Exception as error:  # whatever it is, it is tried again
                failures += 1
                if failures == 1:
                    self._complain(f"webhooks are not sent: {error or type(error).__name__}")
                stop.wait(self._backoff.pause_s(failures))

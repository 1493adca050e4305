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

    After a failure it opens the store anew; `complain` is told of the first of a row. Who has a loop of failures of their own
    calls `turn`, which ends with the first failure. `state` says how it is doing, `state.backlog` what waits.
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

        def sound(_state: SenderState) -> None:
            nonlocal failures
            failures = 0

        while not stop.is_set():
            try:
                self.turn(stop.is_set, stop.wait, sound)
            except Exception as error:  # whatever it is, it is tried again
                failures += 1
                if failures == 1:
                    self._complain(f"webhooks: {error or type(error).__name__}")
                stop.wait(self._backoff.pause_s(failures))

    def turn(
        self,
        stopping: Callable[[], bool],
        wait: Callable[[float], object],
        sound: Callable[[SenderState], None] = lambda _state: None,
    ) -> None:
        """Opens the store and sends until `stopping`; `sound` is told after each step. Raises what fails."""
        with self._opened() as store, Sender(store, self._now, self._rules, self.state) as sender:
            while not stopping():
                pause_s = sender.step()
                sound(self.state)
                if pause_s:
                    wait(pause_s)

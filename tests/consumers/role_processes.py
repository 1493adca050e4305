"""Roles of `consumers.roles.service` run in threads of the test, with quick retries and a log that the test can read."""

from __future__ import annotations

import io
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from consumers.roles.service import Backoff, Role, Service

JOIN_S = 30.0


class Running:
    """A service whose loop turns in a thread."""

    def __init__(self, name: str, connect: Callable[[Service], AbstractContextManager[Role]], **options: Any) -> None:
        self.stream = io.StringIO()
        backoff = Backoff(first_s=0.02, max_s=0.2, chance=random.Random(1))
        self.service = Service(name, stream=self.stream, backoff=backoff, **options)
        self._thread = threading.Thread(target=self.service.run, args=(lambda: connect(self.service),), daemon=True)
        self._thread.start()

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == name]

    @property
    def ready(self) -> bool:
        return self.service.health("/readyz")[0] == 200

    def figure(self, name: str, **labels: str) -> float | None:
        return self.service.metrics.registry.get_sample_value(name, {"service": self.service.name, **labels})

    def stop(self) -> None:
        self.service.stop()
        self._thread.join(JOIN_S)
        assert not self._thread.is_alive(), f"{self.service.name} did not end:\n{self.stream.getvalue()[-3000:]}"


@contextmanager
def running(name: str, connect: Callable[[Service], AbstractContextManager[Role]], **options: Any) -> Iterator[Running]:
    found = Running(name, connect, **options)
    try:
        yield found
    finally:
        found.stop()

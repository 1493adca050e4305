"""How the groups of facts went that were recorded last: for the figures, and for `/readyz`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from console.cli.exits import failure_of
from console.http.figures import Figures
from ledger.errors import LedgerError, Refused

if TYPE_CHECKING:
    from ledger.writing.transaction import Outcome

FAILING_S: Final = 60.0
"""After so long without a fact nobody knows whether it still fails: then the service may be given one again."""
FAULT: Final = "fault"


class Recording:
    """Told of each group by the thread that commits; asked by others."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._failed: tuple[str, float] | None = None
        """The code with which the last group failed, and when."""

    def group(self, outcomes: Sequence[Outcome] | BaseException, seconds: float) -> None:
        """A group of facts is on disk, or nothing of it is."""
        if isinstance(outcomes, BaseException):
            code = failure_of(outcomes).code if isinstance(outcomes, LedgerError) else FAULT
            self._failed = (code, time.monotonic())
            self._figures.metrics.failures.labels(code).inc()
            return
        self._failed = None
        self._figures.commit(len(outcomes), seconds)
        self._figures.outcomes(Counter((one.status, one.code or "") for one in outcomes))

    def malformed(self, refusals: Iterable[Refused]) -> None:
        """Lines that are no facts; they reach no group."""
        self._figures.outcomes(Counter(("refused", one.code) for one in refusals))

    def failing(self) -> str | None:
        """The code with which nothing could be recorded lately; None where something was, or nobody tried."""
        failed = self._failed
        if failed is None or time.monotonic() - failed[1] >= FAILING_S:
            return None
        return failed[0]

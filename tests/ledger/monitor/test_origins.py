"""Which logs are read: what their checkpoints say, whatever becomes of one of them."""

from __future__ import annotations

import threading

from ledger.errors import LogUnreachable
from ledger.monitor.origins import origins_of
from tests.ledger.monitor.forging import HostLog
from tests.ledger.seal.support import LOG_KEY


class Away(HostLog):
    """A log that cannot be reached."""

    def checkpoint(self) -> bytes | None:
        raise LogUnreachable("gone")


class Silent(HostLog):
    """A log that answers when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def checkpoint(self) -> bytes | None:
        self.let_go.wait(60)
        return None


def test_a_log_that_does_not_answer_keeps_no_other_from_being_known() -> None:
    known, spoilt, silent = HostLog(), HostLog(), Silent()
    known.publish()
    spoilt.notes = [b"no note"]
    try:
        assert origins_of([silent, known, HostLog(), spoilt, Away()], 0.5) == [None, LOG_KEY.name, None, None, None]
    finally:
        silent.let_go.set()

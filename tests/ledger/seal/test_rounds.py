"""When a sealer that follows has its next round."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from ledger.errors import QuorumMissing
from ledger.seal.rounds import Rounds
from ledger.seal.sealer import open_sealer
from tests.console.support import enrolment, response
from tests.ledger.seal.support import LOG_KEY, Beside, a_witness, sqlite_ledger
from tests.support.signing import Unbound

LONG_S = 60.0


def test_a_round_is_due_after_so_many_events_or_so_long_after_the_first(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path, enrolment()) as ledger, open_sealer(
        ledger.store, ledger.folder, [Unbound(LOG_KEY)]
    ) as sealer:  # fmt: skip
        sealer.seal()
        ledger.record([response(1, "Lindomar", "2010-06-01T10:00:00Z")])
        assert Rounds(1_000, 0.01).await_next(ledger.store, sealer)
        ledger.record([response(number, "Lindomar", "2010-06-01T10:00:00Z") for number in range(2, 5)])
        assert Rounds(4, LONG_S).await_next(ledger.store, sealer)
        stopping = threading.Event()
        begun = time.monotonic()
        threading.Timer(0.05, stopping.set).start()
        assert not Rounds(5, LONG_S).await_next(ledger.store, sealer, stopping.is_set)
        assert time.monotonic() - begun < LONG_S


def test_none_is_due_where_nothing_is_new(tmp_path: Path) -> None:
    with sqlite_ledger(tmp_path, enrolment()) as ledger, open_sealer(
        ledger.store, ledger.folder, [Unbound(LOG_KEY)]
    ) as sealer:  # fmt: skip
        sealer.seal()
        looked: list[bool] = []

        def stopping() -> bool:
            looked.append(True)
            return len(looked) > 2

        assert not Rounds(1, 0.0).await_next(ledger.store, sealer, stopping)
        assert len(looked) == 3


def test_what_is_signed_and_not_published_is_due_again(tmp_path: Path) -> None:
    away = Beside(a_witness(tmp_path / "witness"))
    away.reachable = False
    with sqlite_ledger(tmp_path, enrolment()) as ledger, open_sealer(
        ledger.store, ledger.folder, [Unbound(LOG_KEY)], away
    ) as sealer:  # fmt: skip
        with pytest.raises(QuorumMissing):
            sealer.seal()
        assert not sealer.published
        assert Rounds(1_000, 0.01).await_next(ledger.store, sealer)
        away.reachable = True
        sealer.seal()
        assert sealer.published

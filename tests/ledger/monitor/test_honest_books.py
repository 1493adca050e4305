"""No honest log is ever accused: random books of both programmes, sealed in random pieces, watched in random rounds.

A seal may cut a transaction in two, a monitor may be started anew between rounds, and many checkpoints may come between two
rounds. Each round confirms, and the last one says what one pass over the whole log says.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.monitor import kept_streams, streams
from ledger.monitor import monitor as rounds
from ledger.monitor.monitor import Monitor
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.seal.folder import LogFolder
from ledger.seal.sealer import open_sealer
from tests.ledger.monitor.support import VERSION, watch
from tests.ledger.seal.support import LOG_KEY, policy
from tests.support.books_of_both import Step, Told, books_of_both
from tests.support.real_book import RealBook, real_book
from tests.support.signing import Unbound
from tests.support.soak import SOAK


class Watched:
    """A book, its log, and a monitor that is closed and opened again at random."""

    def __init__(self, book: RealBook, drawn: Random) -> None:
        self.book = book
        self.folder = LogFolder(book.path.parent / "log")
        self.state = book.path.parent / "state"
        self.drawn = drawn
        self.rounds = 0
        self._monitor: Monitor | None = None

    def seal(self, limit: int | None) -> None:
        with open_sealer(self.book.store, self.folder, [Unbound(LOG_KEY)]) as sealer:
            sealer.seal(limit)

    def watch(self) -> None:
        if self._monitor is None:
            self._monitor = Monitor(self.folder, policy(), PROOF_PROGRAMMES, self.state, VERSION)
        report = self._monitor.round()
        assert (report.verdict, report.findings) == ("confirmed", ())
        self.rounds += 1
        if self.drawn.random() < 0.5:
            self.close()

    def close(self) -> None:
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None

    def go_on(self) -> None:
        """Perhaps seals a part of what is new, perhaps watches."""
        if self.drawn.random() < 0.6:
            self.seal(self.drawn.choice([None, 1, 1, 2, 3, 5]))
            if self.drawn.random() < 0.7:
                self.watch()

    def finish(self) -> None:
        """All that is left, in pieces; then what one pass says is what was gathered."""
        sealed = self.book.store.max_position()
        while self.drawn.random() < 0.9:
            self.seal(self.drawn.choice([1, 2, 3, 7]))
            self.watch()
        self.seal(None)
        self.watch()
        self.close()
        gathered = watch(self.folder, self.state)
        at_once = watch(self.folder, self.state.with_name("state-2"))
        assert gathered == at_once
        assert (at_once.verdict, at_once.events) == ("confirmed", sealed)


@pytest.mark.slow
@settings(max_examples=1_600 if SOAK else 25, deadline=None)
@given(books_of_both(), st.integers(0, 2**32 - 1), st.sampled_from([1, 3, kept_streams.CHECKS_MAX]))
def test_no_honest_log_is_accused(steps: list[Step], seed: int, checks_max: int) -> None:
    with real_book() as book, pytest.MonkeyPatch.context() as patched:
        patched.setattr(kept_streams, "CHECKS_MAX", checks_max)
        patched.setattr(streams, "TOGETHER", checks_max)
        patched.setattr(rounds, "KEPT_AFTER", checks_max)
        told, watched = Told(book), Watched(book, Random(seed))
        try:
            for step in steps:
                told.tell(step)
                watched.go_on()
            watched.finish()
        finally:
            watched.close()


def test_each_state_is_private(tmp_path: Path) -> None:
    with real_book() as book:
        watched = Watched(book, Random(1))
        watched.seal(None)
        watch(watched.folder, tmp_path / "state")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "state").iterdir()} == {0}

"""A signal that comes while work is put off: it takes effect after the work, and after work that failed as well."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from console.cli.commands import seal
from console.cli.following import follow
from console.cli.signals import Interrupted, Signals
from ledger.errors import QuorumMissing, StoreUnreachable
from ledger.seal.rounds import Rounds


class Lacking:
    """A sealer whose witnesses do not answer, and who is told to stop meanwhile."""

    published = False
    events = 0

    def __init__(self, told_in: int) -> None:
        self.rounds = 0
        self._told_in = told_in

    def seal(self, _limit: int | None, _on_progress: Any = None) -> None:
        self.rounds += 1
        if self.rounds == self._told_in:
            os.kill(os.getpid(), signal.SIGTERM)
        elif self.rounds > self._told_in:
            pytest.fail("found a signal that was forgotten, expected it to end the follower")
        raise QuorumMissing("found 0 cosignatures, expected 1")


class Following:
    """What a follower uses of its session and its ledger."""

    class options:  # noqa: N801 - as it is called there
        every = ()

    def __init__(self, signals: Signals) -> None:
        self.signals = signals
        self.said: list[str] = []
        self.output = self.store = self

    def words(self, text: str) -> None:
        self.said.append(text)

    def wait(self, _after: int, _timeout_s: float) -> bool:
        return True

    @contextmanager
    def progress(self, _what: str) -> Iterator[Any]:
        yield lambda *_: None

    def ledger(self) -> Following:
        return self

    def __enter__(self) -> Following:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Sealing:
    """How a book is sealed by a sealer that is there."""

    rounds = Rounds(seconds=0.01)

    def __init__(self, sealer: Lacking) -> None:
        self._sealer = sealer

    @contextmanager
    def sealer(self, _ledger: Any, _tell: Any) -> Iterator[Lacking]:
        yield self._sealer


@pytest.mark.parametrize("round_", [1, 2])
def test_a_sealer_that_lacks_its_witnesses_ends_when_it_is_told_to_once(round_: int) -> None:
    signals, sealer = Signals(), Lacking(round_)
    session: Any = Following(signals)
    sealing: Any = Sealing(sealer)
    with signals.installed(), pytest.raises(Interrupted, match="SIGTERM"):
        seal._turn(session, sealing, session, lambda: None)
    assert (sealer.rounds, session.said) == (round_, ["found 0 cosignatures, expected 1"] * round_)


def test_a_follower_that_loses_its_store_while_it_is_told_to_stop_ends() -> None:
    signals, turns = Signals(), []
    session: Any = Following(signals)

    def turn(_ledger: Any, begun: Any) -> None:
        turns.append(begun())
        with signals.put_off():
            os.kill(os.getpid(), signal.SIGINT)
            raise StoreUnreachable("gone")

    with signals.installed(), pytest.raises(Interrupted, match="SIGINT"):
        follow(session, turn)
    assert len(turns) == 1

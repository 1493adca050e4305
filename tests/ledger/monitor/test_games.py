"""Seeded games of a host that may lie against a checking witness, a monitor and two auditors (`games`).

No lie stays undetected: in the end the witness refuses each, and the monitor finds each that lies in what it is shown. No
honest host is accused by anybody. CSAT_LEDGER_TEST_SEED chooses the first game's seed; a game that fails names its own.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.ledger.monitor.forging import Said
from tests.ledger.monitor.games import Game, a_book
from tests.ledger.monitor.lies import LIES
from tests.support.real_book import some_folder
from tests.support.soak import SOAK

SEED = int(os.environ.get("CSAT_LEDGER_TEST_SEED", "20110301"))
BATCHES = 10
GAMES = 500 if SOAK else 50
"""Of each batch."""
BATCH_S = 600 if SOAK else 40
"""A batch ends after so long, in the middle of its games, and after a few of them at the least."""
BOOKS = 4
FEW = 10
NOT_IN_THE_ENTRIES = ("two_logs", "rolled_back")
"""What only who saw the other log can find."""


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> list[list[Said]]:
    """Honest books."""
    folder: Path = tmp_path_factory.mktemp("books")
    return [a_book(seed, folder) for seed in range(SEED, SEED + BOOKS)]


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_lie_stays_undetected_and_no_honest_host_is_accused(batch: int, books: list[list[Said]]) -> None:
    played: Counter[str] = Counter()
    found: Counter[str] = Counter()
    end_s = time.monotonic() + BATCH_S
    for seed in range(SEED + batch * GAMES, SEED + (batch + 1) * GAMES):
        with some_folder() as folder:
            game = Game(seed, books[seed % BOOKS], folder)
            game.play()
        assert bool(game.objections) == bool(game.lie), (seed, game.lie, game.objections[:3])
        assert not game.lie or "witness" in game.objectors, (seed, game.lie, game.objections[:3])
        assert game.lie in ("", *NOT_IN_THE_ENTRIES) or "monitor" in game.objectors, (
            seed,
            game.lie,
            game.objections[:3],
        )
        played[game.lie or "honest"] += 1
        found.update(game.objectors)
        if time.monotonic() > end_s and played.total() >= FEW:
            break
    print(f"{played.total()} games from seed {SEED + batch * GAMES} on: {dict(played)}, found by {dict(found)}")
    assert set(played) <= {"honest", *(lie.__name__ for lie in LIES)}

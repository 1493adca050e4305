"""Seeded games of a host that may lie against a checking witness, a monitor with receipts, and two auditors (`games`).

No lie stays undetected: in the end the witness refuses each that is in the log, the monitor finds each that lies in what it is
shown, or in what was promised, and the auditors each on which a decision rests. No honest host is accused by anybody.
CSAT_LEDGER_TEST_SEED chooses the first game's seed; a game that fails names its own.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ledger.monitor import receipts
from ledger.monitor.entries import LogEntries
from ledger.monitor.receipt_memory import ReceiptMemory
from ledger.monitor.receipts import Receipts
from ledger.monitor.report import ReceiptCounts
from ledger.monitor.witness import CheckingWitness
from ledger.proof.receipts.judging import Judgement, judge_place
from tests.ledger.monitor import auditors
from tests.ledger.monitor.auditors import Auditor
from tests.ledger.monitor.books import a_book, promises
from tests.ledger.monitor.forging import Said
from tests.ledger.monitor.games import Game
from tests.ledger.monitor.lies import LIES, Lie, two_logs, wrong_decision
from tests.ledger.monitor.lies_in_receipts import (
    ALL_LIES,
    LIES_IN_RECEIPTS,
    dropped_promise,
    dropped_while_its_stream_goes_on,
    promised_from_the_future,
    promised_of_another_time,
    promised_too_long,
    promised_twice,
    withheld,
)
from tests.support.real_book import some_folder
from tests.support.soak import SOAK

SEED = int(os.environ.get("CSAT_LEDGER_TEST_SEED", "20110301"))
BATCHES = 10
GAMES = 500 if SOAK else 25
"""Of each batch."""
BATCH_S = 600 if SOAK else 20
"""A batch ends after so long, in the middle of its games, and after a few of them at the least."""
BOOKS = 4
FEW = 10

Book = tuple[list[Said], list[tuple[int, bytes]]]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> list[Book]:
    """Honest books, with the receipts for their facts."""
    folder: Path = tmp_path_factory.mktemp("books")
    told = [a_book(seed, folder) for seed in range(SEED, SEED + BOOKS)]
    return [(one, promises(one)) for one in told]


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_lie_stays_undetected_and_no_honest_host_is_accused(batch: int, books: list[Book]) -> None:
    played: Counter[str] = Counter()
    found: Counter[str] = Counter()
    end_s = time.monotonic() + BATCH_S
    for seed in range(SEED + batch * GAMES, SEED + (batch + 1) * GAMES):
        with some_folder() as folder:
            game = Game(seed, *books[seed % BOOKS], folder)
            game.play()
        require_as_it_should_be(seed, game)
        played[game.lie or "honest"] += 1
        found.update(game.objectors)
        if time.monotonic() > end_s and played.total() >= FEW:
            break
    print(f"{played.total()} games from seed {SEED + batch * GAMES} on: {dict(played)}, found by {dict(found)}")
    assert set(played) <= {"honest", *(lie.__name__ for lie in ALL_LIES)}


def require_as_it_should_be(seed: int, game: Game) -> None:
    """Who had to object did; of a lie in receipts nobody else, and of an honest host nobody, and every promise is kept."""
    told = seed, game.lie, game.receipts, game.objections[:3]
    assert game.must_object <= game.objectors, told
    if game.lie and game.must_object != {"receipts"}:
        return
    assert game.objectors == game.must_object, told
    if not game.lie:
        assert game.receipts == ReceiptCounts(len(game.holders.held), 0, 0, 0, 0), told


def confirmed(*_: object, **_named: object) -> SimpleNamespace:
    return SimpleNamespace(verdict="confirmed")


def never_late(*asked: Any) -> Judgement:
    judgement = judge_place(*asked)
    return Judgement("unproven", judgement.in_log) if judgement.verdict == "late" else judgement


def nothing(*_: object, **_named: object) -> None:
    return None


def none(*_: object) -> list[Any]:
    return []


Broken = tuple[object, str, Callable[..., Any]]
BROKEN: dict[str, tuple[list[Broken], Sequence[Lie]]] = {
    "the witness cosigns all": ([(CheckingWitness, "refusal", nothing)], LIES),
    "the monitor finds nothing in entries": ([(LogEntries, "_add", nothing)], LIES),
    "one auditor takes any evidence": ([(auditors, "verify", confirmed)], [wrong_decision]),
    "the auditors do not compare": ([(Auditor, "exchange", nothing)], [two_logs]),
    "nobody looks at receipts": ([(Receipts, "findings", none)], LIES_IN_RECEIPTS),
    "no leaf is looked at": ([(receipts, "other_leaf", nothing)], [dropped_promise]),
    "no entries are gone over": ([(receipts, "judge_log", nothing)], [dropped_while_its_stream_goes_on]),
    "nothing is late": ([(receipts, "judge_place", never_late)], [withheld]),
    "receipts are not compared": (
        [(receipts, "contradiction", nothing), (receipts, "judge_log", nothing)], [promised_twice],
    ),
    "the event beside a receipt is any": ([(receipts, "hold", nothing)], [promised_of_another_time]),
    "the clock is not looked at": ([(Receipts, "_require_past", nothing)], [promised_from_the_future]),
    "unreadable lines are passed over": ([(ReceiptMemory, "lines", none)], [promised_too_long]),
}  # fmt: skip
UNTIL = 60
"""So many games find it, nearly always within the first five."""


@pytest.mark.slow
@pytest.mark.parametrize("how", BROKEN)
def test_the_games_notice_a_player_that_is_broken(how: str, books: list[Book], monkeypatch: pytest.MonkeyPatch) -> None:
    broken, lies = BROKEN[how]
    for owner, name, instead in broken:
        monkeypatch.setattr(owner, name, instead)
    for seed in range(SEED, SEED + UNTIL):
        with some_folder() as folder:
            game = Game(seed, *books[seed % BOOKS], folder, lies)
            if not game.lie:
                continue
            game.play()
        try:
            require_as_it_should_be(seed, game)
        except AssertionError:
            return
    pytest.fail("no game noticed it")

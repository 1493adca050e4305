"""Reviews by time, without the process around them: what `serve` does inside of itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from consumers.roles.due_reviews import LOOK_S, DueReviews
from ledger.instants import SECOND_US, add_months, parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from tests.console.support import ROOT, met

START_US = parse_instant("2010-07-01T00:00:00Z")
EXPIRES_US = add_months(parse_instant("2010-06-01T10:00:00Z"), 12)


class Here:
    """A book with a membership that is satisfied until an instant, and a clock that is set."""

    def __init__(self, path: Path) -> None:
        self.now_us = START_US
        self.store = SQLiteStore(path)
        self.locks: list[bool] = []
        self.writer = Writer(self.store, lambda: self.now_us, PROGRAMMES, rehearsal=True)

    def reviews(self) -> DueReviews:
        return DueReviews(self.store, self.writer, lambda: self.now_us, self.locks.append)


def unhurried() -> None:
    """Lets a review go on."""


def test_what_is_due_is_reviewed_at_its_instant_and_not_before(tmp_path: Path) -> None:
    here = Here(tmp_path / "book.db")
    here.writer.record([fact_from_object(one) for one in met()])
    reviews = here.reviews()
    assert reviews.holds_lock()
    first = reviews.review(unhurried)
    assert first is not None
    assert first.announced == 0
    assert (reviews.review(unhurried), reviews.pause_s(), reviews.late_s()) == (None, LOOK_S, 0.0)
    here.now_us = EXPIRES_US - SECOND_US // 4
    assert reviews.pause_s() == pytest.approx(0.25)
    assert reviews.review(unhurried) is None
    here.now_us = EXPIRES_US + 3 * SECOND_US
    assert reviews.late_s() == pytest.approx(3.0)
    done = reviews.review(unhurried)
    assert done is not None
    assert (done.announced, reviews.late_s()) == (1, 0.0)
    reviews.close()
    here.store.close()


def test_one_of_two_holds_the_lock_and_gives_it_to_the_other(tmp_path: Path) -> None:
    here, there = Here(tmp_path / "book.db"), Here(tmp_path / "book.db")
    one, other = here.reviews(), there.reviews()
    assert [one.holds_lock(), other.holds_lock(), one.holds_lock()] == [True, False, True]
    one.close()
    assert other.holds_lock()
    (tmp_path / "book.db.clock.lock").unlink()  # somebody takes it away
    assert here.reviews().holds_lock()
    assert not other.holds_lock()
    assert (here.locks, there.locks) == ([True, True], [True, False])
    here.store.close()
    there.store.close()


def test_a_review_ends_between_its_transactions_where_it_is_told_to(tmp_path: Path) -> None:
    class Ended(Exception):
        pass

    def end() -> None:
        raise Ended

    here = Here(tmp_path / "book.db")
    here.writer.record([fact_from_object(one) for one in met()])
    reviews = here.reviews()
    with pytest.raises(Ended):
        reviews.review(end)
    assert reviews.review(unhurried) is not None  # nothing is passed over
    reviews.close()
    here.store.close()


def test_it_needs_no_metrics() -> None:
    said = "import sys; import consumers.roles.due_reviews; print('prometheus_client' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", said], cwd=ROOT, capture_output=True, check=True, text=True, timeout=60)
    assert ran.stdout == "False\n"

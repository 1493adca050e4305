"""The runner: each event exactly once, whatever happens; poison is parked; builds are compared and swapped."""

from __future__ import annotations

import os
import signal
import threading

import orjson
import pytest

from ledger.errors import LedgerError, StoreUnreachable
from ledger.store.sqlite import SQLiteStore
from projections.questions.projection_state import ProjectionState, projection_states
from projections.runner import Runner
from tests.projections.support import Bench, Book, Feed, NextTally, Other, Seen, Tally, once, stored_event


def state(runner: Runner, name: str = "tally") -> ProjectionState:
    (line,) = (line for line in projection_states(runner) if line.projection == name)
    return line


# Catching up


def test_catching_up_applies_every_event_once_in_batches_and_then_finds_nothing_to_do(bench: Bench) -> None:
    bench.book.add(50)
    feed = bench.feed(page=7)
    runner = bench.runner(Tally(), feed=feed)
    assert runner.catch_up() == 50
    assert bench.seen() == once(range(1, 51))
    assert runner.catch_up() == 0
    bench.book.add(3)
    assert runner.catch_up() == 3
    assert bench.seen() == once(range(1, 54))


def test_status_shows_position_and_lag_and_changes_nothing(bench: Bench) -> None:
    bench.book.add(10)
    runner = bench.runner(Tally())
    for _ in range(2):
        line = state(runner)
        assert (line.position, line.lag, line.gaps, line.parked, line.waiting) == (0, 10, 0, (), 0)
    runner.catch_up()
    bench.book.add(4)
    line = state(runner)
    assert (line.position, line.lag, line.version, line.gaps) == (10, 4, 1, 0)


def test_several_projections_are_kept_up_from_one_read_of_the_feed(bench: Bench) -> None:
    bench.book.add(50)
    feed = bench.feed(page=10)
    bench.runner(Tally(), Other(), feed=feed).catch_up()
    assert feed.reads <= 7
    assert bench.seen("tally") == bench.seen("other") == once(range(1, 51))


def test_a_projection_that_is_further_behind_is_brought_up_to_the_others(bench: Bench) -> None:
    bench.book.add(20)
    bench.runner(Tally()).catch_up()
    bench.book.add(20)
    runner = bench.runner(Tally(), Other())
    assert state(runner, "other").position == 0
    runner.catch_up()
    assert bench.seen("tally") == bench.seen("other") == once(range(1, 41))
    assert [line.gaps for line in projection_states(runner)] == [0, 0]


def test_progress_is_told_and_reaches_the_end(bench: Bench) -> None:
    bench.book.add(30)
    told: list[tuple[int, int]] = []
    bench.runner(Tally()).catch_up(lambda done, end: told.append((done, end)))
    assert told == sorted(told)
    assert told[-1] == (30, 30)


# Exactly once


def test_a_failing_database_takes_back_rows_and_position_together_and_parks_nothing(bench: Bench) -> None:
    bench.book.add(30)
    tally = Tally()

    def fail_in_the_third_batch(seen: Seen) -> None:
        if seen[-1][0] > 14:
            raise StoreUnreachable("the disk is full")

    tally.after_flush = fail_in_the_third_batch
    runner = bench.runner(tally)
    with pytest.raises(StoreUnreachable, match="disk is full"):
        runner.catch_up()
    assert (state(runner).position, state(runner).parked) == (14, ())
    assert bench.seen() == once(range(1, 15))
    tally.after_flush = lambda _seen: None
    runner.catch_up()
    assert bench.seen() == once(range(1, 31))


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_a_runner_that_is_killed_in_a_batch_leaves_nothing_of_it_and_the_next_applies_all_once(
    bench: Bench, batch: int
) -> None:
    bench.book.add(30)
    bench.runner(Tally())
    child = os.fork()
    if child == 0:
        try:
            tally = Tally()
            tally.after_flush = lambda seen: os.kill(os.getpid(), signal.SIGKILL) if seen[0][0] > batch * 7 else None
            Runner(Feed(SQLiteStore(bench.book.path)), bench.database(), [tally]).catch_up()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert bench.seen() == once(range(1, batch * 7 + 1))
    runner = bench.runner(Tally())
    assert state(runner).position == batch * 7
    runner.catch_up()
    assert bench.seen() == once(range(1, 31))


def test_a_runner_that_was_overtaken_applies_nothing_again(bench: Bench) -> None:
    bench.book.add(40)
    fast = bench.runner(Tally())
    feed = bench.feed()

    def overtake(after: int) -> None:
        if after == 14:
            fast.catch_up()

    feed.before = overtake
    slow = bench.runner(Tally(), feed=feed)
    slow.catch_up()
    assert bench.seen() == once(range(1, 41))
    assert (state(slow).position, state(slow).gaps) == (40, 0)


def test_runners_that_race_apply_every_event_once_between_them(bench: Bench) -> None:
    bench.book.add(400)
    runners = [bench.runner(Tally(), feed=Feed(SQLiteStore(bench.book.path), 5)) for _ in range(3)]
    projection_states(bench.runner(Tally(), feed=Feed(bench.book.store, 1)))
    failures: list[BaseException] = []

    def run(runner: Runner) -> None:
        try:
            runner.catch_up()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(runner,)) for runner in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert bench.seen() == once(range(1, 401))


def test_a_runner_whose_build_was_swapped_away_by_a_rebuild_goes_on_with_the_new_one(bench: Bench) -> None:
    bench.book.add(40)
    other, feed = bench.runner(Tally()), bench.feed()

    def rebuild_and_add(after: int) -> None:
        if after == 14:
            other.rebuild()
            bench.book.add(10)

    feed.before = rebuild_and_add
    bench.runner(Tally(), feed=feed).catch_up()
    assert bench.seen() == once(range(1, 51))


def test_a_runner_whose_build_was_swapped_away_by_another_version_stops_with_a_word(bench: Bench) -> None:
    bench.book.add(40)
    other, feed = bench.runner(NextTally()), bench.feed()
    feed.before = lambda after: other.catch_up() and None if after == 14 else None
    slow = bench.runner(Tally(), feed=feed)
    with pytest.raises(LedgerError, match="swapped"):
        slow.catch_up()
    assert bench.seen() == once(range(1, 41))
    assert state(other).version == NextTally.version


# Poison


@pytest.mark.parametrize("kind", ["poison", "poison_at_flush"])
def test_poison_parks_its_stream_with_the_error_and_the_other_streams_go_on(bench: Bench, kind: str) -> None:
    bench.book.add(30, streams=3)
    tally = Tally()
    getattr(tally, kind).add(10)  # in the stream membership-1, with 1, 4, 7 before and 13, 16, … after
    runner = bench.runner(tally)
    runner.catch_up()
    line = state(runner)
    (parked,) = line.parked
    assert (parked.stream, parked.position) == ("membership-1", 10)
    assert "position 10 cannot be" in parked.error
    behind = [position for position in range(13, 31) if position % 3 == 1]
    assert line.waiting == len(behind)
    assert (line.position, line.lag) == (30, 0)
    applied = [position for position in range(1, 31) if position != 10 and position not in behind]
    assert bench.seen() == once(applied)

    bench.book.add(6, streams=3)
    runner.catch_up()
    assert state(runner).waiting == len(behind) + 2
    assert bench.seen() == once([*applied, 32, 33, 35, 36])


def test_behind_a_parked_stream_events_are_still_applied_in_bulk(bench: Bench) -> None:
    bench.book.add(6, streams=3)
    tally, other = Tally(), Other()
    tally.poison.add(4)
    runner = bench.runner(tally, other, feed=bench.feed(100))
    runner.catch_up()
    bench.book.add(294, streams=3)
    flushed: list[int] = []
    tally.after_flush = lambda seen: flushed.append(len(seen))
    other.after_flush = tally.after_flush
    runner.catch_up()
    waiting = [position for position in range(7, 301) if position % 3 == 1]
    assert sum(flushed) == 2 * 294 - len(waiting)
    assert len(flushed) == 2 * 3
    assert state(runner).waiting == len(waiting)
    assert bench.seen() == once([position for position in range(1, 301) if position % 3 != 1 or position == 1])
    assert bench.seen("other") == once(range(1, 301))


def test_a_parked_stream_stays_parked_for_the_next_process(bench: Bench) -> None:
    bench.book.add(12)
    tally = Tally()
    tally.poison.add(4)
    bench.runner(tally).catch_up()
    bench.book.add(3)
    later = bench.runner(Tally())
    later.catch_up()
    assert [parked.position for parked in state(later).parked] == [4]
    assert state(later).waiting == 3
    assert 13 not in bench.seen()


def test_poison_of_one_projection_is_none_of_another(bench: Bench) -> None:
    bench.book.add(12)
    tally = Tally()
    tally.poison.add(4)
    runner = bench.runner(tally, Other())
    runner.catch_up()
    assert state(runner, "other").parked == ()
    assert bench.seen("other") == once(range(1, 13))


def test_two_streams_may_be_parked_in_one_batch(bench: Bench) -> None:
    bench.book.add(12, streams=3)
    tally = Tally()
    tally.poison.update((4, 5))
    runner = bench.runner(tally)
    runner.catch_up()
    assert [parked.stream for parked in state(runner).parked] == ["membership-1", "membership-2"]
    assert bench.seen() == once([1, 2, 3, 6, 9, 12])


@pytest.mark.parametrize(
    ("stored", "error"),
    [
        (orjson.dumps({**orjson.loads(stored_event("membership-1", 2)), "v": 99}), "version 99"),
        (b'{"type":"LocationAdded"', "JSONDecodeError"),
        (b'{"type":"LocationAdded","data":{}}', "'v'"),
        (b"[]", "TypeError"),
        (b"\xff\xfe", "JSONDecodeError"),
    ],
    ids=["a newer version", "half an object", "no version", "no object", "no text"],
)
def test_an_event_that_cannot_be_read_is_poison(bench: Bench, stored: bytes, error: str) -> None:
    bench.book.add_raw(("membership-1", None), ("membership-1", stored), ("membership-1", None), ("membership-2", None))
    runner = bench.runner(Tally())
    runner.catch_up()
    (parked,) = state(runner).parked
    assert (parked.stream, parked.position) == ("membership-1", 2)
    assert error in parked.error
    assert state(runner).waiting == 1
    assert bench.seen() == once([1, 4])


def test_the_words_of_an_error_are_kept_up_to_a_bound(bench: Bench) -> None:
    bench.book.add(3)
    tally = Tally()

    def fail(_seen: Seen) -> None:
        raise ValueError("x" * 100_000)

    tally.after_flush = fail
    runner = bench.runner(tally)
    runner.catch_up()
    assert all(len(parked.error) <= 1_000 for parked in state(runner).parked)
    assert len(state(runner).parked) == 3


def test_a_rebuild_takes_parked_streams_up_again(bench: Bench) -> None:
    bench.book.add(12)
    tally = Tally()
    tally.poison.add(4)
    runner = bench.runner(tally)
    runner.catch_up()
    tally.poison.clear()
    assert runner.rebuild() == {"tally": 3}  # 4, 7 and 10 are new
    assert (state(runner).parked, state(runner).waiting) == ((), 0)
    assert bench.seen() == once(range(1, 13))


# Rebuilding


def test_a_rebuild_that_comes_out_the_same_has_no_differences_and_leaves_one_generation(bench: Bench) -> None:
    bench.book.add(30)
    runner = bench.runner(Tally(), Other())
    assert runner.rebuild() == {"tally": 0, "other": 0}
    before = state(runner).generation
    assert runner.rebuild() == {"tally": 0, "other": 0}
    assert state(runner).generation > before
    assert len(bench.tables_of()) == len(bench.tables_of("other")) == 1
    assert bench.seen() == once(range(1, 31))


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        ("DELETE FROM {} WHERE position IN (3, 5)", 2),
        ("UPDATE {} SET times = 2 WHERE position = 3", 2),
        ("INSERT INTO {} VALUES (99, 'membership-9', 1)", 1),
    ],
    ids=["rows are missing", "a row is different", "a row is too many"],
)
def test_a_rebuild_tells_how_many_rows_differ_and_puts_it_right(bench: Bench, change: str, rows: int) -> None:
    bench.book.add(30)
    runner = bench.runner(Tally(), Other())
    runner.catch_up()
    bench.change(change.format(bench.table()))
    assert runner.rebuild() == {"tally": rows, "other": 0}
    assert bench.seen() == once(range(1, 31))
    assert runner.rebuild() == {"tally": 0, "other": 0}


def test_while_a_rebuild_is_under_way_the_live_one_is_read_and_can_be_kept_up(bench: Bench) -> None:
    bench.book.add(30)
    other, runner = bench.runner(Tally()), bench.runner(Tally())
    runner.catch_up()
    live = bench.table()
    during: list[tuple[str, int]] = []

    def look(_done: int, _end: int) -> None:
        if len(during) == 1:
            bench.book.add(5)
            other.catch_up()
        during.append((bench.table(), len(bench.seen())))

    assert runner.rebuild(look) == {"tally": 0}
    assert {table for table, _ in during} == {live}
    assert during[0][1] == 30
    assert during[-1][1] == 35
    assert bench.table() != live
    assert bench.seen() == once(range(1, 36))


def test_a_rebuild_that_is_broken_off_leaves_the_live_one_and_the_next_clears_it_away(bench: Bench) -> None:
    bench.book.add(30)
    runner = bench.runner(Tally())
    runner.catch_up()

    def break_off(done: int, _end: int) -> None:
        if done > 10:
            raise KeyboardInterrupt

    live = bench.table()
    with pytest.raises(KeyboardInterrupt):
        runner.rebuild(break_off)
    assert bench.table() == live
    assert bench.seen() == once(range(1, 31))
    assert runner.rebuild() == {"tally": 0}
    assert len(bench.tables_of()) == 1


def test_a_new_version_is_built_beside_and_swapped_in(bench: Bench) -> None:
    bench.book.add(30)
    bench.runner(Tally(), Other()).catch_up()
    live = bench.table()
    bench.change(f"DELETE FROM {live}")
    runner = bench.runner(NextTally(), Other())
    during: list[int] = []
    runner.catch_up(lambda _done, _end: during.append(state(runner).version))
    assert set(during) == {1}
    line = state(runner)
    assert (line.version, line.position, line.lag) == (2, 30, 0)
    assert bench.seen() == once(range(1, 31))
    assert live not in bench.tables_of()
    assert len(bench.tables_of()) == 1
    assert bench.seen("other") == once(range(1, 31))
    assert state(runner, "other").generation == 1


# Another book


def test_a_book_that_was_replaced_is_noticed_and_projected_anew(bench: Bench) -> None:
    bench.book.add(20)
    bench.runner(Tally()).catch_up()
    for count, place in ((20, "Porto"), (25, "Faro"), (12, "Évora")):
        replaced = Book(bench.folder / f"{place}.db")
        replaced.add(count, streams=5, location=place)
        runner = bench.runner(Tally(), feed=Feed(replaced.store))
        runner.catch_up()
        assert bench.seen() == once(range(1, count + 1))
        assert {stream for (stream,) in bench.query(f"SELECT stream FROM {bench.table()}")} == {
            f"membership-{number}" for number in range(5)
        }
        assert (state(runner).position, state(runner).gaps) == (count, 0)
        replaced.close()


def test_positions_that_are_missing_in_the_feed_are_counted(bench: Bench) -> None:
    bench.book.add(30)
    feed = bench.feed(page=7)
    feed.hidden = {3, 8, 20}  # in the middle of a page, and the first of one
    runner = bench.runner(Tally(), feed=feed)
    runner.catch_up()
    line = state(runner)
    assert (line.position, line.lag, line.gaps) == (30, 0, 3)
    feed.hidden = set()
    assert runner.rebuild() == {"tally": 3}
    assert state(runner).gaps == 0

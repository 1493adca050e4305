"""Group commit: single facts from many threads share transactions."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ledger.errors import LedgerError, StoreUnreachable
from ledger.fact import Fact
from ledger.instants import parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.sqlite import SQLiteStore
from ledger.writing.group_commit import GroupCommit
from ledger.writing.writer import Outcome, Writer

NOW_US = parse_instant("2020-01-01T00:00:00Z")


def enrolment(number: int) -> Fact:
    return fact_from_object(
        {
            "type": "enrol-membership",
            "id": f"e-{number}",
            "membership": f"m-{number}",
            "occurred_at": "2010-01-01T00:00:00Z",
            "name": "Partner",
            "level": "gold",
        }
    )


class CountingWriter(Writer):
    """A writer that remembers how large the groups were."""

    def __init__(self, store: SQLiteStore) -> None:
        super().__init__(store, lambda: NOW_US, PROGRAMMES)
        self.groups: list[int] = []

    def record(self, facts: object) -> list[Outcome]:  # type: ignore[override]
        self.groups.append(len(facts))  # type: ignore[arg-type]
        return super().record(facts)  # type: ignore[arg-type]


def test_each_of_many_waiting_callers_gets_the_outcome_of_its_own_fact(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "book.db")
    writer = CountingWriter(store)
    group = GroupCommit(writer)
    outcomes: dict[int, list[Outcome]] = {}

    def client(number: int) -> None:
        outcomes[number] = [group.record(enrolment(number)), group.record(enrolment(number))]

    threads = [threading.Thread(target=client, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    group.close()
    assert len(outcomes) == 64
    for number, (first, second) in outcomes.items():
        assert (first.status, second.status) == ("accepted", "duplicate")
        assert first.stream == f"membership-m-{number}"
        assert second.position == first.position
    assert sum(writer.groups) == 128
    assert max(writer.groups) > 1, "no two facts ever shared a transaction"
    store.close()


def test_every_caller_of_a_group_learns_that_the_store_failed_and_the_next_group_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SQLiteStore(tmp_path / "book.db")
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    group = GroupCommit(writer)

    def unreachable() -> None:
        raise StoreUnreachable("gone")

    with monkeypatch.context() as broken:
        broken.setattr(store, "writing", unreachable)
        with pytest.raises(StoreUnreachable, match="gone"):
            group.record(enrolment(1))
    assert group.record(enrolment(1)).status == "accepted"
    group.close()
    store.close()


def test_after_the_end_no_fact_is_taken(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "book.db")
    group = GroupCommit(Writer(store, lambda: NOW_US, PROGRAMMES))
    group.close()
    with pytest.raises(LedgerError, match="closed"):
        group.record(enrolment(1))
    store.close()


def test_a_fact_that_meets_the_end_is_recorded_or_refused_and_nobody_waits_for_ever(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "book.db")
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    recorded = 0
    for again in range(20):
        group = GroupCommit(writer)
        ends: list[str] = []

        def client(number: int, group: GroupCommit = group, ends: list[str] = ends) -> None:
            try:
                ends.append(group.record(enrolment(number)).status)
            except LedgerError as error:
                ends.append("closed" if "closed" in str(error) else repr(error))

        threads = [threading.Thread(target=client, args=(100 * again + number,), daemon=True) for number in range(16)]
        for thread in threads:
            thread.start()
            if thread is threads[again % len(threads)]:
                group.close()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)
        assert len(ends) == len(threads)
        assert set(ends) <= {"accepted", "closed"}
        recorded += ends.count("accepted")
    assert sum(row.type == "MembershipEnrolled" for row in store.read_feed(0, 10_000)) == recorded
    store.close()


def test_facts_that_come_while_nobody_waits_are_taken_at_once(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "book.db")
    group = GroupCommit(Writer(store, lambda: NOW_US, PROGRAMMES))
    done = threading.Event()

    def one_after_the_other() -> None:
        for number in range(200):
            group.record(enrolment(number))
        done.set()

    threading.Thread(target=one_after_the_other, daemon=True).start()
    assert done.wait(60), "a caller waits for a thread that sleeps"
    group.close()
    store.close()


def test_who_has_no_thread_to_wait_with_is_called_for_each_fact_in_their_order(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "book.db")
    group = GroupCommit(CountingWriter(store), group_max=7)
    results: list[Outcome | BaseException] = []
    finished = threading.Event()

    def done(result: Outcome | BaseException) -> None:
        results.append(result)
        if len(results) == 50:
            finished.set()

    for number in range(50):
        group.submit(enrolment(number), done)
    assert finished.wait(60)
    group.close()
    assert [one.stream for one in results if isinstance(one, Outcome)] == [
        f"membership-m-{number}" for number in range(50)
    ]
    with pytest.raises(LedgerError, match="closed"):
        group.submit(enrolment(51), done)
    store.close()


def test_a_fact_over_which_the_program_fails_takes_no_other_callers_fact_away(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "book.db")
    faults: list[str] = []

    class FailingWriter(CountingWriter):
        def record(self, facts: object) -> list[Outcome]:  # type: ignore[override]
            if any(fact.id == "e-2" for fact in facts):  # type: ignore[attr-defined]
                raise ZeroDivisionError
            return super().record(facts)

    group = GroupCommit(FailingWriter(store), on_fault=lambda fact, _error: faults.append(fact.id))
    results: dict[int, Outcome | BaseException] = {}
    finished = threading.Event()
    for number in range(5):

        def done(result: Outcome | BaseException, number: int = number) -> None:
            results[number] = result
            if len(results) == 5:
                finished.set()

        group.submit(enrolment(number), done)
    assert finished.wait(60)
    group.close()
    store.close()
    outcomes = [results[number] for number in range(5)]
    assert [isinstance(one, Outcome) and one.status for one in outcomes] == [
        "accepted", "accepted", "refused", "accepted", "accepted",
    ]  # fmt: skip
    assert faults == ["e-2"]


def test_who_wakes_others_is_told_once_for_a_group_after_all_of_it_and_of_one_that_fails_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event loop was woken for each fact: as many system calls of the thread that commits as there were facts."""
    store = SQLiteStore(tmp_path / "book.db")
    group = GroupCommit(Writer(store, lambda: NOW_US, PROGRAMMES))
    told: list[str] = []
    over = threading.Event()

    def all_told() -> None:
        told.append("all")
        if told.count("all") == wanted:
            over.set()

    group.on_told = all_told
    wanted = 1
    with store.writing():  # so that all gather
        group.submit(enrolment(0), lambda _: told.append("one"))
        while group._waiting:
            threading.Event().wait(0.001)
        for number in range(1, 21):
            group.submit(enrolment(number), lambda _: told.append("one"))
        wanted = 2
    assert over.wait(30)
    assert told == ["one", "all", *["one"] * 20, "all"]

    def unreachable() -> None:
        raise StoreUnreachable("gone")

    monkeypatch.setattr(store, "writing", unreachable)
    over.clear()
    wanted = 3
    group.submit(enrolment(30), lambda _: told.append("failed"))
    assert over.wait(30)
    assert told[-2:] == ["failed", "all"]
    group.close()
    store.close()

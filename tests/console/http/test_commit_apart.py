"""Group commit by a bookkeeper: what its loop says and hears of it. The bookkeeper works in a thread here, its kills are in
`test_bookkeeper`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from console.http.bookkeeper import Messages, message, record_over
from console.http.commit_apart import CommitApart
from console.http.reopening import Reopened, ReopenedRecorder
from console.wiring import Ledger, open_store
from ledger.errors import LedgerError, LinkKeyMissing, QuorumMissing, StoreUnreachable
from ledger.fact import Fact
from ledger.instants import parse_instant
from ledger.programmes.registry import fact_from_object, parse_fact
from ledger.writing.group_commit import GroupCommit
from ledger.writing.transaction import Outcome
from tests.console.support import ROOT, response

SAMPLES = sorted((ROOT / "schemas/samples/facts").glob("*.json"))
NOW_US = parse_instant("2020-01-01T00:00:00Z")
PATIENCE_S = 30.0
Result = Outcome | BaseException


def enrolled(number: int) -> Fact:
    at = "2010-01-01T00:00:00Z"
    return fact_from_object(
        {"type": "enrol-membership", "id": f"e-{number}", "membership": f"m-{number}", "occurred_at": at,
         "name": "P" * 200, "level": "gold"}
    )  # fmt: skip


class InThread:
    """A bookkeeper that works in a thread, and can be had to be gone or to wait."""

    def __init__(self, opened: Callable[[], Ledger]) -> None:
        self.records, self.other = socket.socketpair()
        self.was_gone = 0
        self._thread = Thread(target=record_over, args=(self.other, opened, "the book"))
        self._thread.start()

    def gone(self) -> None:
        self.was_gone += 1
        self.close()

    def close(self) -> None:
        for one in (self.records, self.other):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


class Told:
    """Who hands facts in, and is told of them."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.faults: list[tuple[str, Exception]] = []

    def group(self, outcomes: Sequence[Outcome] | BaseException, seconds: float) -> None:
        assert seconds >= 0
        self.groups.append(0 if isinstance(outcomes, BaseException) else len(outcomes))

    def fault(self, fact: Fact, error: Exception) -> None:
        self.faults.append((fact.id, error))


class Apart:
    """A commit over a bookkeeper in a thread."""

    def __init__(self, opened: Callable[[], Ledger], answer_s: float, close_s: float = PATIENCE_S) -> None:
        self.told = Told()
        self.process = InThread(opened)
        self.here = Reopened(opened, "the book")
        recorder = ReopenedRecorder(self.here)

        def commit() -> GroupCommit:
            return GroupCommit(recorder, on_fault=self.told.fault, on_group=self.told.group)

        self.commit = CommitApart(
            self.process,  # type: ignore[arg-type]
            commit, on_fault=self.told.fault, on_group=self.told.group, answer_s=answer_s, close_s=close_s,
        )  # fmt: skip

    async def record(self, facts: Sequence[Fact], then: Callable[[], None] = lambda: None) -> list[Result]:
        """What becomes of facts that are handed in together; `then` is done when they have been."""
        results: list[Result] = []
        loop, everything = asyncio.get_running_loop(), asyncio.Event()

        def done(result: Result) -> None:
            results.append(result)
            if len(results) == len(facts):
                loop.call_soon_threadsafe(everything.set)

        for fact in facts:
            self.commit.submit(fact, done)
        then()
        async with asyncio.timeout(PATIENCE_S):
            await everything.wait()
        return results


@contextmanager
def apart(opened: Callable[[], Ledger], answer_s: float = PATIENCE_S, close_s: float = PATIENCE_S) -> Iterator[Apart]:
    made = Apart(opened, answer_s, close_s)
    try:
        yield made
    finally:
        made.commit.close()
        made.process.close()
        made.here.close()


def book(path: Path) -> Callable[[], Ledger]:
    open_store(str(path), create=True).close()
    return lambda: Ledger(open_store(str(path), create=False), lambda: NOW_US)


def positions(path: Path) -> dict[str, int]:
    """Enrolment -> its position."""
    with closing(open_store(str(path), create=False)) as store:
        return {
            row.fact: row.position
            for row in store.read_feed_full(0, store.max_position())
            if row.fact and row.fact.startswith("e-")
        }


def outcomes_of(results: Sequence[Result]) -> list[tuple[str, int]]:
    return [(one.status, one.position) for one in results if isinstance(one, Outcome)]


def test_each_hears_of_its_own_fact_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    with apart(book(tmp_path / "book.db")) as made:
        made.commit.open()

        async def clients() -> list[list[Result]]:
            return await asyncio.gather(*(made.record([enrolled(n), enrolled(n)]) for n in range(64)))

        results = asyncio.run(clients())
    found = positions(tmp_path / "book.db")
    for number, pair in enumerate(results):
        position = found[f"e-{number}"]
        assert outcomes_of(pair) == [("accepted", position), ("duplicate", position)]
    assert sum(made.told.groups) == 128
    assert len(made.told.groups) < 32
    assert made.process.was_gone == 0


def test_more_than_the_socket_takes_goes_over_it_in_groups(tmp_path: Path) -> None:
    with apart(book(tmp_path / "book.db")) as made:
        results = asyncio.run(made.record([enrolled(number) for number in range(5_000)]))
    assert {status for status, _ in outcomes_of(results)} == {"accepted"}
    assert [position for _, position in outcomes_of(results)] == sorted(positions(tmp_path / "book.db").values())
    assert max(made.told.groups) == 1_000


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_bookkeeper_that_is_gone_was_at_is_recorded_here_and_once(tmp_path: Path, when: str) -> None:
    with apart(book(tmp_path / "book.db")) as made:

        async def story() -> list[Result]:
            first = await made.record([enrolled(0)])
            if when == "before":
                made.process.other.shutdown(socket.SHUT_RDWR)
                return first + await made.record([enrolled(number) for number in range(1, 200)])
            cut = made.process.other.shutdown
            rest = await made.record([enrolled(n) for n in range(1, 200)], lambda: cut(socket.SHUT_RDWR))
            return first + rest + await made.record([enrolled(200)])

        results = asyncio.run(story())
    assert made.process.was_gone == 1
    found = positions(tmp_path / "book.db")
    number = 200 if when == "before" else 201
    assert [position for _, position in outcomes_of(results)] == [found[f"e-{one}"] for one in range(number)]


def test_one_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    path, stuck = tmp_path / "book.db", Event()
    opened = book(path)
    threads: list[str] = []

    def opens_late() -> Ledger:
        threads.append("")
        if len(threads) == 1:
            assert stuck.wait(PATIENCE_S)
        return opened()

    with apart(opens_late, answer_s=0.2) as made:
        gone = made.process.gone
        made.process.gone = lambda: (stuck.set(), gone())[1]  # type: ignore[method-assign, func-returns-value]
        results = asyncio.run(made.record([enrolled(number) for number in range(40)]))
    assert made.process.was_gone == 1
    assert len(outcomes_of(results)) == 40
    assert len(positions(path)) == 40


def test_one_that_does_not_answer_at_the_beginning_or_the_end_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    results: list[Result] = []
    with apart(book(path)) as made:
        made.process.other.shutdown(socket.SHUT_RDWR)
        made.commit.open()
        assert made.process.was_gone == 1

        async def hand_in() -> None:
            made.commit.submit(enrolled(1), results.append)

        asyncio.run(hand_in())
    with apart(book(path)) as made:
        asyncio.run(hand_in())
        made.process.other.shutdown(socket.SHUT_RDWR)
    assert len(outcomes_of(results)) == 2
    assert len(positions(path)) == 1


def test_one_that_does_not_answer_is_given_up_at_the_end_long_before_its_time_is_over(tmp_path: Path) -> None:
    path, stuck = tmp_path / "book.db", Event()
    opened, tries = book(path), iter((True,))
    results: list[Result] = []

    def opens_late() -> Ledger:
        if next(tries, False):
            assert stuck.wait(PATIENCE_S)
        return opened()

    async def hand_in() -> None:
        for number in range(40):
            made.commit.submit(enrolled(number), results.append)
        await asyncio.sleep(0)

    with apart(opens_late, answer_s=600, close_s=0.2) as made:
        gone = made.process.gone
        made.process.gone = lambda: (stuck.set(), gone())[1]  # type: ignore[method-assign, func-returns-value]
        asyncio.run(hand_in())
        made.commit.close()
        assert made.process.was_gone == 1
    assert len(outcomes_of(results)) == len(positions(path)) == 40


def test_neither_end_waits_for_room_while_the_other_does(tmp_path: Path) -> None:
    """At the end there is no loop: a group and the answer to the one before are each more than the socket takes."""
    results: list[Result] = []
    with apart(book(tmp_path / "book.db"), close_s=10) as made:

        async def hand_in() -> None:
            for number in range(4_000):
                said = response(number, "Brontegard", "2010-06-01T10:00:00Z", f"m-{number}")
                made.commit.submit(fact_from_object({**said, "comment": "c" * 2_000}), results.append)

        asyncio.run(hand_in())
        made.commit.close()
        assert made.process.was_gone == 0
    assert [one.status for one in results if isinstance(one, Outcome)] == ["refused"] * 4_000


@pytest.mark.parametrize("left", [1, 4, 5, 300])
def test_a_service_that_is_gone_in_the_middle_of_a_group_is_gone(tmp_path: Path, left: int) -> None:
    here, there = socket.socketpair()
    with closing(here), closing(there):
        said = message([enrolled(1)])
        here.sendall(said + message([enrolled(2), enrolled(3)])[:left])
        here.shutdown(socket.SHUT_WR)
        record_over(there, book(tmp_path / "book.db"), "the book")
    assert list(positions(tmp_path / "book.db")) == ["e-1"]


def test_what_was_handed_in_is_recorded_at_the_end_and_no_more_is_taken(tmp_path: Path) -> None:
    results: list[Result] = []
    with apart(book(tmp_path / "book.db")) as made:

        async def hand_in() -> None:
            for number in range(3_000):
                made.commit.submit(enrolled(number), results.append)

        asyncio.run(hand_in())
        made.commit.close()
        with pytest.raises(LedgerError, match="closed"):
            made.commit.submit(enrolled(1), results.append)
    assert len(outcomes_of(results)) == len(positions(tmp_path / "book.db")) == 3_000


def test_what_fails_there_fails_here_with_the_same_error(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    with apart(book(path)) as made:
        made.commit.open()
        path.rename(tmp_path / "elsewhere.db")

        async def story() -> list[Result]:
            found = await made.record([enrolled(1)])
            (tmp_path / "elsewhere.db").rename(path)
            return found + await made.record([enrolled(1)])

        lost, found = asyncio.run(story())
        assert isinstance(lost, StoreUnreachable)
        assert str(path) in str(lost)
        assert isinstance(found, Outcome)
        assert found.status == "accepted"
    assert made.told.groups == [0, 1]
    with apart(lambda: open_nothing(tmp_path)) as made, pytest.raises(StoreUnreachable, match="found no ledger"):
        made.commit.open()


def open_nothing(folder: Path) -> Ledger:
    return Ledger(open_store(str(folder / "nothing.db"), create=False), lambda: NOW_US)


def test_a_fact_over_which_the_program_fails_takes_no_other_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = Fact.digest

    def failing(self: Fact) -> bytes:
        if self.id == "e-7":
            raise ZeroDivisionError("over this one")
        return digest(self)

    monkeypatch.setattr(Fact, "digest", failing)
    with apart(book(tmp_path / "book.db")) as made:
        results = asyncio.run(made.record([enrolled(number) for number in range(20)]))
    assert [one.code for one in results if isinstance(one, Outcome) and one.status == "refused"] == ["fault"]
    assert len(positions(tmp_path / "book.db")) == 19
    ((fact, error),) = made.told.faults
    assert (fact, str(error)) == ("e-7", "over this one")
    assert isinstance(error, ZeroDivisionError)
    assert "test_commit_apart.py" in error.__notes__[0]


def test_what_is_noted_on_a_refused_fact_comes_back(tmp_path: Path) -> None:
    invited = {**response(1, "Brontegard", "2010-06-01T10:00:00Z", "m-2"), "invitation": "invitation-77"}
    with apart(book(tmp_path / "book.db")) as made:
        fact = fact_from_object(invited)
        (found,) = asyncio.run(made.record([fact]))
        assert isinstance(found, Outcome)
        assert found.code == "unknown-membership"
    here = fact_from_object(invited)
    with closing(book(tmp_path / "book.db")()) as ledger:
        ledger.recorder.record([here])
    assert fact.told() == here.told()
    assert len(str(fact.told()["invitation"])) == 64


class Awkward(Exception):
    """An error that is not made of its arguments, and one that cannot be sent at all."""

    def __init__(self, one: int, *, other: object) -> None:
        super().__init__(f"{one} and {other}")
        self.other = other


def validation_error() -> ValidationError:
    """An error that none but its library can make."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_python("no number")
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (QuorumMissing("found 1, expected 2"), QuorumMissing),
        (LinkKeyMissing("found none"), LinkKeyMissing),
        (OSError(28, "No space left on device"), OSError),
        (MemoryError(), MemoryError),
        (Awkward(1, other=2), Awkward),
        (Awkward(1, other=lambda: None), RuntimeError),
        (Awkward(1, other=Awkward(1, other=2)), RuntimeError),
        (validation_error(), RuntimeError),
        (KeyboardInterrupt(), RuntimeError),
    ],
)
def test_every_error_gets_across(error: BaseException, kind: type[Exception]) -> None:
    from console.http.bookkeeper import Answer
    from console.http.errors_apart import told_of

    (said,) = Messages().feed(message(([], {}, [], told_of(error))))
    found = Answer(said).error
    assert type(found) is kind
    if isinstance(error, OSError):
        assert isinstance(found, OSError)
        assert found.errno == 28
    if kind not in (RuntimeError, MemoryError):
        assert str(found) == str(error)
        assert getattr(found, "code", None) == getattr(error, "code", None)


@given(st.lists(st.binary(max_size=40), max_size=6), st.lists(st.integers(1, 30), max_size=20))
def test_messages_are_whole_wherever_they_are_cut(contents: list[bytes], cuts: list[int]) -> None:
    said = b"".join(message(one) for one in contents)
    messages = Messages()
    found: list[bytes] = []
    for size in cuts:
        found += messages.feed(said[:size])
        said = said[size:]
    found += messages.feed(said)
    assert found == contents


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_fact_gets_across_as_it_is(sample: Path) -> None:
    fact = parse_fact(sample.read_bytes())
    (found,) = Messages().feed(message([fact]))
    assert found == [fact]
    assert found[0].answered() == fact.answered()

"""Two stores, one truth: whatever dies at whatever moment, the vault keeps what the book has recorded, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from console.answering import PUT_OFF, Answering
from console.vault_place import VaultPlace
from ledger.programmes.registry import PROGRAMMES, parse_fact
from ledger.refusal_fields import FIELDS
from ledger.store.sqlite import SQLiteStore
from ledger.vault.columns import columns
from ledger.vault.keys import Keyring
from ledger.vault.responses import Responses
from ledger.vault.vault import Vault
from ledger.writing.transaction import Outcome
from ledger.writing.writer import Writer
from tests.console.support import Fact, enrolment, fact, response
from tests.ledger.vault.support import BACKENDS, KEYS, NOW_US, Counted, Place, dies_at

AT = "2011-06-01T00:00:00Z"
DAYS = 90


def said(number: int, **changed: Any) -> Fact:
    given = {
        "answers": {"overall": number, "continue": 10},
        "comment": f"comment {number}",
        "invitation": f"i-{number}",
    }
    return {**response(number, "Brontegard", AT), **given, **changed}


def invited(number: int) -> list[Fact]:
    return [
        fact("record-consent", f"c-{number}", AT, subject=f"s-{number}", customer_org="Brontegard"),
        fact("record-invitation", f"v-{number}", AT, invitation=f"i-{number}", subject=f"s-{number}",
             customer_org="Brontegard", channel="operator"),
    ]  # fmt: skip


class Named(VaultPlace):
    """The vault of a test, in any database, whose statements are counted."""

    def __init__(self, place: Place, passes: Callable[[], None] = lambda: None) -> None:
        object.__setattr__(self, "where", "the vault")
        object.__setattr__(self, "key_file", None)
        object.__setattr__(self, "keys", None)
        object.__setattr__(self, "_of", (place, passes))

    def keyring(self) -> Keyring:
        return KEYS

    def open(self) -> Vault:
        place, passes = self._of  # type: ignore[attr-defined]
        return Vault(cast(Any, Counted(place.backend.opened(place.where), passes)), KEYS)


class CountedWriter:
    """A writer that says when its transaction comes and when it is over."""

    def __init__(self, writer: Writer, passes: Callable[[], None]) -> None:
        self._writer = writer
        self._passes = passes

    def record(self, facts: Sequence[Any], *, lenient: bool = False) -> list[Outcome]:
        self._passes()
        outcomes = self._writer.record(facts, lenient=lenient)
        self._passes()
        return outcomes


class Stores:
    """A book in a file and a vault."""

    def __init__(self, folder: Path, place: Place) -> None:
        self.book = folder / "ledger.db"
        self.place = place
        with place.vault():
            pass
        with self.answering() as answering:
            before = self.tell(answering, *enrolment(), *invited(1), *invited(2), *invited(3))
            assert {one.status for one in before} == {"accepted"}
        self._before = self.book.read_bytes()

    def undo(self) -> None:
        """As if nothing but the invitations had been told."""
        for path in self.book.parent.glob("ledger.db-*"):
            path.unlink()
        self.book.write_bytes(self._before)
        with self.place.raw() as raw:
            for table in ("answers", "links"):
                raw(f"DELETE FROM {table}")
            raw("DELETE FROM data_keys WHERE holder <> 'vault/index'")
            raw("DELETE FROM vault_meta WHERE name = 'anonymity'")

    @contextmanager
    def answering(self, passes: Callable[[], None] = lambda: None) -> Iterator[Answering]:
        store = SQLiteStore(str(self.book), create=True)
        writer = Writer(store, lambda: NOW_US, PROGRAMMES)
        counted = cast(Writer, CountedWriter(writer, passes))
        remarks: list[str] = []
        answering = Answering(counted, store, lambda: NOW_US, Named(self.place, passes), DAYS, remarks.append)
        try:
            yield answering
            assert remarks == []
        finally:
            answering.close()
            writer.close()
            store.close()

    @staticmethod
    def tell(answering: Answering, *facts: Fact) -> list[Outcome]:
        return answering.record([parse_fact(orjson.dumps(one)) for one in facts])

    def kept(self) -> dict[str, int | None]:
        """By fact that is kept, the first figure of it."""
        with self.place.vault(create=False) as vault:
            return {one.fact: one.overall for one in columns(vault)}

    def raw(self, statement: str) -> list[Any]:
        with self.place.raw() as raw:
            return [row[0] for row in raw(statement)]

    def recorded(self) -> set[str]:
        store = SQLiteStore(str(self.book), create=False)
        try:
            with store.writing() as transaction:
                return set(transaction.known_facts([f"m-1-f-{number}" for number in range(1, 5)]))
        finally:
            store.close()


@pytest.fixture(params=BACKENDS, ids=lambda backend: str(backend.name))
def place(request: pytest.FixtureRequest) -> Place:
    """Somewhere for a vault, in each database."""
    return Place(request.param, request.param.place(request))


@pytest.fixture
def stores(tmp_path: Path, place: Place) -> Stores:
    return Stores(tmp_path, place)


FACTS = (
    said(1),
    said(2, anonymous=True),
    said(3, location="Lisbon"),  # refused
    said(4, response="m-1-r-1", invitation=None),  # refused, and never to be recorded
)


def test_at_whatever_moment_it_dies_nothing_is_lost_nothing_is_there_twice_and_nothing_refused_is_kept(
    stores: Stores,
) -> None:
    deaths = moment = 0
    while True:

        def work(passes: Callable[[], None]) -> None:
            with stores.answering(passes) as answering:
                stores.tell(answering, *FACTS)

        died = dies_at(moment, work)
        deaths += died
        # What is shown before anybody has settled it is of facts that the book has, all of them or none.
        recorded = stores.recorded()
        assert set(stores.kept()) <= recorded
        assert recorded in (set(), {"m-1-f-1", "m-1-f-2"})
        with stores.answering() as answering:
            answering.open()
            assert set(stores.kept()) == recorded
            assert [one.status for one in stores.tell(answering, *FACTS)][2:] == ["refused", "refused"]
        assert stores.kept() == {"m-1-f-1": 1, "m-1-f-2": 2}
        assert stores.raw("SELECT fact FROM links ORDER BY fact") == ["m-1-f-1", "m-1-f-3"]
        assert stores.raw("SELECT state FROM answers ORDER BY fact") == ["kept", "kept", "refused"]
        assert len(stores.raw("SELECT holder FROM data_keys WHERE holder <> 'vault/index'")) == 3
        if not died:
            break
        moment += 1
        stores.undo()
    assert deaths > 15


def test_at_whatever_moment_it_dies_the_next_one_leaves_no_link_of_an_anonymous_response(stores: Stores) -> None:
    chosen = [fact("choose-anonymity", f"a-{number}", AT, response=f"m-1-r-{number}") for number in (1, 3)]
    moment = 0
    while True:

        def work(passes: Callable[[], None]) -> None:
            with stores.answering(passes) as answering:
                stores.tell(answering, said(1), said(3))
                stores.tell(answering, *chosen)

        died = dies_at(moment, work)
        with stores.answering() as answering:
            answering.open()
            anonymous = stores.raw("SELECT response FROM answers WHERE anonymous = 1 ORDER BY fact")
            assert not set(anonymous) & set(stores.raw("SELECT response FROM links"))
            assert len(anonymous) in (0, 2)
            stores.tell(answering, said(1), said(3), *chosen)
        assert stores.raw("SELECT response FROM links") == []
        assert stores.kept() == {"m-1-f-1": 1, "m-1-f-3": 3}
        if not died:
            break
        moment += 1
        stores.undo()
    assert moment > 12


def test_answers_that_a_dead_process_left_are_known_again_and_others_are_not(stores: Stores) -> None:
    def work(passes: Callable[[], None]) -> None:
        with stores.answering() as answering:
            answering._conclude = lambda *_: passes()  # type: ignore[method-assign, assignment, return-value]
            stores.tell(answering, said(1))

    assert dies_at(0, work)
    assert stores.raw("SELECT state FROM answers") == ["pending"]
    with stores.answering() as answering:
        answering._settled_us = NOW_US  # as one that was open before: it finds out by asking the book
        (other,) = stores.tell(answering, said(1, comment="another"))
        assert (other.status, other.code) == ("refused", "id-reused")
        assert [one.status for one in stores.tell(answering, said(1))] == ["duplicate"]
    assert stores.kept() == {"m-1-f-1": 1}


def test_within_a_batch_a_fact_comes_twice_and_is_kept_once(stores: Stores) -> None:
    with stores.answering() as answering:
        outcomes = stores.tell(answering, said(1), said(1), said(1, comment="another"), response(1, "Brontegard", AT))
    assert [one.code or one.status for one in outcomes] == ["accepted", "duplicate", "id-reused", "id-reused"]
    assert stores.kept() == {"m-1-f-1": 1}


def test_a_batch_is_one_transaction_before_and_one_after(stores: Stores) -> None:
    begun = 0

    def counting(database: Any) -> Any:
        writing = database.writing

        def counted() -> Any:
            nonlocal begun
            begun += 1
            return writing()

        database.writing = counted
        return database

    with stores.answering() as answering:
        answering.open()
        assert answering._responses is not None
        counting(answering._responses.vault.database)
        facts = [
            {**said(number, invitation=None), "response": f"r-{number}", "id": f"x-{number}"} for number in range(1, 10)
        ]
        assert {one.status for one in stores.tell(answering, *facts)} == {"accepted"}
    assert begun == 2


def test_where_the_book_is_an_older_copy_than_the_vault_has_heard_of_all_of_it_is_heard_again(stores: Stores) -> None:
    with stores.answering() as answering:
        stores.tell(answering, said(1))
        answering._place = None  # as one that knows no vault
        stores.tell(answering, fact("choose-anonymity", "a-1", AT, response="m-1-r-1"))
    assert stores.raw("SELECT response FROM links") == ["m-1-r-1"]
    with stores.place.vault(create=False) as vault:
        Responses(vault).make_anonymous((), f"14 {'0' * 64}")  # the other copy was as long
    with stores.answering() as answering:
        answering.open()
    assert stores.raw("SELECT response FROM links") == []


def test_no_code_of_a_rule_puts_a_fact_off() -> None:
    """A voiding before its response would not be tried again (`record --any-order`)."""
    assert not PUT_OFF & FIELDS.keys()

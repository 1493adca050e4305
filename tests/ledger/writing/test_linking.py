"""The writer and its link key: made when a fact first needs it, the same for the whole life of a book, missed by few."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from ledger.errors import LinkKeyMismatch, LinkKeyMissing, LinkKeyUnusable
from ledger.link_key import HeldKey, NoKeys, foreseeable_key
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.link_key_file import LinkKeyFile
from ledger.store.sqlite import SQLiteStore
from ledger.writing.linking import key_of_book
from ledger.writing.writer import Outcome, Writer
from tests.support.link_key import KEY, KEYS, token_of

NOW_US = 1_577_836_800_000_000
ORGANISATION = {"customer_org": "Brontegard"}
INVITED = {"subject": "s-1", **ORGANISATION}


def told(kind: str, fact_id: str, at: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "id": fact_id, "membership": "m-1", "occurred_at": f"2010-0{at}T00:00:00Z", **fields}


OPENING = [
    told("enrol-membership", "f-1", "1-01", name="Contoso", level="gold"),
    told("record-consent", "f-2", "1-02", **INVITED),
    told("record-invitation", "f-3", "1-03", invitation="i-1", channel="operator", **INVITED),
    told("record-invitation", "f-4", "1-03", invitation="i-2", channel="operator", **INVITED),
]
OPEN_LINK = told("record-response", "f-5", "2-01", response="r-5", **ORGANISATION)
ANSWER = told("record-response", "f-6", "2-02", response="r-6", invitation="i-1", **ORGANISATION)
REMINDER = told("record-reminder", "f-7", "2-03", invitation="i-2")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with closing(SQLiteStore(path)) as opened:
        yield opened


def writer(store: SQLiteStore, **options: Any) -> Writer:
    return Writer(store, lambda: NOW_US, PROGRAMMES, rehearsal=True, **options)


def record(by: Writer, *facts: dict[str, Any]) -> list[Outcome]:
    return by.record([fact_from_object(fact) for fact in facts])


def said(outcomes: list[Outcome]) -> list[tuple[str, str | None]]:
    return [(outcome.status, outcome.code) for outcome in outcomes]


def tokens(store: SQLiteStore) -> list[str | None]:
    events = [PROGRAMMES.decode(row.stored) for row in store.read_feed(0, 1_000)]
    return [event.data["answer_token"] for event in events if event.type == "ResponseReceived"]


ACCEPTED = ("accepted", None)
MISSING = ("put-off", "link-key-missing")


def test_facts_that_name_no_answered_invitation_need_no_key(store: SQLiteStore, path: Path) -> None:
    outcomes = record(writer(store), *OPENING, OPEN_LINK, REMINDER)
    assert set(said(outcomes)) == {ACCEPTED}
    assert store.link_key_id() is None
    assert not (path.parent / "book.db.link-key").exists()


def test_the_first_answer_makes_a_key_beside_the_book_which_records_its_id(store: SQLiteStore, path: Path) -> None:
    record(writer(store), *OPENING, OPEN_LINK, ANSWER)
    key = LinkKeyFile(path.with_name("book.db.link-key"), makes=False).find()
    assert key is not None
    assert store.link_key_id() == key.id
    assert tokens(store) == [None, token_of("m-1", "i-1", key.secret)]


def test_another_writer_goes_by_the_same_key(store: SQLiteStore, path: Path) -> None:
    record(writer(store), *OPENING, ANSWER)
    again = {**ANSWER, "id": "f-8", "response": "r-8"}
    with closing(SQLiteStore(path)) as other:
        assert said(record(writer(other), ANSWER, again)) == [("duplicate", None), ("refused", "already-answered")]
        assert said(record(writer(other), {**ANSWER, "invitation": "i-2"})) == [("refused", "id-reused")]


def test_writers_that_begin_at_once_have_one_key(store: SQLiteStore, path: Path) -> None:
    record(writer(store), *OPENING)
    outcomes: list[Outcome] = []

    def one(number: int) -> None:
        with closing(SQLiteStore(path)) as own:
            fact = {**ANSWER, "id": f"a-{number}", "response": f"a-{number}"}
            outcomes.extend(record(writer(own), fact))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said(outcomes)) == [ACCEPTED, *[("refused", "already-answered")] * 5]


def test_without_its_key_what_names_an_invitation_waits_and_all_else_goes_on(store: SQLiteStore, path: Path) -> None:
    first = writer(store)
    record(first, *OPENING, ANSWER)
    key_path = path.with_name("book.db.link-key")
    key_path.rename(path.with_name("kept apart"))
    late = writer(store)
    second = {**ANSWER, "id": "f-8", "response": "r-8", "invitation": "i-2"}
    unknown = {**second, "id": "f-9", "membership": "nobody"}
    outcomes = record(
        late, OPEN_LINK, second, unknown, REMINDER, told("record-evaluation", "f-10", "2-05", evaluation="e")
    )
    assert said(outcomes) == [ACCEPTED, MISSING, MISSING, MISSING, ACCEPTED]
    key = LinkKeyFile(path.with_name("kept apart"), makes=False).find()
    assert key is not None
    assert outcomes[1].sentence == (
        f"{key_path}: found no link key, expected key {key.id}, under which this book ties answers; what names an "
        "invitation can be handed in again once it is there"
    )
    assert not key_path.exists(), "a new one would tie nothing to what is there"
    path.with_name("kept apart").rename(key_path)
    assert said(record(late, second, unknown, REMINDER)) == [
        ACCEPTED, ("refused", "unknown-membership"), ("refused", "already-answered"),
    ]  # fmt: skip


def test_another_key_is_an_error_that_names_both_and_records_nothing(store: SQLiteStore, path: Path) -> None:
    record(writer(store, link_keys=KEYS), *OPENING, ANSWER)
    before = store.max_position()
    other = foreseeable_key("another")
    wrong = writer(store, link_keys=HeldKey(other))
    second = {**ANSWER, "id": "f-8", "response": "r-8", "invitation": "i-2"}
    with pytest.raises(LinkKeyMismatch, match=f"found link key {other.id}, expected {KEY.id}"):
        record(wrong, OPEN_LINK, second)
    assert store.max_position() == before
    assert said(record(wrong, OPEN_LINK)) == [ACCEPTED], "it is not asked for"


def test_a_key_that_is_open_to_others_is_an_error(store: SQLiteStore, path: Path) -> None:
    record(writer(store), *OPENING, ANSWER)
    path.with_name("book.db.link-key").chmod(0o644)
    with pytest.raises(LinkKeyUnusable, match="0644"):
        record(writer(store), ANSWER)


def test_a_key_whose_transaction_failed_is_taken_by_the_next(store: SQLiteStore, path: Path) -> None:
    file = LinkKeyFile(path.with_name("book.db.link-key"), makes=True)

    class Failing(LinkKeyFile):
        def make(self) -> Any:
            super().make()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(writer(store, link_keys=Failing(file.path, makes=True)), *OPENING, ANSWER)
    made = file.find()
    assert made is not None
    assert store.link_key_id() is None
    record(writer(store), *OPENING, ANSWER)
    assert tokens(store) == [token_of("m-1", "i-1", made.secret)]
    assert store.link_key_id() == made.id


def test_a_writer_whose_book_is_replaced_by_a_copy_under_another_key_finds_out(store: SQLiteStore, path: Path) -> None:
    by = writer(store, link_keys=KEYS)
    record(by, *OPENING, ANSWER)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE ledger_meta SET value = 'feedfeedfeedfeed' WHERE name = 'link-key'")
    second = {**ANSWER, "id": "f-8", "response": "r-8", "invitation": "i-2"}
    assert said(record(by, second)) == [ACCEPTED], "who has asked once need not ask again for the same book"
    with pytest.raises(AttributeError):
        by.record([cast(Any, None)])  # any failure drops what the writer has at hand
    with pytest.raises(LinkKeyMismatch):
        record(by, {**second, "id": "f-9"})


def test_a_server_makes_no_key_of_its_own(store: SQLiteStore) -> None:
    with pytest.raises(
        LinkKeyMissing, match="CSAT_LEDGER_LINK_KEY_FILE: found no link key, expected that of a new one"
    ):
        key_of_book_in(store, NoKeys("CSAT_LEDGER_LINK_KEY_FILE"))
    by = writer(store, link_keys=NoKeys("here"))
    assert said(record(by, *OPENING, OPEN_LINK, ANSWER, REMINDER)) == [*[ACCEPTED] * 5, MISSING, ACCEPTED]


def key_of_book_in(store: SQLiteStore, keys: Any) -> Any:
    with store.writing() as transaction:
        return key_of_book(transaction, keys)


def test_the_same_reference_in_another_membership_is_another_invitation(store: SQLiteStore) -> None:
    other = [{**fact, "id": f"o-{number}", "membership": "m-2"} for number, fact in enumerate([*OPENING, ANSWER])]
    assert set(said(record(writer(store, link_keys=KEYS), *OPENING, ANSWER, *other))) == {ACCEPTED}
    assert tokens(store) == [token_of("m-1", "i-1"), token_of("m-2", "i-1")]


def test_under_the_known_spelling_an_answer_has_the_same_token(store: SQLiteStore) -> None:
    by = writer(store, link_keys=KEYS)
    record(by, *OPENING)
    (outcome,) = by.record([fact_from_object({**ANSWER, "customer_org": "BRONTEGARD"})], lenient=True)
    assert (outcome.status, outcome.spelt) == ("accepted", "Brontegard")
    assert tokens(store) == [token_of("m-1", "i-1")]


def test_one_fact_in_two_books_is_tied_in_each_under_its_own_key(store: SQLiteStore, tmp_path: Path) -> None:
    facts = [fact_from_object(fact) for fact in [*OPENING, ANSWER]]
    other_key = foreseeable_key("another")
    with closing(SQLiteStore(tmp_path / "other.db")) as other:
        writer(store, link_keys=KEYS).record(facts)
        writer(other, link_keys=HeldKey(other_key)).record(facts)
        assert tokens(store) == [token_of("m-1", "i-1")]
        assert tokens(other) == [token_of("m-1", "i-1", other_key.secret)]


def test_a_restart_and_a_snapshot_know_which_invitations_are_answered(store: SQLiteStore) -> None:
    by = writer(store, link_keys=KEYS)
    record(by, *OPENING, ANSWER)
    with store.writing() as transaction:
        state = by._cache.get("membership-m-1")
        programme = PROGRAMMES.of("membership-m-1")
        assert programme is not None
        loaded = programme.load(programme.dump(state))
        assert loaded.answers == {token_of("m-1", "i-1"): "r-6"}
        transaction.max_position()
    late = told("record-reminder", "f-9", "3-01", invitation="i-1")
    for again in (by, writer(store, link_keys=KEYS)):
        assert said(record(again, late)) == [("refused", "already-answered")]
    record(by, told("void-response", "f-10", "3-02", response="r-6", reason="test"))
    assert said(record(by, {**late, "id": "f-11"})) == [ACCEPTED]

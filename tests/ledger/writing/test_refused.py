"""What is kept of a refused fact, and that a keeper loses nothing in silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from ledger.errors import Refused
from ledger.instants import DAY_US
from ledger.link_key import foreseeable_key
from ledger.programmes.registry import PROGRAMMES
from ledger.store.refusal_rows import KeptRefusal, NewRefusal, Wanted
from ledger.store.sqlite import SQLiteStore
from ledger.writing.refused import EXPIRE_EVERY_US, ORIGINAL_MAX, RefusalKeeper, TurnedAway, to_keep

PARSER = PROGRAMMES.facts
KEY = foreseeable_key("test")
RESPONSE = {
    "type": "record-response", "id": "f-7", "membership": "m-1", "occurred_at": "2010-06-15T10:22:33Z",
    "response": "r-7", "customer_org": "Brontegard Shipping",
}  # fmt: skip


def refused(
    content: Any, code: str = "consent-missing", sentence: str = "no consent", source: str = "file:x"
) -> TurnedAway:
    """A refusal of a fact, as a way in hands it over: parsed, where that is possible, and tied."""
    line = content if isinstance(content, bytes) else orjson.dumps(content)
    try:
        fact = PARSER.parse(line)
    except Refused as refusal:
        return TurnedAway(line, None, refusal.code, refusal.sentence, refusal.field, source)
    fact.tie(KEY.token)
    if getattr(fact, "invitation", None) is not None and hasattr(fact, "answer_token"):
        fact.answer_token()  # as the rules have asked for it
    return TurnedAway(line, fact, code, sentence, None, source)


def kept(content: Any, **more: str) -> NewRefusal:
    return to_keep(refused(content, **more), PARSER)


def original(row: NewRefusal | KeptRefusal) -> Any:
    return None if row.original is None else orjson.loads(row.original)


def test_a_fact_that_rules_refuse_is_kept_whole_with_what_names_it() -> None:
    row = kept(RESPONSE)
    assert original(row) == RESPONSE
    assert row.whole
    assert (row.fact, row.type, row.membership) == ("f-7", "record-response", "m-1")
    assert (row.code, row.sentence, row.field, row.source) == (
        "consent-missing",
        "no consent",
        "customer_org",
        "file:x",
    )


def test_the_invitation_of_an_answer_is_kept_as_its_token_and_the_fact_not_whole() -> None:
    row = kept({**RESPONSE, "invitation": "inv-1"})
    assert original(row)["invitation"] == KEY.token("m-1", "inv-1")
    assert not row.whole
    assert "inv-1" not in str(row)


@pytest.mark.parametrize("more", [{"remark": "they were rude"}, {"answers": {"q1": 9, "why": "slow"}}, {"q1": 4}])
def test_answers_and_comments_are_not_kept_nor_their_names(more: dict[str, Any]) -> None:
    row = kept({**RESPONSE, **more})
    assert row.code == "malformed"
    assert original(row).keys() == RESPONSE.keys()
    assert not row.whole
    assert "rude" not in str(row)
    assert "slow" not in str(row)
    assert not {*more} & set(row.sentence.replace(":", " ").split())


def test_a_response_is_kept_without_its_answers_and_is_whole_where_the_vault_has_them() -> None:
    said = {"answers": {"overall": 9, "own": {"why": "slow"}}, "comment": "they were rude"}
    row = kept({**RESPONSE, **said}, code="consent-missing")
    assert original(row) == RESPONSE
    assert not row.whole
    fact = PARSER.parse(orjson.dumps({**RESPONSE, **said}))
    answered = fact.answered()
    assert answered is not None
    answered.held = True
    held = to_keep(TurnedAway(orjson.dumps({**RESPONSE, **said}), fact, "consent-missing", "…", None, "x"), PARSER)
    assert held.whole
    assert original(held) == {**RESPONSE, "answers": "in the vault"}
    again = PARSER.parse_kept(held.original or "").answered()
    assert again is not None
    assert again.from_vault
    assert PARSER.parse_kept(row.original or "").answered() is None
    for one in (row, held):
        assert "rude" not in str(one)
        assert "slow" not in str(one)


def test_what_stands_for_answers_in_a_kept_fact_is_malformed_from_anybody_else() -> None:
    assert kept({**RESPONSE, "answers": "in the vault"}).code == "malformed"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"customer_org": "jo@example.org"},
        {"membership": "Jo Example"},
        {"response": "the one of Jo Example"},
        {"occurred_at": "when Jo Example was here"},
        {"id": "0170 1234567", "membership": "?"},
    ],
)
def test_of_a_malformed_fact_no_text_is_kept_that_could_be_a_persons(spoilt: dict[str, str]) -> None:
    row = kept({**RESPONSE, **spoilt})
    assert row.code in ("malformed", "personal-data")
    assert not any(value in str(row) for value in spoilt.values() if len(value) > 1)
    assert not row.whole
    assert original(row)["type"] == "record-response"


def test_what_looks_like_personal_data_is_left_out_everywhere_also_of_the_sentence_and_the_source() -> None:
    told = {"sentence": "'+49 170 1234567' folds like 'x'", "source": "file:of jo@example.org.csv"}
    row = kept({**RESPONSE, "customer_org": "+49 170 1234567"}, **told)
    assert (row.code, row.field) == ("personal-data", "customer_org")
    well_formed = TurnedAway(
        orjson.dumps(RESPONSE), PARSER.parse(orjson.dumps(RESPONSE)), "x", told["sentence"], None, told["source"]
    )
    for one in (row, to_keep(well_formed, PARSER)):
        assert "1234567" not in str(one)
        assert "example.org" not in str(one)
    assert original(row)["customer_org"] is None
    assert not row.whole


def test_a_fact_with_a_key_twice_is_not_whole_since_what_it_means_is_not_known() -> None:
    line = orjson.dumps(RESPONSE)[:-1] + b',"id":"f-8"}'
    row = kept(line)
    assert (row.code, row.fact, row.whole) == ("malformed", "f-8", False)


@pytest.mark.parametrize(
    "line", [b"nonsense", b"", b"[1]", b'{"type":"x"', b"\xff\xfe", b'{"type":"no-such","id":"f"}']
)
def test_of_what_is_no_fact_nothing_is_kept_but_why(line: bytes) -> None:
    row = kept(line)
    assert (row.original, row.fact, row.type, row.membership, row.whole) == (None, None, None, None, False)
    assert row.code == "malformed"


def test_the_same_nonsense_from_anywhere_is_one_row_and_other_nonsense_of_the_same_kind_too() -> None:
    assert kept(b"nonsense", source="kafka:t/0/1").digest == kept(b"nonsense?", source="kafka:t/0/2").digest
    assert kept(b"nonsense").digest != kept(b'{"type"').digest


def test_the_same_fact_is_one_row_whatever_its_code_and_another_fact_another() -> None:
    assert kept(RESPONSE).digest == kept(dict(reversed(RESPONSE.items())), code="org-mismatch").digest
    assert kept(RESPONSE).digest != kept({**RESPONSE, "id": "f-8"}).digest


def test_a_fact_with_something_more_in_it_does_not_take_the_place_of_the_whole_one(store: SQLiteStore) -> None:
    """Of both the same is kept; as one row it could not be taken again any more."""
    keeper = RefusalKeeper(store, PARSER, Clock(), pytest.fail)
    sent = {**RESPONSE, "customer_org": "Brontegard"}
    keeper.keep([refused(sent)])
    keeper.keep([refused({**sent, "comment": "they were rude"})] * 2)
    found = store.refusals.page(Wanted(), 10)
    assert [(row.code, row.times, row.whole) for row in found] == [
        ("consent-missing", 2, False),
        ("consent-missing", 1, True),
    ]
    assert found[0].original == found[1].original


def test_a_fact_that_is_too_long_is_not_kept() -> None:
    enrolment = {"type": "enrol-membership", "id": "e", "membership": "m-1", "occurred_at": "2010-01-01T00:00:00Z"}
    names = [f"competency-{number}" for number in range(ORIGINAL_MAX // 10)]
    row = kept({**enrolment, "competencies": names})
    assert (row.original, row.whole, row.fact) == (None, False, "e")


# the keeper


class Clock:
    def __init__(self) -> None:
        self.now_us = 1_000 * DAY_US

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with closing(SQLiteStore(tmp_path / "book.db")) as opened:
        yield opened


def test_a_batch_is_kept_in_one_transaction(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    transactions = []
    writing = SQLiteStore.writing
    monkeypatch.setattr(SQLiteStore, "writing", lambda self: transactions.append(1) or writing(self))
    keeper = RefusalKeeper(store, PARSER, Clock(), pytest.fail)
    assert keeper.keep([refused({**RESPONSE, "id": f"f-{n}"}) for n in range(50)])
    assert len(transactions) == 1
    assert store.refusals.last_number() == 50
    assert keeper.keep([])
    assert len(transactions) == 1


def test_what_is_older_than_the_retention_is_deleted_now_and_then(store: SQLiteStore) -> None:
    clock = Clock()
    keeper = RefusalKeeper(store, PARSER, clock, pytest.fail, retention_days=30)
    keeper.keep([refused(RESPONSE)])
    clock.now_us += 30 * DAY_US + EXPIRE_EVERY_US
    keeper.keep([refused({**RESPONSE, "id": "f-8"})])
    assert [row.fact for row in store.refusals.page(Wanted(), 10)] == ["f-8"]
    (totals,) = store.refusals.totals()
    assert (totals.kept, totals.expired) == (1, 1)


def test_nothing_is_deleted_by_a_clock_that_is_not_believed_and_again_by_one_that_was_set_back(
    store: SQLiteStore,
) -> None:
    clock = Clock()
    right_us = clock.now_us
    wrong_us = right_us + 3_650 * DAY_US
    keeper = RefusalKeeper(
        store, PARSER, clock, pytest.fail, retention_days=30, is_believed=lambda now_us: now_us < wrong_us
    )
    keeper.keep([refused(RESPONSE)])
    clock.now_us = wrong_us
    keeper.keep([refused({**RESPONSE, "id": "f-8"})])
    assert store.refusals.last_number() == 2
    assert [row.fact for row in store.refusals.page(Wanted(), 10)] == ["f-8", RESPONSE["id"]]
    clock.now_us = right_us - 40 * DAY_US  # believed, and before what was deleted last
    keeper.keep([refused({**RESPONSE, "id": "f-9"})])
    clock.now_us = right_us + EXPIRE_EVERY_US - 1
    keeper.keep([refused({**RESPONSE, "id": "f-10"})])
    assert [row.fact for row in store.refusals.page(Wanted(), 10)] == ["f-10", "f-8", RESPONSE["id"]]


def test_what_cannot_be_kept_is_said_once_and_counted_until_it_can_be(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    keeper = RefusalKeeper(store, PARSER, Clock(), said.append)
    keeping = SQLiteStore.keeping_refusals

    def full(_: SQLiteStore) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SQLiteStore, "keeping_refusals", full)
    assert not keeper.keep([refused(RESPONSE)] * 2)
    assert not keeper.keep([refused(RESPONSE)])
    assert (keeper.unkept, len(said)) == (3, 1)
    assert "No space left" in said[0]
    with pytest.raises(OSError, match="No space"):
        keeper.require_kept([refused(RESPONSE)])
    monkeypatch.setattr(SQLiteStore, "keeping_refusals", keeping)
    assert keeper.keep([refused(RESPONSE)])
    monkeypatch.setattr(SQLiteStore, "keeping_refusals", full)
    assert not keeper.keep([refused(RESPONSE)])
    assert len(said) == 2


def test_a_fault_of_the_program_is_not_taken_for_a_full_disk(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SQLiteStore, "keeping_refusals", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        RefusalKeeper(store, PARSER, Clock(), pytest.fail).keep([refused(RESPONSE)])

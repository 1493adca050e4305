"""The writer over a book of both programmes: neither disturbs the other, and an edition concerns its own subjects alone."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import orjson
import pytest

from console.demo.survey import generate
from ledger.errors import BrokenHistory, Refused
from ledger.event import leaf_hash
from ledger.fact import Fact
from ledger.programmes.capability.editions import SHIPPED_AREA
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.base import NewRow
from ledger.writing import state_cache
from ledger.writing.group_commit import GroupCommit
from ledger.writing.setting_aside import SET_ASIDE_CODE
from ledger.writing.writer import Writer
from tests.oracle.capability.book import instant
from tests.oracle.survey.book import FIGURES
from tests.support.designations import AREAS, NOW, NOW_US, designation_facts, easy_scorebook, side_by_side
from tests.support.designations_checked import designation_streams, require_as_the_oracle
from tests.support.real_book import RealBook, real_book

DESIGNATED = ("in-no-survey", "m-0001")
PUT_OFF = ("put-off", SET_ASIDE_CODE)
ACCEPTED = ("accepted", None)


def surveyed(seed: int = 3, memberships: int = 3) -> list[dict[str, Any]]:
    """The facts of a small survey as they arrive, those that have the form of one."""
    return [content for _, content in generate(seed, memberships) if is_fact(content)]


def is_fact(content: Any) -> bool:
    try:
        fact_from_object(content)
    except Refused:
        return False
    return True


def told(facts: Sequence[dict[str, Any]]) -> list[Fact]:
    return [fact_from_object(fact) for fact in facts]


def events_of(book: RealBook, prefix: tuple[str, ...]) -> dict[str, list[Any]]:
    """What stands in the streams of a programme, but for when it was recorded, its salt, and the chain over both."""
    found: dict[str, list[Any]] = {}
    for row in book.feed():
        if row.stream.startswith(prefix):
            event = json.loads(row.stored)
            parts = [event[key] for key in ("seq", "type", "v", "occurred_at", "fact", "actor", "data")]
            found.setdefault(row.stream, []).append(parts)
    return found


SURVEY, CAPABILITY = ("membership-", "programme"), ("designation-", "scorebook/")


def batches(random: Random, facts: list[Any]) -> Iterator[list[Any]]:
    start = 0
    while start < len(facts):
        size = random.choice([1, 3, 40])
        yield facts[start : start + size]
        start += size


@pytest.mark.parametrize(
    ("seed", "cache_bytes_max"), [(1, 1 << 26), (2, 20_000), (3, 1)], ids=["roomy", "packed", "given up at once"]
)
def test_what_a_programme_makes_of_its_facts_does_not_depend_on_the_other(
    seed: int, cache_bytes_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the two are mixed, in whatever batches, with snapshots and evictions, reviews and new processes between."""
    monkeypatch.setattr(state_cache, "SNAPSHOT_EVENTS_MIN", 15)
    random = Random(seed)
    survey, designations = surveyed(), designation_facts(random, DESIGNATED)
    facts = list(side_by_side(random, [survey, designations]))
    with real_book(cache_bytes_max=cache_bytes_max) as both, real_book() as one, real_book() as other:
        for book in (both, one, other):
            book.now_us = NOW_US
        for batch in batches(random, facts):
            both.record(told(batch))
            one.record(told([fact for fact in batch if fact in survey]))
            other.record(told([fact for fact in batch if fact not in survey]))
            if random.random() < 0.02:
                until_us = NOW_US - random.randrange(5_000) * 86_400_000_000
                for book in (both, one, other):
                    book.writer.review(until_us)
            if random.random() < 0.05:
                both.reopen()
        for book in (both, one, other):
            book.writer.review(NOW_US)
        assert events_of(both, SURVEY) == events_of(one, SURVEY)
        assert events_of(both, CAPABILITY) == events_of(other, CAPABILITY)
        assert snapshots(both).keys() >= {f"designation-{DESIGNATED[0]}/{area}" for area in AREAS}
        assert require_as_the_oracle(both.store, designations, instant(NOW))["flips"] > 10


def snapshots(book: RealBook) -> dict[str, int]:
    with book.store.writing() as transaction:
        return {one.stream: one.seq for one in transaction.snapshots(book.store.stream_names())}


def test_many_callers_with_facts_of_both_share_transactions() -> None:
    random = Random(5)
    survey, designations = surveyed(), designation_facts(random, DESIGNATED)
    opening = [fact for fact in designations if fact["type"] in ("publish-scorebook", "open-designation")]
    rest = [fact for fact in designations if fact not in opening]
    shares = [list(side_by_side(random, [survey[n::8], rest[n::8]])) for n in range(8)]
    found: Counter[str] = Counter()
    with real_book() as book:
        book.now_us = NOW_US
        book.record(told([*opening, *(fact for fact in survey if fact["type"] == "enrol-membership")]))
        before = book.store.max_position()
        group = GroupCommit(book.writer)

        def caller(share: list[dict[str, Any]]) -> None:
            for fact in share:
                found[group.record(fact_from_object(fact)).status] += 1

        threads = [threading.Thread(target=caller, args=(share,)) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        group.close()
        assert sum(found.values()) == sum(map(len, shares))
        assert found["accepted"] > 0.7 * found.total()
        recorded = {json.loads(row.stored)["recorded_at"] for row in book.feed() if row.position > before}
        assert len(recorded) < found["accepted"], "no two facts ever shared a transaction"
        assert require_as_the_oracle(book.store, designations)["designations"] == 4


def test_an_edition_among_facts_gives_up_no_state_that_the_others_of_the_transaction_need() -> None:
    """Also where there is memory for one state only, and the edition is of the other programme."""
    enrolled = {"type": "enrol-membership", "name": "C", "level": "gold", "occurred_at": "2010-01-01T00:00:00Z"}
    memberships = [f"m-{number}" for number in range(300)]
    consents = [
        {"type": "record-consent", "id": f"c {one}", "membership": one, "subject": "s", "customer_org": "adatum",
         "occurred_at": "2010-02-01T00:00:00Z"}
        for one in memberships
    ]  # fmt: skip
    later = [{**enrolled, "id": "later", "membership": "later"}, easy_scorebook("first", "2023-01-01T00:00:00Z")]
    editions = [
        rulebook("easy", "2010-01-15T00:00:00Z"),
        hard("small-area"),
        rulebook("easier", "2010-01-16T00:00:00Z"),
    ]
    with real_book(cache_bytes_max=1) as book:
        book.now_us = NOW_US
        book.record(told([{**enrolled, "id": f"e {one}", "membership": one} for one in memberships]))
        found = outcomes(
            book, *consents[:150], *later, *editions, *consents[150:], consents[0] | {"id": "c", "membership": "later"}
        )
        assert found == [ACCEPTED] * (len(consents) + len(later) + len(editions) + 1)
        assert "membership-later" in dict(book.store.read_due())
        assert {row.seq for row in book.feed() if row.type == "ConsentGiven"} == {2}


# Reviews and editions


@pytest.fixture
def book() -> Iterator[RealBook]:
    """Three memberships in a survey, and designations of two memberships in each of two areas; all reviewed."""
    with real_book() as opened:
        opened.now_us = NOW_US
        opened.record(told(surveyed()))
        opened.record(told(designation_facts(Random(4), DESIGNATED)))
        opened.writer.review(NOW_US)
        opened.reopen()
        yield opened


def appended(book: RealBook, before: int) -> Counter[tuple[str, str]]:
    """Types of events after a position, by the beginning of their stream."""
    rows = book.store.read_feed(before, 100_000)
    return Counter((row.stream.partition("-")[0].partition("/")[0], row.type) for row in rows)


def rulebook(edition: str, effective_from: str) -> dict[str, Any]:
    fields = {**FIGURES, "edition": edition, "effective_from": effective_from, "min_responses": 1, "per_org_cap": 1}
    more = {"min_organisations": 1, "window_months": 12}
    return {"type": "publish-rulebook", "id": edition, "occurred_at": "2009-01-01T00:00:00Z", **fields, **more}


def hard(area: str, effective_from: str = "2024-01-01T00:00:00.000001Z") -> dict[str, Any]:
    return easy_scorebook("harder", effective_from, area, min_centipoints=10**9)


def test_an_edition_of_the_past_revises_the_subjects_of_its_own_programme_alone(book: RealBook) -> None:
    before = book.store.max_position()
    book.record(told([rulebook("easy", "2010-01-01T00:00:00Z")]))
    assert {stream for stream, _ in appended(book, before)} == {"programme", "membership"}
    before = book.store.max_position()
    book.record(told([hard("small-area")]))
    assert {stream for stream, _ in appended(book, before)} == {"scorebook", "designation"}
    touched = {row.stream for row in book.store.read_feed(before, 1_000)}
    assert touched <= {"scorebook/small-area", *(f"designation-{one}/small-area" for one in DESIGNATED)}
    assert len(touched) > 1


@pytest.mark.parametrize("effective_from", ["2024-01-01T00:00:00.000001Z", "2030-01-01T00:00:00Z"])
def test_who_does_not_go_by_an_edition_is_not_reviewed_for_it(book: RealBook, effective_from: str) -> None:
    due = dict(book.store.read_due())
    book.record(told([hard("small-area", effective_from)]))
    small = {f"designation-{one}/small-area" for one in DESIGNATED}
    after = dict(book.store.read_due())
    assert {stream for stream in after if after[stream] != due[stream]} <= small
    book.now_us = NOW_US + 10 * 365 * 86_400_000_000
    others = [stream for stream, at_us in after.items() if at_us <= book.now_us and stream not in small]
    assert book.writer.review(book.now_us).reviewed <= len(others) + len(small)


def test_one_review_announces_what_is_due_in_either(book: RealBook) -> None:
    before = book.store.max_position()
    at = "2025-03-10T00:00:00Z"
    where = {"membership": DESIGNATED[0], "area": AREAS[1], "occurred_at": "2025-02-20T00:00:00Z"}
    begin = easy_scorebook("soon", at, AREAS[1], min_centipoints=10**9)
    book.record(told([begin, {"type": "set-anniversary", "id": "a", "anniversary": "2025-12-31", **where}]))
    qualified = [
        stream for stream in designation_streams(book.store) if stream.endswith(AREAS[1]) and holds(book, stream)
    ]
    assert qualified, "nobody would lose anything"
    enrolled = "2024-04-01T00:00:00Z"
    survey = {"membership": "late", "name": "Late", "level": "gold", "type": "enrol-membership", "id": "l"}
    book.record(told([{**survey, "occurred_at": enrolled}, rulebook("one-is-enough", "2023-01-01T00:00:00Z")]))
    response = {"type": "record-response", "id": "r", "membership": "late", "response": "r", "customer_org": "adatum"}
    book.record(told([{**response, "occurred_at": "2024-04-02T00:00:00Z"}]))
    before = book.store.max_position()
    book.now_us = NOW_US + 60 * 86_400_000_000
    assert book.writer.review(book.now_us).announced == len(qualified) + 1
    found = appended(book, before)
    assert found["designation", "DesignationChanged"] == len(qualified)
    assert found["membership", "EligibilityChanged"] == 1


def holds(book: RealBook, stream: str) -> bool:
    last = [
        json.loads(row.stored)["data"] for row in book.store.read_stream(stream) if row.type == "DesignationChanged"
    ]
    return bool(last) and last[-1]["qualified"]


def test_a_scorebook_of_a_new_area_wakes_nobody(book: RealBook) -> None:
    due, before = dict(book.store.read_due()), book.store.max_position()
    book.record(told([easy_scorebook("first", "2020-01-01T00:00:00Z", "another-area")]))
    assert appended(book, before) == {("scorebook", "ScorebookPublished"): 1}
    assert dict(book.store.read_due()) == due
    opening = {"type": "open-designation", "id": "new", "membership": "m", "area": "another-area", "name": "C"}
    (outcome,) = book.record(told([{**opening, "occurred_at": "2024-01-01T00:00:00Z"}]))
    assert outcome.status == "accepted"


def test_the_shipped_scorebook_comes_with_the_first_fact_of_its_area_whatever_else_is_in_the_book() -> None:
    with real_book() as book:
        book.now_us = NOW_US
        book.record(told(surveyed()))
        assert not [row for row in book.feed() if row.stream.startswith("scorebook")]
        before = book.store.max_position()
        (outcome,) = book.record(told([{
            "type": "close-month", "id": "c", "membership": "m", "area": SHIPPED_AREA, "month": "2024-01",
            "occurred_at": "2024-03-01T00:00:00Z",
        }]))  # fmt: skip
        assert (outcome.status, outcome.code) == ("refused", "unknown-designation")
        assert [row.stream for row in book.store.read_feed(before, 10)] in ([f"scorebook/{SHIPPED_AREA}"], [])


# Streams that cannot be read


def append_by_a_newer_program(book: RealBook, stream: str) -> int:
    """An event that only a newer program knows, properly chained."""
    rows = list(book.store.read_stream(stream))
    event = orjson.loads(rows[-1].stored)
    event |= {"type": "DesignationPaused", "seq": len(rows) + 1, "prev": leaf_hash(rows[-1].stored), "data": {}}
    position = book.store.max_position() + 1
    stored = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    with book.store.writing() as transaction:
        transaction.append([NewRow(position, stream, len(rows) + 1, event["type"], stored, None, None)])
    return position


def close(membership: str, area: str, month: str = "2022-01") -> dict[str, Any]:
    where = {"membership": membership, "area": area, "occurred_at": "2025-02-20T00:00:00Z"}
    return {"type": "close-month", "id": f"close {membership} {area} {month}", **where, "month": month}


def outcomes(book: RealBook, *facts: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(outcome.status, outcome.code) for outcome in book.record(told(facts))]


def test_a_designation_that_cannot_be_read_holds_up_no_other_and_no_survey(book: RealBook) -> None:
    one, other = DESIGNATED
    append_by_a_newer_program(book, f"designation-{one}/{AREAS[0]}")
    enrolled = next(row.stream for row in book.feed() if row.stream.startswith("membership-"))
    evaluation = {
        "type": "record-evaluation", "id": "e", "membership": enrolled.removeprefix("membership-"), "evaluation": "e",
        "occurred_at": "2014-01-01T00:00:00Z",
    }  # fmt: skip
    facts = [close(one, AREAS[0]), close(one, AREAS[1]), close(other, AREAS[0]), evaluation]
    assert outcomes(book, *facts) == [PUT_OFF, ACCEPTED, ACCEPTED, ACCEPTED]
    assert [aside.stream for aside in book.store.set_aside()] == [f"designation-{one}/{AREAS[0]}"]
    assert book.writer.review(NOW_US + 86_400_000_000).set_aside == 1


def test_an_edition_of_the_past_waits_for_a_stream_that_goes_by_it_and_for_no_other(book: RealBook) -> None:
    stream = f"designation-{DESIGNATED[0]}/{AREAS[0]}"
    append_by_a_newer_program(book, stream)
    assert outcomes(book, close(DESIGNATED[0], AREAS[0])) == [PUT_OFF]
    before = book.store.max_position()
    assert outcomes(book, rulebook("easy", "2010-01-01T00:00:00Z")) == [ACCEPTED]
    assert appended(book, before)["membership", "EligibilityChanged"] > 0
    assert outcomes(book, hard(AREAS[1])) == [ACCEPTED]
    assert outcomes(book, hard(AREAS[0]) | {"id": "x"}) == [PUT_OFF]
    assert outcomes(book, hard(AREAS[0], "2030-01-01T00:00:00Z") | {"id": "y"}) == [ACCEPTED]


def test_an_edition_finds_the_unreadable_among_its_own_subjects_and_is_put_off(book: RealBook) -> None:
    """The stream was not set aside before: the sweep is the first that meets it."""
    append_by_a_newer_program(book, f"designation-{DESIGNATED[0]}/{AREAS[0]}")
    book.reopen()
    assert outcomes(book, hard(AREAS[1]), rulebook("easy", "2010-01-01T00:00:00Z")) == [ACCEPTED, ACCEPTED]
    assert book.store.set_aside() == []
    assert outcomes(book, hard(AREAS[0])) == [PUT_OFF]
    assert len(book.store.set_aside()) == 1


def test_a_scorebook_that_cannot_be_read_stops_its_area_with_a_sentence_and_not_the_survey(book: RealBook) -> None:
    append_by_a_newer_program(book, f"scorebook/{AREAS[1]}")
    book.reopen()
    with pytest.raises(BrokenHistory, match=f"stream scorebook/{AREAS[1]} cannot be read"):
        outcomes(book, close(DESIGNATED[0], AREAS[1]))
    assert outcomes(book, close(DESIGNATED[0], AREAS[0]), rulebook("easy", "2010-01-01T00:00:00Z")) == [ACCEPTED] * 2


def test_a_designation_that_was_set_aside_is_taken_up_with_what_it_missed(book: RealBook) -> None:
    stream = next(one for one in designation_streams(book.store) if one.endswith(AREAS[1]) and holds(book, one))
    position = append_by_a_newer_program(book, stream)
    membership = stream.removeprefix("designation-").partition("/")[0]
    assert outcomes(book, close(membership, AREAS[1])) == [PUT_OFF]
    future = easy_scorebook("soon", "2025-03-10T00:00:00Z", AREAS[1], min_centipoints=10**9)
    assert outcomes(book, future) == [ACCEPTED]
    book.now_us = NOW_US + 60 * 86_400_000_000
    assert book.writer.review(book.now_us).reviewed < 10, "it goes round in circles over what cannot be read"
    assert holds(book, stream)
    mend(book, position, stream)
    reviewed = book.writer.review(book.now_us)
    assert (reviewed.set_aside, book.store.set_aside()) == (0, [])
    assert not holds(book, stream)
    assert outcomes(book, close(membership, AREAS[1])) == [ACCEPTED]


def mend(book: RealBook, position: int, stream: str) -> None:
    """The program that knows the event is there: here, the event becomes one that this program knows as well."""
    import sqlite3

    from ledger.store.sqlite_tables import EVENTS_TRIGGERS

    (row,) = (row for row in book.store.read_stream(stream) if row.position == position)
    event = json.loads(row.stored) | {"type": "AnniversarySet", "data": {"anniversary": "2030-01-01"}}
    with sqlite3.connect(book.path) as raw:
        raw.execute("DROP TRIGGER events_no_update")
        stored = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
        raw.execute("UPDATE events SET state = ?, topic = ? WHERE position = ?", (stored, event["type"], position))
        raw.execute(EVENTS_TRIGGERS[0].format(table="events"))
    raw.close()


def test_two_writers_see_the_scorebook_that_the_other_published(book: RealBook) -> None:
    other = Writer(book.store, lambda: book.now_us, PROGRAMMES, rehearsal=True)
    assert outcomes(book, close(DESIGNATED[0], AREAS[1])) == [ACCEPTED]
    (outcome,) = other.record(told([hard(AREAS[1])]))
    assert outcome.status == "accepted"
    before = book.store.max_position()
    assert outcomes(book, close(DESIGNATED[0], AREAS[1], "2022-02")) == [ACCEPTED]
    assert appended(book, before) == {("designation", "MonthClosed"): 1}
    assert not holds(book, f"designation-{DESIGNATED[0]}/{AREAS[1]}")

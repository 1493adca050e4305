"""The rules: each fact of the programme as a sentence, and a status from first principles to compare with."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ledger.proof.log.errors import MalformedError, RefutedError
from ledger.proof.log.event import add_months, format_instant, parse_date, parse_instant
from ledger.proof.log.strictjson import first_difference
from ledger.proof.survey.replay import Membership, Rulebook
from ledger.proof.survey.rules import Status, decision, status
from tests.ledger.proof.book import FIGURES, Book, canonical, us

NOON_US = 12 * 3_600_000_000


def at(book: Book, stream: str, instant: str) -> Status:
    return status(book.membership(stream), book.rulebook(), us(instant))


def ten(book: Book, stream: str, **more: Any) -> None:
    """Ten responses in April 2010, of two organisations."""
    for i in range(10):
        book.respond(stream, f"r-{i}", f"2010-04-{i + 1:02d}", "org-a" if i < 8 else "org-b", **more)


def test_nine_responses_are_not_enough_and_ten_are() -> None:
    book = Book()
    stream = book.enrol("m-1")
    ten(book, stream)
    assert not at(book, stream, "2010-04-09").satisfied
    assert at(book, stream, "2010-04-10") == Status(True, True, "responses", "main", 10, 2, "2009-11", 0)
    assert not at(book, stream, "2010-04-09T23:59:59.999999Z").satisfied


def test_ninth_response_from_one_organisation_is_not_applied() -> None:
    book = Book()
    stream = book.enrol("m-1")
    for i in range(20):
        book.respond(stream, f"r-{i}", "2010-04-01", "org-a")
    book.respond(stream, "other", "2010-04-02", "org-b")
    assert at(book, stream, "2010-05-01")[2:6] == (None, "main", 9, 2)


def test_one_organisation_is_never_enough_whatever_the_cap() -> None:
    book = Book()
    book.publish("no-cap", "2010-01-01", per_org_cap=100)
    stream = book.enrol("m-1")
    for i in range(50):
        book.respond(stream, f"r-{i}", "2010-04-01", "org-a")
    assert at(book, stream, "2010-05-01")[1:6] == (False, None, "main", 50, 1)


def test_a_response_counts_until_the_same_instant_a_year_on() -> None:
    book = Book()
    stream = book.enrol("m-1")
    ten(book, stream)
    assert at(book, stream, "2011-03-31T23:59:59.999999Z").counted == 10
    assert at(book, stream, "2011-04-01").counted == 9


@pytest.mark.parametrize(("received", "months", "expiry"), [
    ("2012-02-29", 12, "2013-02-28"), ("2011-02-28", 12, "2012-02-28"), ("2010-01-31", 1, "2010-02-28"),
    ("2010-08-31", 6, "2011-02-28"), ("2010-12-15", 1, "2011-01-15"), ("2012-01-30", 1, "2012-02-29"),
    ("2010-03-01", 0, "2010-03-01"), ("2010-03-01", 36, "2013-03-01"),
])  # fmt: skip
def test_a_day_that_the_month_lacks_becomes_its_last(received: str, months: int, expiry: str) -> None:
    assert add_months(us(received) + NOON_US, months) == us(expiry) + NOON_US


def test_what_outlasts_the_calendar_never_expires() -> None:
    assert add_months(us("9999-12-31"), 1) == add_months(us("2010-01-01"), 2**62)


def test_a_void_response_counts_at_no_instant() -> None:
    book = Book()
    stream = book.enrol("m-1")
    ten(book, stream)
    book.void(stream, "r-3", "2010-12-01")
    assert at(book, stream, "2010-05-01").counted == 9


def test_locations_are_counted_by_themselves_unless_the_edition_pools_them() -> None:
    book = Book()
    stream = book.enrol("m-1", locations=["berlin", "aachen"])
    for i in range(8):
        book.respond(stream, f"a-{i}", "2010-04-01", "org-a", "aachen")
        book.respond(stream, f"b-{i}", "2010-04-01", "org-b", "berlin")
    assert at(book, stream, "2010-05-01")[1:6] == (False, None, "aachen", 8, 1)
    book.publish("pooled", "2010-04-15", pool_locations=True)
    assert at(book, stream, "2010-05-01")[1:6] == (True, "responses", "*", 16, 2)


def test_a_satisfied_location_is_named_before_one_with_a_higher_count() -> None:
    book = Book()
    book.publish("no-cap", "2010-01-01", per_org_cap=100)
    stream = book.enrol("m-1", locations=["one", "two"])
    for i in range(30):
        book.respond(stream, f"r-{i}", "2010-04-01", "org-a", "one")
    for i in range(10):
        book.respond(stream, f"q-{i}", "2010-04-01", f"org-{i}", "two")
    assert at(book, stream, "2010-05-01")[1:6] == (True, "responses", "two", 10, 10)


def test_evaluations_count_only_while_learning_is_held() -> None:
    book = Book()
    stream = book.enrol("m-1", competencies=["LEARNING"])
    for i in range(10):
        book.append(stream, "EvaluationReceived", "2010-04-01", {"evaluation": f"e-{i}"})
    book.append(stream, "MembershipUpdated", "2010-06-01", {"competencies": ["Data"]})
    assert at(book, stream, "2010-05-01") == Status(True, True, "evaluations", "main", 0, 0, "2009-11", 10)
    assert at(book, stream, "2010-06-01") == Status(True, False, None, "main", 0, 0, "2009-11", 0)
    assert at(book, stream, "2011-04-01").evaluations == 0


def test_responses_win_over_evaluations_where_both_satisfy() -> None:
    book = Book()
    stream = book.enrol("m-1", competencies=["Learning"])
    ten(book, stream)
    for i in range(10):
        book.append(stream, "EvaluationReceived", "2010-04-01", {"evaluation": f"e-{i}"})
    assert at(book, stream, "2010-05-01").via == "responses"


def test_nothing_is_required_or_satisfied_before_the_first_edition_or_below_gold() -> None:
    book = Book()
    stream = book.enrol("m-1", level="silver")
    ten(book, stream)
    assert at(book, stream, "2009-10-31T23:59:59.999999Z") == Status(False, False, None, "main", 0, 0, None, 0)
    assert at(book, stream, "2010-05-01")[:2] == (False, True)
    book.append(stream, "MembershipUpdated", "2010-07-01", {"level": "gold"})
    assert at(book, stream, "2010-06-30").required is False
    assert at(book, stream, "2010-07-01").required is True


def test_of_two_editions_with_one_instant_the_later_published_holds() -> None:
    book = Book()
    stream = book.enrol("m-1")
    book.publish("late-1", "2010-06-01")
    book.publish("late-2", "2010-06-01")
    book.publish("early", "2010-05-01")
    assert [at(book, stream, day).edition for day in ("2010-05-31", "2010-06-01", "2013-04-01")] == [
        "early", "late-2", "2013-04",
    ]  # fmt: skip


def test_a_renewal_is_decided_by_the_last_microsecond_before_its_date() -> None:
    book = Book()
    stream = book.enrol("m-1")
    ten(book, stream)
    book.void(stream, "r-0", "2010-05-01")
    last = book.respond(stream, "last", "2011-02-28T23:59:59.999999Z", "org-b")
    decided = decision(book.membership(stream), book.rulebook(), "2011-03-01")
    assert decided["evaluated_at"] == "2011-02-28T23:59:59.999999Z"
    assert (decided["outcome"], decided["counted"], decided["applied"][-1]["seq"]) == ("met", 10, last.seq)
    assert decided["left_out"] == [{"response": "r-0", "reason": "void"}]
    assert decision(book.membership(stream), book.rulebook(), "2011-02-28")["outcome"] == "not-met"


def test_what_was_left_out_is_named_with_void_before_location_before_cap() -> None:
    book = Book()
    stream = book.enrol("m-1", locations=["one", "two"])
    for i in range(9):
        book.respond(stream, f"r-{i}", "2010-04-01", "org-a", "one")
    book.respond(stream, "elsewhere", "2010-04-01", "org-a", "two")
    book.respond(stream, "void-elsewhere", "2010-03-01", "org-a", "two")
    book.void(stream, "void-elsewhere", "2010-05-01")
    decided = decision(book.membership(stream), book.rulebook(), "2011-03-01")
    assert decided["left_out"] == [
        {"response": "void-elsewhere", "reason": "void"},
        {"response": "r-8", "reason": "over-cap", "customer_org": "org-a", "group": "org-a"},
        {"response": "elsewhere", "reason": "other-location"},
    ]
    assert (decided["location"], decided["outcome"], decided["applied_total"]) == ("one", "not-met", 8)


def test_at_most_a_hundred_are_listed_and_all_are_counted() -> None:
    book = Book()
    stream = book.enrol("m-1")
    for i in range(300):
        book.respond(stream, f"r-{i:03d}", "2010-04-01", f"org-{i % 20}")
    decided = decision(book.membership(stream), book.rulebook(), "2011-03-01")
    assert (len(decided["applied"]), decided["applied_total"], decided["counted"]) == (100, 160, 160)
    assert (len(decided["left_out"]), decided["left_out_total"]) == (100, 140)


def test_fewer_are_listed_where_their_names_take_much_room() -> None:
    book = Book()
    stream = book.enrol("m-1")
    for i in range(300):
        book.respond(stream, f"r-{i:03d}", "2010-04-01", f"{'Ы' * 60}{i % 20}")
    decided = decision(book.membership(stream), book.rulebook(), "2011-03-01")
    for name, total in (("applied", 160), ("left_out", 140)):
        sizes = [len(canonical(entry)) + 1 for entry in decided[name]]
        assert sum(sizes) <= 30_000 < sum(sizes) + sizes[-1]
        assert decided[f"{name}_total"] == total


def test_deciding_again_counts_up_and_before_any_edition_nothing_is_applied() -> None:
    book = Book()
    stream = book.enrol("m-1")
    ten(book, stream)
    assert [book.decide(stream, "2011-03-01").data["revision"] for _ in range(3)] == [1, 2, 3]
    early = decision(book.membership(stream), book.rulebook(), "2009-01-01")
    assert (early["outcome"], early["edition"], early["applied"], early["left_out"]) == ("not-required", None, [], [])


@pytest.mark.parametrize(
    "value", [None, 5, "", "2010-1-1", "2010-02-30", "20100101", "0001-01-01", "2010-01-01T00:00:00"]
)
def test_dates_in_another_form_are_refused(value: Any) -> None:
    with pytest.raises(MalformedError):
        parse_date(value, "date")


@pytest.mark.parametrize("value", [
    None, 5, "2010-01-01", "2010-01-01T00:00:00Z", "2010-01-01T00:00:00.000Z", "2010-01-01T24:00:00.000000Z",
    "2010-01-01T00:00:60.000000Z", "2010-01-01 00:00:00.000000Z", "2010-01-01T00:00:00.000000+00:00",
    "2010-01-01T00:00:00.000000z", "2010-02-30T00:00:00.000000Z", "0000-01-01T00:00:00.000000Z",
])  # fmt: skip
def test_instants_in_another_form_are_refused(value: Any) -> None:
    with pytest.raises(MalformedError):
        parse_instant(value, "instant")


def test_instants_are_written_as_read() -> None:
    for text in ("0001-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"):
        assert format_instant(parse_instant(text, "instant")) == text


def test_differences_see_types_and_keys() -> None:
    assert first_difference({"a": 1}, {"a": 1}) is None
    assert first_difference({"a": True}, {"a": 1}) == ("a", True, 1)
    assert first_difference({"a": [{"b": 1}]}, {"a": [{"b": True}]}) is not None
    assert first_difference({}, {"a": "nothing"}) == ("a", "nothing", "nothing")
    assert first_difference({"a": 1, "z": None}, {"a": 1}) == ("z", None, "nothing")


def test_what_contradicts_the_stream_changes_nothing() -> None:
    book = Book()
    stream = book.enrol("m-1")
    book.respond(stream, "r", "2010-04-01", "org-a")
    membership = book.membership(stream)
    with pytest.raises(RefutedError):
        membership.apply(book.respond(stream, "r", "2010-04-02", "org-b"))
    assert [response.customer_org for response in membership.by_time] == ["org-a"]


# From first principles: plain loops over plain facts, at random instants.


def plain_status(facts: dict[str, Any], editions: list[dict[str, Any]], instant: int) -> Status:
    edition = None
    for candidate in editions:
        if candidate["from"] <= instant and (edition is None or candidate["from"] >= edition["from"]):
            edition = candidate
    if edition is None:
        return Status(False, False, None, min(facts["locations"]), 0, 0, None, 0)

    def live(received: int) -> bool:
        return received <= instant < add_months(received, edition["window_months"])

    def latest(history: list[tuple[int, Any]]) -> Any:
        value, since = None, None
        for start, what in history:
            if start <= instant and (since is None or start >= since):
                value, since = what, start
        return value

    rows = []
    for location in ["*"] if edition["pool_locations"] else facts["locations"]:
        orgs = [org for received, org, where, void in facts["responses"]
                if live(received) and not void and location in ("*", where)]  # fmt: skip
        counted = sum(min(edition["per_org_cap"], orgs.count(org)) for org in set(orgs))
        enough = counted >= edition["min_responses"] and len(set(orgs)) >= edition["min_organisations"]
        rows.append((not enough, -counted, location, len(set(orgs))))
    not_enough, minus_counted, location, organisations = min(rows)
    learning = "Learning" in (latest(facts["competencies"]) or [])
    evaluations = sum(live(received) for received in facts["evaluations"]) if learning else 0
    by_evaluations = learning and evaluations >= edition["min_evaluations"]
    via = None if not_enough and not by_evaluations else "evaluations" if not_enough else "responses"
    required = latest(facts["levels"]) == "gold"
    return Status(required, via is not None, via, location, -minus_counted, organisations, edition["name"], evaluations)


@pytest.mark.parametrize("seed", range(30))
def test_the_status_is_that_from_first_principles(seed: int) -> None:
    drawn = random.Random(seed)
    book = Book()
    start, span = us("2009-09-01"), 5 * 366 * 86_400_000_000
    editions: list[dict[str, Any]] = [
        FIGURES | {"name": name, "from": us(f"{name}-01")} for name in ("2009-11", "2013-04")
    ]
    for i in range(drawn.randrange(4)):
        figures = {"min_responses": drawn.randrange(1, 6), "per_org_cap": drawn.randrange(1, 4),
                   "min_organisations": drawn.randrange(1, 4), "window_months": drawn.choice([1, 6, 12, 18]),
                   "min_evaluations": drawn.randrange(1, 4), "pool_locations": drawn.random() < 0.5}  # fmt: skip
        effective = start + drawn.randrange(10) * span // 10
        book.publish(f"e{i}", format_instant(effective), **figures)
        editions.append(FIGURES | figures | {"name": f"e{i}", "from": effective})

    def instant() -> int:
        return start + drawn.randrange(1000) * span // 1000

    levels, competencies, locations = [(start, "gold")], [(start, ["Learning"])], ["x", "y", "z"]
    stream = book.enrol("m-1", format_instant(start), level="gold", competencies=["Learning"], locations=locations)
    facts: dict[str, Any] = {"locations": locations, "responses": [], "evaluations": [], "levels": levels,
                             "competencies": competencies}  # fmt: skip
    for i in range(120):
        when = instant()
        match drawn.randrange(8):
            case 0:
                level = drawn.choice(["gold", "silver"])
                levels.append((when, level))
                book.append(stream, "MembershipUpdated", format_instant(when), {"level": level})
            case 1:
                names = drawn.choice([["Learning"], ["Data"], []])
                competencies.append((when, names))
                book.append(stream, "MembershipUpdated", format_instant(when), {"competencies": names})
            case 2 | 3:
                facts["evaluations"].append(when)
                book.append(stream, "EvaluationReceived", format_instant(when), {"evaluation": f"e{i}"})
            case _:
                org, where, void = f"org-{drawn.randrange(4)}", drawn.choice(locations), drawn.random() < 0.2
                facts["responses"].append((when, org, where, void))
                book.respond(stream, f"r{i}", format_instant(when), org, where)
                if void:
                    book.void(stream, f"r{i}", format_instant(when))
    membership: Membership = book.membership(stream)
    rulebook: Rulebook = book.rulebook()
    for _ in range(100):
        when = instant() + drawn.choice([0, 0, -1, 1])
        assert status(membership, rulebook, when) == plain_status(facts, editions, when), format_instant(when)

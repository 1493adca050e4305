"""What operations asks of the projections: renewals ahead, the board, the history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest

from console.demo.survey import generate
from ledger.errors import LedgerError, Refused, UnknownMembership
from ledger.instants import parse_instant
from ledger.programmes.registry import fact_from_object
from projections.database import SQLiteDatabase
from projections.questions import history as questions
from projections.questions.board import board
from projections.questions.participation import participation
from projections.questions.renewals import renewals
from projections.questions.status import status
from projections.questions.view import view
from projections.registry import all_projections
from projections.runner import Runner
from tests.oracle.survey.time import instant
from tests.support.real_book import Projected, RealBook, as_json, projected, real_book

NOW = datetime(2011, 1, 1, tzinfo=UTC)
NOW_US = parse_instant("2011-01-01T00:00:00Z")


class Desk:
    """A book that is told facts in a few words, and the projections that are asked afterwards."""

    def __init__(self, book: RealBook, projections: Projected) -> None:
        self.book = book
        self.projections = projections
        self.count = 0

    def tell(self, kind: str, when: str, membership: str = "m-1", now: datetime = NOW, **fields: Any) -> None:
        self.count += 1
        fact = {"type": kind, "id": f"f-{self.count}", "membership": membership, "occurred_at": when, **fields}
        if kind == "publish-rulebook":
            del fact["membership"]
        assert self.book.tell(fact, now) == ("accepted", None)

    def enrol(self, membership: str = "m-1", renewal: str = "2011-03-01", **fields: Any) -> None:
        self.tell(
            "enrol-membership", "2009-12-01T00:00:00Z", membership, **{"name": "Contoso", "level": "gold"} | fields
        )
        self.tell("set-renewal-date", "2009-12-01T00:00:00Z", membership, renewal_date=renewal)

    def respond(
        self, organisation: str, times: int, day: str = "2010-06-15", membership: str = "m-1", **f: Any
    ) -> None:
        for hour in range(times):
            self.tell(
                "record-response",
                f"{day}T{hour:02d}:00:00Z",
                membership,
                response=f"r-{self.count}",
                customer_org=organisation,
                **f,
            )

    def invite(self, answered: int, sent: int, membership: str = "m-1") -> None:
        """Invitations of 2009, whose answers have expired by the renewal, so that only the rate is left of them."""
        for number in range(sent):
            who = {"subject": f"s-{membership}-{number}", "customer_org": "Fabrikam"}
            self.tell("record-consent", "2009-12-01T00:00:00Z", membership, **who)
            invitation = f"i-{number}"
            self.tell(
                "record-invitation",
                "2009-12-02T00:00:00Z",
                membership,
                invitation=invitation,
                channel="partner",
                **who,
            )
            if number < answered:
                self.tell(
                    "record-response",
                    "2009-12-03T00:00:00Z",
                    membership,
                    response=f"a-{number}",
                    invitation=invitation,
                    customer_org="Fabrikam",
                )

    def renewals(self, within: int = 90, at_us: int = NOW_US, limit: int | None = None) -> list[dict[str, Any]]:
        self.projections.catch_up()
        with self.projections.view() as opened:
            return as_json(renewals(opened, at_us, within, limit=limit))

    def renewal(self) -> dict[str, Any]:
        (one,) = self.renewals()
        return one

    def figures(self) -> tuple[int, float, int]:
        one = self.renewal()
        return one["missing"], one["rate_used"], one["invitations"]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with real_book() as book, projected(book) as projections:
        yield Desk(book, projections)


# Renewals


def test_a_renewal_says_what_is_missing_and_how_many_invitations_that_takes_at_25_percent(desk: Desk) -> None:
    desk.enrol()
    desk.respond("Fabrikam", 4)
    desk.respond("Adatum", 2, "2010-07-01")
    assert desk.renewal() == {
        "membership": "m-1",
        "renewal_date": "2011-03-01",
        "days": 59,
        "overdue": False,
        "required": True,
        "satisfied_now": False,
        "satisfied_on_date": False,
        "counted_on_date": 6,
        "organisations_on_date": 2,
        "missing": 4,
        "missing_organisations": 0,
        "rate_own": None,
        "rate_used": 0.25,
        "invitations": 16,
        "known_at": 10,
    }


@pytest.mark.parametrize(
    ("answered", "sent", "invitations"),
    [(0, 3, 40), (1, 2, 20), (1, 3, 30), (2, 3, 15), (3, 7, 24), (1, 6, 60), (4, 4, 10)],
)
def test_invitations_are_reckoned_at_the_partners_own_rate_to_the_whole_number(
    desk: Desk, answered: int, sent: int, invitations: int
) -> None:
    desk.enrol()
    desk.invite(answered, sent)
    rate = answered / sent if answered else 0.25
    assert desk.figures() == (10, rate, invitations)


def test_a_second_answer_to_an_invitation_whose_first_was_voided_answers_no_second_invitation(
    desk: Desk,
) -> None:
    desk.enrol()
    desk.invite(1, 1)
    desk.tell("void-response", "2009-12-04T00:00:00Z", response="a-0", reason="test")
    desk.tell(
        "record-response",
        "2009-12-05T00:00:00Z",
        response="a-1",
        invitation="i-0",
        customer_org="Fabrikam",
    )
    assert desk.figures() == (10, 1.0, 10)


def test_the_rate_of_one_partner_is_none_of_another(desk: Desk) -> None:
    desk.enrol("m-1")
    desk.enrol("m-2")
    desk.invite(1, 2, "m-2")
    assert [(one["membership"], one["invitations"]) for one in desk.renewals()] == [("m-1", 40), ("m-2", 20)]


def test_a_second_organisation_is_missing_where_one_alone_has_answered(desk: Desk) -> None:
    desk.enrol()
    desk.respond("Fabrikam", 12)
    one = desk.renewal()
    assert (one["counted_on_date"], one["organisations_on_date"], one["missing"]) == (8, 1, 2)


def test_what_expires_before_the_date_is_missing_on_it(desk: Desk) -> None:
    desk.enrol()
    desk.respond("Fabrikam", 5, "2010-02-10")
    desk.respond("Adatum", 5, "2010-06-10")
    one = desk.renewal()
    assert (one["satisfied_now"], one["satisfied_on_date"]) == (True, False)
    assert (one["counted_on_date"], one["missing"], one["invitations"]) == (5, 5, 20)


def test_the_location_that_lacks_least_says_how_many_are_missing(desk: Desk) -> None:
    desk.enrol(locations=["Lisbon", "Porto"])
    desk.respond("Fabrikam", 8, location="Lisbon")
    desk.respond("Adatum", 3, "2010-07-01", location="Porto")
    desk.respond("Fabrikam", 4, "2010-08-01", location="Porto")
    assert desk.renewal()["missing"] == 2
    desk.respond("Lindomar", 1, "2010-09-01", location="Porto")
    assert desk.renewal()["missing"] == 2
    desk.respond("Lindomar", 1, "2010-10-01", location="Porto")
    assert desk.renewal()["missing"] == 1


@pytest.mark.parametrize("level", ["silver", "small-business"])
def test_nothing_is_missing_where_nothing_is_required(desk: Desk, level: str) -> None:
    desk.enrol(level=level)
    one = desk.renewal()
    assert (one["required"], one["missing"], one["invitations"]) == (False, 0, 0)


def test_nothing_is_missing_where_the_evaluations_satisfy(desk: Desk) -> None:
    desk.enrol(competencies=["Learning"])
    for number in range(10):
        desk.tell("record-evaluation", "2010-06-01T00:00:00Z", evaluation=f"e-{number}")
    one = desk.renewal()
    assert (one["satisfied_on_date"], one["missing"], one["invitations"]) == (True, 0, 0)


def test_renewals_come_in_order_of_date_within_the_days_asked_for(desk: Desk) -> None:
    for membership, day in (
        ("m-5", "2011-03-01"),
        ("m-4", "2011-01-31"),
        ("m-3", "2011-02-01"),
        ("m-2", "2011-01-01"),
        ("m-1", "2010-12-31"),
        ("m-6", "2011-01-31"),
    ):
        desk.enrol(membership, day)
    found = [(one["membership"], one["renewal_date"], one["days"]) for one in desk.renewals(within=31)]
    assert found == [
        ("m-1", "2010-12-31", -1),
        ("m-2", "2011-01-01", 0),
        ("m-4", "2011-01-31", 30),
        ("m-6", "2011-01-31", 30),
        ("m-3", "2011-02-01", 31),
    ]
    assert [one["membership"] for one in desk.renewals(within=0)] == ["m-1", "m-2"]
    assert [one["membership"] for one in desk.renewals(within=31, limit=3)] == ["m-1", "m-2", "m-4"]
    noon_us = parse_instant("2011-01-01T12:00:00Z")
    assert [one["days"] for one in desk.renewals(within=30, at_us=noon_us)] == [-1, 0, 30, 30]


def test_a_renewal_today_was_evaluated_at_the_end_of_yesterday(desk: Desk) -> None:
    desk.enrol(renewal="2011-06-15")
    desk.respond("Fabrikam", 8)
    desk.respond("Adatum", 2, "2010-06-16")
    at_us = parse_instant("2011-06-15T12:00:00Z")
    (one,) = desk.renewals(at_us=at_us)
    assert (one["satisfied_now"], one["satisfied_on_date"], one["missing"]) == (False, True, 0)


def test_a_renewal_that_was_decided_is_no_longer_ahead_and_its_other_dates_are(desk: Desk) -> None:
    desk.enrol(renewal="2011-01-01")
    desk.tell("set-renewal-date", "2010-01-01T00:00:00Z", renewal_date="2011-02-01")
    assert [one["renewal_date"] for one in desk.renewals()] == ["2011-01-01", "2011-02-01"]
    desk.tell("decide-renewal", "2011-01-01T00:00:00Z", renewal_date="2011-01-01")
    assert [one["renewal_date"] for one in desk.renewals()] == ["2011-02-01"]
    desk.tell("set-renewal-date", "2011-01-01T00:00:00Z", renewal_date="2011-01-01")
    assert [one["renewal_date"] for one in desk.renewals()] == ["2011-02-01"]


# The board


@pytest.fixture(scope="module")
def generated() -> Iterator[Projected]:
    """A small generated programme, reviewed and projected."""
    with real_book() as book, projected(book) as projections:
        record_generated(book)
        projections.catch_up()
        yield projections


def record_generated(book: RealBook) -> None:
    facts = []
    for _, content in islice(generate(5, memberships=8), 2_000):
        try:
            facts.append(fact_from_object(content))
        except Refused:
            continue
    book.now_us = parse_instant("2016-01-01T00:00:00Z")
    book.record(facts)
    book.review(datetime(2014, 1, 1, tzinfo=UTC))


def names(book: RealBook) -> list[str]:
    return [name.removeprefix("membership-") for name in book.store.stream_names() if name != "programme"]


@pytest.mark.parametrize(
    "at", ["2009-01-01T00:00:00Z", "2011-03-01T00:00:00Z", "2012-09-15T08:30:00Z", "2040-01-01T00:00:00Z"]
)
def test_the_board_has_every_membership_in_order_with_its_status_and_next_change(generated: Projected, at: str) -> None:
    with generated.view() as opened:
        rows = sorted(as_json(board(opened, parse_instant(at), 90)), key=lambda row: row["membership"])
    assert [row["membership"] for row in rows] == sorted(names(generated.book))
    for row in rows:
        status = generated.book.status_from_stream(row["membership"], instant(at))
        for name in ("required", "satisfied", "via", "counted", "organisations", "next_change"):
            assert row[name] == status[name], (row["membership"], name)
        assert row["name"] == generated.book.events(row["membership"])[0].data["name"]


def test_a_board_over_more_memberships_than_are_read_at_once_has_all_of_them(desk: Desk) -> None:
    for number in range(230):
        fact = {"type": "enrol-membership", "id": f"e-{number}", "membership": f"n-{number:03d}", "level": "gold"}
        desk.book.tell({**fact, "occurred_at": "2010-01-01T00:00:00Z", "name": f"Partner {number}"}, NOW)
    desk.projections.catch_up()
    with desk.projections.view() as opened:
        assert [row.name for row in board(opened, NOW_US, 90)] == [f"Partner {number}" for number in range(230)]


def test_a_view_does_not_change_while_it_is_used(desk: Desk) -> None:
    desk.enrol("m-1")
    desk.projections.catch_up()
    with desk.projections.view() as opened:
        before = board(opened, NOW_US, 90)
        desk.enrol("m-2")
        desk.projections.catch_up()
        assert board(opened, NOW_US, 90) == before
    with desk.projections.view() as opened:
        assert len(board(opened, NOW_US, 90)) == 2


# The history


def test_the_history_folds_what_was_revised(desk: Desk) -> None:
    desk.enrol()
    desk.respond("Fabrikam", 8, "2010-06-01")
    desk.respond("Adatum", 2, "2010-06-10")
    desk.book.review(datetime(2011, 8, 1, tzinfo=UTC))
    assert history(desk) == [
        ("2010-06-10T01:00:00.000000Z", True, "response", 10),
        ("2011-06-01T00:00:00.000000Z", False, "expiry", 9),
    ]
    late = datetime(2011, 8, 2, tzinfo=UTC)
    desk.tell(
        "record-response",
        "2010-06-05T00:00:00Z",
        now=late,
        response="late",
        customer_org="Lindomar",
    )
    assert history(desk) == [
        ("2010-06-10T00:00:00.000000Z", True, "response", 10),
        ("2011-06-01T01:00:00.000000Z", False, "expiry", 9),
    ]
    desk.tell("void-response", "2011-08-02T00:00:00Z", now=late, response="late", reason="fraud")
    folded = history(desk)
    assert [entry[:2] for entry in folded if entry[1]] == [("2010-06-10T01:00:00.000000Z", True)]
    assert folded[-1] == ("2011-06-01T00:00:00.000000Z", False, "expiry", 9)


def test_the_history_as_known_then_has_what_was_announced_by_then_and_up_to_an_instant_what_was_so(desk: Desk) -> None:
    desk.enrol()
    desk.respond("Fabrikam", 8, "2010-06-01")
    desk.respond("Adatum", 2, "2010-06-10")
    desk.book.review(datetime(2011, 8, 1, tzinfo=UTC))
    before = history(desk)
    known = desk.book.store.max_position()
    late = datetime(2011, 8, 2, tzinfo=UTC)
    desk.tell("record-response", "2010-06-05T00:00:00Z", now=late, response="late", customer_org="Lindomar")
    assert history(desk) != before
    with desk.projections.view() as opened:
        then = questions.history(opened, "m-1", known_at=known)
        assert [change.effective_at for change in then] == [entry[0] for entry in before]
        first, second = (parse_instant(change.effective_at) for change in then)
        assert questions.history(opened, "m-1", second - 1, known) == then[:1]
        assert questions.history(opened, "m-1", second, known) == then
        assert questions.history(opened, "m-1", first - 1, known) == []
        with pytest.raises(UnknownMembership):
            questions.history(opened, "m-1", known_at=2)


def history(desk: Desk, membership: str = "m-1") -> list[tuple[Any, ...]]:
    desk.projections.catch_up()
    with desk.projections.view() as opened:
        changes = questions.history(opened, membership)
    return [(change.effective_at, change.satisfied, change.cause, change.counted) for change in changes]


def test_the_history_is_the_fold_of_the_announcements_and_agrees_with_the_status(generated: Projected) -> None:
    revised = 0
    for membership in names(generated.book):
        announced = generated.book.announced(membership)
        folded: list[dict[str, Any]] = []
        for entry in announced:
            folded = [old for old in folded if old["effective_at"] < entry["effective_at"]] + [entry]
        held = [False, *(entry["satisfied"] for entry in folded)]
        folded = [entry for entry, before in zip(folded, held, strict=False) if entry["satisfied"] != before]
        revised += len(announced) - len(folded)
        with generated.view() as opened:
            entries = as_json(questions.history(opened, membership))
        fields = ("effective_at", "satisfied", "via", "counted", "organisations", "cause")
        assert [[one[f] for f in fields] for one in entries] == [[one[f] for f in fields] for one in folded]
        for one, following in pairwise(entries):
            assert one["effective_at"] < following["effective_at"]
        for entry in entries:
            at = instant(entry["effective_at"])
            for moment, satisfied in ((at, entry["satisfied"]), (at - timedelta(microseconds=1), None)):
                status = generated.book.status_from_stream(membership, moment)
                assert satisfied is None or status["satisfied"] is satisfied
    assert revised, "nothing was revised, so this shows little"


# What cannot be answered


def test_an_unknown_membership_has_neither_status_nor_history(generated: Projected) -> None:
    with generated.view() as opened:
        with pytest.raises(UnknownMembership):
            status(opened, "nobody", NOW_US)
        with pytest.raises(UnknownMembership):
            questions.history(opened, "nobody")
        (first, *_) = names(generated.book)
        with pytest.raises(UnknownMembership):
            status(opened, first, NOW_US, known_at=2)


def test_projections_that_were_never_built_say_how_to_build_them(desk: Desk) -> None:
    with desk.projections.view() as opened, pytest.raises(LedgerError, match="csat-ledger project"):
        renewals(opened, NOW_US, 90)


def test_a_rebuild_of_all_projections_over_a_generated_book_differs_in_nothing(generated: Projected) -> None:
    database = SQLiteDatabase(f"{generated.book.path}.rebuilt")
    runner = Runner(generated.book.store, database, all_projections())
    assert set(runner.rebuild().values()) == {0}
    at_us = parse_instant("2012-01-01T00:00:00Z")
    with view(database) as rebuilt, generated.view() as kept_up:
        assert board(rebuilt, at_us, 90) == board(kept_up, at_us, 90)
        assert renewals(rebuilt, at_us, 400) == renewals(kept_up, at_us, 400)
        assert participation(rebuilt, None, "month") == participation(kept_up, None, "month")
    database.close()

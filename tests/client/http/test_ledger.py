"""The client against the service itself, in a process of its own: facts in, and every question with its typed answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from csat_ledger_client import Ledger, Question
from csat_ledger_client.answers import Status, Unanswered
from csat_ledger_client.answers.replay import DecisionCheck, ReplayStep
from csat_ledger_client.errors import BadRequest, FactRefused, NotAllowed, NotKnown, NotNow, PositionUnknown, Problem
from tests.client.http.support import bearer_of
from tests.console.designation_story import ANNIVERSARY, AREA
from tests.console.http.process import Running, service_process
from tests.console.http.support import NOW, PROVEN, make_book, seal
from tests.console.support import fact, met

AT = date(2010, 7, 1)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service over a book of both programmes, and its log."""
    folder = tmp_path_factory.mktemp("client")
    make_book(folder / "ledger.db")
    seal(folder / "ledger.db", folder / "log")
    with service_process(folder, "--dev", "--no-clock", "--tiles", "log") as found:
        yield found


@pytest.fixture(scope="module")
def ledger(running: Running) -> Iterator[Ledger]:
    """The service as an auditor asks it."""
    with Ledger(running.url, bearer_of(running, "--role", "auditor")) as found:
        yield found


@pytest.fixture(scope="module")
def operations(running: Running) -> Iterator[Ledger]:
    with Ledger(running.url, bearer_of(running, "--role", "operations")) as found:
        yield found


@pytest.fixture
def taking(tmp_path: Path) -> Iterator[Ledger]:
    """A service over a book without a fact, as an operator and an auditor use it."""
    with (
        service_process(tmp_path, "--dev") as found,
        Ledger(found.url, bearer_of(found, "--role", "operator", "--role", "auditor")) as ledger,
    ):
        yield ledger


def said(answer: BaseModel) -> dict[str, Any]:
    """What an answer holds, as the service wrote it."""
    whole: dict[str, Any] = answer.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return whole


def asked(running: Running, role: str, path: str) -> Any:
    return running.get(path, running.token("--role", role)).json()


def test_a_status_is_typed_and_says_what_the_service_says(running: Running, ledger: Ledger) -> None:
    found = ledger.status("m-1", at=AT)
    assert isinstance(found, Status)
    assert found.satisfied is True
    assert found.via == "responses"
    assert found.locations["main"].by_org["Brontegard"].applied > 0
    assert said(found) == asked(running, "auditor", "/v1/memberships/m-1/status?at=2010-07-01")


def test_at_takes_a_date_a_datetime_and_a_text_and_known_at_a_position(ledger: Ledger) -> None:
    midnight = datetime(2010, 7, 1, tzinfo=UTC)
    assert ledger.status("m-1", at=midnight) == ledger.status("m-1", at=AT) == ledger.status("m-1", at="2010-07-01")
    assert ledger.status("m-1", at=AT, known_at=3).counted < ledger.status("m-1", at=AT).counted
    with pytest.raises(BadRequest, match="expected a datetime with a time zone"):
        ledger.status("m-1", at=datetime(2010, 7, 1))


def test_every_question_has_a_typed_answer_that_says_all_that_the_service_says(
    running: Running, ledger: Ledger, operations: Ledger
) -> None:
    one, area = "/v1/memberships/m-1", f"/v1/memberships/m-1/designations/{AREA}"
    sides = "from=2024-05-01&to=2024-08-01"
    answers = [
        ("auditor", f"{one}/history", ledger.history("m-1")),
        ("auditor", f"{one}/replay", list(ledger.replay("m-1"))),
        ("auditor", f"{one}/decisions", ledger.decisions("m-1")),
        ("operations", f"/v1/renewals?within=365&at={NOW}", operations.renewals(within=365, at=NOW)),
        (
            "auditor",
            "/v1/memberships/m-2/renewals?within=90&at=2011-01-01",
            ledger.renewals(membership="m-2", within=90, at="2011-01-01"),
        ),
        ("operations", "/v1/participation?by=membership", operations.participation()),
        ("operations", "/v1/participation?by=quarter", operations.participation("quarter")),
        (
            "operations",
            "/v1/participation?by=month&membership=m-1",
            operations.participation("month", membership="m-1"),
        ),
        ("auditor", f"/v1/designations?at={NOW}&area={AREA}", ledger.designations(at=NOW, area=AREA)),
        ("auditor", f"{area}/history".replace("m-1", "m-3"), ledger.designation_history("m-3", AREA)),
        ("auditor", f"{area}/decisions", ledger.designation_decisions("m-1", AREA)),
        ("auditor", f"{area}/replay", list(ledger.designation_replay("m-1", AREA))),
    ]
    for role, path, found in answers:
        assert found, path
        assert [said(one) for one in found] == asked(running, role, path), path
    assert said(ledger.score("m-1", AREA, at=NOW)) == asked(running, "auditor", f"{area}/score?at={NOW}")
    supposed = ledger.what_would_it_take("m-3", AREA, at=NOW, more_percent=5, more_deployments=2)
    assert said(supposed) == asked(
        running,
        "auditor",
        f"{area}/what-would-it-take?at={NOW}&more_percent=5&more_deployments=2".replace("m-1", "m-3"),
    )
    assert supposed.metrics["deployments"].more == 2
    expiring = ledger.expiring("m-3", AREA, at=date(2024, 8, 1), months=7)
    assert said(expiring) == asked(running, "auditor", f"{area}/expiring?at=2024-08-01&months=7".replace("m-1", "m-3"))
    assert expiring.total == len(expiring.certificates) > 0
    months = ledger.score_months("m-1", AREA, at=date(2024, 10, 1), months=4)
    assert said(months) == asked(running, "auditor", f"{area}/score-months?at=2024-10-01&months=4")
    assert len(months.months) == 4
    explained = ledger.explain("m-3", AREA, date(2024, 5, 1), date(2024, 8, 1))
    assert said(explained) == asked(running, "auditor", f"{area}/explain?{sides}".replace("m-1", "m-3"))
    assert explained.metrics


def test_the_programme_as_a_whole_and_other_figures_have_typed_answers(
    running: Running, ledger: Ledger, operations: Ledger
) -> None:
    assert said(ledger.overview(at=AT)) == asked(running, "auditor", "/v1/overview?at=2010-07-01")
    rolled = ledger.rolling("m-1", since=date(2010, 1, 1), until="2012-01-01", at=AT)
    path = "/v1/memberships/m-1/rolling?from=2010-01-01T00:00:00.000000Z&to=2012-01-01&at=2010-07-01"
    assert said(rolled) == asked(running, "auditor", path)
    assert (
        operations.operations().model_dump(by_alias=True).keys()
        == asked(running, "operations", "/v1/operations").keys()
    )
    edition = {"min_responses": 50}
    (page,) = ledger.what_if_pages(edition, until="2014-01-01")
    assert said(page) == asked(running, "auditor", "/v1/what-if?edition=%7B%22min_responses%22%3A50%7D&to=2014-01-01")
    assert page.differing is not None
    assert page.differing > 0
    pages = list(ledger.what_if_pages(edition, until="2014-01-01", limit=1))
    assert [one for page in pages for one in page.decisions or ()] == list(page.decisions or ())
    assert ledger.what_if_counts(edition, until="2014-01-01").decisions is None


def test_evidence_comes_as_the_service_has_it(running: Running, ledger: Ledger) -> None:
    auditor = running.token("--role", "auditor")
    found = ledger.evidence("m-1", date(2011, 3, 1), revision=1)
    assert found == running.get(f"{PROVEN['evidence']}&revision=1", auditor).content
    assert (
        ledger.designation_evidence("m-1", AREA, ANNIVERSARY)
        == running.get(PROVEN["designation-evidence"], auditor).content
    )
    proofs = [ledger.proof("m-1", date(2011, 3, 1), revision=1), ledger.designation_proof("m-1", AREA, ANNIVERSARY)]
    assert [one.sealed for one in proofs] == [True, True]
    assert [said(one) for one in proofs] == [
        asked(running, "auditor", PROVEN[name]) for name in ("proof", "designation-proof")
    ]
    with pytest.raises(Problem) as nothing:
        ledger.evidence("m-1", "2012-03-01")
    assert not isinstance(nothing.value, FactRefused)


def test_a_replay_has_its_events_and_its_decisions_each_with_a_type_of_its_own(ledger: Ledger) -> None:
    found = list(ledger.replay("m-1"))
    steps = [one for one in found if isinstance(one, ReplayStep)]
    checks = [one for one in found if isinstance(one, DecisionCheck)]
    assert [one.seq for one in steps] == list(range(1, len(steps) + 1))
    assert [one.same for one in checks] == [True]


def test_the_board_comes_a_page_at_a_time_and_as_one(ledger: Ledger) -> None:
    pages = list(ledger.board_pages(limit=1, at=NOW))
    assert [len(page.memberships) for page in pages if page.memberships] == [1, 1]
    assert [row.membership for row in ledger.board(limit=1, at=NOW)] == ["m-1", "m-2"]
    assert [row.membership for row in ledger.board(state="eligible", at=AT)] == ["m-1"]


def test_decisions_and_changes_ahead_come_a_page_at_a_time(running: Running, ledger: Ledger) -> None:
    whole = asked(running, "auditor", "/v1/decisions?limit=1000")
    (page,) = ledger.decisions_pages(limit=1000)
    assert said(page) == whole
    assert len(page.decisions) > 1
    pages = list(ledger.decisions_pages(limit=1))
    assert [one for page in pages for one in page.decisions] == list(page.decisions)
    chosen = list(ledger.decisions_pages(programme="survey", membership="m-1", at=NOW))
    assert {one.membership for page in chosen for one in page.decisions} == {"m-1"}
    counts = ledger.decision_counts(at=NOW)
    assert [said(one) for one in counts] == asked(running, "auditor", f"/v1/decisions/counts?at={NOW}")
    (ahead,) = ledger.upcoming_pages(at="2011-05-01", within=60)
    assert said(ahead) == asked(running, "auditor", "/v1/upcoming?at=2011-05-01&within=60")
    assert [one.membership for one in ahead.changes] == ["m-1"]


def test_a_batch_answers_each_question_in_order_and_counts_lines_over_all_batches(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csat_ledger_client.http.ledger.QUESTIONS_TOGETHER", 2)
    found = list(ledger.status_batch(["m-1", Question("m-2", at=AT), "m-1", "m-9"]))
    assert [getattr(one, "membership", None) for one in found] == ["m-1", "m-2", "m-1", None]
    last = found[-1]
    assert isinstance(last, Unanswered)
    assert (last.error, last.line) == ("unknown-membership", 4)


def test_problems_are_exceptions_with_code_detail_field_and_status(running: Running, ledger: Ledger) -> None:
    with pytest.raises(NotKnown) as unknown:
        ledger.status("m-9")
    assert (unknown.value.status, unknown.value.code) == (404, "unknown-membership")
    with pytest.raises(PositionUnknown) as beyond:
        ledger.status("m-1", known_at=10**9)
    assert (beyond.value.code, beyond.value.field) == ("position-unknown", "known_at")
    with pytest.raises(NotAllowed) as forbidden:
        ledger.record(met()[0])
    assert forbidden.value.status == 403
    with Ledger(running.url, "a.b.c") as nobody, pytest.raises(NotAllowed) as unknown_caller:
        nobody.status("m-1")
    assert unknown_caller.value.status == 401


def test_min_position_waits_and_says_so_where_the_book_does_not_come_so_far(ledger: Ledger) -> None:
    with pytest.raises(NotNow) as late:
        ledger.status("m-1", min_position=10**9)
    assert late.value.status == 504


@pytest.mark.parametrize("name", ["", "..", "m-1/status", "a b", "m" * 65, "m\n"])
def test_a_name_that_is_none_is_refused_before_anything_is_sent(ledger: Ledger, name: str) -> None:
    with pytest.raises(BadRequest, match="found the name"):
        ledger.status(name)


@pytest.mark.parametrize("name", [None, 7, b"m-1"])
def test_a_name_that_is_no_text_is_told_and_not_that_an_expression_wants_text(ledger: Ledger, name: Any) -> None:
    with pytest.raises(BadRequest, match=f"found the name {name!r}, expected letters"):
        ledger.status(name)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), "the years 1 to 9999"),
        (datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-14))), "the years 1 to 9999"),
        (datetime(2010, 1, 1), "time zone"),
        (1_293_840_000, "found int, expected"),
        (1.5, "found float, expected"),
    ],
)
def test_what_can_be_no_instant_is_not_sent(ledger: Ledger, when: Any, said: str) -> None:
    for asked in (lambda: ledger.status("m-1", at=when), lambda: list(ledger.status_batch([Question("m-1", at=when)]))):
        with pytest.raises(BadRequest, match=said):
            asked()


def test_an_instant_of_a_year_below_a_thousand_is_sent_with_four_digits(ledger: Ledger) -> None:
    assert ledger.status("m-1", at=datetime(1, 1, 1, tzinfo=UTC)).at == "0001-01-01T00:00:00.000000Z"
    assert ledger.status("m-1", at=datetime(999, 12, 31, 23, 59, 59, 7, tzinfo=UTC)).at == "0999-12-31T23:59:59.000007Z"


@pytest.mark.parametrize("known_at", [True, 1.5, b"1"])
def test_what_can_be_neither_a_position_nor_an_instant_is_not_sent(ledger: Ledger, known_at: Any) -> None:
    with pytest.raises(BadRequest, match=r"found (True|float|bytes), expected"):
        ledger.status("m-1", known_at=known_at)


def test_a_question_of_a_batch_that_is_none_is_told(ledger: Ledger) -> None:
    wrong: Any = {"membership": "m-1"}
    with pytest.raises(
        BadRequest, match="found a question that is dict, expected a Question, or the id of a membership"
    ):
        list(ledger.status_batch(["m-1", wrong]))


def test_a_variable_that_is_not_set_is_told_before_anything_is_asked(running: Running) -> None:
    nothing: Any = None
    with pytest.raises(BadRequest, match="found a token that is NoneType, expected a JWT"):
        Ledger(running.url, nothing)
    with pytest.raises(BadRequest, match="found a URL that is NoneType, expected https://"):
        Ledger(nothing, "a.b.c")
    with (
        Ledger(running.url, lambda: nothing) as late,
        pytest.raises(BadRequest, match="found a token that is NoneType"),
    ):
        late.status("m-1")


def test_a_client_that_was_closed_says_so(running: Running) -> None:
    with Ledger(running.url, "a.b.c") as closed:
        pass
    with pytest.raises(BadRequest, match="found a client that was closed"):
        closed.status("m-1")


def test_the_token_is_asked_for_anew_with_each_request(running: Running) -> None:
    tokens = iter(["a.b.c", bearer_of(running, "--role", "auditor")])
    with Ledger(running.url, lambda: next(tokens)) as ledger:
        with pytest.raises(NotAllowed):
            ledger.status("m-1")
        assert ledger.status("m-1", at=AT).satisfied


def test_a_fact_is_recorded_once_and_what_was_recorded_is_seen(taking: Ledger) -> None:
    first, *others = met()
    assert taking.record(first).status == "accepted"
    assert taking.record(first).status == "duplicate"
    recorded = taking.record_many([first, *others], batch=3)
    assert (recorded.accepted, recorded.duplicates, recorded.refused) == (len(others), 1, 0)
    assert taking.status("m-1", at=AT, min_position=recorded.position).satisfied is True


def test_what_is_refused_is_an_exception_alone_and_an_outcome_among_many(taking: Ledger) -> None:
    nobody = fact("record-reminder", "f-1", "2010-07-01T00:00:00Z", invitation="i-1")
    with pytest.raises(FactRefused) as refused:
        taking.record(nobody)
    assert (refused.value.status, refused.value.code, refused.value.field) == (422, "unknown-membership", "membership")
    heard: list[tuple[str, str]] = []
    facts = [*met(), nobody, {"type": "nonsense", "id": "f-2"}]
    recorded = taking.record_many(facts, on_outcome=lambda one, outcome: heard.append((one["id"], outcome.status)))
    assert [code.code for code in recorded.not_recorded] == ["unknown-invitation", "malformed"]
    assert recorded.refused == 2
    assert heard == [(one["id"], "refused" if one in facts[-2:] else "accepted") for one in facts]


def test_dates_and_datetimes_in_a_fact_are_sent_as_the_ledger_reads_them(taking: Ledger) -> None:
    enrolment = {
        "type": "enrol-membership", "id": "e-1", "membership": "m-7", "name": "Älderbrook", "level": "gold",
        "occurred_at": datetime(2010, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    renewal = {
        "type": "set-renewal-date", "id": "e-2", "membership": "m-7", "renewal_date": date(2011, 3, 1),
        "occurred_at": "2010-01-01T00:00:00Z",
    }  # fmt: skip
    recorded = taking.record_many([enrolment, renewal])
    assert recorded.accepted == 2, recorded
    assert taking.status("m-7", min_position=recorded.position, at="2010-02-01").next_renewal == "2011-03-01"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"id": float("nan")}, "no JSON"),
        ({"id": object()}, "found a object"),
        ({"id": datetime(2010, 1, 1)}, "time zone"),
        ({"id": "x" * 70_000}, "expected 65,536 at most"),
    ],
    ids=["not-a-number", "an-object", "no-offset", "too-long"],
)
def test_what_can_be_no_fact_is_not_sent(ledger: Ledger, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        ledger.record(wrong)


@pytest.mark.parametrize(
    "url",
    [
        "http://ledger.example",
        "ftp://127.0.0.1",
        "127.0.0.1:80",
        "https://user@ledger.example",
        "https://x/?q",
        "http://[::1",
    ],
)
def test_a_token_goes_to_no_url_where_others_could_read_it(url: str) -> None:
    with pytest.raises(BadRequest, match="expected"):
        Ledger(url, "a.b.c")


def test_nothing_of_http_is_imported_before_it_is_used() -> None:
    import subprocess
    import sys

    code = "import sys, csat_ledger_client, csat_ledger_client.errors; print('httpx' in sys.modules, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "False"]

"""The audit finds what keeps a change from being announced: no event tells of it, and the clock would never look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.audit import audit as audit_module
from ledger.instants import END_US, parse_instant
from ledger.programmes.registry import PROGRAMMES
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.writing.writer import Writer
from tests.console.designation_story import qualified
from tests.console.support import edition, met
from tests.contracts.backends import BACKENDS, Backend
from tests.ledger.seal.support import Ledger, a_ledger, policy

NOW_US = parse_instant("2011-01-01T00:00:00Z")
FALL = "2011-06-01T10:00:00.000000Z"
SURVEY, DESIGNATION = "membership-m-1", "designation-m-1/business-applications"


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """Two memberships that are satisfied until June 2011."""
    backend: Backend = request.param
    with a_ledger(backend, backend.place(request), tmp_path / "log", []) as opened:
        opened.writer = Writer(opened.store, lambda: NOW_US, PROGRAMMES, rehearsal=True)
        opened.record([*met("m-1"), *met("m-2")])
        opened.writer.review()
        opened.seal()
        assert opened.audit().verdict == "confirmed"
        yield opened


def found(ledger: Ledger) -> list[tuple[str, str, str]]:
    """What differs and how it was found."""
    return [(one.verdict, one.what, one.found) for one in ledger.audit().findings]


def test_a_row_that_is_gone(ledger: Ledger) -> None:
    with ledger.store.writing() as transaction:
        transaction.drop_due([SURVEY])
    (finding,) = ledger.audit().findings
    assert finding[:3] == ("incomplete", f"when {SURVEY} is due", "no row")
    assert finding.expected.startswith(FALL)
    Writer(ledger.store, lambda: NOW_US, PROGRAMMES, rehearsal=True).review()
    assert found(ledger) == []


@pytest.mark.parametrize(
    ("at_us", "says"), [(parse_instant("2011-06-02T00:00:00Z"), "2011-06-02T00:00:00.000000Z"), (1 << 62, "never")]
)
def test_a_row_that_is_later_than_the_change(ledger: Ledger, at_us: int, says: str) -> None:
    with ledger.store.writing() as transaction:
        transaction.save_due([(SURVEY, at_us)])
    assert found(ledger) == [("incomplete", f"when {SURVEY} is due", says)]
    ledger.writer.rebuild()
    assert found(ledger) == []


def test_a_row_that_is_as_late_as_it_may_be_is_none(ledger: Ledger) -> None:
    with ledger.store.writing() as transaction:
        transaction.save_due([(SURVEY, parse_instant(FALL))])
    assert found(ledger) == []


def test_reviews_that_are_said_to_have_gone_past_a_change(ledger: Ledger) -> None:
    with ledger.store.writing() as transaction:
        transaction.save_reviews([(END_US, ledger.store.max_position())])
    says = [(verdict, what) for verdict, what, _ in found(ledger)]
    assert says == [("incomplete", f"up to when {stream} was reviewed") for stream in (SURVEY, "membership-m-2")]
    ledger.writer.rebuild()
    assert ledger.store.read_type("EligibilityChanged", 0, 100)[-1].stream == "membership-m-2"


def test_an_edition_of_the_future_that_takes_it_away(ledger: Ledger) -> None:
    ledger.writer = Writer(ledger.store, lambda: parse_instant("2011-05-30T00:00:00Z"), PROGRAMMES, rehearsal=True)
    change = "2011-05-31T00:00:00Z"
    ledger.record([edition("hard", change, min_responses=99) | {"occurred_at": "2011-05-30T00:00:00Z"}])
    ledger.seal()
    assert ledger.audit().findings == []
    with ledger.store.writing() as transaction:
        transaction.save_due([(SURVEY, parse_instant(FALL))])
    (finding,) = ledger.audit().findings
    assert finding.expected.startswith("2011-05-31T00:00:00.000000Z")


def test_a_designation_that_will_no_longer_be_qualified(ledger: Ledger) -> None:
    ledger.writer = Writer(ledger.store, lambda: parse_instant("2024-06-21T00:00:00Z"), PROGRAMMES, rehearsal=True)
    at = "2024-06-21T00:00:00Z"
    end = {"type": "end-certificate", "id": "end", "membership": "m-1", "area": "business-applications"}
    facts = qualified()
    certificates = [one["certificate"] for one in facts if one["type"] == "record-certificate"]
    ended = [
        {**end, "id": f"end-{name}", "occurred_at": at, "certificate": name, "on": "2024-08-01"}
        for name in certificates
    ]
    ledger.record([*facts, *ended])
    ledger.writer.review()
    ledger.seal()
    assert ledger.audit().findings == []
    with ledger.store.writing() as transaction:
        transaction.save_due([(DESIGNATION, 1 << 62)])
    (finding,) = ledger.audit().findings
    assert finding[:3] == ("incomplete", f"when {DESIGNATION} is due", "never")
    assert finding.expected.startswith("2024-08-01T00:00:00.000000Z")


def test_a_fact_that_comes_during_the_audit_is_no_difference(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read of the rows after the book can be of another history than what was read of the book."""
    reviews = ledger.store.reviews

    def reviews_after_another_fact() -> list[tuple[int, int]]:
        with ledger.store.writing() as transaction:
            transaction.drop_due([SURVEY])
        monkeypatch.undo()
        ledger.record([{**met("m-1")[2], "id": "another", "response": "another"}])
        return reviews()

    monkeypatch.setattr(ledger.store, "reviews", reviews_after_another_fact)
    assert ledger.audit().findings == []


def test_several_processes_find_the_same(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_module, "FEW_EVENTS", 1)
    with ledger.store.writing() as transaction:
        transaction.drop_due([SURVEY, "membership-m-2"])
    report = audit_module.audit(ledger.store, ledger.folder, policy(), PROOF_PROGRAMMES, workers=2)
    assert report.answer() == ledger.audit().answer()
    assert sorted(one.what for one in report.findings) == [f"when membership-m-{n} is due" for n in (1, 2)]

"""Why a score differs, from the projection, against the oracle; and which events are named for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import UnknownDesignation
from ledger.instants import parse_instant
from projections.questions.answer import plain
from projections.questions.explain import Side, explain
from tests.ledger.programmes.capability.book import micros
from tests.oracle.capability_from_text.explain import explain as explain_from_text
from tests.oracle.capability_from_text.histories import histories
from tests.oracle.capability_from_text.story import PARTNER, edition, fact
from tests.projections.capability.support import STEPS, ScoreBook, dense_history, score_book, some_instant
from tests.support.real_book import some_folder
from tests.support.soak import scaled


def without_positions(metrics: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As the oracle has them: no positions, and values as numbers."""
    for metric in metrics:
        for cause in metric["causes"]:
            assert cause.pop("position") > 0
            if cause["kind"] == "report":
                cause["figure_from"], cause["figure_to"] = int(cause["figure_from"]), int(cause["figure_to"])
    return metrics


def check_explanations(told: ScoreBook, random: Random, questions: int) -> Counter[str]:
    """Holds explanations against the oracle; returns how many causes of each kind were found, reports by why they count."""
    causes: Counter[str] = Counter()
    with told.reader() as reader:
        for _ in range(questions):
            membership, area = random.choice(sorted(told.oracle.designations()))
            numbers = [random.randint(0, len(told.oracle.accepted)) for _ in range(2)]
            if any((membership, area) not in told.oracle.designations(number) for number in numbers):
                continue
            sides = [(some_instant(random, told.oracle, membership, area, known), known) for known in numbers]
            if random.random() < 0.5:  # the same instant, and only another knowledge
                sides[1] = (sides[0][0], sides[1][1])
            expected = explain_from_text(told.oracle, membership, area, *sides)
            asked = [Side(micros(at), told.position_of(known)) for at, known in sides]
            answer = plain(explain(reader, membership, area, *asked))
            assert [answer["from"]["known_at"], answer["to"]["known_at"]] == [side.known_at for side in asked]
            found = without_positions(answer["metrics"])
            assert found == expected
            causes.update(one.get("because", one["kind"]) for metric in found for one in metric["causes"])
    return causes


@settings(max_examples=scaled(30), deadline=None, suppress_health_check=[*HealthCheck])
@given(histories(), st.sampled_from(STEPS), st.randoms(use_true_random=False))
def test_causes_are_those_of_the_text(facts: list[Any], step: int, random: Random) -> None:
    with some_folder() as folder, score_book(folder, step) as told:
        told.tell(facts, random)
        if told.oracle.designations():
            check_explanations(told, random, 15)


@pytest.mark.parametrize("seed", range(6))
def test_causes_among_many_reports_under_many_editions(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    with score_book(tmp_path, 3) as told:
        told.tell(dense_history(random), random)
        assert sum(check_explanations(told, random, 100).values()) > 20


def test_reports_of_a_closed_month_are_restated_added_and_counted_by_other_rules(tmp_path: Path) -> None:
    found: Counter[str] = Counter()
    for seed in range(6):
        random, folder = Random(seed), tmp_path / str(seed)
        folder.mkdir()
        history = dense_history(random, 60)
        closes = [one for one in history if one["type"] == "close-month"]
        with score_book(folder, 3) as told:
            told.tell([*history[:2], *closes, *(one for one in history[2:] if one not in closes)], random)
            found += check_explanations(told, random, 60)
    assert found.keys() >= {"time", "rules", "restated", "added"}, found


Tell = Callable[..., int]
CLOSED = "2024-06-20T00:00:00Z"


class Partner:
    """The partner of the README, by hand; `tell` returns the position of the event."""

    def __init__(self, told: ScoreBook) -> None:
        self._told = told
        self.opened = self.tell("open-designation", "2023-06-20T00:00:00Z", name="Contoso")

    def tell(self, kind: str, when: str, **fields: Any) -> int:
        known = len(self._told.positions)
        self._told.tell([{**fact(kind, when, **fields), "id": f"f-{known}"}])
        assert len(self._told.positions) == known + 1
        return self._told.positions[-1]

    def use(self, month: str, units: int, when: str, under: str = "pal", workload: str = "customer-insights") -> int:
        keys = {"customer": "c-1", "workload": workload, "month": month, "association": under}
        return self.tell("report-usage", when, units=units, **keys)

    def explain(self, from_side: Side, to_side: Side) -> dict[str, Any]:
        with self._told.reader() as reader:
            found: dict[str, Any] = plain(explain(reader, *PARTNER, from_side, to_side))
        return found

    def causes(self, from_side: Side, to_side: Side) -> dict[str, list[tuple[Any, ...]]]:
        """By metric: kind, figures and position of each cause."""
        return {
            metric["metric"]: [
                (one["kind"], one["figure_from"], one["figure_to"], one["position"]) for one in metric["causes"]
            ]
            for metric in self.explain(from_side, to_side)["metrics"]
        }


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[Partner]:
    opened: AbstractContextManager[ScoreBook] = score_book(tmp_path)
    with opened as told:
        yield Partner(told)


AT_US = parse_instant("2024-07-01T00:00:00Z")


def grown(partner: Partner) -> int:
    """40,000 against 25,000 a year before, in a closed month; the position at which that is known."""
    partner.use("2023-05", 125_000, "2023-06-21T00:00:00Z")
    partner.use("2024-05", 200_000, "2024-06-10T00:00:00Z")
    return partner.tell("close-month", CLOSED, month="2024-05")


def test_a_restatement_is_named_with_its_position(partner):
    known = grown(partner)
    restated = partner.use("2023-05", 124_995, "2024-07-01T00:00:00Z")
    answer = partner.explain(Side(AT_US, known), Side(AT_US))
    assert answer["from"] == {
        "at": "2024-07-01T00:00:00.000000Z", "known_at": known, "centipoints": 3000, "qualified": False,
    }  # fmt: skip
    (metric,) = answer["metrics"]
    assert (metric["metric"], metric["from"], metric["to"]) == ("usage-growth", 3000, 0)
    assert metric["causes"] == [
        {
            "kind": "report", "customer": "c-1", "workload": "customer-insights", "month": "2023-05",
            "association": "pal", "figure_from": "25000000", "figure_to": "24999000", "position": restated,
            "because": "restated",
        }
    ]  # fmt: skip


def test_a_report_that_another_displaces_has_the_position_of_the_other(partner):
    partner.use("2023-05", 60, "2023-06-21T00:00:00Z", "cpor", "business-central")
    partner.use("2024-05", 60, "2024-06-10T00:00:00Z", "cpor", "business-central")
    known = partner.tell("close-month", CLOSED, month="2024-05")
    larger = partner.use("2024-05", 90, "2024-06-25T00:00:00Z", "dpor", "business-central")
    assert partner.causes(Side(AT_US, known), Side(AT_US))["usage-growth"] == [
        ("report", "0", "90000000", larger),
        ("report", "60000000", "0", larger),
    ]


def test_what_was_restated_is_told_apart_from_what_came_later_and_from_what_time_brought(partner):
    def because(from_side: Side, to_side: Side) -> list[tuple[str, str]]:
        (metric,) = (one for one in partner.explain(from_side, to_side)["metrics"] if one["metric"] == "usage-growth")
        return [(one["customer"], one["because"]) for one in metric["causes"] if one["kind"] == "report"]

    known = grown(partner)
    keys = {"workload": "customer-insights", "month": "2024-05", "association": "pal"}
    partner.tell("report-usage", "2024-07-02T00:00:00Z", customer="c-2", units=1, **keys)
    withdrawn = partner.use("2024-05", 0, "2024-07-03T00:00:00Z")
    assert because(Side(AT_US, known), Side(AT_US, withdrawn)) == [("c-1", "restated"), ("c-2", "added")]
    assert because(Side(AT_US, withdrawn), Side(AT_US, known)) == [("c-1", "restated"), ("c-2", "added")]
    assert because(Side(parse_instant(CLOSED) - 1, known), Side(AT_US, known)) == [("c-1", "time"), ("c-1", "time")]


def test_what_another_edition_counts_otherwise_was_not_restated(partner):
    known = grown(partner)
    at = "2024-06-25T00:00:00Z"
    worth_more = {"customer-insights": {"rate_milli": 1, "associations": ["pal"]}}
    partner.tell("publish-scorebook", at, **edition("next", at, rates=worth_more))
    (metric,) = partner.explain(Side(parse_instant(at) - 1, known), Side(parse_instant(at)))["metrics"]
    assert {one.get("because") for one in metric["causes"]} == {None, "rules"}


def test_a_close_is_named_and_a_correction_that_takes_it_back(partner):
    closed = grown(partner)
    before, after = Side(parse_instant("2024-06-19T00:00:00Z")), Side(AT_US)
    first, *_ = partner.causes(before, after)["usage-growth"]
    assert first == ("close", None, "2024-05", closed)
    corrected = partner.tell("correct-close", "2024-08-02T00:00:00Z", month="2024-05", closed_at="2024-08-01T00:00:00Z")
    first, *reports = partner.causes(Side(AT_US, closed), Side(AT_US))["usage-growth"]
    assert first == ("close", "2024-05", None, corrected)
    assert [cause[1:3] for cause in reports] == [("40000000", "0"), ("25000000", "0")]
    first, *_ = partner.causes(Side(AT_US), Side(AT_US, closed))["usage-growth"]
    assert first == ("close", None, "2024-05", closed)


def test_an_edition_is_named(partner):
    grown(partner)
    at = "2024-06-25T00:00:00Z"
    published = partner.tell("publish-scorebook", at, **edition("next", at, min_centipoints=1))
    assert partner.causes(Side(parse_instant(at) - 1), Side(parse_instant(at))) == {}
    figures = {"usage_growth": {"max": 1000, "each_percent": 100, "base_mcv": {"enterprise": 1, "smb": 1}}}
    published = partner.tell("publish-scorebook", at, **edition("third", at, **figures))
    found = partner.causes(Side(parse_instant(at) - 1), Side(parse_instant(at)))
    assert found == {"usage-growth": [("scorebook", "2023-06", "third", published)]}


def test_certificates_have_the_position_of_the_last_word_that_makes_the_difference(partner):
    named = {"certificate": "x", "person": "p", "code": "mb-310", "tier": "advanced", "valid_from": "2024-06-01"}
    recorded = partner.tell("record-certificate", "2024-06-02T00:00:00Z", valid_until="2024-09-01", **named)
    may, july, october = (Side(parse_instant(f"2024-{month}-01T00:00:00Z")) for month in ("05", "07", "10"))
    assert partner.causes(may, july) == {"advanced": [("certificate", 0, 1, recorded)]}
    assert partner.causes(july, october) == {"advanced": [("expiry", 1, 0, recorded)]}
    ended = partner.tell("end-certificate", "2024-06-15T00:00:00Z", certificate="x", on="2024-06-20")
    assert partner.causes(july._replace(known_at=recorded), july) == {"advanced": [("expiry", 1, 0, ended)]}
    later = partner.tell("end-certificate", "2024-06-16T00:00:00Z", certificate="x", on="2024-08-01")
    assert partner.causes(july._replace(known_at=ended), july) == {"advanced": [("certificate", 0, 1, later)]}
    assert partner.causes(july, october) == {"advanced": [("expiry", 1, 0, later)]}


def test_what_one_side_does_not_know_has_no_explanation(partner):
    grown(partner)
    with pytest.raises(UnknownDesignation):
        partner.explain(Side(AT_US, partner.opened - 1), Side(AT_US))

"""What is read of the book for tabulation: months, locations, joined customers, what is void, and what a partner was when."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.wiring import open_ledger
from ledger.instants import parse_instant
from projections.results import book
from projections.results.book import profiles_frame, responses_frame
from projections.results.grouping import groups_at
from tests.console.conftest import program  # noqa: F401 - a fixture
from tests.console.support import Program, enrolment, fact, response

AT = "2011-04-01T09:00:00Z"


def joined(organisation: str, same_as: str) -> dict[str, object]:
    return fact("same-organisation", f"join-{organisation}", AT, organisation=organisation, same_as=same_as)


@pytest.fixture
def recorded(program: Program) -> Program:  # noqa: F811
    program.record(
        *enrolment("m-1", locations=["main", "north"], solution_areas=["data", "security"]),
        *enrolment("m-2", business_model="reseller"),
        {**response(1, "Acorn", "2010-06-30T23:59:59.999999Z"), "location": "north"},
        {**response(2, "Brook", "2010-07-01T00:00:00Z"), "location": "main"},
        {**response(3, "Acorn Ltd", "2010-07-02T00:00:00Z"), "location": "main"},
        response(1, "Acorn Ltd", "2010-07-03T00:00:00Z", "m-2"),
        fact("void-response", "v-1", AT, response="m-1-r-2", reason="test"),
        joined("Acorn Ltd", "Acorn"),
        fact("update-membership", "u-1", "2010-08-01T00:00:00Z", business_model="hosting"),
        fact("update-membership", "u-2", "2010-09-01T00:00:00Z", solution_areas=[]),
        fact("update-membership", "u-3", "2010-07-15T00:00:00Z", solution_areas=["security"]),
    )
    return program


def test_responses_are_read_page_by_page(recorded: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "PAGE", 2)
    answers = [[("f", "m-1", "m-1-r-1", 9, None, 0, 10)], [("g", "m-2", "m-2-r-1", None, 1, 2, 3)], []]
    with open_ledger(str(recorded.store), lambda: parse_instant("2012-01-01T00:00:00Z")) as ledger:
        ledger.catch_up()
        with ledger.view() as view:
            reader = view.eligibility()
            rows = responses_frame(reader, reader.position, answers).sort("membership", "response").rows()
            received = reader.received(reader.position, ("", 0, 0), 100)
            (third,) = (position for _, _, position, _, _, one, _ in received if one == "m-1-r-3")
            before = responses_frame(reader, third, []).rows()
    assert rows == [
        ("m-1", "m-1-r-1", "2010-06", "north", "Acorn", False, 9, None, 0, 10),
        ("m-1", "m-1-r-2", "2010-07", "main", "Brook", True, None, None, None, None),
        ("m-1", "m-1-r-3", "2010-07", "main", "Acorn", False, None, None, None, None),
        ("m-2", "m-2-r-1", "2010-07", "main", "Acorn Ltd", False, None, 1, 2, 3),
    ]
    assert {row[1]: (row[4], row[5]) for row in before} == {
        "m-1-r-1": ("Acorn", False), "m-1-r-2": ("Brook", False), "m-1-r-3": ("Acorn Ltd", False)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2010-07-01", {"m-1": ("data", ""), "m-2": ("", "reseller")}),
        ("2010-07-15", {"m-1": ("data", ""), "m-2": ("", "reseller")}),
        ("2010-08-01", {"m-1": ("security", ""), "m-2": ("", "reseller")}),
        ("2010-09-01", {"m-1": ("security", "hosting"), "m-2": ("", "reseller")}),
        ("2010-10-01", {"m-1": ("", "hosting"), "m-2": ("", "reseller")}),
    ],
)
def test_a_membership_is_what_it_was_said_to_be_just_before_an_instant(
    recorded: Program, at: str, expected: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    with open_ledger(str(recorded.store), lambda: parse_instant("2012-01-01T00:00:00Z")) as ledger:
        profiles = profiles_frame(ledger.store, ledger.store.max_position())
    groups = groups_at(profiles, parse_instant(f"{at}T00:00:00Z"))
    assert {name: (area, model) for name, area, model in groups.rows()} == expected

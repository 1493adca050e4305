"""What has to be announced, worked out by hand: flips up to the horizon, and what is issued anew."""

from __future__ import annotations

from typing import Any

from tests.oracle.capability_from_text.announcements import announcements, folded_flips
from tests.oracle.capability_from_text.story import CLOSED, PARTNER, Story, edition, readme
from tests.oracle.survey.time import instant


def issued(story: Story) -> list[tuple[str, bool, bool, str, bool]]:
    return [
        (one["effective_at"][:10], one["previous"], one["qualified"], one["cause"], one["revises"])
        for one in announcements(story.oracle, *PARTNER)
    ]


FIRST = ("2024-06-20", False, True, "close", False)


def test_a_close_announces_the_flip_with_all_that_holds_there():
    story = readme()
    (only,) = announcements(story.oracle, *PARTNER)
    expected: dict[str, Any] = {
        "area": "business-applications",
        "qualified": True,
        "previous": False,
        "centipoints": 7400,
        "metrics": {
            "net-adds": 900, "intermediate": 1200, "advanced": 1500, "usage-growth": 3000, "deployments": 800,
        },
        "month": "2024-05",
        "track": "smb",
        "edition": "2023-06",
        "effective_at": "2024-06-20T00:00:00.000000Z",
        "cause": "close",
        "revises": False,
    }  # fmt: skip
    assert {key: value for key, value in only.items() if key != "by"} == expected


def test_a_designation_that_never_flipped_is_not_announced():
    story = Story()
    story.close()
    story.oracle.review(instant("2025-01-01T00:00:00Z"))
    assert issued(story) == []


def test_figures_that_change_without_a_flip_are_not_announced():
    story = readme()
    story.use("2024-05", "c-9", 25_000, when="2024-07-01T00:00:00Z")
    assert story.score()["metrics"]["deployments"]["now"] == 4
    assert issued(story) == [FIRST]


def test_the_restatement_revises_and_says_what_holds_and_its_withdrawal_flips_again():
    story = readme()
    story.use("2023-05", "c-2", 19_995, when="2024-07-01T00:00:00Z")
    story.use("2023-05", "c-2", 20_000, when="2024-07-02T00:00:00Z")
    assert issued(story) == [
        FIRST,
        ("2024-06-20", False, False, "report", True),
        ("2024-06-20", False, True, "report", True),
    ]
    assert folded_flips(announcements(story.oracle, *PARTNER)) == [(instant(CLOSED), True)]


def test_a_restatement_at_the_instant_of_the_horizon_where_something_stands_revises():
    story = readme()
    story.use("2023-05", "c-2", 19_995, when=CLOSED)
    assert issued(story) == [FIRST, ("2024-06-20", False, False, "report", True)]


def test_a_late_report_is_by_its_kind_before_the_horizon_and_by_what_takes_effect_at_it():
    for when, said in (
        (CLOSED, ("2024-06-20", False, True, "close", False)),
        ("2024-06-25T00:00:00Z", ("2024-06-20", False, True, "report", True)),
    ):
        story = readme()
        story.oracle.accepted = [
            one
            for one in story.oracle.accepted
            if (one.fact.get("customer"), one.fact.get("month")) != ("c-1", "2023-05")
        ]
        assert not story.qualified()
        if when != CLOSED:
            story.oracle.review(instant(when))
        story.use("2023-05", "c-1", 25_000, when=when)
        assert issued(story) == [said]


def test_a_review_announces_expiries_with_their_own_instants_however_late_it_runs():
    story = readme()
    for number in (0, 1):
        name = next(
            one.fact["certificate"]
            for one in story.oracle.accepted
            if one.fact.get("tier") == "advanced" and one.fact["person"] == f"p-{number}"
        )
        story.tell("end-certificate", CLOSED, certificate=name, on=f"2024-07-0{number + 1}")
    assert issued(story) == [FIRST]
    story.oracle.review(instant("2024-06-30T23:59:59.999999Z"))
    assert issued(story) == [FIRST]
    story.oracle.review(instant("2024-12-31T00:00:00Z"))
    assert issued(story) == [FIRST, ("2024-07-01", True, False, "expiry", False)]


def test_a_certificate_that_begins_is_announced_as_certificate():
    story = readme()
    for one in list(story.oracle.accepted):
        if one.fact.get("tier") == "advanced":
            story.tell("end-certificate", CLOSED, certificate=one.fact["certificate"], on="2024-01-01")
    story.certify("advanced", 2, since="2024-07-05")
    story.oracle.review(instant("2024-08-01T00:00:00Z"))
    assert issued(story) == [
        FIRST,
        ("2024-06-20", False, False, "certificate", True),
        ("2024-07-05", False, True, "certificate", False),
    ]


def test_an_edition_to_come_flips_at_its_instant_and_moves_no_horizon():
    story = readme()
    when = "2024-08-01T00:00:00Z"
    story.tell("publish-scorebook", CLOSED, **edition("harder", when, min_centipoints=7401))
    assert issued(story) == [FIRST]
    story.oracle.review(instant(when))
    assert issued(story) == [FIRST, ("2024-08-01", True, False, "scorebook", False)]


def test_an_edition_in_the_past_revises():
    story = readme()
    when = "2024-01-01T00:00:00Z"
    story.tell("publish-scorebook", when, **edition("harder", when, min_centipoints=7401))
    assert issued(story) == [FIRST, ("2024-06-20", False, False, "scorebook", True)]


def test_a_corrected_close_moves_the_flip():
    story = readme()
    story.tell("correct-close", "2024-07-01T00:00:00Z", month="2024-05", closed_at="2024-06-10T00:00:00Z")
    assert issued(story) == [FIRST, ("2024-06-10", False, True, "close", True)]
    story.tell("correct-close", "2024-07-01T00:00:00Z", month="2024-05", closed_at="2024-06-25T00:00:00Z")
    assert issued(story)[2:] == [
        ("2024-06-10", False, False, "close", True),
        ("2024-06-25", False, True, "close", True),
    ]


def test_another_designations_facts_move_nothing():
    story = readme()
    story.tell("open-designation", "2029-01-01T00:00:00Z", name="Two", membership="m-2")
    assert issued(story) == [FIRST]

"""Decisions, the board, next steps and explanations, worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.capability_from_text.board import designations, next_steps
from tests.oracle.capability_from_text.explain import explain
from tests.oracle.capability_from_text.story import CLOSED, PARTNER, Story, edition, readme
from tests.oracle.survey.time import instant

JULY = {"anniversary": "2024-07-31"}


def decide(story: Story, when: str, anniversary: str = "2024-07-31", now: str = "2030-01-01T00:00:00Z") -> Any:
    said = story.said("decide-designation", when, instant(now), anniversary=anniversary)
    return said[1][0][1] if said[0] == "accepted" else said[1]


def due(story: Story) -> Story:
    story.tell("set-anniversary", "2024-01-01T00:00:00Z", **JULY)
    return story


def test_a_decision_names_the_window_and_the_first_qualified_instant():
    story = due(readme())
    made = decide(story, "2024-07-01T00:00:00Z")
    metrics = story.score()["metrics"]
    assert made == {
        "membership": "m-1",
        "area": "business-applications",
        "anniversary": "2024-07-31",
        "window_from": "2024-02-01T00:00:00.000000Z",
        "window_to": "2024-07-31T23:59:59.999999Z",
        "outcome": "qualified",
        "first_qualified_at": "2024-06-20T00:00:00.000000Z",
        "at_first": {"centipoints": 7400, "metrics": metrics},
        "best": {"at": "2024-06-20T00:00:00.000000Z", "centipoints": 7400, "metrics": metrics},
        "edition": "2023-06",
        "track": "smb",
        "month": "2024-05",
        "revision": 1,
    }


def test_one_day_of_the_window_is_enough():
    story = due(readme())
    for one in list(story.oracle.accepted):
        if one.fact.get("tier") == "advanced":
            story.tell("end-certificate", CLOSED, certificate=one.fact["certificate"], on="2024-06-21")
    assert not story.qualified("2024-06-21T00:00:00Z")
    assert decide(story, "2024-08-01T00:00:00Z")["outcome"] == "qualified"


@pytest.mark.parametrize(("anniversary", "outcome"), [("2024-11-30", "qualified"), ("2024-05-31", "not-qualified")])
def test_only_the_window_counts(anniversary, outcome):
    story = readme()
    story.tell("set-anniversary", CLOSED, anniversary=anniversary)
    assert decide(story, "2025-01-01T00:00:00Z", anniversary)["outcome"] == outcome


def test_who_was_qualified_where_the_window_starts_is_so_from_its_start():
    story = readme()
    story.tell("set-anniversary", CLOSED, anniversary="2024-12-01")
    made = decide(story, "2025-01-01T00:00:00Z", "2024-12-01")
    assert made["first_qualified_at"] == made["window_from"] == "2024-07-01T00:00:00.000000Z"


def test_nothing_is_due_before_the_windows_first_instant():
    story = readme()
    story.tell("set-anniversary", CLOSED, anniversary="2024-12-01")
    assert decide(story, "2024-06-30T23:59:59.999999Z", "2024-12-01") == "anniversary-not-due"
    assert decide(story, "2024-07-01T00:00:00Z", "2024-12-01")["outcome"] == "qualified"


def test_only_instants_up_to_the_clock_and_the_fact_are_looked_at():
    story = due(readme())
    assert decide(story, "2024-06-19T23:59:59.999999Z") == "anniversary-not-due"
    assert decide(story, "2024-06-20T00:00:01Z", now="2024-06-19T23:59:59Z") == "anniversary-not-due"
    assert decide(story, CLOSED, now=CLOSED)["outcome"] == "qualified"


def test_a_decision_that_a_restatement_turns_is_due_again_and_gets_the_next_revision():
    story = due(readme())
    assert decide(story, "2024-07-01T00:00:00Z")["revision"] == 1
    story.use("2023-05", "c-2", 19_995, when="2024-07-02T00:00:00Z")
    second = decide(story, "2024-07-02T00:00:00Z")
    assert (second["outcome"], second["revision"], second["first_qualified_at"]) == ("not-qualified", 2, None)
    assert second["best"]["centipoints"] == 4400
    assert second["month"] == "2024-05"
    assert decide(story, "2024-08-01T00:00:00Z") == "designation-already-decided"


def test_figures_alone_make_a_decision_new():
    story = due(readme())
    decide(story, "2024-07-01T00:00:00Z")
    story.use("2024-05", "c-9", 5, when="2024-07-01T00:00:00Z")
    assert decide(story, "2024-07-01T00:00:00Z")["revision"] == 2


def test_the_best_is_the_earliest_of_the_highest():
    story = due(Story())
    story.certify("advanced", 1, since="2024-03-01", until="2024-03-02")
    story.certify("advanced", 1, since="2024-04-01", until="2024-04-02")
    made = decide(story, "2024-08-01T00:00:00Z")
    assert (made["best"]["at"], made["best"]["centipoints"]) == ("2024-03-01T00:00:00.000000Z", 750)
    assert (made["outcome"], made["month"], made["at_first"]) == ("not-qualified", None, None)


def test_a_window_without_an_edition_has_no_edition_as_its_outcome():
    story = Story()
    story.tell("set-anniversary", "2023-01-01T00:00:00Z", anniversary="2023-05-31")
    made = decide(story, "2023-06-01T00:00:00Z", "2023-05-31")
    assert (made["outcome"], made["best"], made["edition"], made["track"]) == ("no-edition", None, None, "smb")
    assert made["window_from"] == "2022-12-01T00:00:00.000000Z"


def test_the_windows_length_is_that_of_the_edition_at_its_last_microsecond():
    for effective_from, first in (
        ("2024-07-31T23:59:59.999999Z", "2024-06-01T00:00:00.000000Z"),
        ("2024-08-01T00:00:00Z", "2024-02-01T00:00:00.000000Z"),
    ):
        story = due(readme())
        story.tell("publish-scorebook", CLOSED, **edition("two", effective_from, window_months=2))
        assert decide(story, "2024-08-01T00:00:00Z")["window_from"] == first


def test_two_editions_in_force_over_the_window_each_judge_their_own_part():
    story = due(readme())
    when = "2024-06-25T00:00:00Z"
    story.tell("publish-scorebook", CLOSED, **edition("harder", when, min_centipoints=7401))
    made = decide(story, "2024-08-01T00:00:00Z")
    assert (made["outcome"], made["edition"]) == ("qualified", "2023-06")
    assert not story.qualified(when)


def state(story: Story, at: str) -> str:
    (only,) = designations(story.oracle, instant(at))
    return str(only["state"])


def test_the_board_follows_a_designation_from_progress_to_enrolment_and_its_end():
    story = due(readme())
    decide(story, "2024-07-01T00:00:00Z")
    story.tell("set-anniversary", CLOSED, anniversary="2025-07-31")
    story.use("2023-05", "c-2", 19_995, when="2024-08-02T00:00:00Z")
    told = {
        "2024-06-30T23:59:59.999999Z": "in-progress",
        "2024-07-01T00:00:00Z": "enrolled",
        "2025-01-31T23:59:59.999999Z": "enrolled",
        "2025-02-01T00:00:00Z": "renewal-due",
        "2025-07-30T23:59:59.999999Z": "renewal-due",
        "2025-07-31T00:00:00Z": "in-progress",
    }
    assert {at: state(story, at) for at in told} == told


def test_qualified_without_a_decision_is_qualified():
    assert state(readme(), CLOSED) == "qualified"
    assert state(readme(), "2024-06-19T00:00:00Z") == "in-progress"


def test_a_line_of_the_board_says_what_is_missing():
    story = due(readme())
    for number in range(1, 4):
        story.sell("2024-05", f"c-{number}", 0)
    (only,) = designations(story.oracle, instant(CLOSED))
    assert (only["centipoints"], only["missing_centipoints"], only["zero"]) == (6500, 500, ["net-adds"])
    assert only["anniversary"] == "2024-07-31"
    assert only["next_steps"] == {
        "net-adds": {"needed": 1, "centipoints": 300},
        "intermediate": {"needed": 1, "centipoints": 400},
        "advanced": None,
        "usage-growth": None,
        "deployments": {"needed": 1, "centipoints": 400},
    }


def test_the_next_percent_is_told_in_value_and_a_net_loss_has_to_be_made_good_first():
    story = Story()
    story.use("2023-05", "c-1", 125_000)
    story.use("2024-05", "c-1", 125_000)
    story.use("2024-05", "c-2", 5)
    for number in range(3):
        story.sell("2023-05", f"c-{number}", 25_000)
    story.close()
    steps = next_steps(story.score(), story.oracle.edition(PARTNER[1], instant(CLOSED)))
    assert steps["usage-growth"] == {"needed": 1, "centipoints": 100, "mcv_milli": "249000"}
    assert steps["net-adds"] == {"needed": 4, "centipoints": 300}


def test_a_restatement_is_explained_by_the_report_that_took_the_base():
    story = readme()
    known = len(story.oracle.accepted)
    later = story.use("2023-05", "c-2", 19_995, when="2024-07-01T00:00:00Z")
    at = instant(CLOSED)
    assert explain(story.oracle, *PARTNER, (at, known), (at, later)) == [
        {
            "metric": "usage-growth",
            "from": 3000,
            "to": 0,
            "causes": [
                {
                    "kind": "report",
                    "customer": "c-2",
                    "workload": "customer-insights",
                    "month": "2023-05",
                    "association": "pal",
                    "figure_from": 4_000_000,
                    "figure_to": 3_999_000,
                    "because": "restated",
                }
            ],
        }
    ]


def test_what_is_the_same_is_not_explained():
    story = readme()
    assert explain(story.oracle, *PARTNER, (instant(CLOSED), None), (instant(CLOSED), None)) == []

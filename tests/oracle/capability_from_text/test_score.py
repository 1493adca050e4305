"""The rules C1 to C15 by hand, each at its boundary; every figure was worked out from the words of the rule."""

from __future__ import annotations

import pytest

from tests.oracle.capability_from_text.book import FIGURES
from tests.oracle.capability_from_text.calendar import a_year_on, window
from tests.oracle.capability_from_text.story import CLOSED, Story, edition, readme
from tests.oracle.survey.time import instant

BEFORE_CLOSE = "2024-06-19T23:59:59.999999Z"


def points(story: Story, at: str = CLOSED) -> dict[str, int]:
    return {name: metric["centipoints"] for name, metric in story.score(at)["metrics"].items()}


def test_the_readmes_partner_has_74_points_and_is_qualified():
    story = readme()
    assert points(story) == {
        "net-adds": 900,
        "intermediate": 1200,
        "advanced": 1500,
        "usage-growth": 3000,
        "deployments": 800,
    }
    assert story.score()["centipoints"] == 7400
    assert story.metric("usage-growth") == {
        "centipoints": 3000,
        "mcv_milli": "40000000",
        "mcv_milli_year_before": "25000000",
        "percent": "60",
        "base_met": True,
    }
    assert story.flips() == [(instant(CLOSED), True)]


def test_the_readmes_restatement_by_five_units_takes_the_base_away_from_the_close_on():
    story = readme()
    known = len(story.oracle.accepted)
    story.use("2023-05", "c-2", 19_995, when="2024-07-01T00:00:00Z")
    assert story.score()["centipoints"] == 4400
    assert story.metric("usage-growth")["mcv_milli_year_before"] == "24999000"
    assert story.flips() == []
    assert story.score(known=known)["centipoints"] == 7400


def test_nothing_is_scored_before_the_close_but_certificates():
    score = readme().score(BEFORE_CLOSE)
    assert (score["edition"], score["month"], score["compared_with"], score["track"]) == ("2023-06", None, None, "smb")
    assert score["centipoints"] == 2700
    assert score["metrics"]["net-adds"] == {"centipoints": 0, "now": None, "year_before": None}
    assert score["metrics"]["usage-growth"]["base_met"] is None
    assert score["next_change"] == {"at": "2024-06-20T00:00:00.000000Z", "qualified": True}


def test_before_the_first_edition_everything_is_null_whatever_was_closed():
    story = Story()
    story.certify("advanced", 2, since="2023-01-01")
    story.close("2023-01", "2023-02-20T00:00:00Z")
    score = story.score("2023-06-12T23:59:59.999999Z")
    assert (score["edition"], score["month"], score["track"], score["centipoints"]) == (None, None, "smb", 0)
    assert score["metrics"]["advanced"] == {"centipoints": 0, "people": 0}
    assert story.score("2023-06-13T00:00:00Z")["centipoints"] == 1500
    assert story.score("2023-06-13T00:00:00Z")["month"] == "2023-01"


@pytest.mark.parametrize(("least", "is_enough"), [(7399, True), (7400, True), (7401, False)])
def test_the_least_points_are_enough_exactly(least, is_enough):
    story = readme()
    when = "2024-01-01T00:00:00Z"
    story.tell("publish-scorebook", when, **edition("other", when, min_centipoints=least))
    assert story.qualified() is is_enough


def test_a_metric_at_zero_disqualifies_whatever_the_points():
    story = readme()
    when = "2024-01-01T00:00:00Z"
    story.tell("publish-scorebook", when, **edition("other", when, min_centipoints=1))
    assert story.qualified()
    for number in (1, 2, 3):
        story.sell("2024-05", f"c-{number}", 24_999)
    assert story.score()["centipoints"] == 6500
    assert not story.qualified()


@pytest.mark.parametrize(
    ("now", "percent", "centipoints"),
    [(25_250, "1", 100), (25_249, "0", 0), (32_499, "29", 2900), (32_500, "30", 3000), (50_000, "100", 3000)],
)
def test_whole_percents_of_growth_are_counted_up_to_thirty(now, percent, centipoints):
    story = Story()
    story.use("2023-05", "c-1", 25_000 * 5)
    story.use("2024-05", "c-1", now * 5)
    story.close()
    found = story.metric("usage-growth")
    assert (found["percent"], found["centipoints"]) == (percent, centipoints)


@pytest.mark.parametrize(("now", "percent"), [(24_999, "0"), (24_750, "-1"), (24_501, "-1"), (0, "-100")])
def test_negative_growth_is_rounded_towards_zero_and_brings_nothing(now, percent):
    story = Story()
    story.use("2023-05", "c-1", 25_000 * 5)
    story.use("2024-05", "c-1", now * 5)
    story.close()
    assert (story.metric("usage-growth")["percent"], story.metric("usage-growth")["centipoints"]) == (percent, 0)


def test_growth_from_nothing_has_no_percent_and_no_points():
    story = Story()
    story.use("2024-05", "c-1", 10**12)
    story.close()
    found = story.metric("usage-growth")
    assert (found["percent"], found["base_met"], found["centipoints"]) == (None, False, 0)


@pytest.mark.parametrize(("units", "is_met"), [(124_999, False), (125_000, True)])
def test_the_base_is_met_at_25000_exactly(units, is_met):
    story = Story()
    story.use("2023-05", "c-1", units)
    story.use("2024-05", "c-1", units * 2)
    story.close()
    assert story.metric("usage-growth")["base_met"] is is_met
    assert story.metric("usage-growth")["centipoints"] == (3000 if is_met else 0)


def test_sums_pass_64_bits_without_a_loss():
    story = Story()
    for number in range(10):
        story.use("2023-05", f"c-{number}", 10**12, "business-central", "cpor")
        story.use("2024-05", f"c-{number}", 10**12, "business-central", "cpor")
    story.use("2024-05", "c-10", 1)
    story.close()
    found = story.metric("usage-growth")
    assert found["mcv_milli"] == "10000000000000000200"
    assert int(found["mcv_milli"]) > 2**63
    assert found["percent"] == "0"


@pytest.mark.parametrize(("units", "deployed"), [(24_999, 0), (25_000, 1)])
def test_a_pair_is_deployed_at_5000_exactly(units, deployed):
    story = Story()
    story.use("2024-05", "c-1", units)
    story.close()
    assert story.metric("deployments") == {"centipoints": 400 * deployed, "now": deployed, "year_before": 0}


def test_two_workloads_of_a_customer_are_two_pairs_and_are_not_added_up():
    story = Story()
    story.use("2024-05", "c-1", 5, "business-central", "cpor")
    story.use("2024-05", "c-1", 25, "power-bi", "pal")
    story.use("2024-05", "c-1", 24, "portals", "pal")
    story.close()
    assert story.metric("deployments")["now"] == 2


def test_fewer_pairs_than_a_year_before_are_no_points_below_zero():
    story = Story()
    story.sell("2023-05", "c-1", 25_000)
    story.use("2023-05", "c-1", 25_000)
    story.close()
    assert story.metric("net-adds") == {"centipoints": 0, "now": 0, "year_before": 1}
    assert story.metric("deployments") == {"centipoints": 0, "now": 0, "year_before": 1}


@pytest.mark.parametrize(("pairs", "centipoints"), [(1, 300), (4, 1200), (5, 1500), (6, 1500)])
def test_net_adds_bring_three_points_each_up_to_fifteen(pairs, centipoints):
    story = Story()
    for number in range(pairs):
        story.sell("2024-05", f"c-{number}", 25_000)
    story.sell("2024-05", "c-99", 24_999)
    story.close()
    assert story.metric("net-adds") == {"centipoints": centipoints, "now": pairs, "year_before": 0}


@pytest.mark.parametrize(("pairs", "centipoints"), [(4, 1600), (5, 2000), (6, 2000)])
def test_deployments_bring_four_points_each_up_to_twenty(pairs, centipoints):
    story = Story()
    for number in range(pairs):
        story.use("2024-05", f"c-{number}", 5, "business-central", "cpor")
    story.close()
    assert story.metric("deployments")["centipoints"] == centipoints


@pytest.mark.parametrize(
    ("tier", "number", "centipoints"),
    [
        *(("intermediate", 4, 1600), ("intermediate", 5, 2000), ("intermediate", 6, 2000)),
        *(("advanced", 1, 750), ("advanced", 2, 1500), ("advanced", 3, 1500)),
    ],
)
def test_people_bring_points_until_their_number_is_full(tier, number, centipoints):
    story = Story()
    story.certify(tier, number)
    assert story.metric(tier) == {"centipoints": centipoints, "people": number}


def enterprise(workloads: int = 5, year_before: int = 5, cents: int = 500_001, before_cents: int = 500_001) -> Story:
    """Revenue on so many workloads in the two months, each at another customer."""
    story = Story()
    for number in range(workloads):
        story.sell("2024-05", f"c-{number}", cents, f"w-{number}")
    for number in range(year_before):
        story.sell("2023-05", f"c-{number + 50}", before_cents, f"v-{number}")
    story.close()
    return story


@pytest.mark.parametrize(
    ("fields", "track"),
    [
        ({}, "enterprise"),
        ({"workloads": 4}, "smb"),
        ({"year_before": 4}, "smb"),
        ({"cents": 500_000}, "smb"),
        ({"before_cents": 500_000}, "smb"),
    ],
)
def test_the_track_is_enterprise_with_five_workloads_above_the_figure_in_both_months(fields, track):
    assert enterprise(**fields).score()["track"] == track


def test_one_workload_at_five_customers_is_one_workload():
    story = enterprise(4)
    for number in range(60, 65):
        story.sell("2024-05", f"c-{number}", 500_001, "w-1")
    assert story.score()["track"] == "smb"


def test_revenue_under_a_kind_that_does_not_count_makes_no_track():
    story = enterprise(4)
    story.sell("2024-05", "c-9", 500_001, "w-9", under="pal")
    assert story.score()["track"] == "smb"
    story.sell("2024-05", "c-9", 500_001, "w-9", under="dpor")
    assert story.score()["track"] == "enterprise"


def test_enterprise_has_thresholds_of_its_own():
    story = enterprise()
    story.sell("2024-05", "c-1", 149_999, "w-50")
    story.sell("2024-05", "c-1", 150_000, "w-51")
    story.use("2024-05", "c-1", 49_999)
    story.use("2024-05", "c-2", 50_000)
    story.use("2023-05", "c-3", 249_999)
    assert story.metric("net-adds") == {"centipoints": 300, "now": 6, "year_before": 5}
    assert story.metric("deployments") == {"centipoints": 0, "now": 1, "year_before": 1}
    assert story.metric("usage-growth")["base_met"] is False
    story.use("2023-05", "c-3", 250_000)
    assert story.metric("usage-growth")["base_met"] is True


@pytest.mark.parametrize(("number", "centipoints"), [(1, 214), (6, 1284), (7, 1500), (8, 1500)])
def test_seven_advanced_people_have_fifteen_points_though_seven_times_214_is_less(number, centipoints):
    story = enterprise()
    story.certify("advanced", number)
    assert story.metric("advanced")["centipoints"] == centipoints


@pytest.mark.parametrize(("number", "centipoints"), [(19, 1900), (20, 2000), (21, 2000)])
def test_twenty_intermediate_people_are_the_full_number_of_an_enterprise(number, centipoints):
    story = enterprise()
    story.certify("intermediate", number)
    assert story.metric("intermediate")["centipoints"] == centipoints


def test_a_person_counts_once_in_each_tier_whatever_the_certificates():
    story = Story()
    for _ in range(3):
        story.certify("advanced", 1)
    story.certify("intermediate", 1)
    assert story.metric("advanced")["people"] == 1
    assert story.metric("intermediate")["people"] == 1


def test_a_certificate_counts_from_its_first_day_to_the_first_that_no_longer_does():
    story = Story()
    story.certify("advanced", 1, since="2024-02-29", until="2024-03-01")
    people = [
        story.metric("advanced", at)["people"]
        for at in (
            *("2024-02-28T23:59:59.999999Z", "2024-02-29T00:00:00Z"),
            *("2024-02-29T23:59:59.999999Z", "2024-03-01T00:00:00Z"),
        )
    ]
    assert people == [0, 1, 1, 0]


def held(*ends: str, until: str | None = "2024-06-01") -> list[int]:
    """How many hold it on the last of April, the last of May and the first of June 2024."""
    story = Story()
    fields = {"certificate": "x", "person": "p", "code": "c", "tier": "advanced", "valid_from": "2024-01-01"}
    story.tell("record-certificate", "2024-01-01T00:00:00Z", **fields, **({"valid_until": until} if until else {}))
    for on in ends:
        story.tell("end-certificate", "2024-01-02T00:00:00Z", certificate="x", on=on)
    days = ("2024-04-30T00:00:00Z", "2024-05-31T00:00:00Z", "2024-06-01T00:00:00Z")
    return [story.metric("advanced", day)["people"] for day in days]


def test_of_two_ends_the_earlier_counts_and_of_several_words_the_last():
    assert held() == [1, 1, 0]
    assert held("2024-05-01") == [1, 0, 0]
    assert held("2024-07-01") == [1, 1, 0]
    assert held("2024-05-01", "2024-07-01") == [1, 1, 0]
    assert held("2024-07-01", until=None) == [1, 1, 1]
    assert held("2024-01-01") == [0, 0, 0]
    assert held("2024-01-01", "2024-05-31") == [1, 0, 0]


def test_the_last_month_is_the_latest_that_was_closed_whatever_the_order_of_closes():
    story = Story()
    story.close("2024-05", "2024-06-20T00:00:00Z")
    story.close("2024-03", "2024-07-20T00:00:00Z")
    months = [story.score(at)["month"] for at in (BEFORE_CLOSE, CLOSED, "2024-07-20T00:00:00Z")]
    assert months == [None, "2024-05", "2024-05"]


def test_a_close_out_of_order_fills_in_what_was_the_last_month_before():
    story = Story()
    story.close("2024-05", "2024-06-20T00:00:00Z")
    story.close("2024-04", "2024-06-10T00:00:00Z")
    assert story.score("2024-06-19T00:00:00Z")["month"] == "2024-04"


def test_a_corrected_close_moves_it_and_the_last_correction_holds():
    story = Story()
    known = story.close()
    story.tell("correct-close", "2024-07-01T00:00:00Z", month="2024-05", closed_at="2024-06-01T00:00:00Z")
    assert story.score("2024-06-01T00:00:00Z")["month"] == "2024-05"
    assert story.score("2024-06-01T00:00:00Z", known)["month"] is None
    story.tell("correct-close", "2024-07-01T00:00:00Z", month="2024-05", closed_at="2024-06-30T00:00:00Z")
    assert story.score("2024-06-29T23:59:59.999999Z")["month"] is None


def test_the_year_before_counts_as_reported_closed_or_not():
    story = readme()
    story.close("2023-05", "2024-08-01T00:00:00Z")
    assert story.score("2024-08-01T00:00:00Z")["centipoints"] == 7400
    assert story.score()["compared_with"] == "2023-05"


def test_february_of_a_leap_year_is_compared_with_february():
    story = Story()
    story.close("2024-02", "2024-03-01T00:00:00Z")
    assert story.score("2024-03-01T00:00:00Z")["compared_with"] == "2023-02"


def test_a_report_replaces_the_one_before_and_zero_withdraws_it():
    story = Story()
    story.close()
    for cents, now in ((25_000, 1), (24_999, 0), (30_000, 1), (0, 0)):
        story.sell("2024-05", "c-1", cents)
        assert story.metric("net-adds")["now"] == now


def test_a_report_recorded_later_wins_over_one_that_occurred_later():
    story = Story()
    story.close()
    story.sell("2024-05", "c-1", 0, when="2024-07-01T00:00:00Z")
    story.sell("2024-05", "c-1", 25_000, when="2024-06-01T00:00:00Z")
    assert story.metric("net-adds")["now"] == 1


def test_references_are_compared_exactly():
    story = Story()
    story.close()
    for customer in ("Contoso", "contoso"):
        story.sell("2024-05", customer, 25_000)
    assert story.metric("net-adds")["now"] == 2


@pytest.mark.parametrize(
    ("workload", "under", "counts"),
    [
        *(("business-central", "cpor", 1), ("business-central", "dpor", 1), ("business-central", "pal", 0)),
        *(("business-central", "csp-1", 0), ("power-apps", "pal", 1), ("power-apps", "cpor", 0)),
        *(("power-automate", "pal", 1), ("power-bi", "pal", 1), ("portals", "pal", 1), ("retail", "cpor", 1)),
        *(("customer-insights", "pal", 1), ("customer-insights", "dpor", 0)),
    ],
)
def test_usage_counts_under_the_kinds_of_its_workload(workload, under, counts):
    story = Story()
    story.use("2024-05", "c-1", 10**6, workload, under)
    story.close()
    assert story.metric("deployments")["now"] == counts
    assert story.score()["left_out"]["total"] == 1 - counts


@pytest.mark.parametrize(("under", "counts"), [("cpor", 1), ("csp-1", 1), ("csp-2", 1), ("dpor", 1), ("pal", 0)])
def test_revenue_counts_under_all_kinds_but_pal(under, counts):
    story = Story()
    story.sell("2024-05", "c-1", 25_000, under=under)
    story.close()
    assert story.metric("net-adds")["now"] == counts


def test_of_several_kinds_the_largest_counts_once_and_the_rest_is_left_out():
    story = Story()
    story.close()
    for under, units in (("dpor", 3), ("cpor", 3), ("pal", 9), ("csp-1", 0)):
        story.use("2024-05", "c-1", units, "business-central", under)
    assert story.metric("usage-growth")["mcv_milli"] == "3000000"
    common = {"what": "usage", "customer": "c-1", "workload": "business-central", "month": "2024-05"}
    assert story.score()["left_out"] == {
        "total": 2,
        "reports": [
            {**common, "association": "dpor", "reason": "smaller"},
            {**common, "association": "pal", "reason": "association"},
        ],
    }


def test_what_is_left_out_is_of_the_two_months_sorted_and_a_hundred_at_most():
    story = Story()
    story.close()
    for month in ("2023-05", "2024-04", "2024-05"):
        for number in range(60):
            story.sell(month, f"c-{number:02}", 1, under="pal")
    found = story.score()["left_out"]
    assert (found["total"], len(found["reports"])) == (120, 100)
    assert [one["month"] for one in found["reports"][:3]] == ["2023-05", "2024-05", "2023-05"]


def test_usage_without_a_rate_in_the_edition_in_force_counts_nothing_until_one_comes():
    story = Story()
    later = "2024-07-01T00:00:00Z"
    rates = {"new-one": {"rate_milli": 1, "associations": ["pal"]}}
    story.tell("publish-scorebook", "2024-01-01T00:00:00Z", **edition("next", later, rates=rates))
    story.use("2024-05", "c-1", 7, "new-one", "pal")
    story.use("2024-05", "c-1", 8, "retail", "cpor")
    story.close()
    assert story.metric("usage-growth")["mcv_milli"] == "800000"
    assert [one["reason"] for one in story.score()["left_out"]["reports"]] == ["no-rate"]
    assert story.metric("usage-growth", later)["mcv_milli"] == "7"
    assert [one["workload"] for one in story.score(later)["left_out"]["reports"]] == ["retail"]


def test_a_new_rate_values_both_months_so_that_it_is_no_growth():
    story = readme()
    rates = {**FIGURES["rates"], "customer-insights": {"rate_milli": 1000, "associations": ["pal"]}}
    when = "2024-06-25T00:00:00Z"
    story.tell("publish-scorebook", when, **edition("dearer", when, rates=rates))
    before, after = story.metric("usage-growth"), story.metric("usage-growth", when)
    assert (before["percent"], after["percent"]) == ("60", "60")
    assert (before["mcv_milli"], after["mcv_milli"]) == ("40000000", "200000000")
    assert story.metric("deployments", when) == {"centipoints": 400, "now": 7, "year_before": 6}


def test_of_two_editions_at_one_instant_the_one_published_later_is_in_force():
    story = Story()
    when = "2024-01-01T00:00:00Z"
    first = story.tell("publish-scorebook", when, **edition("a", when))
    story.tell("publish-scorebook", when, **edition("b", when))
    assert story.score(when)["edition"] == "b"
    assert story.score(when, first)["edition"] == "a"
    story.tell("publish-scorebook", when, **edition("old", "2023-12-31T00:00:00Z"))
    assert story.score(when)["edition"] == "b"


def test_a_certificates_end_is_the_next_change_and_takes_the_designation():
    story = readme()
    known = len(story.oracle.accepted)
    for number in range(2):
        ended = story.oracle.accepted[known - 3 + number].fact["certificate"]
        story.tell("end-certificate", "2024-06-21T00:00:00Z", certificate=ended, on="2024-06-30")
    assert story.score()["next_change"] == {"at": "2024-06-30T00:00:00.000000Z", "qualified": False}
    assert story.flips() == [(instant(CLOSED), True), (instant("2024-06-30T00:00:00Z"), False)]


@pytest.mark.parametrize(
    ("anniversary", "months", "first", "last"),
    [
        ("2024-02-29", 6, "2023-09-01T00:00:00Z", "2024-02-29T23:59:59.999999Z"),
        ("2023-02-01", 1, "2023-02-01T00:00:00Z", "2023-02-28T23:59:59.999999Z"),
        ("2024-07-31", 13, "2023-07-01T00:00:00Z", "2024-07-31T23:59:59.999999Z"),
        ("9999-12-31", 6, "9999-07-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        ("0001-02-01", 6, "0001-01-01T00:00:00Z", "0001-02-28T23:59:59.999999Z"),
    ],
)
def test_the_window_is_the_anniversarys_month_and_those_before(anniversary, months, first, last):
    assert window(anniversary, months) == (instant(first), instant(last))


def test_a_year_after_a_leap_day_is_the_28th_of_february():
    assert a_year_on("2024-02-29") == instant("2025-02-28T00:00:00Z")

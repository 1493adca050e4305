"""Each refusal code once and at its boundary, their order, and the form of every field."""

from __future__ import annotations

from copy import deepcopy

import pytest

from tests.oracle.capability_from_text.book import FIGURES
from tests.oracle.capability_from_text.form import is_well_formed
from tests.oracle.capability_from_text.oracle import Oracle
from tests.oracle.capability_from_text.story import NOW, Story, edition, fact, readme
from tests.oracle.survey.time import MICROSECOND, instant

WHEN = "2024-06-01T00:00:00Z"
USED = {"customer": "c-1", "workload": "retail", "month": "2024-05", "association": "cpor"}
CERTIFICATE = {"certificate": "x", "person": "p", "code": "c", "tier": "advanced", "valid_from": "2024-01-01"}
OPEN = fact("open-designation", WHEN, name="Contoso")


def refused(code: str) -> tuple[str, str]:
    return "refused", code


def test_an_accepted_fact_becomes_an_event_of_its_own_fields():
    assert Oracle().judge(OPEN, NOW) == ("accepted", [("DesignationOpened", {"name": "Contoso"})])


def test_the_same_fact_is_a_duplicate_and_the_same_id_with_another_content_is_refused():
    oracle = Oracle()
    oracle.record(OPEN, NOW)
    assert oracle.judge(OPEN, NOW) == ("duplicate", None)
    assert oracle.judge({**OPEN, "occurred_at": "2024-06-01T02:00:00+02:00", "actor": None}, NOW)[0] == "duplicate"
    assert oracle.judge({**OPEN, "name": "Other"}, NOW) == refused("id-reused")
    assert oracle.judge({**OPEN, "name": ""}, NOW) == refused("malformed")


def test_five_minutes_ahead_is_accepted_and_a_microsecond_more_is_in_the_future():
    now = instant("2024-05-31T23:55:00Z")
    assert Oracle().judge(OPEN, now)[0] == "accepted"
    ahead = {**OPEN, "occurred_at": "2024-06-01T00:00:00.000001Z"}
    assert Oracle().judge(ahead, now) == refused("in-the-future")


def test_an_area_is_known_by_an_edition_of_it_and_unknown_to_an_opening_alone():
    oracle = Oracle()
    other = {**OPEN, "area": "other", "id": "o"}
    assert oracle.judge(other, NOW) == refused("unknown-area")
    report = fact("report-revenue", WHEN, **USED, amount_cents=1)
    assert oracle.judge({**report, "area": "other"}, NOW) == refused("unknown-designation")
    published = {**fact("publish-scorebook", WHEN, **edition("2023-06", WHEN)), "area": "other"}
    assert oracle.record(published, NOW)[0] == "accepted"
    assert oracle.record(other, NOW)[0] == "accepted"
    assert oracle.judge({**other, "id": "again"}, NOW) == refused("already-open")


@pytest.mark.parametrize(
    "kind",
    [
        *("set-anniversary", "report-usage", "report-revenue", "close-month", "correct-close"),
        *("record-certificate", "end-certificate", "decide-designation"),
    ],
)
def test_every_fact_of_a_designation_needs_it_opened(kind):
    fields = {
        "set-anniversary": {"anniversary": "2024-01-01"},
        "report-usage": {**USED, "units": 1},
        "report-revenue": {**USED, "amount_cents": 1},
        "close-month": {"month": "2024-05"},
        "correct-close": {"month": "2024-05", "closed_at": WHEN},
        "record-certificate": CERTIFICATE,
        "end-certificate": {"certificate": "x", "on": "2024-01-01"},
        "decide-designation": {"anniversary": "2024-01-01"},
    }[kind]
    assert Oracle().judge(fact(kind, WHEN, **fields), NOW) == refused("unknown-designation")


@pytest.mark.parametrize(
    ("month", "over"), [("2024-02", "2024-03-01"), ("2023-02", "2023-03-01"), ("2023-12", "2024-01-01")]
)
def test_a_month_is_over_at_midnight_of_the_next_and_not_a_microsecond_before(month, over):
    end = instant(f"{over}T00:00:00Z")
    before, early = (end - MICROSECOND).isoformat(), end.isoformat()
    for kind, fields in (
        ("report-usage", {**USED, "units": 1}),
        ("report-revenue", {**USED, "amount_cents": 1}),
        ("close-month", {}),
    ):
        story = Story()
        assert story.said(kind, before, **{**fields, "month": month}) == refused("month-not-over")
        assert story.said(kind, early, **{**fields, "month": month})[0] == "accepted"


def test_a_corrected_close_lies_between_the_months_end_and_its_own_fact():
    story = Story()
    when = "2024-07-01T00:00:00Z"
    assert story.said("correct-close", when, month="2024-05", closed_at=when) == refused("month-not-closed")
    story.close()
    fields = {"month": "2024-05", "closed_at": "2024-05-31T23:59:59.999999Z"}
    assert story.said("correct-close", when, **fields) == refused("month-not-over")
    fields["closed_at"] = "2024-07-01T00:00:00.000001Z"
    assert story.said("correct-close", when, **fields) == refused("in-the-future")
    for closed_at in ("2024-06-01T00:00:00Z", when):
        assert story.said("correct-close", when, month="2024-05", closed_at=closed_at)[0] == "accepted"


def test_usage_needs_a_rate_in_some_edition_even_a_future_one_and_revenue_none():
    story = Story()
    fields = {**USED, "workload": "new-one"}
    assert story.said("report-usage", WHEN, **fields, units=1) == refused("unknown-workload")
    assert story.said("report-revenue", WHEN, **fields, amount_cents=1)[0] == "accepted"
    rates = {"new-one": {"rate_milli": 1, "associations": ["pal"]}}
    story.tell("publish-scorebook", WHEN, **edition("far", "2029-01-01T00:00:00Z", rates=rates))
    assert story.said("report-usage", WHEN, **fields, units=1)[0] == "accepted"


def test_month_not_over_comes_before_unknown_workload_and_both_after_unknown_designation():
    story = Story()
    fields = {**USED, "workload": "no-such", "month": "2024-06", "units": 1}
    assert story.said("report-usage", WHEN, **fields, membership="m-9") == refused("unknown-designation")
    assert story.said("report-usage", WHEN, **fields) == refused("month-not-over")


def test_a_month_is_closed_once():
    story = Story()
    story.close()
    assert story.said("close-month", "2024-06-21T00:00:00Z", month="2024-05") == refused("month-already-closed")


def test_certificates_are_unique_within_the_designation_and_ended_where_known():
    story = Story()
    end = {"certificate": "x", "on": "2024-01-01"}
    assert story.said("end-certificate", WHEN, **end) == refused("unknown-certificate")
    story.tell("record-certificate", WHEN, **CERTIFICATE)
    assert story.said("record-certificate", WHEN, **CERTIFICATE) == refused("certificate-exists")
    story.tell("open-designation", WHEN, name="Two", membership="m-2")
    assert story.said("record-certificate", WHEN, **CERTIFICATE, membership="m-2")[0] == "accepted"
    assert story.said("end-certificate", WHEN, **end)[0] == "accepted"


def test_an_editions_name_is_unique_within_its_area():
    story = Story()
    assert story.said("publish-scorebook", WHEN, **edition("2023-06", WHEN)) == refused("scorebook-exists")
    del story.oracle.accepted[:]
    other = {**fact("publish-scorebook", WHEN, **edition("2023-06", WHEN)), "area": "other"}
    assert story.oracle.record(other, NOW)[0] == "accepted"


def test_a_decision_needs_its_date_set_then_due_then_something_new():
    story = readme()
    decide = {"anniversary": "2024-06-30"}
    assert story.said("decide-designation", "2024-06-21T00:00:00Z", **decide) == refused("anniversary-not-set")
    story.tell("set-anniversary", WHEN, **decide)
    before_the_close = "2024-06-19T23:59:59Z"
    assert story.said("decide-designation", before_the_close, **decide) == refused("anniversary-not-due")
    story.tell("decide-designation", "2024-06-20T00:00:00Z", **decide)
    again = refused("designation-already-decided")
    assert story.said("decide-designation", "2024-06-21T00:00:00Z", **decide) == again


@pytest.mark.parametrize("when", ["2024-06-30T23:59:59.999999Z", "2024-07-01T00:00:00Z"])
def test_who_was_never_qualified_is_decided_from_the_month_after(when):
    story = Story()
    story.tell("set-anniversary", WHEN, anniversary="2024-06-15")
    said = story.said("decide-designation", when, anniversary="2024-06-15")
    assert said[0] == ("accepted" if when.startswith("2024-07") else "refused")
    late_clock = Story()
    late_clock.tell("set-anniversary", WHEN, anniversary="2024-06-15")
    now = instant("2024-06-30T23:59:00Z")
    by_the_clock = late_clock.said("decide-designation", "2024-07-01T00:00:00Z", now, anniversary="2024-06-15")
    assert by_the_clock == refused("anniversary-not-due")


WELL_FORMED = [
    OPEN,
    fact("set-anniversary", WHEN, anniversary="2024-02-29"),
    fact("report-usage", WHEN, **USED, units=10**12),
    fact("report-revenue", WHEN, **USED, amount_cents=0),
    fact("close-month", WHEN, month="1900-01"),
    fact("close-month", WHEN, month="9998-12"),
    fact("correct-close", WHEN, month="2024-05", closed_at="2024-06-01T02:00:00+02:00"),
    fact("record-certificate", WHEN, **CERTIFICATE, valid_until="2024-01-02"),
    fact("record-certificate", WHEN, **CERTIFICATE, valid_until=None),
    fact("end-certificate", WHEN, certificate="x", on="2024-01-01"),
    fact("decide-designation", WHEN, anniversary="2024-01-01"),
    fact("publish-scorebook", WHEN, **edition("e", WHEN)),
]


@pytest.mark.parametrize("number", range(len(WELL_FORMED)))
def test_well_formed_facts_are_and_no_field_of_theirs_can_be_missing_or_of_another_type(number):
    good = WELL_FORMED[number]
    assert is_well_formed(good)
    assert not is_well_formed({**good, "more": 1})
    for field in good:
        if field == "valid_until":
            continue
        assert not is_well_formed({name: value for name, value in good.items() if name != field}), field
        for bad in (None, True, 1.5, [], {}, ""):
            assert not is_well_formed({**good, field: bad}), (field, bad)


@pytest.mark.parametrize(
    ("kind", "fields", "field", "bad"),
    [
        *(("close-month", {}, "month", bad) for bad in ("1899-12", "9999-01", "2024-13", "2024-5", "2024-05-01")),
        *(("report-usage", {**USED}, "units", bad) for bad in (-1, 10**12 + 1, 5.0, "5", True)),
        *(("report-revenue", {**USED}, "amount_cents", bad) for bad in (-1, 10**12 + 1, 5.0, False)),
        *(
            ("report-usage", {**USED, "units": 1}, field, bad)
            for field, bad in (
                *(("association", "CPOR"), ("association", "csp"), ("workload", "Retail"), ("workload", "a" * 41)),
                *(("workload", "a_b"), ("customer", "a b"), ("customer", "x@y"), ("customer", "c" * 65)),
            )
        ),
        *(
            ("record-certificate", {**CERTIFICATE}, field, bad)
            for field, bad in (
                *(("tier", "expert"), ("valid_from", "2023-02-29"), ("valid_until", "2024-01-01")),
                *(("valid_until", "2023-12-31"), ("person", "a b"), ("code", "")),
            )
        ),
        *(("open-designation", {"name": "C"}, "area", bad) for bad in ("", "A", "a" * 41, "a.b", "a\n")),
        ("correct-close", {"month": "2024-05"}, "closed_at", "2024-06-01T00:00:00"),
    ],
)
def test_a_field_out_of_its_range_is_malformed(kind, fields, field, bad):
    assert not is_well_formed({**fact(kind, WHEN), **fields, field: bad})


def paths(figures, path=()):
    """The way to every figure and list of an edition."""
    for key, value in figures.items():
        if isinstance(value, dict):
            yield from paths(value, (*path, key))
        else:
            yield (*path, key)


@pytest.mark.parametrize(
    "path", list(paths({**FIGURES, "rates": {"retail": FIGURES["rates"]["retail"]}})), ids=".".join
)
def test_every_figure_of_an_edition_is_there_whole_and_at_least_one(path):
    def with_(value, drop=False):
        figures = deepcopy({**edition("e", WHEN), **FIGURES})
        place = figures
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        if drop:
            del place[path[-1]]
        return fact("publish-scorebook", WHEN, **figures)

    if path[-1] == "associations":
        assert is_well_formed(with_(["pal"]))
        assert not any(map(is_well_formed, map(with_, (["x"], ["pal", "pal"], "pal", [1]))))
    else:
        assert is_well_formed(with_(1))
        assert not any(map(is_well_formed, map(with_, (0, -1, True, 1.0, "1", None))))
    assert not is_well_formed(with_(1, drop=True))


def test_a_rate_goes_to_ten_million_thousandths():
    for rate, is_good in ((10**7, True), (10**7 + 1, False)):
        rates = {"retail": {"rate_milli": rate, "associations": ["pal"]}}
        assert is_well_formed(fact("publish-scorebook", WHEN, **edition("e", WHEN, rates=rates))) is is_good


def test_an_edition_belongs_to_no_membership():
    assert not is_well_formed({**fact("publish-scorebook", WHEN, **edition("e", WHEN)), "membership": "m-1"})

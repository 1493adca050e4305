"""The report as a page and as CSV: what is in it, what can never be, and that both say the same."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

pytest.importorskip("jinja2")

from console.reports.charts import bars, line
from console.reports.figures import BOM, COLUMNS, report_csv
from console.reports.page import report_page
from projections.questions.benchmark import BenchmarkLine, PeerQuestion
from projections.questions.report import MonthlyReport, ReportStanding
from projections.questions.results import LifeResults, PartResults, PeriodResults, QuestionResult
from projections.results.cells import LIFE, QUESTIONS

AT = "2010-04-02T00:00:00.000000Z"
SVG = "http://www.w3.org/2000/svg"


def asked(*answers: int) -> tuple[QuestionResult, ...]:
    """The same answers to each question; none where there are too few."""
    if len(answers) < 5:
        return tuple(QuestionResult(question, None, None, None, None) for question in QUESTIONS)
    mean = round(sum(answers) / len(answers), 2)
    counts = tuple(answers.count(score) for score in range(11))
    return tuple(QuestionResult(question, len(answers), mean, counts, -0.5) for question in QUESTIONS)


def period(name: str, *answers: int, invitations: int = 40) -> PeriodResults:
    shown = len(answers) >= 5
    return PeriodResults(name, invitations, len(answers) if shown else None, asked(*answers), AT if shown else None, 0)


def monthly(
    *answers: int,
    membership: str = "m-1",
    name: str = "Vellmar Systems",
    location: str = "Lisbon",
    segment: str = "Brontegard",
    peers: bool = True,
) -> MonthlyReport:
    """A report of March 2010, in which there were these answers."""
    of_month = period("2010-03", *answers)
    peer_questions = tuple(
        PeerQuestion(question, 7, 70, 7.25, (0,) * 7 + (70, 0, 0, 0), None, 8.0, "upper-quarter")
        for question in QUESTIONS
    )
    line_of_peers = BenchmarkLine("peer-group", "security", "reseller", "2010-Q1", 7, 70, peer_questions, AT)
    return MonthlyReport(
        membership=membership,
        name=name,
        month="2010-03",
        known_at=77,
        standing=ReportStanding("2010-03-31T23:59:59.999999Z", True, False, 8, 1, "2009-11", "2011-03-01"),
        invitations=1_200,
        invitations_answered=300,
        response_rate=0.25,
        of_month=of_month,
        months=(period("2010-01", 7, 8, 9, 7, 8), period("2010-02", 1), of_month),
        quarters=(period("2010-Q1", 7, 8, 9, 10, 10, 9),),
        life=LifeResults(6, asked(7, 8, 9, 10, 10, 9), AT),
        parts=(
            PartResults(location, None, LIFE, 6, asked(7, 8, 9, 10, 10, 9), AT),
            PartResults(location, segment, LIFE, 6, asked(7, 8, 9, 10, 10, 9), AT),
        ),
        peers=(line_of_peers,) if peers else (),
    )


class Page(HTMLParser):
    """What a page holds: its elements, the text outside of styles, and what is wrong with how they are nested."""

    VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open and data.strip():
            self.texts.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def test_the_page_says_one_thing_first() -> None:
    page = Page(report_page(monthly(9, 9, 8, 10, 9, 8)))
    assert "6 customers answered in March 2010; they rate you 8.83 of 10 overall." in page.text
    assert "8 responses of 1 organisations counted." in page.text.replace(
        "organisation counted", "organisations counted"
    )
    assert "not met" in page.text
    assert "in the upper quarter" in page.text
    assert "Of 1,200 invitations sent so far 300 were answered: 25.0%." in page.text


def test_every_figure_of_a_chart_stands_in_a_table_too() -> None:
    found = monthly(9, 9, 8, 10, 9, 8)
    page = Page(report_page(found))
    charts = [attrs for tag, attrs in page.elements if tag == "svg"]
    assert len(charts) == 1 + 2 * len(QUESTIONS)
    assert all(attrs["role"] == "img" for attrs in charts)
    ids = [attrs["id"] for _, attrs in page.elements if attrs.get("id")]
    assert len(set(ids)) == len(ids)
    named = {name for attrs in charts for name in (attrs["aria-labelledby"] or "").split()}
    assert named == set(ids)
    for one in found.months:
        for question in one.questions:
            assert question.mean is None or f"{question.mean:.2f}" in page.texts


def test_what_is_withheld_looks_as_what_is_not_there() -> None:
    withheld, nothing = report_page(monthly(3)), report_page(monthly())
    assert withheld == nothing
    assert "nobody answered, or too few" in " ".join(Page(withheld).texts)


def test_the_page_asks_no_host_for_anything_and_runs_nothing() -> None:
    page = report_page(monthly(9, 9, 8, 10, 9))
    assert re.findall(r"https?://[^\s\"']+", page) == [SVG] * page.count("<svg")
    found = Page(page)
    assert not {tag for tag, _ in found.elements} & {"script", "link", "img", "iframe", "object", "form", "a"}
    assert not [
        name for _, attrs in found.elements for name in attrs if name.startswith("on") or name in ("src", "href")
    ]
    assert "url(" not in page
    assert "@import" not in page


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "מחשבים בע״מ",
    "株式会社",
    "a&b;",
    "'",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_and_nothing_else(name: str) -> None:
    page = Page(report_page(monthly(9, 9, 8, 10, 9, name=name, location=name, segment=name)))
    assert page.texts.count(name) == 4  # the partner and the organisation once, the location twice
    assert f"{name}: customer satisfaction in March 2010" in page.texts
    assert not {tag for tag, _ in page.elements} & {"script", "img"}


def read(text: str) -> list[dict[str, str]]:
    assert text.startswith(BOM)
    return list(csv.DictReader(io.StringIO(text.removeprefix(BOM), newline="")))


def test_the_csv_has_each_figure_of_the_page() -> None:
    rows = read(report_csv(monthly(9, 9, 8, 10, 9)))
    assert list(rows[0]) == list(COLUMNS)
    (overall,) = [row for row in rows if (row["period"], row["question"]) == ("2010-03", "overall")]
    assert [overall[name] for name in ("responses", "answered", "mean", "trend", "answers_9")] == [
        "5", "5", "9.0", "-0.5", "3",
    ]  # fmt: skip
    (peers,) = [row for row in rows if row["of"] == "peers" and row["question"] == "recommend"]
    assert [peers[name] for name in ("peer_partners", "mean", "own_mean", "place")] == [
        "7",
        "7.25",
        "8.0",
        "upper-quarter",
    ]
    withheld = [row for row in rows if row["period"] == "2010-02"]
    assert {row[name] for row in withheld for name in ("responses", "answered", "mean", "answers_1")} == {""}


@example("\t", "=")
@given(st.sampled_from("=+-@\t\r"), st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20))
def test_no_cell_is_a_formula(start: str, rest: str) -> None:
    name = start + rest
    rows = read(report_csv(monthly(9, 9, 8, 10, 9, location=name, segment=name)))
    shown = {row["segment"] for row in rows if row["of"] == "segment"}
    assert shown == {f"'{apart(name)}"}


def apart(name: str) -> str:
    """A name with an apostrophe wherever a formula would begin in it, to who takes another separator than the comma."""
    made = ""
    for place, character in enumerate(name):
        begins = place > 0 and name[place - 1] in ";\t\r\n"
        made += "'" if begins and re.match(r"[\"' ]*[=+@＝＋－＠-]", name[place:]) else ""
        made += character
    return made


scores = st.one_of(st.none(), st.floats(0, 10).map(lambda mean: round(mean, 2)))


@given(st.lists(scores, max_size=14), st.lists(st.one_of(st.none(), st.integers(0, 10**6)), max_size=14))
def test_charts_stay_within_their_frame_and_bridge_no_gap(means: list[float | None], counts: list[int | None]) -> None:
    labelled = [(str(place), mean) for place, mean in enumerate(means)]
    drawn = line("l", "means", labelled)
    assert drawn.count("<circle") == sum(mean is not None for mean in means)
    joined = sum(a is not None and b is not None for a, b in pairwise(means))
    points = [run.split() for run in re.findall(r'points="([^"]*)"', drawn)]
    assert sum(len(run) - 1 for run in points) == joined
    drawn += bars("b", "counts", [(str(place), count) for place, count in enumerate(counts)])
    for name, limit in (("x", 640), ("cx", 640), ("y", 200), ("cy", 200)):
        assert all(0 <= float(value) <= limit for value in re.findall(rf'\b{name}="([^"]*)"', drawn))

"""Each shipped map reads the sample of its layout; what comes of it is looked at fact by fact."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import orjson
import pytest
from openpyxl import Workbook

from console.importing.time_forms import read_time, time_form
from tests.console.support import Fact, Program, enrolment, fact
from tests.support.answers import wrong_with

SAMPLES = Path(__file__).parent / "samples"
BERLIN, NEW_YORK = ("--timezone", "Europe/Berlin"), ("--timezone", "America/New_York")
QUOTED = 'Schnell gelöst;\nund "freundlich"'
ANSWERS: dict[str, dict[str, int]] = {
    "17": {"overall": 9, "continue": 8, "re_engage": 8, "recommend": 10},
    "19": {"overall": 7, "continue": 7, "re_engage": 6, "recommend": 7},
    "20": {"overall": 10, "continue": 10, "re_engage": 9, "recommend": 10},
}


class Desk:
    """`csat-ledger import` of samples for one membership."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.answer: dict[str, Any] = {}

    def facts(self, name: str, sample: str | Path, *options: str, code: int = 0, membership: bool = True) -> list[Fact]:
        out = self.program.folder / "facts.jsonl"
        out.unlink(missing_ok=True)
        whose = ("--membership", "m-1") if membership else ()
        ran = self.program.json(
            "import", "--map", name, SAMPLES / sample, "--source", "s-1", *whose, *options, "--out", out, "--partial"
        )
        assert ran.code == code, ran
        self.answer = ran.json
        assert wrong_with("import", self.answer) == []
        parts = [self.answer[name] for name in ("made", "blank", "refused")]
        assert sum(parts) + sum(self.answer["skipped"].values()) == self.answer["records"]
        facts = [orjson.loads(line) for line in out.read_bytes().splitlines()]
        assert sum(self.answer["facts"].values()) == len(facts)
        return facts

    def problems(self) -> dict[tuple[str, str | None], list[int]]:
        return {(one["code"], one["field"]): [at["place"] for at in one["first"]] for one in self.answer["problems"]}


@pytest.fixture
def desk(program: Program) -> Desk:
    return Desk(program)


def response(key: str, organisation: str, occurred_at: str, **more: Any) -> Fact:
    """As `import` makes it."""
    at = occurred_at.replace("Z", ".000000Z") if "." not in occurred_at else occurred_at
    made = fact(
        "record-response",
        f"import:record-response:s-1:{key}",
        at,
        response=f"s-1:{key}",
        customer_org=organisation,
        **more,
    )
    return {name: value for name, value in made.items() if value is not None}


def test_limesurvey(desk: Desk) -> None:
    found = desk.facts("limesurvey", "limesurvey.csv", *BERLIN, "--drop-contacts", code=3)
    assert found == [
        response("17", "Brontegard", "2011-03-02T08:14:05Z", answers=ANSWERS["17"], comment=QUOTED),
        response("19", "Lindomar", "2011-03-27T01:30:00Z", answers=ANSWERS["19"]),
        response("20", "Brontegard", "2011-10-30T00:15:00Z", answers=ANSWERS["20"]),
    ]  # fmt: skip
    assert desk.answer["skipped"] == {"unfinished": 1}
    assert desk.answer["notes"] == {"local times that were twice, taken as the first": 1}
    assert desk.problems() == {("score", "answers.overall"): [7]}


def test_limesurvey_as_json_makes_the_same_facts(desk: Desk) -> None:
    as_csv = desk.facts("limesurvey", "limesurvey.csv", *BERLIN, "--drop-contacts", code=3)
    assert desk.facts("limesurvey", "limesurvey.json", *BERLIN, "--drop-contacts") == as_csv[:1]


def test_a_response_without_a_date_stamp_is_refused_not_taken_for_one_of_1980(desk: Desk) -> None:
    text = (SAMPLES / "limesurvey.csv").read_text().replace("2011-03-02 09:14:05", "1980-01-01 00:00:00")
    path = desk.program.folder / "undated.csv"
    path.write_text(text)
    desk.facts("limesurvey", path, *BERLIN, "--drop-contacts", code=3)
    assert desk.problems()["missing", "occurred_at"] == [2]


FORMS = ("--column", "customer_org=Which company do you work for?", "--column", "comment=What could be better?")
OVERALL = ("--column", "answers.overall=How satisfied are you overall? 0 - not at all 10 - very")


def test_microsoft_forms(desk: Desk) -> None:
    found = desk.facts("microsoft-forms", "microsoft-forms.csv", *BERLIN, *FORMS, *OVERALL, "--drop-contacts", code=3)
    assert found == [
        response("1", "Brontegard", "2011-03-02T08:14:05Z", answers={"overall": 9}, comment="More time, please"),
        response("2", "Lindomar", "2011-03-03T13:03:59Z", answers={"overall": 7}),
    ]
    assert desk.problems() == {("missing", "customer_org"): [7]}


def test_microsoft_forms_as_a_workbook_makes_the_same_facts(desk: Desk) -> None:
    rows: list[list[Any]] = list(csv.reader(io.StringIO((SAMPLES / "microsoft-forms.csv").read_text())))
    book = Workbook()
    table = book.active
    assert table is not None
    table.append(rows[0])
    for row in rows[1:]:
        times = [read_time(text, [time_form("M/d/yy H:mm[:ss]")]).wall for text in row[1:3]]
        table.append([int(row[0]), *times, *row[3:6], int(row[6]), row[7] or None])
    path = desk.program.folder / "forms.xlsx"
    book.save(path)
    as_csv = desk.facts("microsoft-forms", "microsoft-forms.csv", *BERLIN, *FORMS, *OVERALL, "--drop-contacts", code=3)
    assert desk.facts("microsoft-forms", path, *BERLIN, *FORMS, *OVERALL, "--drop-contacts", code=3) == as_csv
    assert desk.answer["unit"] == "row"


def test_microsoft_forms_saved_by_a_german_spreadsheet(desk: Desk) -> None:
    text = (
        (SAMPLES / "microsoft-forms.csv")
        .read_text()
        .replace(",3/2/11 9:09:41,3/2/11 9:14:05,", ",02.03.2011 09:09,02.03.2011 09:14,")
    )
    path = desk.program.folder / "german.csv"
    path.write_bytes("\n".join(text.splitlines()[:5]).encode("cp1252"))
    german = ("--time-form", "dd.MM.yyyy HH:mm[:ss]", "--encoding", "cp1252")
    found = desk.facts("microsoft-forms", path, *BERLIN, *FORMS, *OVERALL, *german, "--drop-contacts")
    assert [one["occurred_at"] for one in found] == ["2011-03-02T08:14:00.000000Z"]


def test_surveymonkey(desk: Desk, tmp_path: Path) -> None:
    ours = tmp_path / "ours.toml"
    ours.write_text(
        'extends = "surveymonkey"\n[[fact]]\ntype = "record-response"\n[fact.fields]\ncustomer_org = "Your company"\n'
        'answers.overall = { column = "How satisfied are you with", under = "the project overall?", optional = true }\n'
        'answers.own.answering = { column = "How satisfied are you with", under = "our answers?", optional = true }\n'
        'comment = { column = "Anything else?", optional = true }\n'
    )
    found = desk.facts(str(ours), "surveymonkey.csv", *NEW_YORK, "--drop-contacts", code=3)
    assert found == [
        response(
            "11298734401", "Brontegard", "2011-03-02T14:14:05Z",
            answers={"overall": 9, "own": {"answering": 8}}, comment="Quick,\nand friendly",
        ),
        response("11298734403", "Brontegard", "2011-11-06T05:30:00Z", answers={"overall": 10, "own": {"answering": 10}}),
    ]  # fmt: skip
    assert desk.problems() == {("time", "occurred_at"): [5]}  # 2:30 on the day on which clocks go from 2 to 3
    assert desk.answer["notes"] == {"local times that were twice, taken as the first": 1}


def test_qualtrics_by_the_zone_in_its_header(desk: Desk) -> None:
    found = desk.facts("qualtrics", "qualtrics.csv", "--drop-contacts")
    expected = response(
        "R_2xPOa602ER1jkf1",
        "Brontegard",
        "2011-03-02T09:14:05Z",
        answers={"overall": 9, "recommend": 10},
        comment="Gut",
    )
    assert found == [expected]
    assert desk.answer["skipped"] == {"preview": 1, "unfinished": 1}
    (other,) = desk.facts("qualtrics", "qualtrics.csv", "--drop-contacts", "--timezone", "UTC")
    assert other["occurred_at"] == "2011-03-02T02:14:05.000000Z"


def test_qualtrics_without_a_zone_anywhere_is_refused(desk: Desk) -> None:
    path = desk.program.folder / "zoneless.csv"
    path.write_text((SAMPLES / "qualtrics.csv").read_text().replace(',""timeZone"":""America/Denver""', ""))
    assert desk.facts("qualtrics", path, "--drop-contacts", code=3) == []
    assert desk.problems() == {("time", "occurred_at"): [4]}
    assert "--timezone" in desk.answer["problems"][0]["first"][0]["sentence"]


def test_formbricks_names_zones_itself(desk: Desk) -> None:
    overall = ("--column", "answers.overall=1. How satisfied are you overall?")
    found = desk.facts("formbricks", "formbricks.csv", *overall, "--drop-contacts")
    assert found == [
        response("clr2x9k3p000108l4a1b2c3d4", "Brontegard", "2011-03-02T09:14:05Z", answers={"overall": 9}),
        response("clr2x9k3p000208l4a1b2c3d5", "Lindomar", "2011-03-02T09:30:00Z", answers={"overall": 7}),
    ]
    assert desk.answer["skipped"] == {"unfinished": 1}


GOOGLE = ("--column", "customer_org=Your company", "--column", "answers.overall=How satisfied are you overall?")


def test_google_forms_out_of_the_sheet(desk: Desk) -> None:
    found = desk.facts("google-forms", "google-forms.csv", *BERLIN, *GOOGLE, "--drop-contacts", code=3)
    assert [(one["customer_org"], one["occurred_at"], one["answers"]) for one in found] == [
        ("Brontegard", "2011-03-02T08:14:05.000000Z", {"overall": 9}),
        ("Lindomar", "2011-03-02T08:14:05.000000Z", {"overall": 7}),
    ]
    assert desk.problems() == {("repeated", "key"): [4]}


def test_google_forms_has_the_same_ids_whichever_way_it_was_downloaded(desk: Desk) -> None:
    sheet = desk.facts("google-forms", "google-forms.csv", *BERLIN, *GOOGLE, "--drop-contacts", code=3)
    download = desk.facts("google-forms", "google-forms-download.csv", *GOOGLE, "--drop-contacts")
    assert download[0] == sheet[0]
    assert download[1]["occurred_at"] == "2011-10-17T23:31:58.000000Z"


def test_google_forms_api(desk: Desk) -> None:
    columns = {
        "customer_org": "answers.4a1b2c3d.textAnswers.answers.0.value",
        "answers.overall": "answers.5e6f7a8b.textAnswers.answers.0.value",
    }
    options = [part for name, column in columns.items() for part in ("--column", f"{name}={column}")]
    assert desk.facts("google-forms-api", "google-forms-api.json", *options, "--drop-contacts") == [
        response("ACYDBNi84NuJUO2O13A", "Brontegard", "2011-03-02T08:14:05.045123Z", answers={"overall": 9}),
        response("ACYDBNj77MtKVP3P24B", "Lindomar", "2011-03-02T08:15:00Z"),
    ]


AREA = ("--area", "business-applications")
AS_OF = ("--as-of", "2024-06-20T08:00:00Z")


def test_usage_and_revenue(desk: Desk) -> None:
    usage = desk.facts("usage", "usage.csv", *AREA, *AS_OF, code=3)
    assert [(one["type"], one["customer"], one["month"], one["units"]) for one in usage] == [
        ("report-usage", "c-1", "2024-05", 40),
        ("report-usage", "c-2", "2024-05", 1200),
    ]
    assert desk.problems() == {("date", "month"): [4]}
    revenue = desk.facts("revenue", "revenue.csv", *AREA, *AS_OF, code=3)
    assert [(one["customer"], one["amount_cents"]) for one in revenue] == [("c-1", 150_000), ("c-2", 25_000)]
    assert desk.problems() == {("amount", "amount_cents"): [3]}
    again = desk.facts("usage", "usage.csv", *AREA, *AS_OF, code=3)
    assert again == usage
    later = desk.facts("usage", "usage.csv", *AREA, "--as-of", "2024-07-20T08:00:00Z", code=3)
    assert not {one["id"] for one in later} & {one["id"] for one in usage}


def test_certificates(desk: Desk) -> None:
    found = desk.facts("certificates", "certificates.csv", *AREA)
    assert [(one["type"], one["certificate"], one["occurred_at"]) for one in found] == [
        ("record-certificate", "k-1", "2024-01-15T00:00:00.000000Z"),
        ("record-certificate", "k-2", "2024-02-01T00:00:00.000000Z"),
        ("record-certificate", "k-3", "2024-03-01T00:00:00.000000Z"),
        ("end-certificate", "k-2", "2024-06-30T00:00:00.000000Z"),
    ]
    assert "valid_until" not in found[2]


def test_what_the_capability_programme_takes_of_them_is_recorded(desk: Desk) -> None:
    program = desk.program
    program.now("2024-08-01T00:00:00Z")
    opened = {
        "type": "open-designation",
        "id": "d-1",
        "membership": "m-1",
        "area": AREA[1],
        "occurred_at": "2024-01-01T00:00:00Z",
        "name": "Alderbrook",
    }
    program.record(opened)
    recorded = []
    for name in ("usage", "revenue", "certificates"):
        desk.facts(name, f"{name}.csv", *AREA, *AS_OF, code=0 if name == "certificates" else 3)
        for _ in range(2):
            recorded.append(program.json("record", "facts.jsonl", "--any-order").json)
    assert [(one["accepted"], one["duplicates"], one["refused"]) for one in recorded] == [
        (2, 0, 0), (0, 2, 0), (2, 0, 0), (0, 2, 0), (4, 0, 0), (0, 4, 0),
    ]  # fmt: skip


def test_what_the_survey_takes_of_them_is_recorded(desk: Desk) -> None:
    desk.program.record(*enrolment())
    facts = desk.facts("qualtrics", "qualtrics.csv", "--drop-contacts")
    bare = [{name: value for name, value in one.items() if name not in ("answers", "comment")} for one in facts]
    for expected in ((1, 0), (0, 1)):
        ran = desk.program.json("record", desk.program.write("bare.jsonl", bare))
        assert (ran.json["accepted"], ran.json["duplicates"]) == expected


def test_google_forms_in_german(desk: Desk) -> None:
    text = (SAMPLES / "google-forms.csv").read_text().replace("3/2/2011 9:14:05", "02.03.2011 09:14:05")
    path = desk.program.folder / "antworten.csv"
    path.write_text(
        text.replace("Timestamp", "Zeitstempel")
        .replace("Your company", "Firma")
        .replace("Email Address", "E-Mail-Adresse")
    )
    german = (
        "--column",
        "occurred_at=Zeitstempel",
        "--column",
        "customer_org=Firma",
        "--time-form",
        "dd.MM.yyyy HH:mm:ss",
    )
    found = desk.facts("google-forms", path, *BERLIN, *german, code=3)
    english = desk.facts("google-forms", "google-forms.csv", *BERLIN, *GOOGLE[:2], "--drop-contacts", code=3)
    assert found == english

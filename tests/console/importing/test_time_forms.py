"""Times as tools write them: each form reads what it writes, and nothing is guessed."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.importing.month_names import LANGUAGES, month_of
from console.importing.time_forms import check_languages, read_time, shape, time_form
from ledger.errors import BadInput

MOMENTS = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2099, 12, 31)).map(
    lambda moment: moment.replace(microsecond=0)
)
WRITTEN = {
    "yyyy-MM-dd HH:mm:ss": "%Y-%m-%d %H:%M:%S",
    "yyyy-MM-dd'T'HH:mm:ss[.S]": "%Y-%m-%dT%H:%M:%S",
    "M/d/yy H:mm:ss": "%-m/%-d/%y %-H:%M:%S",
    "M/d/yyyy h:mm:ss a": "%-m/%-d/%Y %-I:%M:%S %p",
    "MM/dd/yyyy hh:mm:ss a": "%m/%d/%Y %I:%M:%S %p",
    "dd.MM.yyyy HH:mm:ss": "%d.%m.%Y %H:%M:%S",
    "d. MMMM yyyy HH:mm:ss": "%-d. %B %Y %H:%M:%S",
    "yyyy'年'M'月'd'日' H:mm:ss": "%Y年%-m月%-d日 %-H:%M:%S",
}


@pytest.mark.parametrize(("form", "written"), WRITTEN.items(), ids=WRITTEN)
@given(moment=MOMENTS)
def test_a_form_reads_what_it_writes(form: str, written: str, moment: datetime) -> None:
    text = moment.strftime(written.replace("%Y", f"{moment.year:04}"))
    assert read_time(text, [time_form(form)]).wall == moment


@given(text=st.text(alphabet="QXW12345678 :/-.", max_size=40), form=st.sampled_from(list(WRITTEN)))
def test_any_other_text_is_refused_and_not_repeated(text: str, form: str) -> None:
    try:
        said = str(read_time(text, [time_form(form)]))
    except BadInput as error:
        said = str(error)
        letters = text.strip()
        assert len(letters) < 4 or letters not in said or not letters.strip(" :/-.")
    assert said


@given(form=st.text(alphabet="yMdHhmsSaz[]' .:/-T", max_size=30))
def test_any_text_is_a_form_or_an_error(form: str) -> None:
    try:
        found = time_form(form)
    except BadInput:
        return
    assert found.pattern.groupindex.keys() >= {"year", "day"}


@pytest.mark.parametrize(
    ("text", "form", "languages", "expected"),
    [
        ("9. März 2024 14:05", "d. MMMM yyyy HH:mm", ["de"], datetime(2024, 3, 9, 14, 5)),
        ("9 févr. 2024 14:05", "d MMM yyyy HH:mm", ["fr"], datetime(2024, 2, 9, 14, 5)),
        ("9 de agosto de 2024 2:05 p. m.", "d 'de' MMMM 'de' yyyy h:mm a", ["es"], datetime(2024, 8, 9, 14, 5)),
        ("2024/3/9 下午 2:05:00", "yyyy/M/d a h:mm:ss", ["en"], datetime(2024, 3, 9, 14, 5)),
        ("3/9/2024 12:05:00\u202fAM", "M/d/yyyy h:mm:ss a", ["en"], datetime(2024, 3, 9, 0, 5)),
        ("3/9/2024  12:05:00 pm", "M/d/yyyy h:mm:ss a", ["en"], datetime(2024, 3, 9, 12, 5)),
        ("3/9/24 14:05", "M/d/yy H:mm[:ss]", ["en"], datetime(2024, 3, 9, 14, 5)),
        ("2024-03-09T14:05:06.123456789", "yyyy-MM-dd'T'HH:mm:ss[.S]", ["en"], datetime(2024, 3, 9, 14, 5, 6, 123456)),
    ],
)
def test_localised_forms(text: str, form: str, languages: list[str], expected: datetime) -> None:
    assert read_time(text, [time_form(form)], languages).wall == expected


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2024-02-30 10:00:00", "yyyy-MM-dd HH:mm:ss"),
        ("2024-13-01 10:00:00", "yyyy-MM-dd HH:mm:ss"),
        ("2024-03-09 24:00:00", "yyyy-MM-dd HH:mm:ss"),
        ("3/9/2024 13:05:00 PM", "M/d/yyyy h:mm:ss a"),
        ("3/9/2024 0:05:00 AM", "M/d/yyyy h:mm:ss a"),
        ("9. Marz 2024", "d. MMMM yyyy"),
        ("2024-03-09 10:00:00 ", "yyyy-MM-dd"),
        ("x" * 200, "yyyy-MM-dd"),
    ],
)
def test_what_the_calendar_has_not_is_refused(text: str, form: str) -> None:
    with pytest.raises(BadInput):
        read_time(text, [time_form(form)], ["de"])


def test_what_two_forms_read_as_different_times_is_refused() -> None:
    forms = [time_form("M/d/yyyy HH:mm"), time_form("d/M/yyyy HH:mm")]
    with pytest.raises(BadInput, match="different times"):
        read_time("3/9/2024 10:00", forms)
    assert read_time("3/13/2024 10:00", forms).wall == datetime(2024, 3, 13, 10)
    assert read_time("3/3/2024 10:00", forms).wall == datetime(2024, 3, 3, 10)


@pytest.mark.parametrize(
    "form",
    ["", "yyyy-MM", "HH:mm", "yyyy-MM-dd HH", "yyyy-MM-dd h:mm", "yyyy-MM-dd q", "yyyy-MM-dd [HH:mm", "yyyy yy MM dd",
     "y" * 200, "yyyy-MM-dd HH:mm a", "yyyy-MM-MMM-dd"],
)  # fmt: skip
def test_a_form_that_is_no_whole_time_is_an_error(form: str) -> None:
    with pytest.raises(BadInput):
        time_form(form)


def test_names_of_months_of_each_language_are_twelve_and_each_its_own() -> None:
    for language in LANGUAGES:
        assert month_of("x", [language]) is None
    assert month_of("Mai", ["de"]) == 5
    assert month_of("mars", ["fr", "sv"]) == 3
    assert month_of("srpna", ["cs"]) == 8
    assert month_of("list", ["en"]) is None
    with pytest.raises(BadInput):
        check_languages(["xx"])


def test_a_shape_says_nothing_of_what_is_written() -> None:
    assert shape("Anna 17.03.2024") == "'aaaa 99.99.9999'"
    assert shape("1" * 90) == repr("9" * 40) + "…"

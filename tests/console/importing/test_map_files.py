"""Maps are read strictly; each mistake says where it stands. Those that are shipped name a public source."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.importing.columns import ColumnRef
from console.importing.map_files import load_map, shipped_names
from console.importing.map_reading import read_map
from ledger.errors import BadInput

WHOLE = """
[[fact]]
type = "record-response"
key = ["id"]
fields.occurred_at = "when"
fields.response = { from = "key" }
fields.customer_org = "org"
[time]
forms = ["yyyy-MM-dd HH:mm"]
"""
TOOLS = {"limesurvey", "microsoft-forms", "surveymonkey", "qualtrics", "formbricks", "google-forms", "google-forms-api"}


def loaded(folder: Path, text: str, *columns: tuple[str, str], forms: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    path = folder / "ours.toml"
    path.write_text(text)
    return load_map(str(path), columns=columns, time_forms=forms)


def test_the_tools_are_shipped_each_with_a_public_source() -> None:
    assert set(shipped_names()) == TOOLS | {"usage", "revenue", "certificates"}
    for name in TOOLS:
        assert load_map(name).source.startswith("https://"), name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = [", "no TOML"),
        ("", r"\[\[fact\]\]"),
        ("colour = 1" + WHOLE, "'colour'"),
        (WHOLE.replace("record-response", "record-anything"), "fact 1.type"),
        (WHOLE.replace("fields.customer_org", "fields.company"), "'company'"),
        (WHOLE.replace('key = ["id"]', "key = []"), "key"),
        (WHOLE.replace('key = ["id"]', 'key = ["@subject"]'), "@subject"),
        (WHOLE.replace('"org"', '{ column = "org", like = 1 }'), "'like'"),
        (WHOLE.replace('"org"', '{ column = "org", value = "x" }'), "several of column"),
        (WHOLE.replace('"org"', "{ optional = true }"), "found none or several"),
        (WHOLE.replace('"org"', '{ from = "contact" }'), "contact"),
        (WHOLE.replace('"org"', '{ from = "somewhere" }'), "from"),
        (WHOLE.replace('"org"', "{ position = 0 }"), "found 0, expected 1"),
        (WHOLE.replace('"org"', '{ columns = [] }'), "columns"),
        (WHOLE.replace('"org"', "7"), "expected a table"),
        (WHOLE.replace("yyyy-MM-dd HH:mm", "yyyy"), "time.forms"),
        (WHOLE + 'zone = "Nowhere"', "time.zone"),
        (WHOLE + 'languages = ["xx"]', "time.languages"),
        (WHOLE + '[layout]\nkinds = ["pdf"]', "layout.kinds"),
        (WHOLE + '[layout]\ndelimiter = ";;"', "layout.delimiter"),
        (WHOLE + "[layout]\nheader_rows = 0", "layout.header_rows"),
        (WHOLE + "[layout]\nheader_rows = 2\nnames_from = [3]", "layout.names_from"),
        (WHOLE + "[layout]\nheader_rows = true", "layout.header_rows"),
        (WHOLE + '[[skip]]\ncolumn = "a"', "skip 1"),
        (WHOLE + '[contact]\nname = "Name"', "email"),
        (WHOLE + '[contact]\nemail = "id"', "ids name no person"),
        (WHOLE + '[rows]\nkey = ["id"]', "rows"),
        ('extends = "nothing"' + WHOLE, "extends"),
    ],
)  # fmt: skip
def test_each_mistake_says_where_it_stands(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=said):
        loaded(tmp_path, text)


def test_a_map_that_is_not_there_is_told_which_are_shipped(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="limesurvey"):
        load_map(str(tmp_path / "nowhere.toml"))
    (tmp_path / "latin.toml").write_bytes(b"# \xe4\n")
    with pytest.raises(BadInput, match="no UTF-8"):
        load_map(str(tmp_path / "latin.toml"))


def test_what_a_map_says_comes_over_what_it_extends_field_by_field(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        'extends = "limesurvey"\n[layout]\ndelimiter = ","\n[[fact]]\ntype = "record-response"\n'
        'fields.customer_org = "Q1"\nfields.answers.overall = "Q2"\n',
    )
    (fact,) = found.facts
    assert found.layout.delimiter == ","
    assert found.layout.records == "responses"
    assert fact.fields["customer_org"].columns == (ColumnRef("Q1"),)
    assert fact.fields["answers.overall"].columns == (ColumnRef("Q2"),)
    assert fact.fields["answers.recommend"].columns == (ColumnRef("recommend", optional=True),)
    assert fact.key == (ColumnRef("id"),)


def test_columns_and_forms_of_the_command_line_come_over_the_map(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        WHOLE + '[contact]\nemail = "Mail"\n',
        ("customer_org", "#4"),
        ("answers.overall", "How was it?"),
        ("answers.own.speed", "Speed"),
        ("contact.email", "E-Mail"),
        forms=("dd.MM.yyyy HH:mm",),
    )
    (fact,) = found.facts
    assert fact.fields["customer_org"].columns == (ColumnRef(position=4),)
    assert fact.fields["answers.overall"].optional
    assert not fact.fields["customer_org"].optional
    assert found.contact["email"].columns == (ColumnRef("E-Mail"),)
    assert [form.text for form in found.times.forms] == ["dd.MM.yyyy HH:mm"]
    for field in ("colour", "contact.colour", "answers.colour", "answers.own."):
        with pytest.raises(BadInput, match="--column"):
            loaded(tmp_path, WHOLE, (field, "x"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    table=st.dictionaries(st.sampled_from(["layout", "time", "fact", "contact", "skip", "rows", "title"]), VALUES),
    fact=st.dictionaries(st.sampled_from(["type", "key", "fields", "only_with"]), VALUES),
)
def test_any_table_is_a_map_or_an_error(table: dict[str, object], fact: dict[str, object]) -> None:
    for one in (table, {**table, "fact": [{"type": "record-response", **fact}]}):
        said = "map drawn: "
        try:
            read_map("drawn", one)
        except BadInput as error:
            said = str(error)
        assert said.startswith("map drawn: ")

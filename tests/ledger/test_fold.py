"""The fold of names: what folds alike, what does not, and that its frozen tables are those of Unicode 14.0."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.fold import first_refused, fold, fold_tables, ranges, refused_class
from ledger.fold_tables import DIGITS, PUNCTUATION, REFUSED, WHITE_SPACE
from tests.oracle.survey import fold as oracle_fold

PUBLISHED = Path(__file__).parents[2] / "schemas/fold.json"
DEFAULT_IGNORABLE = (
    "ad 34f 61c 115f-1160 17b4-17b5 180b-180f 200b-200f 202a-202e 2060-206f 3164 fe00-fe0f feff ffa0 fff0-fff8 "
    "1bca0-1bca3 1d173-1d17a e0000-e0fff"
)
"""Default_Ignorable_Code_Point of Unicode 14.0, from DerivedCoreProperties.txt: unicodedata does not have it."""
WHITE_SPACE_PROPERTY = "9-d 20 85 a0 1680 2000-200a 2028-2029 202f 205f 3000"
"""White_Space of Unicode 14.0, from PropList.txt."""
with_unicode_14 = pytest.mark.skipif(unicodedata.unidata_version != "14.0.0", reason="Python has another Unicode")
NAMES = st.text(
    st.characters(exclude_categories=["Cs"]).filter(lambda c: first_refused(c) is None), min_size=1, max_size=12
)
CLOSE_NAMES = st.text(st.sampled_from("aAéE\u0301ǅßſıİİ ..-'#1²Ⅳ٣/ﬁΣςϒ\u0345ŉ"), min_size=1, max_size=10)


def points(table: str) -> set[int]:
    return {point for first, last in ranges(table) for point in range(first, last + 1)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Brontegard", "BRONTEGARD"),
        ("Brontegard A/S", "brontegard as"),
        ("Bronte-gard", "Bronte gard"),
        ("Café Nord", "Cafe\u0301 Nord"),
        ("Straße 9", "STRASSE 9"),
        ("Oﬃce", "Office"),
        ("Ｂｒｏｎｔｅｇａｒｄ", "Brontegard"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("cust-1-11", "Cust 1/11"),
        ("cust 1 - 11", "cust-1.11"),
        ("e.\u0301", "é"),
    ],
)
def test_spellings_of_one_name_fold_alike(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("C", "C++"),
        ("C", "C#"),
        ("Hals & Son", "Hals Son"),
        ("100%", "100"),
        ("cust-1-11", "cust-11-1"),
        ("cust-1-11", "cust-111"),
        ("!!!", "???"),
        ("Brontegard", "Brоntegard"),  # a Cyrillic letter that looks alike
        ("DİYARBAKIR", "diyarbakir"),
        ("Diyarbakır", "diyarbakir"),
        ("Kate", "Käte"),
    ],
)
def test_other_names_do_not(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_a_name_of_nothing_but_punctuation_is_its_own_fold() -> None:
    assert fold("…!") == "...!"


@given(st.one_of(NAMES, CLOSE_NAMES, st.text(max_size=6)))
def test_the_fold_is_that_of_the_oracle(text: str) -> None:
    assert fold(text) == oracle_fold.fold(text)
    assert (first_refused(text) is None) == oracle_fold.can_be_seen(text)


@example("1\u0301-2")
@example("…")
@given(st.one_of(NAMES, CLOSE_NAMES, st.text(max_size=6)))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.one_of(NAMES, CLOSE_NAMES))
def test_case_and_compatibility_never_matter(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert fold(unicodedata.normalize(form, text)) == fold(text)  # type: ignore[arg-type]
    assert fold(unicodedata.normalize("NFKC", text).casefold()) == fold(text)


@pytest.mark.parametrize(
    ("character", "said"),
    [
        ("\u200d", "U+200D ZERO WIDTH JOINER"),
        ("\x00", "U+0000 of category Cc"),
        ("\u00a0", "U+00A0 NO-BREAK SPACE"),
        ("\u034f", "U+034F COMBINING GRAPHEME JOINER"),
        ("\u2800", "U+2800 BRAILLE PATTERN BLANK"),
        ("\u3164", "U+3164 HANGUL FILLER"),
        ("\ue000", "U+E000 of category Co"),
        ("\U000e0041", "U+E0041 TAG LATIN CAPITAL LETTER A"),
        ("\U0010ffff", "U+10FFFF of category Cn"),
        ("\ud800", "U+D800 of category Cs"),
    ],
)
def test_a_character_that_cannot_be_seen_is_named_with_its_place(character: str, said: str) -> None:
    assert str(first_refused(f"Kå{character}b{character}")) == f"{said} at character 3"


@pytest.mark.parametrize("text", ["Brontegard A/S", "Łódź", "日本語", "𝔘", "👍", "e\u0301", "C++ & Søn #1"])
def test_what_can_be_seen_is_not_refused(text: str) -> None:
    assert first_refused(text) is None


def test_the_published_tables_are_those_of_the_module() -> None:
    published: dict[str, Any] = json.loads(PUBLISHED.read_bytes())
    assert published == json.loads(json.dumps(fold_tables()))


def test_the_pattern_of_the_schemas_refuses_what_the_tables_refuse() -> None:
    pattern = re.compile(f"[{refused_class()}]")
    surrogates = set(range(0xD800, 0xE000))
    assert {point for point in range(0x110000) if pattern.match(chr(point))} == points(REFUSED) - surrogates


@with_unicode_14
def test_the_tables_are_made_again_from_unicode_14() -> None:
    by_category: dict[str, set[int]] = {}
    for point in range(0x110000):
        by_category.setdefault(unicodedata.category(chr(point)), set()).add(point)
    refused = set().union(*(by_category[name] for name in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs")))
    refused = (refused - {0x20}) | points(DEFAULT_IGNORABLE) | {0x2800}
    punctuation = set().union(*(found for name, found in by_category.items() if name[0] == "P")) - set(map(ord, "#&%"))
    assert points(REFUSED) == refused
    assert points(PUNCTUATION) == punctuation
    assert points(DIGITS) == by_category["Nd"]
    assert points(WHITE_SPACE) == points(WHITE_SPACE_PROPERTY)


@with_unicode_14
def test_every_single_character_folds_to_what_folds_to_itself() -> None:
    strange = [point for point in range(0x110000) if fold(fold(chr(point))) != fold(chr(point))]
    assert strange == []

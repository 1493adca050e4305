"""Ids are the same for the same row, another for another, and such as the book takes."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.importing.ids import checked_source, fact_id, reference_of
from ledger.errors import BadInput
from ledger.programmes.registry import parse_fact

SOURCES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,21}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60) | st.from_regex(
    "[A-Za-z0-9._~:#-]{1,50}", fullmatch=True
)
KEYS = st.lists(TEXTS, min_size=1, max_size=4)


@given(source=SOURCES, key=KEYS, other_source=SOURCES, other_key=KEYS)
def test_two_keys_have_one_reference_only_where_they_are_one(
    source: str, key: list[str], other_source: str, other_key: list[str]
) -> None:
    same = (source, key) == (other_source, other_key)
    assert (reference_of(source, key) == reference_of(other_source, other_key)) is same


@given(source=SOURCES, text=TEXTS)
def test_what_is_cut_otherwise_is_another_key(source: str, text: str) -> None:
    for place in range(1, len(text)):
        assert reference_of(source, [text]) != reference_of(source, [text[:place], text[place:]])


@given(source=SOURCES, key=KEYS)
def test_the_book_takes_every_reference_and_id(source: str, key: list[str]) -> None:
    reference = reference_of(checked_source(source), key)
    fact = {
        "type": "record-response", "id": fact_id("record-response", reference), "membership": "m-1",
        "occurred_at": "2011-01-01T00:00:00Z", "response": reference, "customer_org": "Brontegard",
    }  # fmt: skip
    assert parse_fact(orjson.dumps(fact)).id == fact["id"]


def test_what_it_looks_like() -> None:
    assert reference_of("limesurvey-482913", ["17"]) == "limesurvey-482913:17"
    assert reference_of("q3", ["a b"]).startswith("q3:~")


@pytest.mark.parametrize("text", ["", "a:b", "ä", "-a", "x" * 23, "a b", "a\n"])
def test_a_source_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises(BadInput):
        checked_source(text)

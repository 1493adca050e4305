"""The oracle's fold of names and its refused characters, counted by hand from the text."""

from __future__ import annotations

import unicodedata

import pytest

from tests.oracle.survey.fold import IS_UNICODE_14, can_be_seen, fold, is_refused, published


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Brontegard", "brontegard"),
        ("BRONTEGARD", "brontegard"),
        ("Bronte-gard, A.S.", "brontegardas"),
        ("Ｂronte\uff0dgard", "brontegard"),
        ("Stra\u00dfe", "strasse"),
        ("U\u0308berwald", "\u00fcberwald"),
        ("C++", "c++"),
        ("C#", "c#"),
        ("S\u00f6hne & Co.", "s\u00f6hne&co"),
        ("100 %", "100%"),
        ("cust-1-11", "cust1 11"),
        ("cust-11-1", "cust11 1"),
        ("cust 1, - 11", "cust1 11"),
        ("cust-1-#-11", "cust1#11"),
        ("1-a-1", "1a1"),
        ("m\u00b2-2", "m2 2"),
        ("\u0663-\u0664", "\u0663 \u0664"),
        ("---", "---"),
        ("\u2026", "..."),
    ],
)
def test_what_is_left_of_a_name_when_its_spelling_is_taken_away(name: str, folded: str) -> None:
    assert fold(name) == folded


def test_symbols_and_look_alikes_make_another_name() -> None:
    assert len({fold(name) for name in ("C", "C++", "C#", "\u0421")}) == 4


def test_a_name_of_punctuation_alone_is_not_another_one_of_punctuation_alone() -> None:
    assert fold("---") != fold("***")


@pytest.mark.parametrize(
    "character",
    [
        *(
            "\x00",
            "\n",
            "\x85",
            "\u00ad",
            "\u061c",
            "\u200b",
            "\u200c",
            "\u200d",
            "\u2028",
            "\u2029",
            "\u202e",
            "\u2060",
        ),
        *("\ud800", "\ue000", "\U000f0000", "\u0378", "\U0001fae8", "\u00a0", "\u2003", "\u3000", "\u1680"),
        *("\u034f", "\u115f", "\u17b4", "\u180b", "\u3164", "\ufe0f", "\uffa0", "\U000e0100", "\u2065", "\u2800"),
    ],
)
def test_a_character_that_no_name_may_hold_is_refused(character: str) -> None:
    assert is_refused(character)
    assert not can_be_seen(f"Con{character}toso")


@pytest.mark.parametrize(
    "character", [" ", "a", "\u00e9", "\u0301", "\u3042", "\U0001f600", "\u00ab", "+", "\u20ac", "\u20dd"]
)
def test_a_character_that_can_be_seen_is_not_refused(character: str) -> None:
    assert not is_refused(character)


def _outside(table: str) -> set[int]:
    return {point for first, last in published()[table] for point in range(first, last + 1)}


@pytest.mark.skipif(not IS_UNICODE_14, reason="this Python has later tables than the contract")
def test_the_published_tables_are_those_of_unicode_14() -> None:
    category = {point: unicodedata.category(chr(point)) for point in range(0x110000)}
    refused = {point for point in range(0x110000) if is_refused(chr(point))}
    assert _outside("refused") == refused
    assert _outside("digits") == {point for point, found in category.items() if found == "Nd"}
    punctuation = {point for point, found in category.items() if found[0] == "P"}
    assert _outside("punctuation") - {ord(kept) for kept in "#&%"} == punctuation - {ord(kept) for kept in "#&%"}

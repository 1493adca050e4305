"""The verifier's own fold and tables: those that are published, and those of the ledger, which is written apart from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import fold as ledgers_fold
from ledger import fold_tables as ledgers
from ledger.proof import fold_tables as ours
from ledger.proof.fold import fold, ranges, refused_at, require_label
from ledger.proof.log.errors import MalformedError, RefutedError

PUBLISHED = Path(__file__).parents[3] / "schemas/fold.json"
TABLES = ("WHITE_SPACE", "PUNCTUATION", "DIGITS", "REFUSED")
CLOSE = st.text(st.sampled_from("aAéE\u0301ǅßſıİ ..-'&#1²9٣/ﬁΣςϒŉ…！①"), min_size=1, max_size=8)
ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@pytest.mark.parametrize("table", TABLES)
def test_the_three_copies_of_the_tables_are_the_same(table: str) -> None:
    published = [tuple(pair) for pair in json.loads(PUBLISHED.read_bytes())[table.lower()]]
    assert ranges(getattr(ours, table)) == published == list(ledgers_fold.ranges(getattr(ledgers, table)))


@pytest.mark.parametrize(("name", "folded"), [
    ("Brontegard A/S", "brontegardas"), ("BRONTE-GARD, as", "brontegardas"), ("cust-1-11", "cust1 11"),
    ("cust-11-1", "cust11 1"), ("1 - 2", "1 2"), ("-1 a 2-", "1a2"), ("1  2", "1 2"), ("…", "..."), ("…!", "...!"),
    ("C++", "c++"), ("H & M", "h&m"), ("#1", "#1"), ("100 %", "100%"), ("Straße", "strasse"), ("e.\u0301", "é"),
    ("٣-٣", "٣ ٣"), ("²-³", "2 3"),
    ("①", "1"), ("ǅ", "dž"), ("Ｂ！", "b"), ("ΣΊΣΥΦΟΣ", "σίσυφοσ"), ("1\u0301-2", "1\u03012"),
])  # fmt: skip
def test_the_fold_of_a_name(name: str, folded: str) -> None:
    assert fold(name) == folded


@given(st.one_of(CLOSE, ANY))
def test_both_implementations_fold_and_refuse_alike(name: str) -> None:
    assert (refused_at(name) is None) == (ledgers_fold.first_refused(name) is None)
    if refused_at(name) is None:
        assert fold(name) == ledgers_fold.fold(name)


@pytest.mark.parametrize("character", "\u200b\u200d\u00ad\t\u00a0\u2800\ue000\u0378\ufeff\U000e0041\u2028")
def test_what_a_label_must_not_hold_is_refuted_with_its_place(character: str) -> None:
    label = f"a{character}b"
    with pytest.raises(
        RefutedError, match=rf"what.*without U\+{ord(label[1]):04X}, which stands at character 2: malformed"
    ):
        require_label(label, "what")


def test_what_a_label_may_hold() -> None:
    for label in ("Brontegard A/S", "a b", "Café", "Cafe\u0301", "株式会社", "C++ & C#"):
        assert require_label(label, "what") == label
    assert all(refused_at(character) is None for character in map(chr, range(0x20, 0x7F)))
    with pytest.raises(MalformedError):
        require_label(5, "what")

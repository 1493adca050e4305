"""Checkpoints: one text for each, and no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import MalformedError
from ledger.proof.log.merkle import EMPTY_ROOT

ROOT = "OWzC8+pXpLvOMYsH2CT91q0pLUsT6Q9WrpQRsWTbETY="
LINES = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=30)
CHECKPOINTS = st.builds(
    Checkpoint,
    LINES,
    st.integers(1, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(LINES, max_size=3).map(tuple),
)


def test_the_published_example_is_read() -> None:
    checkpoint = parse_checkpoint(f"ledger.example/renewals\n5\n{ROOT}\n")
    assert (checkpoint.origin, checkpoint.size, checkpoint.extensions) == ("ledger.example/renewals", 5, ())
    assert checkpoint.root.hex() == "396cc2f3ea57a4bbce318b07d824fdd6ad292d4b13e90f56ae9411b164db1136"


def test_extension_lines_are_kept() -> None:
    text = f"origin\n5\n{ROOT}\nextension one\nextension two\n"
    assert parse_checkpoint(text).extensions == ("extension one", "extension two")
    assert parse_checkpoint(text).text == text


@given(CHECKPOINTS)
def test_checkpoints_are_read_as_written(checkpoint: Checkpoint) -> None:
    assert parse_checkpoint(checkpoint.text) == checkpoint


@given(st.text("o\n0123456789=AQ+/ ", max_size=80))
def test_reading_a_checkpoint_never_crashes(text: str) -> None:
    try:
        checkpoint = parse_checkpoint(text)
    except MalformedError:
        return
    assert checkpoint.text == text


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", f"o\n5\n{ROOT}", f"o\n05\n{ROOT}\n", f"o\n+5\n{ROOT}\n", f"o\n-5\n{ROOT}\n", f"o\n 5\n{ROOT}\n",
        f"o\n5 \n{ROOT}\n", f"o\n5.0\n{ROOT}\n", f"o\n\u0665\n{ROOT}\n", f"o\n\n{ROOT}\n", f"\n5\n{ROOT}\n",
        f"o\n9223372036854775808\n{ROOT}\n", f"o\n{'9' * 5000}\n{ROOT}\n", f"o\n00\n{ROOT}\n", f"o\n0\n{ROOT}\n",
        f"o\n5\n{ROOT[:-1]}\n", f"o\n5\n{ROOT}=\n", f"o\n5\n{ROOT.replace('TY=', 'TZ=')}\n", "o\n5\nAAAA\n",
        f"o\n5\n{ROOT}\n\n", f"o\n5\n{ROOT}\n\next\n", f"o\r\n5\n{ROOT}\n", "o\n5\n", "5\n", f"o\n5_0\n{ROOT}\n",
    ],
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_checkpoint(text)


def test_the_empty_log_has_the_empty_root() -> None:
    checkpoint = Checkpoint("origin", 0, EMPTY_ROOT)
    assert parse_checkpoint(checkpoint.text) == checkpoint
    assert checkpoint.text == "origin\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"

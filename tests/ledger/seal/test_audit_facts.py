"""The ids of facts, found in the stored bytes of events without reading them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.proof.log.strictjson import canonical
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.seal.audit_facts import Facts


def stored(fact: str | None, **changed: Any) -> bytes:
    """An event of a fact."""
    event = {
        "actor": None, "data": {}, "fact": fact, "occurred_at": "2010-06-15T10:22:33.123456Z", "prev": "0" * 64,
        "recorded_at": "2010-06-15T10:22:40.000000Z", "salt": "NHZpYH4d8UD3qA9CqLGCkA==", "seq": 1, "stream": "s",
        "type": "LocationAdded", "v": 1,
    }  # fmt: skip
    return canonical(event | changed)


def found(
    folder: Path, *events: bytes, type_name: str = "LocationAdded", stream: str = "membership-m-1"
) -> list[tuple[str, str]]:
    with closing(Facts(folder, PROOF_PROGRAMMES)) as facts:
        for start in range(0, len(events), 2):
            some = events[start : start + 2]
            count = len(some)
            facts.take(range(start + 1, start + 1 + count), [stream] * count, [type_name] * count, some)
    return [(one.what, one.found) for one in facts.twice()]


TWICE = [("position 3: fact", "the id of the fact at position 1")]


@pytest.mark.parametrize("fact", ["f-1", 'a "quoted" one', '","occurred_at":"x', "µ", "\\"])
def test_a_fact_that_comes_again_is_found(tmp_path: Path, fact: str) -> None:
    assert found(tmp_path, stored(fact), stored("another"), stored(fact, seq=2, data={"fact": "x"})) == TWICE
    assert found(tmp_path, stored(fact), stored(fact), type_name="EligibilityChanged") == []
    assert found(tmp_path, stored(fact), stored(fact), stream="of-no-programme") == []
    assert len(found(tmp_path, stored(fact), stored(fact), stream="log")) == 1


def test_what_is_no_fact_is_taken_for_none(tmp_path: Path) -> None:
    nested = {"data": {"a": 1, "fact": "f-1", "occurred_at": "x"}}
    assert found(tmp_path, stored(None, **nested), stored(None, **nested), stored("f-1"), stored("f-1 ")) == []
    assert found(tmp_path, b"", b"", b'"fact":"', b',"fact":', b'{"x":"\\",\\"fact\\":\\"a\\""}', b"\xff") == []


def test_each_repetition_is_named_beside_the_first(tmp_path: Path) -> None:
    events = [stored(f"f-{number % 50}") for number in range(150)]
    assert found(tmp_path, *events) == [
        (f"position {number}: fact", f"the id of the fact at position {(number - 1) % 50 + 1}")
        for number in range(51, 151)
    ]

"""Facts held against their events: what the ledger makes of a fact is this fact, and with any field changed it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.programmes.capability.samples import FACT_SAMPLES as DESIGNATIONS
from ledger.programmes.survey.samples import FACT_SAMPLES as SURVEY
from ledger.proof.capability import facts as capability
from ledger.proof.facts import COMMON
from ledger.proof.log.errors import MalformedError, RefutedError
from ledger.proof.log.event import Event, parse_event
from ledger.proof.receipts.holding import hold_fact, parse_fact
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.proof.survey import facts as survey
from tests.ledger.programmes.capability.book import Book
from tests.ledger.programmes.capability.test_samples import beside

LEARNED_AFTER = timedelta(seconds=1)
AT = "2010-05-02T08:00:00Z"
OTHER = {"type": "record-invitation", "membership": "m-9", "occurred_at": AT, "channel": "partner", "language": "pt"}
MORE: list[dict[str, Any]] = [
    {"type": "enrol-membership", "id": "x-1", "membership": "m-9", "occurred_at": "2010-05-01T08:00:00+02:00",
     "name": "Wide World Importers", "level": "gold"},
    {"type": "update-membership", "id": "x-2", "membership": "m-9", "occurred_at": AT, "name": "Wide World"},
    {"type": "record-consent", "id": "x-7", "membership": "m-9", "occurred_at": "2010-05-01T09:00:00Z", "subject": "s-1",
     "customer_org": "Brontegard"},
    {**OTHER, "id": "x-3", "invitation": "i-1", "subject": "s-1", "customer_org": "Brontegard"},
    {"type": "record-response", "id": "x-4", "membership": "m-9", "occurred_at": AT, "response": "q-1",
     "customer_org": "Brontegard"},
    {"type": "record-response", "id": "x-5", "membership": "m-9", "occurred_at": "2010-05-02T08:00:00.25Z",
     "response": "q-2", "customer_org": "Brontegard", "anonymous": True, "location": "main", "actor": None},
    {"type": "record-response", "id": "x-8", "membership": "m-9", "occurred_at": AT, "response": "q-3",
     "customer_org": "Brontegard", "answers": {"overall": 9, "own": {"wish": "a word"}}, "comment": "another"},
    {"type": "withdraw-consent", "id": "x-6", "membership": "m-9", "occurred_at": AT, "subject": "s-1",
     "customer_org": "BRONTEGARD"},
]  # fmt: skip
"""What the samples do not have: fields left out or null, an offset, a name that is spelt otherwise."""
FOR_THE_VAULT = {("record-response", "answers"), ("record-response", "comment")}
NOT_COMPARED = {("record-response", "invitation"), *FOR_THE_VAULT}
"""The event has a token in place of the invitation, which can only be there or not, and nothing of what is for the vault."""
DECISION = "decide-designation"


class Told(NamedTuple):
    """A fact, and what the ledger made of it."""

    fact: dict[str, Any]
    event: Event


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Told]]:
    """Facts of every type of both programmes, each learned a second after it was so."""
    designations = ({**fact, "id": f"d-{fact['id']}"} for fact in DESIGNATIONS.values())
    facts = [*SURVEY.values(), *designations, *beside(), *MORE]
    facts.sort(key=lambda fact: datetime.fromisoformat(fact["occurred_at"]))
    book = Book(Path(tmp_path_factory.mktemp("told")), datetime.fromisoformat(facts[0]["occurred_at"]))
    found = []
    for fact in facts:
        book.now = datetime.fromisoformat(fact["occurred_at"]) + LEARNED_AFTER
        (outcome,) = book.tell(fact)
        assert outcome.status == "accepted", (fact, outcome)
        (row,) = book.store.read_feed(outcome.position - 1, 1)
        found.append(Told(json.loads(orjson.dumps(fact)), parse_event(row.stored)))
    yield found
    book.close()


def is_of(fact: dict[str, Any], event: Event) -> bool:
    """Whether the event is what the fact became."""
    try:
        hold_fact(event, parse_fact(orjson.dumps(fact)), PROOF_PROGRAMMES)
    except (RefutedError, MalformedError):
        return False
    return True


def test_every_type_of_fact_is_told(told: list[Told]) -> None:
    assert {one.fact["type"] for one in told} == {*survey.FORMS, *capability.FORMS, DECISION}


def test_what_the_ledger_makes_of_a_fact_is_this_fact_and_no_other(told: list[Told]) -> None:
    for number, one in enumerate(told):
        hold_fact(one.event, one.fact, PROOF_PROGRAMMES)
        assert [n for n, other in enumerate(told) if is_of(other.fact, one.event)] == [number]


def changes(value: Any) -> Iterator[Any]:
    """Other values for a field: of its own kind and of others."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, str):
        try:
            yield (datetime.fromisoformat(value) + timedelta(days=1)).isoformat()
        except ValueError:
            yield value + "x"
    elif isinstance(value, list):
        yield [*value, "x"]
        yield value[:-1] if value else None
    elif isinstance(value, dict):
        yield {**value, "x": 1}
    yield from (1.5, {"x": []})


def test_with_any_field_changed_it_is_not(told: list[Told]) -> None:
    for fact, event in told:
        for name, value in fact.items():
            if (fact["type"], name) in NOT_COMPARED:
                continue
            for changed in changes(value):
                assert not is_of({**fact, name: changed}, event), (fact, name, changed)


def test_with_a_field_left_out_it_is_not_unless_the_ledger_fills_in_the_same(told: list[Told]) -> None:
    filled = {
        ("record-response", "anonymous", False), ("record-response", "location", "Lisbon"),
        ("record-invitation", "location", "Lisbon"), ("record-response", "location", "main"),
    }  # fmt: skip
    for fact, event in told:
        for name, value in fact.items():
            left_out = {key: kept for key, kept in fact.items() if key != name}
            same = (
                value is None
                or (fact["type"], name) in FOR_THE_VAULT
                or (not isinstance(value, list | dict) and (fact["type"], name, value) in filled)
            )
            assert is_of(left_out, event) == same, (fact, name)


def test_an_invitation_is_there_or_not(told: list[Told]) -> None:
    responses = [one for one in told if one.fact["type"] == "record-response"]
    assert {"invitation" in fact for fact, _ in responses} == {True, False}
    for fact, event in responses:
        changed = {key: value for key, value in fact.items() if key != "invitation"}
        assert not is_of(changed if "invitation" in fact else {**fact, "invitation": "i-1"}, event)


def test_a_known_spelling_is_compared_by_its_fold(told: list[Told]) -> None:
    withdrawals = [one for one in told if one.event.data.get("spelt") is True]
    assert withdrawals
    for fact, event in withdrawals:
        for spelling in (event.data["customer_org"], fact["customer_org"].swapcase(), f" {fact['customer_org']}."):
            assert is_of({**fact, "customer_org": spelling}, event)
        assert not is_of({**fact, "customer_org": fact["customer_org"] + "s"}, event)


def test_one_instant_may_be_written_in_several_ways(told: list[Told]) -> None:
    for fact, event in told:
        at = datetime.fromisoformat(fact["occurred_at"])
        for written in (f"{at:%Y-%m-%dT%H:%M:%S}.{at:%f}{at:%z}", f"{at:%Y-%m-%dt%H:%M:%S}.{at:%f}000{at:%z}"):
            with_colon = f"{written[:-2]}:{written[-2:]}"
            assert is_of({**fact, "occurred_at": with_colon}, event), with_colon
        later = at + timedelta(microseconds=1)
        assert not is_of({**fact, "occurred_at": later.isoformat()}, event)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(data=st.data())
def test_whatever_a_fact_says_it_is_compared_or_refused(told: list[Told], data: st.DataObject) -> None:
    fact, event = data.draw(st.sampled_from(told))
    name = data.draw(st.sampled_from(sorted({*fact, *COMMON})) | st.text(max_size=5))
    changed = data.draw(JSON)
    if fact.get(name) == changed or changed is None or (fact["type"], name) in NOT_COMPARED:
        return
    try:
        hold_fact(event, {**fact, name: changed}, PROOF_PROGRAMMES)
    except (RefutedError, MalformedError):
        return
    raise AssertionError(f"{name} = {changed!r} passes for {fact}")

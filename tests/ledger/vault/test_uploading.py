"""A list is taken in line by line: each once, whatever is repeated and wherever the process ends; and its facts are facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing

import orjson
import pytest

from ledger.errors import BadInput
from ledger.programmes.registry import parse_fact
from ledger.vault import uploading
from ledger.vault.contact import Contact
from ledger.vault.partner_list import ListLine, RefusedLine
from ledger.vault.uploading import LineTaken, upload
from ledger.vault.vault import Vault
from tests.ledger.vault.support import ACCESS, ANNA, BERT, KEYS, NOW_US, Counted, Place, dies_at, line, people

Lines = Sequence[ListLine | RefusedLine]


def taken(vault: Vault, lines: Lines, membership: str = "m-1") -> tuple[list[LineTaken], list[dict[str, str]]]:
    """What became of the lines, and the facts."""
    outcomes: list[LineTaken] = []
    facts: list[dict[str, str]] = []

    def take(some: Sequence[LineTaken], lines: bytes) -> None:
        outcomes.extend(some)
        facts.extend(orjson.loads(one) for one in lines.splitlines())

    upload(vault, membership, lines, NOW_US, take)
    return outcomes, facts


def said(outcomes: Sequence[LineTaken]) -> list[str]:
    return [one.code or one.outcome for one in outcomes]


def test_each_line_becomes_a_contact_or_is_refused_and_its_consent_a_fact(place: Place) -> None:
    lines = [
        line(2, ANNA),
        RefusedLine(3, "address", "found no @"),
        line(4, BERT, consent="withdrawn"),
        line(5, Contact("c@example.org"), consent="none"),
    ]
    with place.vault() as vault:
        outcomes, facts = taken(vault, lines)
    assert said(outcomes) == ["added", "address", "added", "added"]
    assert [one.line for one in outcomes] == [2, 3, 4, 5]
    assert [(one["type"], one["subject"]) for one in facts] == [
        ("record-consent", outcomes[0].subject),
        ("withdraw-consent", outcomes[2].subject),
    ]


def test_the_facts_are_such_that_the_book_takes_and_have_nothing_of_a_person(place: Place) -> None:
    with place.vault() as vault:
        _, facts = taken(vault, [line(2, ANNA), line(3, BERT, consent="withdrawn")])
    for one in facts:
        parse_fact(orjson.dumps(one))
        assert not any(word in str(one) for word in ("Anna", "anna", "Bert", "@", "1234567"))


def test_the_same_file_again_changes_nothing_and_makes_the_same_facts(place: Place) -> None:
    lines = [line(2, ANNA), line(3, BERT, consent="withdrawn"), *people(700, 10)]
    with place.vault() as vault:
        first, facts = taken(vault, lines)
        again, facts_again = taken(vault, lines)
    assert set(said(first)) == {"added"}
    assert set(said(again)) == {"known"}
    assert [one.subject for one in again] == [one.subject for one in first]
    assert facts_again == facts
    assert len({one["id"] for one in facts}) == len(facts)


@pytest.mark.parametrize("apart", [0, 7], ids=["in one transaction", "in two"])
def test_an_address_that_stands_twice_is_taken_once_but_a_withdrawal_is_never_refused(
    place: Place, apart: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "BATCH", 3)
    repeated = [line(9_001, Contact("anna.moeller@EXAMPLE.org")), line(9_002, ANNA, consent="withdrawn")]
    with place.vault() as vault:
        outcomes, facts = taken(vault, [line(2, ANNA), *people(apart, 10), *repeated])
        assert said(outcomes) == ["added"] * (1 + apart) + ["repeated"] * 2
        assert len({outcomes[0].subject, outcomes[-1].subject, outcomes[-2].subject}) == 1
        assert [one["type"] for one in facts[-1:]] == ["withdraw-consent"]
        assert len(facts) == 2 + apart
        assert vault.show(facts[-1]["subject"], ACCESS).contact == ANNA


def test_under_another_organisation_only_a_withdrawal_is_heard(place: Place) -> None:
    with place.vault() as vault:
        taken(vault, [line(2, ANNA), line(3, BERT)])
        outcomes, facts = taken(vault, [line(2, ANNA, "Lindomar"), line(3, BERT, "Lindomar", "withdrawn")])
    assert said(outcomes) == ["other-organisation"] * 2
    assert [(one["type"], one["customer_org"]) for one in facts] == [("withdraw-consent", "Brontegard")]


def test_where_the_file_breaks_off_what_stood_before_is_taken_and_told(place: Place) -> None:
    def breaks_off() -> Sequence[ListLine]:
        yield line(2, ANNA)  # type: ignore[misc]
        raise BadInput("line 3")

    outcomes: list[LineTaken] = []
    with place.vault() as vault:
        with pytest.raises(BadInput, match="line 3"):
            upload(vault, "m-1", breaks_off(), NOW_US, lambda some, _: outcomes.extend(some))
        assert said(outcomes) == ["added"]
        assert vault.memberships() == ["m-1"]


def test_a_process_that_dies_anywhere_has_taken_whole_lines_and_the_next_one_takes_the_rest(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "BATCH", 2)
    lines = [*people(4), line(9, ANNA, consent="withdrawn")]
    with place.vault():
        pass
    deaths = 0

    def work(passes: Callable[[], None]) -> None:
        with closing(Counted(place.backend.opened(place.where), passes)) as database:
            upload(Vault(database, KEYS), "m-1", lines, NOW_US, lambda _some, _facts: None)  # type: ignore[arg-type]

    while dies_at(deaths, work):
        deaths += 1
        with place.vault(create=False) as vault, vault.database.reading() as transaction:
            ((contacts,),) = transaction.query("SELECT count(*) FROM contacts")
            ((keys,),) = transaction.query("SELECT count(*) FROM data_keys WHERE holder LIKE ?", ("subject/%",))
            assert contacts == keys <= len(lines)
    assert deaths > 10
    with place.vault(create=False) as vault:
        outcomes, facts = taken(vault, lines)
        assert set(said(outcomes)) == {"known"}
        found = vault.read("m-1", [("shown", one.subject) for one in outcomes if one.subject], ACCESS)
        assert [one.contact for one in found] == [one.contact for one in lines]
        assert len(facts) == len(lines)

"""`record` of facts that carry answers: into the vault and nowhere else, each once, refused ones until they are taken again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from ledger.vault.columns import columns
from ledger.vault.vault import Vault
from tests.console.cli.test_contacts import People
from tests.console.support import Fact, Program, enrolment, fact, response

AT = "2011-06-02T10:00:00Z"
GIVEN = {"overall": 9, "continue": 10, "recommend": 7, "own": {"delivery": 3, "wish": "Zwetschge by the thousand"}}
COMMENT = "Quirina was friendly"


@pytest.fixture
def people(program: Program, monkeypatch: pytest.MonkeyPatch) -> People:
    return People(program, monkeypatch)


@contextmanager
def vault_of(folder: Path) -> Iterator[Vault]:
    """The vault of `People`, past the program."""
    from console.vault_place import VaultPlace

    with VaultPlace(str(folder / "people.db"), folder / "vault-key").vault() as vault:
        yield vault


def kept(folder: Path) -> list[tuple[Any, ...]]:
    """(fact, figures) of what the vault keeps."""
    with vault_of(folder) as vault:
        return [(one.fact, *one[3:]) for one in columns(vault)]


def states(folder: Path) -> dict[str, str]:
    with vault_of(folder) as vault, vault.database.reading() as transaction:
        return dict(transaction.query("SELECT fact, state FROM answers ORDER BY fact"))  # type: ignore[arg-type]


def links(folder: Path) -> list[str]:
    with vault_of(folder) as vault, vault.database.reading() as transaction:
        return [response for (response,) in transaction.query("SELECT response FROM links ORDER BY response")]


def said(number: int, organisation: str = "Brontegard", **changed: Any) -> Fact:
    """A response with answers."""
    return {**response(number, organisation, AT), "answers": GIVEN, "comment": COMMENT, **changed}


def invited(number: int) -> list[Fact]:
    """A consent and an invitation."""
    subject = f"s-{number}"
    return [
        fact("record-consent", f"c-{number}", AT, subject=subject, customer_org="Brontegard"),
        fact("record-invitation", f"v-{number}", AT, invitation=f"i-{number}", subject=subject,
             customer_org="Brontegard", channel="operator"),
    ]  # fmt: skip


def test_answers_go_into_the_vault_and_the_same_again_is_a_duplicate(people: People) -> None:
    program = people.program
    facts = program.write(
        "facts.jsonl", [said(1), response(2, "Brontegard", AT), said(3, answers={}), said(4, comment=None)]
    )
    assert program.json("record", facts).json["accepted"] == 4
    assert kept(program.folder) == [("m-1-f-1", 9, 10, None, 7), ("m-1-f-4", 9, 10, None, 7)]
    assert states(program.folder) == {"m-1-f-1": "kept", "m-1-f-3": "kept", "m-1-f-4": "kept"}
    again = program.json("record", facts)
    assert (again.code, again.json["duplicates"]) == (0, 4)


@pytest.mark.parametrize(
    "changed", [{"answers": {**GIVEN, "overall": 8}}, {"comment": "another"}, {"comment": None}, {"answers": None}],
    ids=["a figure", "a comment", "no comment", "no answers"],
)  # fmt: skip
def test_the_same_id_with_other_answers_is_id_reused_and_what_was_kept_stays(
    people: People, changed: dict[str, Any]
) -> None:
    program = people.program
    program.record(said(1))
    ran = program.json("record", program.write("again.jsonl", [said(1, **changed)]))
    assert (ran.code, list(ran.json["codes"])) == (3, ["id-reused"])
    assert kept(program.folder) == [("m-1-f-1", 9, 10, None, 7)]
    assert states(program.folder) == {"m-1-f-1": "kept"}


@pytest.mark.parametrize("invitation", [None, "i-1"])
def test_a_fact_that_comes_again_and_says_nothing_of_its_answers_is_a_duplicate(
    people: People, invitation: str | None
) -> None:
    program = people.program
    program.record(*invited(1), said(1, invitation=invitation))
    ran = program.json(
        "record", program.write("again.jsonl", [said(1, invitation=invitation, answers=None, comment=None)])
    )
    assert (ran.code, ran.json["duplicates"]) == (0, 1)
    assert kept(program.folder) == [("m-1-f-1", 9, 10, None, 7)]


def test_a_fact_that_the_book_has_without_answers_gets_none_later(people: People) -> None:
    program = people.program
    program.record(response(1, "Brontegard", AT))
    ran = program.json("record", program.write("again.jsonl", [said(1), said(1)]))
    assert (ran.json["refused"], list(ran.json["codes"])) == (2, ["id-reused"])
    assert states(program.folder) == {}


def test_without_a_vault_a_fact_with_answers_is_refused_and_all_others_are_recorded(program: Program) -> None:
    program.record(*enrolment())
    facts = program.write("facts.jsonl", [said(1), response(2, "Brontegard", AT), said(3, answers=None)])
    ran = program.json("record", facts)
    assert (ran.code, ran.json["accepted"], ran.json["codes"]["vault-needed"]["count"]) == (3, 1, 2)
    (kept_row, _) = program.json("refusals").lines
    assert "answers" not in orjson.dumps(kept_row["original"]).decode()


def test_where_the_vault_cannot_be_used_its_facts_wait_and_all_others_are_recorded(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = people.program
    facts = program.write(
        "facts.jsonl", [said(1), response(2, "Brontegard", AT), fact("choose-anonymity", "a", AT, response="m-1-r-2")]
    )
    (program.folder / "vault-key").rename(program.folder / "elsewhere")
    ran = program.json("record", facts)
    assert (ran.code, ran.json["accepted"], list(ran.json["codes"])) == (4, 2, ["vault-key-missing"])
    (program.folder / "elsewhere").rename(program.folder / "vault-key")
    (program.folder / "people.db").rename(program.folder / "elsewhere.db")
    ran = program.json("record", "--retry", "facts.jsonl.refused")
    assert (ran.code, list(ran.json["codes"])) == (4, ["vault-unreachable"])
    (program.folder / "elsewhere.db").rename(program.folder / "people.db")
    ran = program.json("record", "--retry", "facts.jsonl.refused")
    assert (ran.code, ran.json["accepted"]) == (0, 1)
    assert kept(program.folder) == [("m-1-f-1", 9, 10, None, 7)]


def test_a_refused_fact_waits_without_its_answers_and_takes_them_from_the_vault(people: People) -> None:
    program = people.program
    facts = program.write("facts.jsonl", [said(1, location="Lisbon")])
    assert list(program.json("record", facts).json["codes"]) == ["unknown-location"]
    assert (kept(program.folder), states(program.folder)) == ([], {"m-1-f-1": "refused"})
    (row,) = program.json("refusals").lines
    assert row["whole"]
    assert row["original"]["answers"] == "in the vault"
    assert "comment" not in row["original"]
    for path in program.folder.iterdir():
        if not path.name.startswith("facts.jsonl"):
            assert b"Quirina" not in path.read_bytes(), path
    assert program.json("record", "--retry").json["refused"] == 1
    program.record(fact("add-location", "l", AT, location="Lisbon"))
    ran = program.json("record", "--retry")
    assert (ran.code, ran.json["accepted"]) == (0, 1)
    assert kept(program.folder) == [("m-1-f-1", 9, 10, None, 7)]
    assert program.json("record", "--retry", "facts.jsonl.refused").json["duplicates"] == 1


def test_answers_of_a_refused_fact_are_gone_when_its_refusal_would_be_and_that_is_said(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = people.program
    program.json("record", program.write("facts.jsonl", [said(1, location="Lisbon")]))
    program.record(fact("add-location", "l", AT, location="Lisbon"))
    program.now("2012-06-01T00:00:00Z")
    program.record(said(9, location="main"))
    assert states(program.folder) == {"m-1-f-9": "kept"}
    ran = program.json("record", "--retry")
    assert (ran.code, list(ran.json["codes"])) == (3, ["vault-needed"])


def test_a_clock_that_is_not_believed_deletes_nothing_that_waits(people: People) -> None:
    program = people.program
    program.json("record", program.write("facts.jsonl", [said(1, location="Lisbon")]))
    before = states(program.folder)
    program.now("2035-06-01T00:00:00Z")
    assert program.json("comments", "list", "--membership", "m-1", "--reason", "monthly clearing").code == 0
    assert (states(program.folder), len(before)) == (before, 1)


def test_what_a_rule_never_takes_is_not_kept_for_another_try(people: People) -> None:
    program = people.program
    program.record(said(1))
    other = said(2, response="m-1-r-1")
    assert list(program.json("record", program.write("facts.jsonl", [other])).json["codes"]) == ["response-exists"]
    assert states(program.folder) == {"m-1-f-1": "kept"}
    (row,) = program.json("refusals").lines
    assert not row["whole"]


def test_a_response_that_is_not_anonymous_is_linked_until_anonymity_is_chosen(people: People) -> None:
    program = people.program
    program.record(
        *invited(1), *invited(2), *invited(3), said(1, invitation="i-1"), said(2, invitation="i-2", anonymous=True),
        {**response(3, "Brontegard", AT), "invitation": "i-3"},
    )  # fmt: skip
    assert links(program.folder) == ["m-1-r-1", "m-1-r-3"]
    program.record(fact("choose-anonymity", "a-1", AT, response="m-1-r-1"))
    assert links(program.folder) == ["m-1-r-3"]
    assert len(kept(program.folder)) == 2
    again = program.json("record", program.write("again.jsonl", [said(1, invitation="i-1")]))
    assert again.json["duplicates"] == 1
    assert links(program.folder) == ["m-1-r-3"]


def test_anonymity_that_was_recorded_without_a_vault_is_heard_of_by_the_next_who_opens_it(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = people.program
    program.record(*invited(1), said(1, invitation="i-1"))
    monkeypatch.delenv("CSAT_LEDGER_VAULT")
    program.record(fact("choose-anonymity", "a-1", AT, response="m-1-r-1"))
    assert links(program.folder) == ["m-1-r-1"]
    monkeypatch.setenv("CSAT_LEDGER_VAULT", "people.db")
    program.record(said(2))
    assert links(program.folder) == []


def test_a_malformed_line_with_answers_is_kept_without_them(people: People) -> None:
    program = people.program
    wrong = [
        said(1, answers={"overall": 11}), said(2, answers={"Quirina": 1}), said(3, comment=["Quirina"]),
        said(4, answers={"own": {"Quirina": 1}}), said(5, colour="Quirina"), said(6, answers={"own": {"a": "Quirina" * 300}}),
    ]  # fmt: skip
    ran = program.json("record", program.write("facts.jsonl", wrong))
    assert ran.json["codes"]["malformed"]["count"] == 6
    assert "Quirina" not in ran.out + ran.err
    assert "Quirina" not in program.json("refusals").out
    assert b"Quirina" in (program.folder / "facts.jsonl.refused").read_bytes()  # the operator's own file: to the byte
    for path in program.folder.iterdir():
        if not path.name.startswith("facts.jsonl"):
            assert b"Quirina" not in path.read_bytes(), path


def test_in_any_order_an_answer_waits_for_its_invitation(people: People) -> None:
    program = people.program
    facts = program.write("facts.jsonl", [said(1, invitation="i-1"), *invited(1)])
    assert program.json("record", facts, "--any-order").json["accepted"] == 3
    assert kept(program.folder) == [("m-1-f-1", 9, 10, None, 7)]
    assert links(program.folder) == ["m-1-r-1"]


def test_a_vault_of_another_book_takes_nothing(people: People) -> None:
    program = people.program
    program.record(said(1))
    for path in program.folder.glob("ledger.db*"):
        path.unlink()
    program.record(*enrolment("m-2"), *enrolment())
    ran = program.json("record", program.write("facts.jsonl", [said(2)]))
    assert (ran.code, list(ran.json["codes"])) == (4, ["vault-of-another-book"])
    assert kept(program.folder) == [("m-1-f-1", 9, 10, None, 7)]

"""A host that makes of one organisation two, or of two one: what it writes is sealed, and refuted by audit and verifier."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.instants import parse_instant
from ledger.proof.log.event import FIRST_PREV
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.log.strictjson import canonical
from ledger.store.base import NewRow
from projections.survey.reading import read_rulebook, replay
from tests.console.support import enrolment, fact, met, response
from tests.contracts.backends import BACKENDS
from tests.ledger.seal.support import Ledger, a_ledger, decision, keep_due, sqlite_ledger

History = list[tuple[str, dict[str, Any]]]
STREAM = "membership-m-1"
ANNOUNCED = ("EligibilityChanged", "DesignationChanged", "LampChanged")
"""Events that a fact may cause beside its own, which alone has its id in the book's column."""


def joined_facts() -> list[dict[str, Any]]:
    """Fifteen responses under three names, two of which are one organisation: ten count, and the renewal is met."""
    at = "2010-01-12T09:00:00Z"
    return [
        *enrolment(),
        *(response(day, "Brontegard" if day <= 6 else "Norrvik", f"2010-06-{day:02d}T10:00:00Z") for day in range(1, 14)),
        *(response(day, "Lindomar", f"2010-06-{day}T10:00:00Z") for day in (14, 15)),
        fact("withdraw-consent", "w", "2010-07-01T00:00:00Z", subject="s-1", customer_org="BRONTEGARD"),
        fact("same-organisation", "join", at, organisation="Norrvik", same_as="Brontegard"),
        fact("distinct-organisation", "apart", at, **{"organisation": "LINDOMAR", "from": "Lindomar"}),
        decision("m-1"),
    ]  # fmt: skip


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    with a_ledger(request.param, request.param.place(request), tmp_path / "log", joined_facts()) as made:
        yield made


def known_by(event: dict[str, Any], facts: set[str]) -> tuple[str | None, bytes | None]:
    """Id and digest in the columns of the row of an event; `facts` has those of the rows before."""
    fact = event.get("fact")
    if not isinstance(fact, str) or event["type"] in ANNOUNCED or fact in facts:
        return None, None
    facts.add(fact)
    return fact, sha256(fact.encode("utf-8", "surrogatepass")).digest()


def sealed_again(ledger: Ledger, folder: Path, history: History) -> Ledger:
    """The log over another history, with every chain in order; the host holds the key."""
    with ledger.unguarded() as execute:
        execute("DELETE FROM EVENTS")
    heads: dict[str, tuple[int, str]] = {}
    facts: set[str] = set()
    rows = []
    for position, (stream, event) in enumerate(history, 1):
        seq, prev = heads.get(stream, (0, FIRST_PREV))
        stored = canonical(event | {"seq": seq + 1, "prev": prev, "stream": stream})
        heads[stream] = (seq + 1, leaf_hash(stored).hex())
        rows.append(NewRow(position, stream, seq + 1, event["type"], stored, *known_by(event, facts)))
    with ledger.store.writing() as transaction:
        transaction.append(rows)
        keep_due(transaction)
    forged = Ledger(ledger.store, folder / "forged")
    forged.seal()
    return forged


def history_of(ledger: Ledger) -> History:
    return [(row.stream, json.loads(row.stored)) for row in ledger.store.read_feed(0, 1_000)]


def test_what_the_writer_records_is_confirmed(ledger: Ledger, tmp_path: Path) -> None:
    history = history_of(ledger)
    forged = sealed_again(ledger, tmp_path, history)
    report = forged.audit()
    assert (report.verdict, report.findings) == ("confirmed", [])
    verdict = forged.verdict()
    assert verdict.verdict == "confirmed"
    assert verdict.decision is not None
    assert (verdict.decision["counted"], verdict.decision["organisations"]) == (10, 2)
    assert {one["group"] for one in verdict.decision["applied"]} == {"Brontegard", "Lindomar"}
    kinds = [event["type"] for _, event in history]
    assert {"OrganisationsJoined", "OrganisationDistinguished", "ConsentWithdrawn"} <= {*kinds}


def of(history: History, kind: str, at: int = 0) -> dict[str, Any]:
    """The data of an event of the kind."""
    data: dict[str, Any] = [event for _, event in history if event["type"] == kind][at]["data"]
    return data


def drop(history: History, kind: str) -> None:
    history[:] = [(stream, event) for stream, event in history if event["type"] != kind]


def insert(history: History, before: str, kind: str, **data: Any) -> None:
    at = next(index for index, (_, event) in enumerate(history) if event["type"] == before)
    like = next(event for stream, event in history if stream == STREAM)
    history.insert(at, (STREAM, like | {"type": kind, "data": data, "fact": f"forged-{kind}"}))


def says(kind: str, at: int = 0, **changed: Any) -> Callable[[History], object]:
    """An event of the kind says something else."""
    return lambda history: of(history, kind, at).update(changed)


def regroup(kind: str, one: str, other: str) -> Callable[[History], object]:
    """A join or a separation that nobody told, before the decision."""
    return lambda history: insert(history, "RenewalDecided", kind, organisation=one, same_as=other)


def respell_without_a_word(history: History) -> None:
    drop(history, "OrganisationDistinguished")
    of(history, "ResponseReceived", -1).update(customer_org="LINDOMAR")


def withdraw_as_told(history: History) -> None:
    del of(history, "ConsentWithdrawn")["spelt"]
    of(history, "ConsentWithdrawn").update(customer_org="BRONTEGARD")


def consent_by(actor: str | None, **said: Any) -> Callable[[History], object]:
    """A consent that nobody gave, before the decision."""

    def change(history: History) -> None:
        insert(history, "RenewalDecided", "ConsentGiven", subject="s", customer_org="Norrvik", **said)
        next(event for _, event in history if event["type"] == "ConsentGiven").update(actor=actor)

    return change


def name_no_group(history: History) -> None:
    for entry in of(history, "RenewalDecided")["applied"]:
        del entry["group"]


def leave_out(key: str) -> Callable[[History], object]:
    return lambda history: of(history, "RenewalDecided")["left_out"][0].pop(key)


DECIDED, RECEIVED, JOINED, SEPARATED = (
    "RenewalDecided",
    "ResponseReceived",
    "OrganisationsJoined",
    "OrganisationsSeparated",
)
ATTACKS: dict[str, tuple[Callable[[History], object], str]] = {
    "a respelt organisation": (says(RECEIVED, 8, customer_org="NORRVIK"), "the known spelling 'Norrvik'"),
    "another width": (says(RECEIVED, 8, customer_org="Ｎorrvik"), "the known spelling 'Norrvik'"),
    "an invisible character": (says(RECEIVED, 8, customer_org="Norr\u200bvik"), "U+200B"),
    "apart without a word": (respell_without_a_word, "the known spelling 'Lindomar'"),
    "apart from another": (says("OrganisationDistinguished", **{"from": "Brontegard"}), "folds like 'Brontegard'"),
    "a join too many": (regroup(JOINED, "Norrvik", "Brontegard"), "not one group already"),
    "a join left out": (lambda history: drop(history, JOINED), "RenewalDecided: "),
    "a join of others": (says(JOINED, same_as="Lindomar"), "RenewalDecided: "),
    "a join undone": (regroup(SEPARATED, "Norrvik", "Brontegard"), "RenewalDecided: "),
    "a separation of what is not joined": (regroup(SEPARATED, "Norrvik", "Lindomar"), "of which a join was recorded"),
    "a group counted twice": (says(DECIDED, counted=15, organisations=3), "RenewalDecided: counted"),
    "one organisation more": (says(DECIDED, organisations=3), "RenewalDecided: organisations"),
    "no group": (name_no_group, "RenewalDecided: applied"),
    "another group": (
        lambda history: of(history, DECIDED)["applied"][7].update(group="Norrvik"),
        "RenewalDecided: applied",
    ),
    "no group over the cap": (leave_out("group"), "RenewalDecided: left_out"),
    "no organisation over the cap": (leave_out("customer_org"), "RenewalDecided: left_out"),
    "what is said to be spelt otherwise and is not": (consent_by(None, spelt=False), "ConsentGiven: spelt"),
    "an actor with an invisible character": (consent_by("oper\u200bator"), "ConsentGiven: actor"),
    "a withdrawal as it was told": (withdraw_as_told, "the known spelling 'Brontegard'"),
    "a withdrawal for others as well": (says("ConsentWithdrawn", also=["Lindomar"]), "ConsentWithdrawn: also"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_host_that_forges_an_organisation_is_refuted(ledger: Ledger, tmp_path: Path, attack: str) -> None:
    change, told = ATTACKS[attack]
    history = history_of(ledger)
    change(history)
    forged = sealed_again(ledger, tmp_path, history)
    report = forged.audit()
    assert report.verdict == "refuted", report.findings
    assert any(told in f"{one.what}: {one.found} / {one.expected}" for one in report.findings), report.findings
    verdict = forged.verdict()
    assert verdict.verdict == "refuted"
    assert verdict.difference is not None
    assert told in "{what}: {found} / {expected}".format(**verdict.difference)


def test_a_telling_apart_that_a_host_writes_itself_is_there_to_be_seen(ledger: Ledger, tmp_path: Path) -> None:
    """It cannot be refuted: nobody but the customer knows. But it stands in the evidence, by its name."""
    history = history_of(ledger)
    insert(history, "ResponseReceived", "ConsentGiven", subject="s", customer_org="Norrvik")
    insert(history, "ResponseReceived", "OrganisationDistinguished", **{"organisation": "norrvik", "from": "Norrvik"})
    drop(history, "RenewalDecided")
    assert sealed_again(ledger, tmp_path, history).audit().findings == []


def test_events_on_which_no_rule_decides_trouble_nobody(tmp_path: Path) -> None:
    """A clock that was accepted, before and after the decision, in the stream of the editions."""
    with sqlite_ledger(tmp_path, met()) as ledger:
        accept_clock(ledger)
        ledger.record([decision("m-1")])
        accept_clock(ledger)
        ledger.seal()
        assert [row.type for row in ledger.store.read_feed(0, 1_000)].count("ClockAccepted") == 2
        assert (ledger.audit().verdict, ledger.audit().findings) == ("confirmed", [])
        assert ledger.verdict().verdict == "confirmed"
        assert [step.event.type for step in replay(ledger.store, "m-1")][-1] == "RenewalDecided"
        assert len(read_rulebook(ledger.store).editions) == 2


def accept_clock(ledger: Ledger) -> None:
    last = json.loads(ledger.store.read_feed(0, 1_000)[-1].stored)["recorded_at"]
    ledger.writer.accept_clock(parse_instant(last))

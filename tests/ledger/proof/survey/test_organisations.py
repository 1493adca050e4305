"""The organisations of a stream: what may be recorded of their names, and what a host that records otherwise is told."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ledger.proof.log.errors import MalformedError, ProofError, RefutedError
from ledger.proof.log.event import Event
from ledger.proof.survey.organisations import Organisations
from ledger.proof.survey.recheck import check_stream
from ledger.proof.survey.rules import decision, status
from tests.ledger.proof.book import Book, us
from tests.ledger.proof.survey.test_recheck import in_log_order

NAMES = ("Brontegard", "Lindomar", "Vestfold Data", "C++", "C#")
LATER = "2010-06-01"
NAMING = ("ConsentGiven", "ConsentWithdrawn", "InvitationSent", "ResponseReceived")


@pytest.fixture
def book() -> Book:
    """A membership that knows all the names, each by a consent."""
    made = Book()
    stream = made.enrol("m-1")
    for name in NAMES:
        made.append(stream, "ConsentGiven", "2010-01-06", {"subject": "s-1", "customer_org": name})
    return made


STREAM = "membership-m-1"


def data_of(type_name: str, name: str, **more: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"customer_org": name}
    if type_name == "ResponseReceived":
        return data | {"response": "r", "location": "main", "answer_token": None, "anonymous": False} | more
    if type_name == "InvitationSent":
        data |= {"invitation": "i-1", "location": "main", "channel": "operator", "language": None}
    return data | {"subject": "s-1"} | more


def refuted(book: Book, event: Event) -> ProofError:
    """What the check of the stream and the verifier's fold say of its last event, which both have to refute."""
    differences = check_stream(in_log_order(book, STREAM)).differences
    assert [difference.what.startswith(event.where) for difference in differences] == [True], differences
    with pytest.raises(ProofError) as error:
        book.membership(STREAM)
    assert (error.value.what, error.value.found, error.value.expected) == tuple(differences[0])
    return error.value


def fine(book: Book) -> None:
    assert check_stream(in_log_order(book, STREAM)).differences == []
    book.membership(STREAM)


# Spelling


@pytest.mark.parametrize("type_name", NAMING)
@pytest.mark.parametrize("name", ["BRONTEGARD", "Bronte-gard", "brontegard.", "Ｂrontegard"])
def test_a_name_respelt_is_refuted_wherever_it_stands(book: Book, type_name: str, name: str) -> None:
    error = refuted(book, book.append(STREAM, type_name, LATER, data_of(type_name, name)))
    assert isinstance(error, RefutedError)
    assert (error.found, "'Brontegard'" in str(error.expected)) == (name, True)


@pytest.mark.parametrize("type_name", NAMING)
def test_the_known_spelling_and_new_names_are_fine(book: Book, type_name: str) -> None:
    for number, name in enumerate(("Brontegard", "Brontegard Nord", "C", "C#")):
        data = data_of(type_name, name)
        book.append(STREAM, type_name, LATER, data | ({"response": f"r-{number}"} if "response" in data else {}))
    fine(book)


@pytest.mark.parametrize("type_name", NAMING)
def test_a_name_is_known_from_any_event_that_has_it(type_name: str) -> None:
    book = Book()
    book.enrol("m-1")
    book.append(STREAM, type_name, LATER, data_of(type_name, "Hals"))
    refuted(book, book.append(STREAM, "ConsentGiven", LATER, data_of("ConsentGiven", "HALS")))


@pytest.mark.parametrize("type_name", NAMING)
@pytest.mark.parametrize("name", ["Brontegard\u200b", "Hals\u00ad", "Hals\u0378"])
def test_a_character_that_no_label_may_hold_is_refuted_as_malformed(book: Book, type_name: str, name: str) -> None:
    error = refuted(book, book.append(STREAM, type_name, LATER, data_of(type_name, name)))
    assert isinstance(error, RefutedError)
    assert str(error.expected).endswith(f"U+{ord(name[-1]):04X}, which stands at character {len(name)}: malformed")


ENROLLED = {
    "name": "Contoso", "level": "gold", "competencies": [], "solution_areas": [], "business_model": None,
    "locations": ["main"],
}  # fmt: skip


@pytest.mark.parametrize(("type_name", "data"), [
    ("MembershipEnrolled", ENROLLED | {"name": "Con\u200btoso"}),
    ("MembershipEnrolled", ENROLLED | {"locations": ["ma\u200bin"]}),
    ("MembershipUpdated", {"name": "Con\u200btoso"}),
    ("MembershipUpdated", {"competencies": ["Lear\u200bning"]}), ("MembershipUpdated", {"solution_areas": ["\ufeffx"]}),
    ("MembershipUpdated", {"business_model": "re\u2060seller"}), ("LocationAdded", {"location": "Os\u200blo"}),
    ("OrganisationsJoined", {"organisation": "A\u200b", "same_as": "B"}),
    ("OrganisationsJoined", {"organisation": "A", "same_as": "B\u200b"}),
    ("OrganisationDistinguished", {"organisation": "Brontegard\u200b", "from": "Brontegard"}),
])  # fmt: skip
def test_no_label_may_hold_it(book: Book, type_name: str, data: dict[str, Any]) -> None:
    if type_name == "MembershipEnrolled":
        book = Book()
    error = refuted(book, book.append(STREAM, type_name, LATER, data))
    assert isinstance(error, RefutedError)
    assert "malformed" in str(error.expected)


@pytest.mark.parametrize("type_name", ["ReminderSent", "AnonymityChosen", "ConsentGiven", "LocationAdded"])
def test_nor_may_an_actor(book: Book, type_name: str) -> None:
    data = {"customer_org": "Brontegard", "location": "Oslo", "invitation": "i-1", "response": "r"}
    error = refuted(book, book.append(STREAM, type_name, LATER, data, actor="oper\u200bator"))
    assert error.what.endswith(": actor")


def test_an_edition_and_its_actor_hold_no_such_character(book: Book) -> None:
    for label, actor in (("2\u200b", None), ("2", "own\u200ber")):
        event = book.publish(label, "2010-07-01", actor=actor)
        assert [d.what.split()[1] for d in check_stream(in_log_order(book, STREAM)).differences] == [
            event.where.split()[1]
        ]
        del book.streams["programme"][-1]


# Spelt otherwise by the source


@pytest.mark.parametrize("type_name", NAMING)
def test_what_was_spelt_otherwise_stands_under_the_known_name(book: Book, type_name: str) -> None:
    book.append(STREAM, type_name, LATER, data_of(type_name, "Brontegard", spelt=True))
    fine(book)


@pytest.mark.parametrize("type_name", NAMING)
@pytest.mark.parametrize(("name", "more"), [
    ("Hals", {"spelt": True}), ("BRONTEGARD", {"spelt": True}), ("Brontegard", {"spelt": False}),
    ("Brontegard", {"spelt": 1}), ("Brontegard", {"spelt": None}),
])  # fmt: skip
def test_spelt_is_said_of_known_names_alone(book: Book, type_name: str, name: str, more: dict[str, Any]) -> None:
    refuted(book, book.append(STREAM, type_name, LATER, data_of(type_name, name, **more)))


def test_a_withdrawal_of_a_name_spelt_otherwise_stands_for_all_that_fold_alike(book: Book) -> None:
    book.tell_apart(STREAM, "BRONTEGARD", "Brontegard")
    book.tell_apart(STREAM, "Bronte-Gard", "BRONTEGARD")
    data = {"subject": "s-1", "customer_org": "Brontegard", "spelt": True, "also": ["BRONTEGARD", "Bronte-Gard"]}
    book.append(STREAM, "ConsentWithdrawn", LATER, data)
    book.append(STREAM, "ConsentWithdrawn", LATER, {"subject": "s-1", "customer_org": "BRONTEGARD"})
    fine(book)


@pytest.mark.parametrize("changed", [
    {"also": None}, {"also": []}, {"also": ["Bronte-Gard", "BRONTEGARD"]}, {"also": ["BRONTEGARD"]},
    {"also": ["BRONTEGARD", "Bronte-Gard", "Lindomar"]}, {"customer_org": "BRONTEGARD", "also": ["Brontegard", "Bronte-Gard"]},
    {"spelt": None}, {"customer_org": "BRONTEGARD"},
])  # fmt: skip
def test_a_withdrawal_that_leaves_one_out_or_names_another_is_refuted(book: Book, changed: dict[str, Any]) -> None:
    book.tell_apart(STREAM, "BRONTEGARD", "Brontegard")
    book.tell_apart(STREAM, "Bronte-Gard", "Brontegard")
    data = {
        "subject": "s-1",
        "customer_org": "Brontegard",
        "spelt": True,
        "also": ["BRONTEGARD", "Bronte-Gard"],
    } | changed
    refuted(book, book.append(STREAM, "ConsentWithdrawn", LATER, {k: v for k, v in data.items() if v is not None}))


def test_where_several_fold_alike_only_a_withdrawal_can_be_spelt_otherwise(book: Book) -> None:
    book.tell_apart(STREAM, "BRONTEGARD", "Brontegard")
    refuted(book, book.respond(STREAM, "r", LATER, "Brontegard", spelt=True))


def test_a_withdrawal_has_no_also_where_none_else_folds_alike(book: Book) -> None:
    data = {"subject": "s-1", "customer_org": "Lindomar", "spelt": True, "also": ["Brontegard"]}
    refuted(book, book.append(STREAM, "ConsentWithdrawn", LATER, data))


# Told apart


def test_a_name_told_apart_is_known(book: Book) -> None:
    book.tell_apart(STREAM, "BRONTEGARD", "Brontegard")
    for name in ("Brontegard", "BRONTEGARD"):
        book.respond(STREAM, name, LATER, name)
    fine(book)
    refuted(book, book.respond(STREAM, "r", LATER, "bronteGard"))


@pytest.mark.parametrize(("new", "known"), [
    ("Brontegard", "Brontegard"), ("Brontegard", "Lindomar"), ("Hals", "Brontegard"), ("BRONTEGARD", "Lindomar"),
    ("HALS", "Hals"), ("Bronte-gard", "BRONTEGARD"), ("Lindomar", "Brontegard"),
])  # fmt: skip
def test_only_a_new_name_is_told_apart_from_a_known_one_that_folds_alike(book: Book, new: str, known: str) -> None:
    refuted(book, book.tell_apart(STREAM, new, known))


# Joined and separated


def test_a_join_makes_names_known(book: Book) -> None:
    book.join(STREAM, "Hals", "Hals and Son")
    book.respond(STREAM, "r", LATER, "Hals and Son")
    fine(book)
    refuted(book, book.respond(STREAM, "r-2", LATER, "HALS"))


@pytest.mark.parametrize(("one", "other"), [
    ("Brontegard", "Brontegard"), ("Hals", "Hals"), ("Hals", "HALS"), ("BRONTEGARD", "Lindomar"), ("Lindomar", "BRONTEGARD"),
    ("C#", "Brontegard"), ("Brontegard", "C#"), ("C++", "Brontegard"),
])  # fmt: skip
def test_a_join_within_one_group_or_of_a_name_respelt_is_refuted(book: Book, one: str, other: str) -> None:
    book.join(STREAM, "Brontegard", "C++")
    book.join(STREAM, "C#", "C++")
    refuted(book, book.join(STREAM, one, other))


@pytest.mark.parametrize(("one", "other"), [
    ("Brontegard", "Lindomar"), ("Brontegard", "Brontegard"), ("Brontegard", "Hals"), ("Hals", "Hals"), ("Brontegard", "C#"),
    ("BRONTEGARD", "C++"),
])  # fmt: skip
def test_only_what_was_joined_can_be_separated(book: Book, one: str, other: str) -> None:
    book.join(STREAM, "Brontegard", "C++")
    book.join(STREAM, "C#", "C++")
    book.join(STREAM, "Lindomar", "Vestfold Data")
    refuted(book, book.separate(STREAM, one, other))


def test_a_separation_undoes_a_join_either_way_round_and_once(book: Book) -> None:
    book.join(STREAM, "Brontegard", "C++")
    book.separate(STREAM, "C++", "Brontegard")
    book.join(STREAM, "C++", "Brontegard")
    book.separate(STREAM, "C++", "Brontegard")
    fine(book)
    refuted(book, book.separate(STREAM, "C++", "Brontegard"))


@pytest.mark.parametrize("data", [{}, {"organisation": "Brontegard"}, {"organisation": 5, "same_as": ["C#"]}])
@pytest.mark.parametrize("type_name", ["OrganisationsJoined", "OrganisationsSeparated", "OrganisationDistinguished"])
def test_names_that_are_missing_or_no_text_are_differences(book: Book, type_name: str, data: dict[str, Any]) -> None:
    error = refuted(book, book.append(STREAM, type_name, LATER, data))
    assert isinstance(error, RefutedError | MalformedError)


@pytest.mark.parametrize("seed", range(20))
def test_groups_are_what_joins_hold_together(seed: int) -> None:
    """Against a walk over the joins that stand, after each join and separation; named by the earliest known name."""
    drawn = random.Random(seed)
    organisations = Organisations()
    names = [f"n{i}" for i in range(9)]
    known: list[str] = []
    joins: list[tuple[str, str]] = []
    for _ in range(60):
        if joins and drawn.random() < 0.4:
            pair = joins.pop(drawn.randrange(len(joins)))
            one, other = pair if drawn.random() < 0.5 else pair[::-1]
            change = organisations.separate({"organisation": one, "same_as": other}, "event")
            assert {one, other} <= set().union(*map(organisations.names, change.after))
        else:
            one, other = drawn.sample(names, 2)
            if other in together(one, joins):
                continue
            organisations.join({"organisation": one, "same_as": other}, "event")
            joins.append((one, other))
            known += [name for name in (one, other) if name not in known]
        for name in known:
            group = together(name, joins)
            assert organisations.names(organisations.key(name)) == group
            assert organisations.named(name) == min(group, key=known.index)
            assert len({organisations.key(member) for member in group}) == 1
            assert (name in organisations.groups) == (len(group) > 1)


def together(name: str, joins: list[tuple[str, str]]) -> set[str]:
    group = {name}
    for _ in joins:
        for pair in joins:
            if group & {*pair}:
                group |= {*pair}
    return group


# Counting


def respond_often(book: Book) -> None:
    for i in range(6):
        book.respond(STREAM, f"b-{i}", f"2010-04-{i + 1:02d}", "Brontegard")
        book.respond(STREAM, f"c-{i}", f"2010-05-{i + 1:02d}", "C++")


def test_joined_names_share_the_cap_and_are_one_organisation(book: Book) -> None:
    respond_often(book)
    at_us = us("2010-06-01")
    before = status(book.membership(STREAM), book.rulebook(), at_us)
    book.join(STREAM, "C++", "Brontegard", "2012-01-01")
    after = status(book.membership(STREAM), book.rulebook(), at_us)
    book.separate(STREAM, "C++", "Brontegard")
    assert [(at.satisfied, at.counted, at.organisations) for at in (before, after)] == [(True, 12, 2), (False, 8, 1)]
    assert status(book.membership(STREAM), book.rulebook(), at_us) == before


def test_a_decision_names_the_group_of_what_was_applied_and_of_what_is_over_the_cap(book: Book) -> None:
    respond_often(book)
    book.respond(STREAM, "l-0", "2010-05-20", "Lindomar")
    book.join(STREAM, "C++", "Brontegard")
    decided = decision(book.membership(STREAM), book.rulebook(), "2011-03-01")
    assert (decided["outcome"], decided["counted"], decided["organisations"]) == ("not-met", 9, 2)
    groups = [(one["customer_org"], one["group"]) for one in decided["applied"]]
    assert groups == [("Brontegard", "Brontegard")] * 6 + [("C++", "Brontegard")] * 2 + [("Lindomar", "Lindomar")]
    left_out = {"reason": "over-cap", "customer_org": "C++", "group": "Brontegard"}
    assert decided["left_out"] == [{"response": f"c-{i}", **left_out} for i in range(2, 6)]


def test_a_join_after_a_decision_says_nothing_of_it(book: Book) -> None:
    respond_often(book)
    book.append(STREAM, "RenewalDateSet", LATER, {"renewal_date": "2011-03-01"})
    first = book.decide(STREAM, "2011-03-01")
    book.join(STREAM, "C++", "Brontegard", "2011-03-02")
    second = book.decide(STREAM, "2011-03-01", "2011-03-02")
    assert [one.data["outcome"] for one in (first, second)] == ["met", "not-met"]
    check = check_stream(in_log_order(book, STREAM))
    assert not [one for one in check.differences if "RenewalDecided" in one.what]

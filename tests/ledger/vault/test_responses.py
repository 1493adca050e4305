"""What the vault keeps of responses: pending before the book, kept after it, and settled by what the book has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import closing

import pytest

from ledger.answers import Answers
from ledger.errors import VaultDamaged, VaultKeyMismatch, VaultSwapped
from ledger.vault.columns import CoreAnswers, columns
from ledger.vault.responses import UNDER_WAY_US, Responses, Said, link_tag
from ledger.vault.rewrapping import rewrap
from ledger.vault.vault import Vault
from tests.ledger.vault.support import BOTH_KEYS, KEYS, NOW_US, OTHER_KEYS, Counted, Place, dies_at

LATER_US = NOW_US + UNDER_WAY_US + 10
"""When nothing that was pended by then is under way any more."""
ANSWERS = Answers((9, 10, None, 7), {"delivery": 3, "wish": "more words"})


def said(number: int = 1, **changed: object) -> Said:
    """What a fact says, or something else of it."""
    given = {
        "fact": f"f-{number}", "membership": "m-1", "response": f"r-{number}", "anonymous": False,
        "invitation": f"i-{number}", "answers": ANSWERS, "comment": "a word of Anna",
    }  # fmt: skip
    return Said(**(given | changed))  # type: ignore[arg-type]


def nothing(_facts: Sequence[str]) -> Collection[str]:
    """A book that has no fact."""
    return ()


def everything(facts: Sequence[str]) -> Collection[str]:
    """A book that has all."""
    return facts


def keep(responses: Responses, *some: Said) -> None:
    """What some facts say, kept."""
    pended = responses.pend(some, NOW_US, nothing)
    responses.conclude({one.fact: (one, two.mac) for one, two in zip(some, pended, strict=True)}, (), (), NOW_US)


def states(place: Place) -> dict[str, str]:
    """The state of each row."""
    with place.raw() as raw:
        return dict(raw("SELECT fact, state FROM answers ORDER BY fact"))


def rows(place: Place) -> tuple[int, int, int]:
    """Rows of answers, links, and data keys of responses."""
    with place.raw() as raw:
        (found,) = raw(
            "SELECT (SELECT count(*) FROM answers), (SELECT count(*) FROM links), "
            "(SELECT count(*) FROM data_keys WHERE holder LIKE ?)",
            "response/%",
        )
    return tuple(found)  # type: ignore[return-value]


def test_what_is_pending_is_not_shown_and_what_is_kept_comes_in_the_order_of_facts(place: Place) -> None:
    with place.vault() as vault:
        responses = Responses(vault)
        pended = responses.pend([said(2), said(1), said(3, answers=None)], NOW_US, nothing)
        assert [one.how for one in pended] == ["new"] * 3
        assert columns(vault) == []
        responses.conclude(
            {one.fact: (one, two.mac) for one, two in zip([said(2), said(1)], pended, strict=False)},
            ["f-3"],
            (),
            NOW_US,
        )
        assert columns(vault) == [
            CoreAnswers("f-1", "m-1", "r-1", 9, 10, None, 7),
            CoreAnswers("f-2", "m-1", "r-2", 9, 10, None, 7),
        ]
        assert columns(vault, "f-1") == [CoreAnswers("f-2", "m-1", "r-2", 9, 10, None, 7)]
        assert columns(vault, limit=1) == [CoreAnswers("f-1", "m-1", "r-1", 9, 10, None, 7)]
    assert states(place) == {"f-1": "kept", "f-2": "kept", "f-3": "refused"}


@pytest.mark.parametrize(
    "changed",
    [{"answers": Answers((9, 10, None, 8), ANSWERS.own)}, {"answers": None}, {"comment": None}, {"comment": "another"},
     {"answers": Answers(ANSWERS.core, {})}],
    ids=["a figure", "no answers", "no comment", "a comment", "own questions"],
)  # fmt: skip
def test_under_an_id_that_is_kept_the_same_is_known_and_anything_else_is_other(
    place: Place, changed: dict[str, object]
) -> None:
    with place.vault() as vault:
        responses = Responses(vault)
        keep(responses, said())
        found = responses.pend([said(), said(1, **changed)], NOW_US, nothing)
        assert [one.how for one in found] == ["known", "other"]
        assert len(columns(vault)) == 1
    assert rows(place) == (1, 1, 1)


def test_what_was_refused_is_replaced_by_what_comes_instead(place: Place) -> None:
    with place.vault() as vault:
        responses = Responses(vault)
        responses.pend([said()], NOW_US, nothing)
        responses.settle(nothing, LATER_US)
        assert states(place) == {"f-1": "refused"}
        other = said(1, answers=Answers((1, 1, 1, 1), {}), response="r-9")
        assert [one.how for one in responses.pend([other], NOW_US, nothing)] == ["new"]
        responses.settle(everything, NOW_US)
        assert columns(vault) == [CoreAnswers("f-1", "m-1", "r-9", 1, 1, 1, 1)]
    assert rows(place) == (1, 1, 1)


def test_what_somebody_left_pending_is_replaced_only_where_the_book_lacks_its_fact(place: Place) -> None:
    with place.vault() as vault:
        responses = Responses(vault)
        responses.pend([said()], NOW_US, nothing)
        other = said(1, comment="another")
        assert [one.how for one in responses.pend([other], NOW_US, everything)] == ["other"]
        assert [one.how for one in responses.pend([other], NOW_US, nothing)] == ["new"]
        assert [
            one.how for one in responses.pend([said(1, answers=None, comment=None, from_vault=True)], NOW_US, nothing)
        ] == ["known"]


def test_what_somebody_is_about_to_record_is_not_taken_for_refused(place: Place) -> None:
    with place.vault() as vault:
        responses = Responses(vault)
        responses.pend([said(1), said(2)], NOW_US, nothing)
        assert responses.settle(lambda facts: facts[:1], NOW_US + UNDER_WAY_US) == 2
        assert states(place) == {"f-1": "kept", "f-2": "pending"}
        responses.settle(everything, LATER_US)  # it was recorded since, by one that died before it could say so
        assert states(place) == {"f-1": "kept", "f-2": "kept"}


def test_what_the_book_accepted_is_the_truth_though_somebody_replaced_it_meanwhile(place: Place) -> None:
    with place.vault() as vault:
        responses = Responses(vault)
        (first,) = responses.pend([said()], NOW_US, nothing)
        responses.settle(nothing, LATER_US)
        responses.pend([said(1, answers=Answers((1, 1, 1, 1), {}))], NOW_US, nothing)
        responses.conclude({"f-1": (said(), first.mac)}, (), (), NOW_US)
        assert columns(vault) == [CoreAnswers("f-1", "m-1", "r-1", 9, 10, None, 7)]


def test_a_refused_fact_finds_its_answers_here_or_is_told_that_they_are_gone(place: Place) -> None:
    again = said(1, answers=None, comment=None, from_vault=True)
    with place.vault() as vault:
        responses = Responses(vault)
        assert [one.how for one in responses.pend([again], NOW_US, nothing)] == ["missing"]
        responses.pend([said()], NOW_US, nothing)
        responses.settle(nothing, LATER_US)
        assert [one.how for one in responses.pend([again], NOW_US + 5, nothing)] == ["known"]
        responses.settle(nothing, LATER_US)
        assert responses.expire(NOW_US + 5) == 0
        assert responses.expire(NOW_US + 6) == 1
        assert [one.how for one in responses.pend([again], NOW_US, nothing)] == ["missing"]
    assert rows(place) == (0, 0, 0)


def test_what_is_kept_neither_expires_nor_is_dropped(place: Place) -> None:
    with place.vault() as vault:
        responses = Responses(vault)
        keep(responses, said())
        responses.conclude({}, ["f-1"], ["f-1"], NOW_US)
        assert responses.expire(NOW_US * 2) == 0
        assert len(columns(vault)) == 1


def test_anonymity_deletes_the_link_and_an_anonymous_response_never_has_one(place: Place) -> None:
    with place.vault() as vault:
        responses = Responses(vault)
        keep(responses, said(1), said(2, anonymous=True))
        with place.raw() as raw:
            assert raw("SELECT fact, tag FROM links") == [("f-1", link_tag(vault, "m-1", "i-1"))]
        responses.make_anonymous([("m-1", "r-1"), ("m-2", "r-2")], "7 abc")
        assert responses.anonymity_mark() == "7 abc"
        assert [one.how for one in responses.pend([said(1)], NOW_US, nothing)] == ["known"]
    assert rows(place) == (2, 0, 2)


def test_each_moment_at_which_it_dies_leaves_whole_rows_and_the_next_one_goes_on(place: Place) -> None:
    some = [said(number) for number in range(3)]
    with place.vault():
        pass

    def work(passes: Callable[[], None]) -> None:
        with closing(Counted(place.backend.opened(place.where), passes)) as database:
            keep(Responses(Vault(database, KEYS)), *some)  # type: ignore[arg-type]

    deaths, seen = 0, set()
    while dies_at(deaths, work):
        deaths += 1
        answers, links, keys = rows(place)
        assert answers == links == keys
        seen.add(tuple(states(place).values()))
        with place.raw() as raw:  # as if it had never begun
            raw("DELETE FROM answers")
            raw("DELETE FROM links")
            raw("DELETE FROM data_keys WHERE holder LIKE ?", "response/%")
    assert deaths == 12
    assert seen == {(), ("pending",) * 3, ("kept",) * 3}
    with place.vault(create=False) as vault:
        assert [one.fact for one in columns(vault)] == ["f-0", "f-1", "f-2"]


def test_under_other_keys_nothing_is_shown_and_after_rewrapping_everything_is(place: Place) -> None:
    with place.vault() as vault:
        keep(Responses(vault), said())
    with pytest.raises(VaultKeyMismatch), place.vault(OTHER_KEYS, create=False):
        pass
    with place.vault(BOTH_KEYS, create=False) as vault:
        assert len(columns(vault)) == 1
        rewrap(vault)
    with place.vault(OTHER_KEYS, create=False) as vault:
        assert columns(vault) == [CoreAnswers("f-1", "m-1", "r-1", 9, 10, None, 7)]
        assert [one.how for one in Responses(vault).pend([said()], NOW_US, nothing)] == ["known"]


@pytest.mark.parametrize(
    "wrong", ["answers swapped", "keys swapped", "another response", "another membership", "field"]
)
def test_what_was_put_in_anothers_place_is_an_error_and_nothing_is_shown(place: Place, wrong: str) -> None:
    with place.vault() as vault:
        keep(Responses(vault), said(1), said(2))
    with place.raw() as raw:
        if wrong in ("answers swapped", "keys swapped"):
            table, key, column = (
                ("answers", "fact", "answers") if wrong == "answers swapped" else ("data_keys", "holder", "wrapped")
            )
            names = ("f-1", "f-2") if table == "answers" else ("response/f-1", "response/f-2")
            one, two = (raw(f"SELECT {column} FROM {table} WHERE {key} = ?", name)[0][0] for name in names)
            raw(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", two, names[0])
            raw(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", one, names[1])
        elif wrong == "field":
            raw("UPDATE answers SET answers = comment WHERE fact = 'f-1'")
        else:
            column = wrong.removeprefix("another ")
            raw(f"UPDATE answers SET {column} = 'x-9' WHERE fact = 'f-1'")
    with place.vault(create=False) as vault, pytest.raises(VaultSwapped):
        columns(vault)


def test_a_changed_byte_of_a_box_and_a_missing_key_are_errors_never_nothing(place: Place) -> None:
    with place.vault() as vault:
        keep(Responses(vault), said(1), said(2))
    with place.raw() as raw:
        (box,) = raw("SELECT answers FROM answers WHERE fact = 'f-1'")[0]
        for at in range(25, len(box)):
            raw("UPDATE answers SET answers = ? WHERE fact = 'f-1'", box[:at] + bytes([box[at] ^ 1]) + box[at + 1 :])
            with place.vault(create=False) as vault, pytest.raises(VaultDamaged):
                columns(vault)
        raw("UPDATE answers SET answers = ? WHERE fact = 'f-1'", box)
        raw("DELETE FROM data_keys WHERE holder = 'response/f-2'")
    with place.vault(create=False) as vault, pytest.raises(VaultDamaged, match="response/f-2"):
        columns(vault)

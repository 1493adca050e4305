"""Answers to invitations: a stream names none, and its tokens let each be answered by one response that is not void."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.proof.log.errors import MalformedError, ProofError, RefutedError
from ledger.proof.survey.recheck import check_stream
from tests.ledger.proof.book import Book
from tests.ledger.proof.survey.test_recheck import in_log_order

TOKEN, OTHER = "a1" * 32, "b2" * 32
STREAM = "membership-m-1"


@pytest.fixture
def book() -> Book:
    made = Book()
    made.enrol("m-1")
    return made


def answer(book: Book, name: str, token: Any) -> None:
    data = {"response": name, "customer_org": "org", "location": "main", "answer_token": token, "anonymous": False}
    book.append(STREAM, "ResponseReceived", "2010-06-01", data)


def void(book: Book, name: str) -> None:
    data = {"response": name, "reason": "test", "received_at": "2010-06-01T00:00:00.000000Z"}
    book.append(STREAM, "ResponseVoided", "2010-06-02", data | {"customer_org": "org", "location": "main"})


def differences(book: Book) -> list[str]:
    found = [str(one) for one in check_stream(in_log_order(book, STREAM)).differences]
    if found:
        with pytest.raises(ProofError, match="answer_token"):
            book.membership(STREAM)
    else:
        book.membership(STREAM)
    return found


def test_answers_to_several_invitations_and_to_none_are_fine(book: Book) -> None:
    for name, token in (("r-1", TOKEN), ("r-2", OTHER), ("r-3", None), ("r-4", None)):
        answer(book, name, token)
    assert differences(book) == []


def test_a_second_answer_to_an_invitation_is_refuted_and_names_the_first(book: Book) -> None:
    answer(book, "r-1", TOKEN)
    answer(book, "r-2", TOKEN)
    (found,) = differences(book)
    assert "answer_token" in found
    assert "r-1" in found
    with pytest.raises(RefutedError, match=r"another than that of 'r-1', which is not void"):
        book.membership(STREAM)


def test_after_the_first_is_void_a_second_is_fine_and_a_third_is_not(book: Book) -> None:
    answer(book, "r-1", TOKEN)
    void(book, "r-1")
    answer(book, "r-2", TOKEN)
    assert differences(book) == []
    answer(book, "r-3", TOKEN)
    assert len(differences(book)) == 1


@pytest.mark.parametrize("token", ["", "i-7", TOKEN[1:], TOKEN + "a", TOKEN.upper(), "g" * 64, TOKEN + "\n"])
def test_a_token_of_another_form_is_malformed(book: Book, token: str) -> None:
    answer(book, "r-1", token)
    assert len(differences(book)) == 1
    with pytest.raises(MalformedError, match="64 hex digits in lower case"):
        book.membership(STREAM)


@pytest.mark.parametrize("token", [7, True, ["i-7"], {"invitation": "i-7"}])
def test_what_is_no_text_is_malformed(book: Book, token: Any) -> None:
    answer(book, "r-1", token)
    assert len(differences(book)) == 1
    with pytest.raises(MalformedError, match="64 hex digits"):
        book.membership(STREAM)


def test_a_refuted_answer_takes_no_token(book: Book) -> None:
    answer(book, "r-1", TOKEN)
    answer(book, "r-1", OTHER)
    answer(book, "r-2", OTHER)
    found = [str(one) for one in check_stream(in_log_order(book, STREAM)).differences]
    assert len(found) == 1, "the name that comes twice, and no token"

"""Who is due an invitation or a reminder, by the book alone; and the book takes what is due."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import UnknownMembership
from ledger.instants import DAY_US, format_instant, parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from projections.questions.invitations_due import Due, invitations_due
from tests.support.link_key import KEY, KEYS

NOW_US = parse_instant("2011-01-01T00:00:00Z")
WEEK_US = 7 * DAY_US
ORG = "Brontegard"


class Book:
    """A book of one membership, to which facts are told day by day of 2010."""

    def __init__(self, store: SQLiteStore) -> None:
        self.store = store
        self.writer = Writer(store, lambda: NOW_US, PROGRAMMES, link_keys=KEYS)
        self._count = 0
        self.tell("enrol-membership", 0, name="Alderbrook", level="gold")

    def outcome(self, kind: str, day: int, **fields: Any) -> str:
        """What becomes of a fact."""
        self._count += 1
        at = format_instant(NOW_US + (day - 365) * DAY_US)
        one = {"type": kind, "id": f"f-{self._count}", "membership": "m-1", "occurred_at": at, **fields}
        (found,) = self.writer.record([fact_from_object(one)])
        return getattr(found, "code", None) or found.status

    def tell(self, kind: str, day: int, **fields: Any) -> None:
        """A fact that must be taken."""
        assert self.outcome(kind, day, **fields) == "accepted"

    def consent(self, subject: str, day: int = 1, given: bool = True, customer_org: str = ORG) -> None:
        kind = "record-consent" if given else "withdraw-consent"
        self.tell(kind, day, subject=subject, customer_org=customer_org)

    def invite(self, subject: str, day: int, channel: str = "operator", customer_org: str = ORG) -> str:
        invitation = f"i-{subject}-{day}"
        self.tell(
            "record-invitation", day, invitation=invitation, subject=subject, customer_org=customer_org, channel=channel
        )
        return invitation

    def due(self, after_us: int = WEEK_US, at_us: int = NOW_US) -> tuple[Due, ...]:
        return invitations_due(self.store, "m-1", at_us, lambda: KEY.token, reminder_after_us=after_us).due


@contextmanager
def a_book(folder: Path) -> Iterator[Book]:
    store = SQLiteStore(folder / "book.db")
    try:
        yield Book(store)
    finally:
        store.close()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with a_book(tmp_path) as made:
        yield made


def test_who_gave_permission_and_was_never_invited_is_due_an_invitation(book: Book) -> None:
    book.consent("s-2")
    book.consent("s-1")
    assert book.due() == (Due("invitation", "s-1", ORG, None), Due("invitation", "s-2", ORG, None))


def test_who_withdrew_or_whose_permission_is_yet_to_come_is_due_nothing(book: Book) -> None:
    book.consent("s-1")
    book.consent("s-1", 2, given=False)
    assert book.due() == ()
    book.consent("s-1", 3)
    assert [one.kind for one in book.due()] == ["invitation"]
    assert book.due(at_us=NOW_US - 364 * DAY_US) != ()
    assert book.due(at_us=NOW_US - 365 * DAY_US) == ()


@pytest.mark.parametrize("channel", ["operator", "partner"])
def test_who_was_invited_by_whomever_is_due_no_other_invitation(book: Book, channel: str) -> None:
    book.consent("s-1")
    book.invite("s-1", 2, channel)
    assert [one for one in book.due() if one.kind == "invitation"] == []


def test_the_operators_invitation_is_reminded_of_once_after_some_days(book: Book) -> None:
    book.consent("s-1")
    invitation = book.invite("s-1", 360)
    assert book.due() == ()
    assert book.due(after_us=5 * DAY_US) == (Due("reminder", "s-1", ORG, invitation),)
    book.tell("record-reminder", 362, invitation=invitation)
    assert book.due(after_us=0) == ()


def test_the_partners_invitation_is_never_reminded_of(book: Book) -> None:
    book.consent("s-1")
    book.invite("s-1", 2, "partner")
    assert book.due() == ()


def test_who_withdrew_or_has_answered_is_not_reminded_and_a_void_answer_is_none(book: Book) -> None:
    for subject in ("s-1", "s-2"):
        book.consent(subject)
    first, second = book.invite("s-1", 2), book.invite("s-2", 2)
    book.consent("s-1", 3, given=False)
    book.tell("record-response", 4, response="r-1", customer_org=ORG, invitation=second, anonymous=True)
    assert book.due() == ()
    book.consent("s-1", 5)
    assert [one.invitation for one in book.due()] == [first]
    book.tell("void-response", 6, response="r-1", reason="test")
    assert [one.invitation for one in book.due()] == [first, second]


def test_permission_under_a_name_that_was_joined_to_another_is_that_of_the_last_word(book: Book) -> None:
    book.consent("s-1", 1)
    book.consent("s-1", 3, customer_org="Lindomar")
    book.tell("same-organisation", 5, organisation="Lindomar", same_as=ORG)
    assert book.due() == (Due("invitation", "s-1", "Lindomar", None),)
    book.consent("s-1", 4, given=False)
    assert book.due() == ()


def test_without_answers_the_link_key_is_not_asked_for_and_an_unknown_membership_is_said(book: Book) -> None:
    book.consent("s-1")
    book.invite("s-1", 2)

    def none() -> Any:
        raise AssertionError("asked for")

    assert invitations_due(book.store, "m-1", NOW_US, none, reminder_after_us=0).locations == ("main",)
    with pytest.raises(UnknownMembership):
        invitations_due(book.store, "m-2", NOW_US, none, reminder_after_us=0)


MOVES = st.lists(
    st.tuples(st.sampled_from(["give", "take", "operator", "partner", "remind", "answer", "void", "join"]),
              st.sampled_from(["s-1", "s-2"]), st.sampled_from([ORG, "Lindomar"])),
    max_size=14,
)  # fmt: skip


@given(moves=MOVES)
def test_whatever_happened_the_book_takes_all_that_is_due_and_then_nothing_is_due(
    moves: list[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with a_book(tmp_path_factory.mktemp("due")) as book:
        sent: dict[str, list[str]] = {"s-1": [], "s-2": []}
        answered: list[str] = []
        for day, (what, subject, org) in enumerate(moves, 1):
            about = {"subject": subject, "customer_org": org}
            if what in ("give", "take"):
                book.outcome("record-consent" if what == "give" else "withdraw-consent", day, **about)
            elif what in ("operator", "partner"):
                name = f"i-{day}"
                if book.outcome("record-invitation", day, invitation=name, channel=what, **about) == "accepted":
                    sent[subject].append(name)
            elif what == "remind" and sent[subject]:
                book.outcome("record-reminder", day, invitation=sent[subject][-1])
            elif what == "answer" and sent[subject]:
                answer = {"response": f"r-{day}", "invitation": sent[subject][-1], "customer_org": org}
                if book.outcome("record-response", day, **answer) == "accepted":
                    answered.append(f"r-{day}")
            elif what == "void" and answered:
                book.outcome("void-response", day, response=answered[-1], reason="test")
            elif what == "join":
                book.outcome("same-organisation", day, organisation="Lindomar", same_as=ORG)
        due = book.due(after_us=0)
        assert len({one.subject for one in due}) == len(due)
        for number, one in enumerate(due):
            if one.kind == "invitation":
                named = {"invitation": f"new-{number}", "subject": one.subject, "customer_org": one.customer_org}
                assert book.outcome("record-invitation", 365, channel="operator", **named) == "accepted"
            else:
                assert book.outcome("record-reminder", 365, invitation=one.invitation) == "accepted"
        assert book.due(after_us=DAY_US) == ()

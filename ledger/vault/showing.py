"""Responses as they are shown: to the operator one by one, to the partner without what a respondent withholds (P2).

`partner_view` is the only way to what a partner sees of responses, whatever page, report, file or answer it is for:

    a response that is not anonymous     its id, the invitation that it answers, its comment
    an anonymous one                     its comment, where the operator has cleared it, and nothing that says whose it is:
                                         such comments come in an order that has nothing to do with when they came in

Each reading stands in the access log before anything is opened. Whoever shows a vault brings it up to the book first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.answers import CORE, Answers
from ledger.errors import UnknownResponse, VaultDamaged
from ledger.vault.access_log import Access, Action, enter, response_subject
from ledger.vault.boxes import open_box
from ledger.vault.responses import NO_ANSWER, place, response_holder
from ledger.vault.vault import Vault

PAGE: Final = 500
FIELDS: Final[dict[str, Action]] = {"answers": "answers", "comment": "comment", "invitation": "link"}
"""The boxes of a response, and what a reading of each is called in the access log."""
_SELECT: Final = """
    SELECT a.fact, a.membership, a.response, a.anonymous, a.cleared, a.answers, a.comment, l.invitation, k.kek, k.wrapped
    FROM answers a LEFT JOIN links l ON l.fact = a.fact
    LEFT JOIN data_keys k ON k.holder = 'response/' || a.fact
    WHERE a.state = 'kept' AND a.membership = ?"""


@dataclass(frozen=True, slots=True, repr=False)
class Shown:
    """What was read of a response. It has no repr, so that no log shows it."""

    membership: str
    response: str
    anonymous: bool
    cleared: bool
    """Whether the operator has cleared the comment for the partner."""
    invitation: str | None
    answers: Answers | None
    comment: str | None


@dataclass(frozen=True, slots=True, repr=False)
class PartnerResponse:
    """What a partner sees of a response: of an anonymous one only a comment that was cleared."""

    response: str | None
    invitation: str | None
    comment: str | None


@dataclass(frozen=True, slots=True, repr=False)
class PartnerPage:
    """Some of what a partner sees."""

    responses: tuple[PartnerResponse, ...]
    next: str | None
    """What to ask for as `after` for the next page; None where this is the last."""
    cleared: tuple[str, ...] = ()
    """The anonymous responses whose comments are on the page: for the note of an export alone, never to be shown."""


class _Row:
    """A row of _SELECT, unopened."""

    __slots__ = ("anonymous", "boxes", "cleared", "fact", "kek", "membership", "response", "wrapped")

    def __init__(self, row: Sequence[Any]) -> None:
        self.fact, self.membership, self.response, anonymous, cleared, *boxes, self.kek, self.wrapped = row
        self.anonymous, self.cleared = bool(anonymous), bool(cleared)
        self.boxes: dict[str, bytes | None] = dict(zip(FIELDS, boxes, strict=True))


def read_response(vault: Vault, membership: str, response: str, access: Access) -> Shown:
    """All that the vault keeps of a response, for the operator. Raises UnknownResponse, VaultDamaged, VaultSwapped."""
    rows = _rows(vault, f"{_SELECT} AND a.response = ?", (membership, response))
    if not rows:
        raise UnknownResponse(membership, response, "answers")
    (shown,) = _opened(vault, rows, tuple(FIELDS), access)
    return shown


def read_comments(
    vault: Vault, membership: str, access: Access, *, to_clear: bool = False, after: str = "", limit: int = PAGE
) -> Iterator[Shown]:
    """The comments of a membership, by response, for the operator; with `to_clear` those that the partner does not see.

    They are read `limit` at a time, from the response that follows `after` on.
    """
    more = " AND a.comment IS NOT NULL AND a.response > ?"
    if to_clear:
        more += " AND a.anonymous = 1 AND a.cleared = 0"
    while rows := _rows(vault, f"{_SELECT}{more} ORDER BY a.response LIMIT ?", (membership, after, limit)):
        yield from _opened(vault, rows, ("comment",), access)
        after = rows[-1].response


def partner_view(
    vault: Vault,
    membership: str,
    access: Access,
    *,
    void: Collection[str] = (),
    after: str = "",
    limit: int = PAGE,
) -> PartnerPage:
    """A page of what the partner sees: at most `limit` responses that are not anonymous and follow `after`, by response.

    The comments of anonymous ones that were cleared stand on the first page, before them. `void` are the responses that do
    not count, of which nothing is shown. Raises VaultDamaged, VaultSwapped.
    """
    rows = _rows(
        vault,
        f"{_SELECT} AND a.anonymous = 0 AND (a.comment IS NOT NULL OR l.invitation IS NOT NULL) AND a.response > ? "
        "ORDER BY a.response LIMIT ?",
        (membership, after, limit),
    )
    named = _opened(vault, [row for row in rows if row.response not in void], ("comment", "invitation"), access)
    shown = [PartnerResponse(one.response, one.invitation, one.comment) for one in named]
    first = [] if after else _cleared(vault, membership, access, void)
    comments = [PartnerResponse(None, None, one.comment) for one in first]
    following = rows[-1].response if len(rows) == limit else None
    return PartnerPage((*comments, *shown), following, tuple(one.response for one in first))


def _cleared(vault: Vault, membership: str, access: Access, void: Collection[str]) -> list[Shown]:
    rows = _rows(  # `mac` is a keyed digest: in its order they stand as if shuffled, and always the same
        vault,
        f"{_SELECT} AND a.anonymous = 1 AND a.cleared = 1 AND a.comment IS NOT NULL ORDER BY a.mac",
        (membership,),
    )
    return _opened(
        vault, [row for row in rows if row.response not in void], ("comment",), access, {"comment": "cleared-comment"}
    )


def clear_comments(
    vault: Vault, membership: str, responses: Sequence[str], access: Access, *, cleared: bool = True
) -> None:
    """Clears comments for the partner, or withholds them. Raises UnknownResponse where one has none; then none changes."""
    with vault.database.writing() as transaction:
        there = {
            response
            for (response,) in transaction.query_in(
                "SELECT response FROM answers WHERE state = 'kept' AND membership = ? AND comment IS NOT NULL "
                "AND response {in}",
                (membership,),
                responses,
            )
        }
        for response in responses:
            if response not in there:
                raise UnknownResponse(membership, response, "comment")
        action: Action = "comment-cleared" if cleared else "comment-withheld"
        enter(transaction, access, [(action, response_subject(membership, response)) for response in responses])
        transaction.execute_in(
            "UPDATE answers SET cleared = ? WHERE state = 'kept' AND membership = ? AND response {in}",
            (int(cleared), membership),
            responses,
        )


def _rows(vault: Vault, statement: str, parameters: Sequence[Any]) -> list[_Row]:
    with vault.database.reading() as transaction:
        return [_Row(row) for row in transaction.query(statement, parameters)]


def _opened(
    vault: Vault,
    rows: Sequence[_Row],
    fields: Sequence[str],
    access: Access,
    called: Mapping[str, Action] = FIELDS,
) -> list[Shown]:
    """Opens some boxes of rows, after each reading is on record, under what it is `called`."""
    readings = [
        (called[field], response_subject(row.membership, row.response))
        for row in rows
        for field in fields
        if row.boxes[field] is not None
    ]
    if readings:
        with vault.database.writing() as transaction:
            enter(transaction, access, readings)
    return [_open(vault, row, fields) for row in rows]


def _open(vault: Vault, row: _Row, fields: Sequence[str]) -> Shown:
    holder, texts = response_holder(row.fact), dict[str, bytes]()
    if row.wrapped is None:
        raise VaultDamaged(f"{holder}: found no data key, expected one: no erasure of it is recorded")
    cipher = AESGCM(vault.keyring.key(row.kek).unwrap(vault.id, holder, row.wrapped))
    for field in fields:
        box = row.boxes[field]
        if box is not None:
            where = place(vault, row.fact, field, row.membership, row.response)
            texts[field] = open_box(cipher, where, box, f"{field} of {holder}")
    answers = texts.get("answers")
    return Shown(
        row.membership, row.response, row.anonymous, row.cleared, _text(texts.get("invitation")),
        None if answers is None else _unpacked(answers), _text(texts.get("comment")),
    )  # fmt: skip


def _text(plain: bytes | None) -> str | None:
    return None if plain is None else plain.decode()


def _unpacked(plain: bytes) -> Answers:
    core, own = plain[: len(CORE)], plain[len(CORE) :]
    return Answers(tuple(None if one == NO_ANSWER else one for one in core), orjson.loads(own) if own else {})

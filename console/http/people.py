"""What respondents said over HTTP: what a partner sees of it, and all comments for the operator who says why.

    GET /v1/memberships/m-1/responses                      a partner: links and comments, without who withholds
    GET /v1/memberships/m-1/responses?reason=…             the operator: the same
    GET /v1/memberships/m-1/comments?reason=…&to_clear=true  the operator: every comment, and whether the partner sees it

Both go by the vault, which hears from the book first who chose anonymity. Each reading is in the access log before it is
answered: the role, and the subject of the token, or a keyed digest of one that looks like a mail address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from console.cli.output import json_text
from console.comments_shown import CommentShown
from console.http.asking import admit
from console.http.door import caller_for
from console.http.parameters import MEMBERSHIP, Parameter, Values, one_of, read_values, whole_number_parameter
from console.http.reading import Readers
from console.http.roles import Caller, Sight
from console.reasons import REASON_CHARACTERS_MAX, wrong_words
from console.wiring import Clock, Ledger
from ledger.errors import BadInput, UnknownMembership
from ledger.membership import can_be_membership
from ledger.programmes.survey.events import membership_stream

if TYPE_CHECKING:
    from fastapi import Request, Response

    from ledger.vault.access_log import Access
    from ledger.vault.vault import Vault

LIMIT: Final = 100
LIMIT_MAX: Final = 500
AFTER_MAX: Final = 64
SUBJECT_MAX: Final = 40
POSITION: Final = "Ledger-Position"
OWN_VIEW: Final = "the partner's own view"
READERS: Final = 2


@dataclass(frozen=True, slots=True, repr=False)
class ResponseSeen:
    """What a partner sees of a response. It has no repr of its own, so that no log shows it."""

    response: str | None
    """The response; null where it is anonymous: then its comment alone is shown, which was cleared."""
    invitation: str | None
    """The invitation that it answers; null where it names none, or is anonymous."""
    comment: str | None
    """The comment; null where there is none."""


@dataclass(frozen=True, slots=True, repr=False)
class ResponsesPage:
    """Some of what a partner sees of its responses."""

    responses: tuple[ResponseSeen, ...]
    """Comments of anonymous responses that were cleared, on the first page; then the others, by their ids."""
    next: str | None
    """What to ask for with `after` for the next page; null where this is the last."""


@dataclass(frozen=True, slots=True, repr=False)
class CommentsPage:
    """Some of the comments of a membership."""

    comments: tuple[CommentShown, ...]
    """The comments, by the ids of their responses."""
    next: str | None
    """What to ask for with `after` for the next page; null where this is the last."""


def _reason(text: str) -> str:
    if wrong := wrong_words(text, REASON_CHARACTERS_MAX):
        raise BadInput(wrong)
    return text


def _after(text: str) -> str:
    if not 1 <= len(text) <= AFTER_MAX:
        raise BadInput(f"found {len(text):,} characters, expected the `next` of the page before")
    return text


REASON: Final = Parameter(
    "reason",
    "Why it is read, for the access log: words that name nobody. The operator has to say it, a partner may not.",
    {"type": "string", "minLength": 1, "maxLength": REASON_CHARACTERS_MAX},
    _reason,
    "monthly clearing",
)
AFTER: Final = Parameter(
    "after", "The `next` of the page before.", {"type": "string", "minLength": 1, "maxLength": AFTER_MAX}, _after, None
)
PAGE: Final = whole_number_parameter("limit", f"So many at most; default: {LIMIT}.", 1, LIMIT_MAX, LIMIT)
TO_CLEAR: Final = Parameter(
    "to_clear",
    "`true`: those of anonymous responses that the partner does not see yet.",
    {"type": "string", "enum": ["true", "false"]},
    one_of(("true", "false")),
    "false",
)
Routed = tuple[str, str, str, tuple[Parameter, ...]]
ROUTES: Final[tuple[Routed, ...]] = (
    (
        "responses", "/v1/memberships/{membership}/responses",
        "What the partner sees of its responses: links and comments of those that are not anonymous, and cleared comments.",
        (MEMBERSHIP, REASON, PAGE, AFTER),
    ),
    (
        "comments", "/v1/memberships/{membership}/comments",
        "The comments of a membership, and whether the partner sees them.", (MEMBERSHIP, REASON, TO_CLEAR, PAGE, AFTER),
    ),
)  # fmt: skip
"""Name, path, summary and parameters."""


class PeopleDesk:
    """Reads the vault in threads of its own."""

    def __init__(self, opened: Callable[[], Ledger], name: str, clock: Clock) -> None:
        """`opened` opens a ledger that stands under a name in what is said of it, and knows where the vault is."""
        self._readers = Readers(opened, name, READERS)
        self._clock = clock

    async def get(self, name: str, request: Request) -> Response:
        """The answer to a question by the route of a name. Raises Problem."""
        from fastapi import Response

        caller = caller_for(request.scope, name)
        parameters = next(parameters for route, _, _, parameters in ROUTES if route == name)
        values = read_values(parameters, request.path_params, request.scope["query_string"])
        sight, values, _ = admit(caller, name, values)
        ask = partial(self._asked, _responses if name == "responses" else _comments, caller, sight, values)
        body, position = await self._readers.ask(ask)
        headers = {"Cache-Control": "private, no-store", POSITION: str(position)}
        return Response(body, 200, headers, "application/json")

    def close(self) -> None:
        """Ends the threads."""
        self._readers.close()

    def _asked(self, ask: Ask, caller: Caller, sight: Sight, values: Values, ledger: Ledger) -> tuple[bytes, int]:
        from console.settling import settle_to_show
        from ledger.vault.access_log import Access
        from ledger.vault.responses import Responses

        membership: str = values["membership"]
        if not can_be_membership(membership) or not ledger.store.last_seq(membership_stream(membership)):
            raise UnknownMembership(membership)
        with ledger.require_vault().vault() as vault:
            now_us, position = self._clock(), ledger.store.max_position()
            settle_to_show(ledger.store, Responses(vault), now_us, ledger.refusals_days)
            access = Access(now_us, _actor(caller, sight, vault), values.get("reason", OWN_VIEW))
            return json_text(ask(ledger, vault, values, access)).encode(), position


Ask = Callable[[Ledger, "Vault", Values, "Access"], Any]


def _responses(ledger: Ledger, vault: Vault, values: Values, access: Access) -> ResponsesPage:
    from console.settling import void_responses
    from ledger.vault.showing import partner_view

    membership, after, limit = values["membership"], values.get("after", ""), values.get("limit", LIMIT)
    void = void_responses(ledger.store, membership)
    page = partner_view(vault, membership, access, void=void, after=after, limit=limit)
    return ResponsesPage(
        tuple(ResponseSeen(one.response, one.invitation, one.comment) for one in page.responses), page.next
    )


def _comments(_ledger: Ledger, vault: Vault, values: Values, access: Access) -> CommentsPage:
    from ledger.vault.showing import read_comments

    membership, after, limit = values["membership"], values.get("after", ""), values.get("limit", LIMIT)
    to_clear = values.get("to_clear") == "true"
    found = list(islice(read_comments(vault, membership, access, to_clear=to_clear, after=after, limit=limit), limit))
    shown = (CommentShown(membership, one.response, one.anonymous, one.cleared, one.comment or "") for one in found)
    return CommentsPage(tuple(shown), found[-1].response if len(found) == limit else None)


def _actor(caller: Caller, sight: Sight, vault: Vault) -> str:
    """Who reads, as it may stand in the access log for ever."""
    return actor_of(caller, "partner" if sight.own else "operator", vault)


def actor_of(caller: Caller, role: str, vault: Vault) -> str:
    """A role and the subject of its token, or a keyed digest of one that may name somebody."""
    subject = caller.subject
    if subject is None:
        return role
    return f"{role} {vault.index.actor(subject) if wrong_words(subject, SUBJECT_MAX) else subject}"

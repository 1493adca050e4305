"""`comments`: reading, clearing and handing out what respondents said. The vault is brought up to the book first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from console.cli.contacts_export import csv_line
from console.cli.contacts_upload import checked_membership
from console.cli.exits import DONE, Failure
from console.cli.new_files import new_files
from console.cli.output import plural
from console.cli.session import Session
from console.cli.vault_options import access_of, open_vault
from console.comments_shown import CommentShown
from console.settling import settle_to_show, void_responses
from ledger.answers import CORE
from ledger.errors import UnknownMembership
from ledger.printable import printable
from ledger.programmes.survey.events import membership_stream
from projections.questions.answer import Count

if TYPE_CHECKING:
    from console.wiring import Ledger
    from ledger.vault.vault import Vault

COLUMNS: Final = ("response", "invitation", "comment")


@dataclass(frozen=True, slots=True)
class CommentsChanged:
    """Comments that were cleared for the partner, or withheld."""

    membership: str
    """The partner's membership."""
    responses: Count
    """How many were named."""
    cleared: bool
    """Whether the partner sees them now."""


@dataclass(frozen=True, slots=True, repr=False)
class ResponseShown:
    """All that was said in a response. It has no repr of its own, so that no log shows it."""

    membership: str
    """The partner's membership."""
    response: str
    """The response."""
    anonymous: bool
    """Whether the respondent chose to stay anonymous."""
    invitation: str | None
    """The invitation that it answers; null where it names none, or is anonymous."""
    answers: Mapping[str, int | None]
    """The core questions: whole numbers from 0 to 10, null where one was not answered."""
    own: Mapping[str, int | str]
    """The partner's own questions, by key."""
    comment: str | None
    """The comment; null where there is none."""


@dataclass(frozen=True, slots=True)
class CommentsExported:
    """What was handed out of the partner's view."""

    out: str
    """The CSV file."""
    responses: Count
    """Responses that are not anonymous."""
    cleared: Count
    """Comments of anonymous responses that were cleared."""


def list_comments(session: Session) -> int:
    """Shows the comments of a membership."""
    access, output = access_of(session), session.output
    with _settled(session) as (vault, _, membership):
        from ledger.vault.showing import read_comments

        for one in read_comments(vault, membership, access, to_clear=bool(session.options.to_clear)):
            shown = CommentShown(membership, one.response, one.anonymous, one.cleared, one.comment or "")
            if output.as_json:
                output.json(shown)
            else:
                state = "cleared" if one.cleared else "not cleared" if one.anonymous else "not anonymous"
                output.text(f"{shown.response}  {state}  {printable(shown.comment)}")
    return DONE


def clear(session: Session) -> int:
    """Clears comments for the partner. Raises UnknownResponse."""
    return _change(session, cleared=True)


def withhold(session: Session) -> int:
    """Withholds comments that were cleared. Raises UnknownResponse."""
    return _change(session, cleared=False)


def show(session: Session) -> int:
    """Shows what was said in one response. Raises UnknownResponse."""
    access, output = access_of(session), session.output
    with _settled(session) as (vault, _, membership):
        from ledger.vault.showing import read_response

        found = read_response(vault, membership, session.options.responses[0], access)
    core = dict.fromkeys(CORE) if found.answers is None else dict(zip(CORE, found.answers.core, strict=True))
    own = {} if found.answers is None else found.answers.own
    shown = ResponseShown(membership, found.response, found.anonymous, found.invitation, core, own, found.comment)
    if output.as_json:
        output.json(shown)
        return DONE
    lines = {"anonymous": "yes" if found.anonymous else "no", "invitation": found.invitation or "-", **core, **own}
    for name, value in {**lines, "comment": found.comment}.items():
        output.text(f"{name:<13} {'-' if value is None else printable(str(value))}")
    return DONE


def export(session: Session) -> int:
    """Writes the partner's view into a file."""
    access, output, out = access_of(session), session.output, session.options.out
    with _settled(session) as (vault, ledger, membership), new_files([out]) as files:
        from ledger.vault.exports import new_export, note_export
        from ledger.vault.showing import partner_view

        (stream,) = files.streams
        stream.write(csv_line(COLUMNS))
        void, name, cleared_name = void_responses(ledger.store, membership), new_export(), new_export()
        named = cleared = 0
        after: str | None = ""
        while after is not None:
            page = partner_view(vault, membership, access, void=void, after=after)
            for one in page.responses:
                stream.write(csv_line((one.response or "", one.invitation or "", one.comment or "")))
            whose = [one.response for one in page.responses if one.response is not None]
            note_export(vault, access, "comments", name, membership, responses=whose)
            note_export(vault, access, "cleared-comments", cleared_name, membership, responses=page.cleared)
            named, cleared, after = named + len(whose), cleared + len(page.responses) - len(whose), page.next
        files.finish()
    if output.as_json:
        output.json(CommentsExported(str(out), named, cleared))
    else:
        output.text(f"{plural(named, 'response')} and {plural(cleared, 'comment')} that were cleared in {out}")
    return DONE


def _change(session: Session, *, cleared: bool) -> int:
    access, responses = access_of(session), list(dict.fromkeys(session.options.responses))
    with _settled(session) as (vault, _, membership):
        from ledger.vault.showing import clear_comments

        clear_comments(vault, membership, responses, access, cleared=cleared)
    if session.output.as_json:
        session.output.json(CommentsChanged(membership, len(responses), cleared))
    else:
        session.output.text(
            f"{'cleared' if cleared else 'withheld'} {plural(len(responses), 'comment')} of {membership}"
        )
    return DONE


@contextmanager
def _settled(session: Session) -> Iterator[tuple[Vault, Ledger, str]]:
    """The vault, brought up to the book, the ledger, and the membership that is meant. Raises UnknownMembership."""
    if session.options.membership is None:
        raise Failure("usage", "found no --membership, expected whose responses are meant")
    membership = checked_membership(session.options.membership)
    with session.ledger() as ledger, open_vault(session) as vault:
        if not ledger.store.last_seq(membership_stream(membership)):
            raise UnknownMembership(membership)
        from ledger.vault.responses import Responses

        settle_to_show(ledger.store, Responses(vault), session.clock(), session.settings.refusals_days)
        yield vault, ledger, membership

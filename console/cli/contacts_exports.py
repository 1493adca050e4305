"""`contacts exports`: what was handed out of the vault, and how much of it is to be asked back."""

from __future__ import annotations

from dataclasses import dataclass

from console.cli.contacts_upload import checked_membership
from console.cli.exits import DONE
from console.cli.output import plural, short
from console.cli.session import Session
from console.cli.vault_options import open_vault
from console.settling import settle
from ledger.instants import format_instant
from projections.questions.answer import Count, Instant


@dataclass(frozen=True, slots=True)
class ExportListed:
    """What was handed out of one membership. It names nobody."""

    export: str
    """Its id; what was handed out of several memberships at once has the same for each."""
    at: Instant
    """When."""
    actor: str
    """Who handed it out."""
    what: str
    """What it was: contacts, comments (with links), cleared-comments (of anonymous responses), results, report, or a
    partner's reading of its responses over HTTP."""
    membership: str
    """Of which membership."""
    people: Count
    """How many subjects or responses are in it."""
    to_withdraw: Count
    """How many of them were erased since, have chosen to stay anonymous, or have a comment that is withheld again."""


def list_exports(session: Session) -> int:
    """Prints the exports in their order. The vault is brought up to the book first: it says who is anonymous."""
    from ledger.vault.exports import exports
    from ledger.vault.responses import Responses

    options, output = session.options, session.output
    membership = None if options.membership is None else checked_membership(options.membership)
    with session.ledger() as ledger, open_vault(session) as vault:
        settle(ledger.store, Responses(vault), session.clock(), session.settings.refusals_days)
        for one in exports(
            vault.database, membership=membership, subject=options.subject, to_withdraw=bool(options.to_withdraw)
        ):
            at = format_instant(one.at_us)
            listed = ExportListed(one.export, at, one.actor, one.what, one.membership, one.people, one.to_withdraw)
            if output.as_json:
                output.json(listed)
            else:
                output.text(
                    f"{short(at)}  {one.actor}  {one.what}  {one.membership}  {plural(one.people, 'reference')}, "
                    f"{one.to_withdraw:,} to withdraw  {one.export}"
                )
    return DONE

"""`contacts export`: who is due an invitation or the one reminder, with what a mailing run needs, and the facts of it.

The book says who is due, by reference; the vault has the contacts. The reference of an invitation is the same whenever it is
exported (`vault.BlindIndex.invitation`), and so are the ids of the facts: however often one is exported, the book
records one invitation and one reminder. Whom an earlier export listed, and the book has not heard of, is left out and
counted, unless `--again` says that nothing was sent.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Final

import orjson

from console.cli.commands.contacts import REMINDER_AFTER_DAYS
from console.cli.contacts_upload import checked_membership
from console.cli.exits import DONE, SOME_REFUSED, Failure
from console.cli.new_files import new_files
from console.cli.output import plural
from console.cli.session import Session
from console.cli.vault_options import access_of, heed_erasures, open_vault
from console.wiring import Ledger, link_keys
from ledger.errors import LinkKeyMismatch, LinkKeyMissing, UnknownMembership
from ledger.instants import DAY_US, format_instant
from ledger.store.bookmark import bookmark_at
from ledger.vault.spreadsheets import neutralised
from projections.questions.answer import Count
from projections.questions.invitations_due import Due, InvitationsDue, invitations_due

if TYPE_CHECKING:
    from ledger.link_key import Link
    from ledger.vault.access_log import Access
    from ledger.vault.vault import Held, Vault

COLUMNS: Final = ("kind", "membership", "customer_org", "name", "email", "phone", "language", "invitation")


@dataclass(frozen=True, slots=True)
class ContactsExported:
    """What an export lists, and what it leaves out. It names nobody."""

    out: str
    """The CSV file for the mailing run."""
    facts: str
    """The file of facts, to be recorded when it has been sent."""
    invitations: Count
    """Invitations listed."""
    reminders: Count
    """Reminders listed."""
    listed_before: Count
    """Left out: an earlier export listed them, and the book has not heard of it."""
    not_in_vault: Count
    """Left out: due by the book, and the vault has no contact of them under this membership."""
    erased: Count
    """Left out: due by the book, and erased, or about to be."""
    memberships_left_out: tuple[str, ...]
    """Memberships of which nothing is listed: not enrolled in the book, or with several locations and none named."""


@dataclass(slots=True)
class _Counts:
    invitations: int = 0
    reminders: int = 0
    listed_before: int = 0
    not_in_vault: int = 0
    erased: int = 0
    left_out: list[str] = field(default_factory=list)


def export_due(session: Session) -> int:
    """Writes both files. Raises Failure, UnknownMembership, and what is wrong with the vault: then nothing is written."""
    options, output = session.options, session.output
    if (options.membership is None) == (options.all is None) or options.out is None or options.facts is None:
        raise Failure("usage", "export: expected --membership or --all, and new files for --out and --facts")
    access, counts = access_of(session), _Counts()
    with session.ledger() as ledger, open_vault(session) as vault, new_files([options.facts, options.out]) as files:
        if bookmark_at(ledger.store, 1) is not None:
            heed_erasures(session, vault, ledger)
        memberships = vault.memberships() if options.all else [checked_membership(options.membership)]
        from ledger.vault.exports import new_export

        facts, out = files.streams
        out.write(csv_line(COLUMNS))
        name = new_export()
        for membership in memberships:
            found = _due(session, ledger, membership, access, counts)
            if found is not None:
                _list(vault, membership, found, access, session, counts, facts, out, name)
        files.finish()
    answer = ContactsExported(
        str(options.out), str(options.facts), counts.invitations, counts.reminders, counts.listed_before,
        counts.not_in_vault, counts.erased, tuple(counts.left_out),
    )  # fmt: skip
    if output.as_json:
        output.json(answer)
    else:
        output.text(
            f"{plural(counts.invitations, 'invitation')} and {plural(counts.reminders, 'reminder')} in {options.out}; "
            f"when they are sent, `csat-ledger record {options.facts}` records them"
        )
    if counts.listed_before:
        output.words(
            f"left out {plural(counts.listed_before, 'subject')} that an earlier export listed and the book has not heard of: "
            "record its facts, or list them with --again where nothing was sent"
        )
    if counts.not_in_vault:
        output.words(f"left out {plural(counts.not_in_vault, 'subject')} without a contact in the vault")
    return SOME_REFUSED if counts.left_out else DONE


def csv_line(cells: Sequence[str]) -> bytes:
    """A line of CSV in UTF-8; a cell that a spreadsheet would run stands behind an apostrophe, as text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([neutralised(cell) for cell in cells])
    return text.getvalue().encode()


def _due(session: Session, ledger: Ledger, membership: str, access: Access, counts: _Counts) -> InvitationsDue | None:
    """What is due under a membership; None where it is left out, which is said."""
    options = session.options
    after = REMINDER_AFTER_DAYS if options.reminder_after is None else options.reminder_after
    try:
        found = invitations_due(
            ledger.store, membership, access.at_us, _link(ledger, session), reminder_after_us=after * DAY_US
        )
    except UnknownMembership:
        if not options.all:
            raise
        session.output.words(f"left out {membership}: it is not enrolled in the ledger")
        counts.left_out.append(membership)
        return None
    named, several = options.location, len(found.locations) > 1
    if named not in found.locations and (several or named is not None):
        what = "no --location" if named is None else "another --location"
        wrong = f"{membership}: found {what}, expected one of the {len(found.locations)} that it has"
        if not options.all:
            raise Failure("usage", f"{wrong}: an invitation has to name the location")
        session.output.words(f"left out {wrong}")
        counts.left_out.append(membership)
        return None
    return found


def _link(ledger: Ledger, session: Session) -> Callable[[], Link]:
    """What gives the book's link key, where it is asked for. Raises LinkKeyMissing, LinkKeyMismatch then."""

    def link() -> Link:
        keys, recorded = link_keys(ledger.store, session.settings.link_key_file), ledger.store.link_key_id()
        key = keys.find()
        if key is None:
            raise LinkKeyMissing(f"{keys.name}: found no link key, expected {recorded}: it tells who has answered")
        if key.id != recorded:
            raise LinkKeyMismatch(
                f"{keys.name}: found link key {key.id}, expected {recorded}, which this book began with"
            )
        return key.token

    return link


def _list(
    vault: Vault, membership: str, found: InvitationsDue, access: Access, session: Session, counts: _Counts,
    facts: IO[bytes], out: IO[bytes], name: str,
) -> None:  # fmt: skip
    """Writes the lines of a membership, and their facts; who is in it is noted first, under the name of the export."""
    from ledger.vault.exports import note_export

    due = {one.subject: one for one in _chosen(vault, membership, found.due, session, counts)}
    note_export(vault, access, "contacts", name, membership, subjects=due)
    for held in vault.read(membership, [(one.kind, one.subject) for one in due.values()], access):
        one = due[held.subject]
        invitation = one.invitation or vault.index.invitation(membership, one.subject)
        contact = held.contact
        out.write(
            csv_line(
                (one.kind, membership, one.customer_org, contact.name or "", contact.email, contact.phone or "",
                 contact.language or "", invitation)
            )
        )  # fmt: skip
        facts.write(_fact(membership, one, invitation, held, session.options.location, access.at_us))
        if one.kind == "invitation":
            counts.invitations += 1
        else:
            counts.reminders += 1


def _chosen(vault: Vault, membership: str, due: Sequence[Due], session: Session, counts: _Counts) -> Iterator[Due]:
    """Those who have a contact in the vault, and whom no earlier export listed."""
    from ledger.vault.erasing import asked_before

    there = vault.subjects(membership, [one.subject for one in due])
    erased = asked_before(vault, [one.subject for one in due if one.subject not in there])
    before: dict[str, set[str]] = {"invitation": set(), "reminder": set()}
    if not session.options.again:
        before["invitation"] = vault.handed_out("invitation", [one.subject for one in due if one.kind == "invitation"])
        before["reminder"] = vault.handed_out("reminder", [one.subject for one in due if one.kind == "reminder"])
    for one in due:
        if one.subject in erased:
            counts.erased += 1
        elif one.subject not in there:
            counts.not_in_vault += 1
        elif one.subject in before[one.kind]:
            counts.listed_before += 1
        else:
            yield one


def _fact(membership: str, one: Due, invitation: str, held: Held, location: str | None, at_us: int) -> bytes:
    """The fact that it was sent."""
    fact = {"membership": membership, "occurred_at": format_instant(at_us), "invitation": invitation}
    if one.kind == "reminder":
        return orjson.dumps({"type": "record-reminder", "id": f"reminded-{invitation}", **fact}) + b"\n"
    fact |= {"subject": one.subject, "customer_org": one.customer_org, "channel": "operator"}
    if location is not None:
        fact["location"] = location
    if held.contact.language is not None:
        fact["language"] = held.contact.language
    return orjson.dumps({"type": "record-invitation", "id": f"invited-{invitation}", **fact}) + b"\n"

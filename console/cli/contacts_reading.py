"""`contacts show` and `contacts find`: one contact, and the subjects of addresses. Both are on record first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from console.cli.exits import DONE, NOT_SO, Failure
from console.cli.new_files import new_files
from console.cli.session import Session
from console.cli.standard_streams import standard_input
from console.cli.vault_options import access_of, open_people
from projections.questions.answer import Number

ADDRESSES_MAX: Final = 100_000
LINE_BYTES_MAX: Final = 1_024
CHUNK: Final = 500


@dataclass(frozen=True, slots=True, repr=False)
class ContactShown:
    """The contact of a subject. It has no repr of its own, so that no log shows it."""

    subject: str
    """The reference."""
    membership: str
    """Whose list it was on."""
    customer_org: str
    """The customer organisation."""
    email: str
    """The mail address."""
    name: str | None
    """The name; null where the list had none."""
    phone: str | None
    """The phone number; null where the list had none."""
    language: str | None
    """The language, one of the 34 of the survey; null where the list had none."""


@dataclass(frozen=True, slots=True)
class AddressFound:
    """A subject that has an address, or that nobody has it. The address itself is not repeated."""

    line: Number
    """The line of the address."""
    subject: str | None
    """The reference; null where the vault has nobody with it."""
    membership: str | None
    """Whose list it is on; null where it is on none."""
    customer_org: str | None
    """The customer organisation; null where it is on no list."""


def show_contact(session: Session) -> int:
    """Shows a contact. Raises UnknownSubject."""
    access = access_of(session)
    with open_people(session) as vault:
        held = vault.show(session.options.target, access)
    contact = held.contact
    shown = ContactShown(
        held.subject, held.membership, held.customer_org, contact.email, contact.name, contact.phone, contact.language
    )
    if session.output.as_json:
        session.output.json(shown)
    else:
        for field in ("membership", "customer_org", "email", "name", "phone", "language"):
            session.output.text(f"{field:<13} {getattr(shown, field) or '-'}")
    return DONE


def find_addresses(session: Session) -> int:
    """Finds the subjects of addresses; with --facts it is written that they withdraw. Exit code 1 where one has none."""
    access, output, facts = access_of(session), session.output, session.options.facts
    addresses = list(_addresses(session.options.target))
    missing = 0
    with open_people(session) as vault, new_files([facts]) if facts else nullcontext() as files:
        from ledger.vault.uploading import consent_fact

        for start in range(0, len(addresses), CHUNK):
            chunk = addresses[start : start + CHUNK]
            # Each address once a question: the same one twice is found twice, and is one reading.
            for (number, _), subjects in zip(chunk, vault.find([one for _, one in chunk], access), strict=True):
                missing += not subjects
                for found in subjects:
                    if files is not None:
                        files.streams[0].write(
                            consent_fact(found.membership, found.subject, found.customer_org, False, access.at_us)
                        )
                answers = [AddressFound(number, *found) for found in subjects] or [
                    AddressFound(number, None, None, None)
                ]
                for answer in answers:
                    if output.as_json:
                        output.json(answer)
                    else:
                        output.text(f"{number}  {answer.subject or 'nobody'}  {answer.membership or '-'}")
        if files is not None:
            files.finish()
    return NOT_SO if missing else DONE


def _addresses(target: str) -> Iterator[tuple[int, str]]:
    """(line, address in the form that is compared). Raises Failure; no message repeats a line."""
    from ledger.vault.addresses import NoAddress, normalise

    try:
        with standard_input("addresses") if target == "-" else Path(target).open("rb") as stream:
            lines = _lines(stream)
    except OSError as error:
        raise Failure("unreadable", f"{target}: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, normalise(line.decode("utf-8").strip())
            except UnicodeDecodeError:
                raise Failure(
                    "bad-input", f"{target}: line {number}: found no UTF-8, expected a mail address"
                ) from None
            except NoAddress as error:
                raise Failure("bad-input", f"{target}: line {number}: {error}") from None


def _lines(stream: IO[bytes]) -> list[bytes]:
    lines: list[bytes] = []
    while line := stream.readline(LINE_BYTES_MAX + 1):
        if len(line) > LINE_BYTES_MAX or len(lines) == ADDRESSES_MAX:
            raise Failure(
                "bad-input",
                f"line {len(lines) + 1}: found more than {LINE_BYTES_MAX:,} bytes, or {ADDRESSES_MAX:,} lines before it; "
                "expected fewer",
            )
        lines.append(line)
    return lines

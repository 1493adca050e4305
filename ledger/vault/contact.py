"""A contact: what the vault keeps of a person, and the form of each cell that it is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ledger.fold import first_refused
from ledger.personal_data import looks_personal
from ledger.vault.addresses import NoAddress, normalise
from ledger.vault.languages import LANGUAGES, known_language
from ledger.vault.spreadsheets import FORMULA_STARTS

FIELDS: Final = ("email", "name", "phone", "language")
"""What is sealed of a contact, in the order of the columns."""
NAME_CHARACTERS_MAX: Final = 200
ORGANISATION_CHARACTERS_MAX: Final = 64
_PHONE: Final = re.compile(r"\+?[0-9](?:[0-9 ()./-]{3,29})[0-9]")


class BadCell(ValueError):
    """A cell that is not what it should be: a stable code, and a sentence that never repeats the cell."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """Contact details of one person. It has no repr of its own, so that no traceback and no log shows them."""

    email: str
    """As it was given, in NFC."""
    name: str | None = None
    phone: str | None = None
    language: str | None = None
    """One of LANGUAGES."""

    def sealed_fields(self) -> Iterator[tuple[str, str]]:
        """(field, text) of each field that there is."""
        for field in FIELDS:
            text = getattr(self, field)
            if text is not None:
                yield field, text


def checked_email(text: str) -> str:
    """A mail address. Raises BadCell."""
    _check_no_formula("email", text)
    try:
        normalise(text)
    except NoAddress as error:
        raise BadCell("address", f"email: {error}") from None
    return text


def checked_name(text: str) -> str:
    """A person's name. Raises BadCell."""
    _check_no_formula("name", text)
    _check_text("name", text, NAME_CHARACTERS_MAX)
    return text


def checked_organisation(text: str) -> str:
    """The name of a customer organisation, in the form that the book takes (DESIGN 4). Raises BadCell."""
    _check_no_formula("customer_org", text)
    _check_text("customer_org", text, ORGANISATION_CHARACTERS_MAX)
    if "@" in text or looks_personal(text):
        sentence = (
            "found what looks like a mail address, a phone or an IP number, expected a name: the book names no person"
        )
        raise BadCell("organisation", f"customer_org: {sentence}")
    return text


def checked_phone(text: str) -> str:
    """A phone number. Raises BadCell."""
    if not _PHONE.fullmatch(text):
        raise BadCell("phone", "phone: found another text, expected 5 to 32 digits, spaces and ()./- after a + or none")
    return text


def checked_language(text: str) -> str:
    """The tag of one of the 34 languages. Raises BadCell."""
    found = known_language(text)
    if found is None:
        raise BadCell(
            "language", f"language: found none of the {len(LANGUAGES)} of the survey (I6): {', '.join(LANGUAGES)}"
        )
    return found


def _check_no_formula(column: str, text: str) -> None:
    if text.startswith(FORMULA_STARTS):
        raise BadCell(
            "formula", f"{column}: found a cell that a spreadsheet would run, expected none that begins with =+-@"
        )


def _check_text(column: str, text: str, characters_max: int) -> None:
    if len(text) > characters_max:
        raise BadCell("too-long", f"{column}: found {len(text):,} characters, expected at most {characters_max}")
    if refused := first_refused(text):
        place = refused.place
        raise BadCell(
            "text", f"{column}: found a character that cannot be seen, or a line break, at {place}, expected none"
        )

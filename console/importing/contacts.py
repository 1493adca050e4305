"""Contacts out of rows: the same forms as of a partner's list, and the same code that takes them into the vault."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from console.importing.cells import Problem
from ledger.errors import BadInput
from ledger.instants import parse_instant
from ledger.vault.contact import (
    BadCell,
    Contact,
    checked_email,
    checked_language,
    checked_name,
    checked_organisation,
    checked_phone,
)
from ledger.vault.partner_list import CONSENTS, Consent, ListLine

NONE: Final[Consent] = "none"

Texts = Mapping[str, Callable[[Sequence[str]], str]]


def contact_maker(texts: Texts) -> Callable[[int, Sequence[str]], ListLine | None]:
    """What makes the line of a list of a row; None of a row without a mail address. Raises Problem, repeating no cell."""

    def make(place: int, cells: Sequence[str]) -> ListLine | None:
        found = {name: text(cells) for name, text in texts.items()}
        email = found["email"]
        if not email:
            return None
        name, phone, language = (found.get(field) for field in ("name", "phone", "language"))
        if not found["customer_org"]:
            raise Problem(
                "missing", "contact.customer_org", "found an empty cell, expected the customer's organisation"
            )
        try:
            contact = Contact(
                email=checked_email(email),
                name=checked_name(name) if name else None,
                phone=checked_phone(phone) if phone else None,
                language=checked_language(language) if language else None,
            )
            organisation = checked_organisation(found["customer_org"])
        except BadCell as error:
            raise Problem(error.code, "contact", error.sentence) from None
        consent = _consent(found.get("consent", ""))
        return ListLine(place, contact, organisation, consent, _consent_us(consent, found.get("consent_at", "")))

    return make


def _consent(text: str) -> Consent:
    for consent in CONSENTS:
        if text.casefold() == consent:
            return consent
    if not text:
        return NONE
    raise Problem(
        "consent", "contact.consent", f"found another word, expected of {', '.join(CONSENTS)}, or values in the map"
    )


def _consent_us(consent: Consent, text: str) -> int | None:
    if consent == NONE:
        return None
    if not text:
        raise Problem(
            "consent-at", "contact.consent_at", "found an empty cell, expected when consent was given or withdrawn"
        )
    try:
        return parse_instant(text)
    except BadInput:
        raise Problem(
            "consent-at", "contact.consent_at", "found another text, expected RFC 3339 with an offset"
        ) from None

"""The words that stand in the access log of the vault for ever: who reads and why, short, printable, and naming nobody."""

from __future__ import annotations

from typing import Final

from ledger.fold import first_refused
from ledger.personal_data import looks_personal

REASON_CHARACTERS_MAX: Final = 200
ACTOR_CHARACTERS_MAX: Final = 64


def wrong_words(text: str, characters_max: int) -> str | None:
    """What is wrong with words for the access log, as found and expected; None where they may stand there."""
    if not text or len(text) > characters_max:
        return f"found {len(text)} characters, expected 1 to {characters_max}"
    if "@" in text or looks_personal(text):
        found = "what looks like a mail address, a phone or an IP number"
        return f"found {found}, expected words that name nobody: the access log is never changed"
    if refused := first_refused(text):
        return f"found a character that cannot be seen at {refused.place}, expected none"
    return None

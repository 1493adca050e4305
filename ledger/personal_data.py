r"""What looks like personal data in a text: a mail address, a telephone number, an IP number (DESIGN 13).

    without_personal_data("unknown location 'someone@example.org'")  ->  "unknown location '…'"

It is a look at the form alone, for what is kept of facts that were refused: a name of a person has no form. So what is kept
is little to begin with (`ledger.writing.refused`). Instants, dates and the ledger's own ids are not taken for numbers.
"""

from __future__ import annotations

import re
from typing import Final

LEFT_OUT: Final = "…"
MAIL: Final = r"[^\s@\"'<>(),;:]{1,64}@[^\s@\"'<>(),;:]{1,255}"
PHONE: Final = r"(?<![\w+.:/-])(?:\+|00|\(?0)[0-9](?:[ ()./-]{0,2}[0-9]){6,14}(?![\w-])"
IP4: Final = r"(?<![\w.-])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.-])"
IP6: Final = r"(?<![\w:])(?=(?:[0-9A-Fa-f]*:){2})[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])"
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2}(?:[Tt ][0-9:.]{5,18}(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?)?")
_PERSONAL: Final = re.compile("|".join((MAIL, PHONE, IP4, IP6)))


def looks_personal(text: str) -> bool:
    """Whether something in a text looks like personal data."""
    return _INSTANT.fullmatch(text) is None and _PERSONAL.search(text) is not None


def without_personal_data(text: str) -> str:
    """A text with `…` in the place of all that looks so."""
    return text if _INSTANT.fullmatch(text) else _PERSONAL.sub(LEFT_OUT, text)

"""Mail addresses in the one form that is compared.

    normalise("Anna@Bücher.Example")  ->  "Anna@xn--bcher-kva.example"

1. The text is brought into Unicode's form NFC.
2. The part after the last @, the domain, is mapped as UTS 46 has it (lower case, width, full stops of other scripts) and
   becomes A-labels (IDNA 2008). It needs two labels at least; an address literal such as [192.0.2.1] is none.
3. The part before it is left as it is, its case too: RFC 5321 leaves it to the receiving host what is the same mailbox
   there. Nothing is known of providers, so neither dots nor what follows a + is dropped.

Quoted local parts are not taken. Two addresses that reach one mailbox and differ in the local part are two here.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import normalize

import idna

from ledger.fold import first_refused

ADDRESS_CHARACTERS_MAX: Final = 254
LOCAL_BYTES_MAX: Final = 64
DOMAIN_CHARACTERS_MAX: Final = 253
# RFC 5322 dot-atom; beyond ASCII what RFC 6531 adds.
_LOCAL: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+)*"
)
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


class NoAddress(ValueError):
    """A text that is no mail address. The message never repeats it."""


def normalise(text: str) -> str:
    """An address in the form that is compared. Raises NoAddress."""
    if len(text) > ADDRESS_CHARACTERS_MAX:
        raise NoAddress(f"found {len(text)} characters, expected at most {ADDRESS_CHARACTERS_MAX}")
    local, at, domain = normalize("NFC", text).rpartition("@")
    if not at:
        raise NoAddress("found no @, expected one between the name of a mailbox and its domain")
    if not _LOCAL.fullmatch(local) or first_refused(local) or len(local.encode("utf-8", "replace")) > LOCAL_BYTES_MAX:
        raise NoAddress(
            f"found another text before the @, expected a mailbox of at most {LOCAL_BYTES_MAX} bytes: letters, digits, "
            "!#$%&'*+-/=?^_`{|}~ and single dots between them"
        )
    found = f"{local}@{_domain(domain)}"
    if len(found) > ADDRESS_CHARACTERS_MAX:
        raise NoAddress(
            f"found {len(found)} characters with the domain in ASCII, expected at most {ADDRESS_CHARACTERS_MAX}"
        )
    return found


def _domain(text: str) -> str:
    try:
        found = text.lower() if text.isascii() else idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
        labels = found.split(".")
        if any(label.startswith("xn--") for label in labels):  # what claims to be IDNA has to be that
            idna.decode(found, strict=True)
    except (idna.IDNAError, UnicodeError):
        raise NoAddress("found a domain that IDNA does not allow, expected a name such as example.org") from None
    if len(found) > DOMAIN_CHARACTERS_MAX or len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)):
        raise NoAddress(
            "found another text after the @, expected a domain of two labels at least, such as example.org, each of letters, "
            "digits and hyphens between them"
        )
    if labels[-1].isdigit():
        raise NoAddress("found a number for the last label of the domain, expected a name: an IP number is no domain")
    return found

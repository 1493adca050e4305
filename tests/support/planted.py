"""People who are planted, and whoever looks for them in the bytes of something.

    planted("http-header").mail     a mail address whose mailbox says by which way it came in
    found_in("access.log", data)    ["zwetschge in access.log: …quirin.zwetschge+http-header@…"]

Every value of a kind has one ROOT in common, by which all of that kind are found; the words around it say the way. A root is
looked for as it is and in lower case, and as UTF-16, hex, base64, percent-encoding and JSON would have it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import quote
from zlib import crc32

MAILBOX: Final = "quirin.zwetschge"
PHONE: Final = "91827364"
IP: Final = "198.51.100."
NAME: Final = "Ödönka Schimpfinger"
ROOTS: Final = (MAILBOX, PHONE, IP, NAME, "Schimpfinger")
AROUND: Final = 60
"""So many bytes on each side of what is found are shown."""


class Person(NamedTuple):
    """What is known of a person who came in by a way."""

    mail: str
    phone: str
    ip: str
    words: str
    """Something that this person says, with a name in it."""

    def details(self) -> tuple[str, str, str]:
        """What has a form that the door knows."""
        return self.mail, self.phone, self.ip


def planted(way: str) -> Person:
    """The person of a way in; each has details of its own."""
    number = crc32(way.encode())
    return Person(
        f"{MAILBOX}+{way}@obst.example",
        f"+43 660 {PHONE}{number % 100:02}",
        f"{IP}{number % 250 + 1}",
        f"{NAME} fand das {way} schlimm",
    )


def _cores(word: str) -> Iterator[bytes]:
    """The base64 digits that depend on a word alone, wherever in a longer text it stands."""
    data = word.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            encoded = encode(b"\0" * shift + data)
            yield encoded[4 if shift else 0 : -4]


def _forms(word: str) -> Iterator[bytes]:
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "latin-1"):
        data = word.encode(encoding)
        yield data
        yield data.hex().encode()
    yield json.dumps(word)[1:-1].encode()
    yield "".join(f"\\u{ord(one):04x}" for one in word).encode()
    yield quote(word, safe="").encode()
    yield quote(word, safe="").replace("%20", "+").encode()
    yield "".join(f"%{byte:02x}" for byte in word.encode()).encode()


BASE64: Final = {core: word for word in ROOTS for core in _cores(word)}
"""Base64 tells upper from lower case."""
FORMS: Final = {form.lower(): word for word in ROOTS for form in _forms(word)}


def found_in(where: str, data: bytes) -> list[str]:
    """Whom somebody finds who reads some bytes, with what stands around."""
    lower = data.lower()
    places = [(lower.find(form), word) for form, word in FORMS.items()]
    places += [(data.find(core), word) for core, word in BASE64.items()]
    return [
        f"{word} in {where}: {data[max(0, place - AROUND) : place + AROUND]!r}" for place, word in places if place >= 0
    ]

"""The rule of the door a second time (DESIGN 13), from its text: one character after the other, without a pattern.

It judges what tests draw: texts as they are, without what decoding them would bring to light.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from itertools import pairwise
from typing import Any, Final

REFERENCES: Final = frozenset(
    "membership subject invitation response evaluation customer person certificate code".split()  # noqa: SIM905
)
BETWEEN: Final = " ()./-"


def says_of_somebody(fact: Mapping[str, Any], known: Iterable[str]) -> bool:
    """Whether a member that the type has holds a mail address, a phone or an IP number, or is prose and no reference."""
    return any(
        looks_personal(text) or (name in REFERENCES and is_prose(text, 2)) or (name == "id" and is_prose(text, 3))
        for name in known
        if name != "type"
        for text in texts_in(fact.get(name))
    )


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


def is_prose(text: str, words: int) -> bool:
    """Whether so many words of letters stand side by side, or two with a capital each."""
    plain = [word.strip(".,;:!?") for word in text.split()]
    lengths = [len(word) if word.isalpha() else 0 for word in plain]
    in_a_row = any(all(length > 1 for length in lengths[at : at + words]) for at in range(len(plain) - words + 1))
    names = [word.istitle() and word.replace("-", "").isalpha() for word in plain]
    return in_a_row or any(one and next_ for one, next_ in pairwise(names))


def looks_personal(text: str) -> bool:
    """Whether a word of a text is an address, or its digits make a phone number."""
    words = text.replace(",", " ").split()
    return any(_is_mail(word) or _is_ip(word) for word in words) or _is_phone(text)


def _is_mail(word: str) -> bool:
    name, at, domain = word.rpartition("@")
    labels = domain.split(".")
    return bool(name and at) and len(labels) > 1 and all(labels) and labels[-1].isalpha() and len(labels[-1]) > 1


def _is_ip(word: str) -> bool:
    try:
        return any(len(number) > 1 for number in str(IPv4Address(word)).split("."))
    except AddressValueError:
        pass
    try:
        IPv6Address(word)
    except AddressValueError:
        return False
    return word[:1] in "2fF" and len(word.split(":", maxsplit=1)[0]) == 4 and not "2004" <= word[:4] < "2400"


def _is_phone(text: str) -> bool:
    if set(text) - set(BETWEEN + "+0123456789"):
        return False
    digits = "".join(one for one in text if one.isdigit())
    if text.startswith("+"):
        return not digits.startswith("0") and 7 <= len(digits) <= 15
    if text[4:5] == "-" and text[7:8] == "-":  # a date
        return False
    one_zero = digits.startswith("0") and not digits.startswith("00")
    plain = text == digits
    return one_zero and (10 <= len(digits) <= 12 if plain else 9 <= len(digits) <= 13)

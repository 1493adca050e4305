r"""What looks like personal data in a text: a mail address, a phone number, an IP number (DESIGN 13).

    kind_in("someone@example.org")                               ->  "a mail address"
    without_personal_data("unknown location 'jo@example.org'")   ->  "unknown location '…'"
    is_free_text("they were rude to me")                         ->  True

It is a look at the form alone: a name of a person has no form. A text is looked at as it is, and as it reads once it is
decoded: in Unicode's compatibility form with the digits of every script and without what cannot be seen, with `%40`,
`&#64;` and `\u0040` as what they stand for, each up to DECODINGS times.

What is taken for one, and what is not (the tests have a table of each, and measure how many ids of the usual kinds pass):

* A mail address has a domain of two labels at least, the last of letters: `Shop@Home` is the name of a shop. So does
  `jo (at) example (dot) org`, and `jo at example dot org` where the last word is a domain's.
* A phone number begins with `+` and a digit from 1 on; or with `00`, or one `0`, and has as many digits as such numbers
  have; or has North America's groups of 3, 3 and 4; or stands behind `tel` or `phone`. So an id of digits alone that is
  padded by exactly one zero to 10 to 12 digits looks like one. Instants, dates and numbers without any of that do not.
* Free text is two words in a row where a reference belongs, which has no space. The id of a fact may have spaces, and such
  words: there it is three, or two with a capital each.
* An IP number has four numbers up to 255 of which one has two digits, since `1.2.3.4` is a version, as is what stands behind
  `v` or `version`; or is an address of IPv6 in the ranges that are in use, so that `2010::17` and `a::b` are none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

LEFT_OUT: Final = "…"
MAIL: Final = "a mail address"
PHONE: Final = "a phone number"
IP: Final = "an IP number"
DECODINGS: Final = 3
"""So many times a text is decoded: what was encoded more often than that nobody reads by accident."""

_DOMAIN: Final = r"(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}"
_AT: Final = r"\s{0,2}[\[(<]\s?[aA][tT]\s?[\])>]\s{0,2}"
_DOT: Final = r"\s{0,2}(?:\.|[\[(<]\s?[dD][oO][tT]\s?[\])>]|\s[dD][oO][tT]\s)\s{0,2}"
_TOP: Final = r"(?:com|org|net|edu|gov|info|biz|io|eu|de|uk|fr|nl|us|example)"
_LOCAL: Final = r"(?<![\w.+-])[\w.+-]{1,64}"
_MAIL: Final = (
    rf"(?:\"[^\"]{{1,64}}\"|[^\s@\"'<>(),;:]{{1,64}}|[\"')\]]) ?@ ?{_DOMAIN}"
    rf"|{_LOCAL}@[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{1,8}}"
)
_MAIL_SPELT: Final = (
    rf"{_LOCAL}{_AT}[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{1,8}}"
    rf"|{_LOCAL} at [\w-]{{1,63}}(?: dot [\w-]{{1,63}}){{0,8}} dot {_TOP}\b"
)
_GAP: Final = r"[ ()./-]{0,3}"
_ALONE: Final = r"(?<![0-9A-Za-z_+.:/#~-])(?<![0-9] )"
_ENDS: Final = r"(?![0-9A-Za-z]|[ ./-]?[0-9])"
_NO_PHONE: Final = (
    r"[0-3][0-9][./-][0-3][0-9][./-](?:19|20)[0-9]{2}(?![0-9])"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])"
    r"|[0-9]{2}-[0-9]{7}(?![0-9])"
)
"""A date, whichever comes first of it; an employer's number of the United States."""
_PHONE: Final = (
    rf"(?<![0-9A-Za-z+])\+ ?\(?[1-9](?:{_GAP}[0-9]){{6,14}}(?![0-9A-Za-z])"
    rf"|{_ALONE}00{_GAP}[1-9](?:{_GAP}[0-9]){{9,14}}{_ENDS}"
    rf"|{_ALONE}0[1-9][0-9]{{8,10}}{_ENDS}"
    rf"|{_ALONE}(?!{_NO_PHONE})(?=\(?[0-9]*[ ()./-]{{1,3}}[0-9])\(?0\)?[1-9](?:{_GAP}[0-9]){{7,13}}{_ENDS}"
    rf"|{_ALONE}(?:1[-. ])?(?:\([2-9][0-9]{{2}}\) ?|[2-9][0-9]{{2}}[-. ])[2-9][0-9]{{2}}[-. ][0-9]{{4}}{_ENDS}"
    rf"|(?i:(?<![a-z])(?:tel|telefon|telephone|phone|fax))[ .:=_-]{{0,3}}\(?[0-9](?:{_GAP}[0-9]){{8,14}}(?![0-9A-Za-z])"
)
_PHONE_DIGITS: Final = b"0" * 7
"""The fewest that a phone number has, with nothing else between them but BETWEEN."""
DIGITS: Final = bytes(ord("0") if byte in b"0123456789" else byte for byte in range(256))
"""For `bytes.translate`: every digit is a 0."""
BETWEEN: Final = b" ()./-"
"""What may stand between the digits of a phone number."""
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IP4: Final = rf"(?<![0-9A-Za-z.])(?=[0-9.]{{0,14}}[0-9]{{2}}){_OCTET}(?:\.{_OCTET}){{3}}(?![0-9A-Za-z]|\.[0-9])"
_VERSION: Final = r"(?i:\b(?:v|ver|version|release|build|edition|section|chapter))[ .:_-]{0,2}\Z"
_WORD_BEFORE: Final = 16
_GROUP: Final = r"[0-9A-Fa-f]{1,4}"
_IP6: Final = (
    r"(?<![0-9A-Za-z:.])(?:200[1-3]|2[4-9A-Fa-f][0-9A-Fa-f]{2}|3[Ff]{3}|[Ff][C-Fc-f][0-9A-Fa-f]{2})"
    rf"(?:(?::{_GROUP}){{7}}|(?::{_GROUP}){{0,6}}::(?:{_GROUP}(?::{_GROUP}){{0,5}})?)(?![0-9A-Za-z:])"
)
_INSTANT: Final = r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2}(?:[Tt ][0-9:.]{5,18}(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?)?"
_ESCAPE: Final = r"\\u([0-9A-Fa-f]{4})"
_WORD: Final = r"\S+"
_PUNCTUATION: Final = ".,;:!?"
_HYPHENS_AND_BLANKS: Final = {
    **dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-"),
    **dict.fromkeys((0x034F, 0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10)), None),
}
"""Hyphens and dashes as one; what is no format character and cannot be seen either."""


def kind_in(text: str) -> str | None:
    """MAIL, PHONE or IP where something in a text looks like one; None where nothing does."""
    if _compiled(_INSTANT).fullmatch(text):
        return None
    for said in _readings(text):
        for kind, found in _KINDS:
            if next(found(said), None) is not None:
                return kind
    return None


def looks_personal(text: str) -> bool:
    """Whether something in a text looks like personal data."""
    return kind_in(text) is not None


def is_free_text(text: str, words: int = 2) -> bool:
    """Whether a text is no reference but what somebody says: so many words of letters follow one another, or two follow that
    begin with a capital, as the parts of a name do."""
    return any(_is_prose(said, words) for said in _readings(text))


def _is_prose(text: str, words: int) -> bool:
    run, name_before = 0, False
    for word in text.split():
        plain = word.strip(_PUNCTUATION)
        run = run + 1 if len(plain) > 1 and plain.isalpha() else 0
        is_name = plain.istitle() and plain.replace("-", "").isalpha()
        if run >= words or (is_name and name_before):
            return True
        name_before = is_name
    return False


def without_personal_data(text: str) -> str:
    """A text with `…` in the place of all that looks so; of what is encoded, in the place of the words, or of all."""
    if not looks_personal(text):
        return text
    spans = sorted(span for _, found in _KINDS for span in found(text))
    left = _without(text, spans)
    if looks_personal(left):
        left = _compiled(_WORD).sub(lambda word: LEFT_OUT if looks_personal(word[0]) else word[0], left)
    return LEFT_OUT if looks_personal(left) else left


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    parts, after = [], 0
    for begin, end in spans:
        if begin >= after:
            parts += [text[after:begin], LEFT_OUT]
        after = max(after, end)
    return "".join((*parts, text[after:]))


def _readings(text: str) -> Iterator[str]:
    """A text, and what it reads as once it is decoded."""
    yield text
    if text.isascii() and "%" not in text and "&" not in text and "\\" not in text:
        return
    for _ in range(DECODINGS):
        decoded = _decoded(text)
        if decoded == text:
            return
        text = decoded
        yield text


def _decoded(text: str) -> str:
    from html import unescape
    from unicodedata import category, decimal, normalize
    from urllib.parse import unquote

    if not text.isascii():
        plain = normalize("NFKC", text).translate(_HYPHENS_AND_BLANKS)
        seen = (one for one in plain if category(one) != "Cf")
        text = "".join(str(decimal(one)) if one.isdecimal() else one for one in seen)
    text = _compiled(_ESCAPE).sub(lambda found: chr(int(found[1], 16)), text)
    return unescape(unquote(text))


Spans = Iterator[tuple[int, int]]


def _mail_addresses(text: str) -> Spans:
    if "@" in text:
        yield from _spans(_MAIL, text)
    if "at" in text.lower():
        yield from _spans(_MAIL_SPELT, text)


def _ip_numbers(text: str) -> Spans:
    if "." in text:
        for begin, end in _spans(_IP4, text):
            if _compiled(_VERSION).search(text, max(0, begin - _WORD_BEFORE), begin) is None:
                yield begin, end
    if ":" in text:
        yield from _spans(_IP6, text)


def _phone_numbers(text: str) -> Spans:
    if _PHONE_DIGITS in text.encode("utf-8", "replace").translate(DIGITS, BETWEEN):
        yield from _spans(_PHONE, text)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern, once something is looked for by it: to compile all takes longer than most commands have."""
    return re.compile(pattern)


def _spans(pattern: str, text: str) -> Spans:
    return (found.span() for found in _compiled(pattern).finditer(text))


_KINDS: Final[tuple[tuple[str, Callable[[str], Spans]], ...]] = (
    (MAIL, _mail_addresses),
    (IP, _ip_numbers),
    (PHONE, _phone_numbers),
)
"""IP numbers before phone numbers, whose groups may be parted by full stops, too."""

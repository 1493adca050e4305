"""What looks like personal data, and what does not: tables of both, and how many ids of the usual kinds are taken for some."""

from __future__ import annotations

import base64
import random
import string
import time
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.personal_data import (
    DECODINGS,
    IP,
    MAIL,
    PHONE,
    is_free_text,
    kind_in,
    looks_personal,
    without_personal_data,
)

MAILS = [
    "someone@example.org",
    "<Some.One+tag@mail.example>",
    "mailto:jo@example.org",
    '"jo doe"@example.org',
    "anna@bücher.example",
    "@jo@social.example",
    "jo @ example.org",
    "jo%40example.org",
    "jo%2540example.org",
    "jo&#64;example.org",
    "jo&commat;example.org",
    r"jo\u0040example.org",
    "jo＠example.org",
    "jo\u200b@exam\u00adple.org",
    "jo@example dot org",
    "jo (at) example (dot) org",
    "jo[AT]example.org",
    "jo at example dot org",
]
PHONES = [
    "+49 170 1234567",
    "+491701234567",
    "+49(0)170 1234567",
    "tel:+491701234567",
    "call 0151/23456789 now",
    "(030) 901820",
    "0170-1234567",
    "01701234567",
    "020 7946 0958",
    "01 23 45 67 89",
    "0044 20 7946 0958",
    "0043 660 9182736407",
    "(555) 234-1234",
    "555-234-1234",
    "1-800-555-0199",
    "tel 555 123 4567",
    "0170\u20131234567",
    "٠١٧٠١٢٣٤٥٦٧",
    "+٤٩ ١٧٠ ١٢٣٤٥٦٧",
    "０１７０ １２３４５６７",
]
IPS = [
    "192.0.2.17",
    "from 192.0.2.17, twice",
    "sub-192.0.2.17",
    "192.0.2.17:8080",
    "10.0.0.1",
    "::ffff:192.0.2.1",
    "２０２.１２.３.４",
    "192%2E0%2E2%2E17",
    "2001:db8::17",
    "[2001:db8::1]:443",
    "fe80::1ff:fe23:4567:890a",
    "2001:0db8:0000:0000:0000:ff00:0042:8329",
]
PERSONAL = MAILS + PHONES + IPS
PLAIN = [
    "Brontegard Shipping",
    "2010-06-15T10:22:33Z",
    "2010-06-15T10:22:33.123456+02:00",
    "import:2010-06-15T10:22:33Z/17",
    "2010-06-15",
    "2024-05",
    "01.02.2010",
    "01.02.2010-28.02.2010",
    "06/15/2010 10:22",
    "0800-1700",
    "crm-4711",
    "m-1",
    "cust-1-11",
    "csat-ledger:decide:m-1:2011-03-01:5",
    "expected at most 65,536 bytes, found 123456789",
    "a/b:c#d~e",
    "version 1.2.3",
    "version 10.2.3.4",
    "v10.2.3.4",
    "1.2.3.4",
    "10.0.19041.1",
    "1.3.6.1.4.1.311",
    "2010::17",
    "a::b",
    "1:2:3",
    "f:17:3:4:5:6:7:8",
    "cf6f310b15c25495d773ae5ad9bd699fe0640908a25bc7f8fe6941c1b9fe7c30",
    "occurred_at: found none, expected it",
    "DE89370400440532013000",
    "DE89 3704 0044 0532 0130 00",
    "0000100234",
    "000123456789",
    "4006381333931",
    "00012345678905",
    "302-1234567-1234567",
    "01-2345678",
    "978-3-16-148410-0",
    "+1",
    "Level+10",
    "#12345678",
    "1-800-Flowers",
    "118 118",
    "11880 Solutions AG",
    "24/7 Media",
    "Hotel 0711",
    "1&1 Internet SE",
    "AT&T",
    "R&D;",
    "100% Organic",
    "Shop@Home",
    "Café @ Work",
    "Look at Red Dot Design",
    "Look at Red Dot AG",
    "Dot at Work",
    "株式会社",
]


@pytest.mark.parametrize(
    ("text", "kind"),
    [*((text, MAIL) for text in MAILS), *((text, PHONE) for text in PHONES), *((text, IP) for text in IPS)],
)
def test_what_looks_like_personal_data_is_found_and_replaced(text: str, kind: str) -> None:
    assert kind_in(text) == kind
    left = without_personal_data(text)
    assert "…" in left
    assert not looks_personal(left)


@pytest.mark.parametrize("text", PLAIN)
def test_names_ids_dates_and_sentences_are_left_as_they_are(text: str) -> None:
    assert not looks_personal(text)
    assert without_personal_data(text) == text


def test_the_rest_of_a_sentence_stays() -> None:
    said = "unknown location 'someone@example.org', expected one of 2"
    assert without_personal_data(said) == "unknown location '…', expected one of 2"
    assert without_personal_data("it was jo%40example.org and nobody else") == "it was … and nobody else"


@pytest.mark.parametrize(
    "text", ["they were rude", "the one of jo", "Jo Example", "J. Example", "Zoë Müller-Lüdenscheidt"]
)
def test_free_text_is_two_words_in_a_row_or_three_where_words_are_allowed(text: str) -> None:
    assert is_free_text(text)
    assert is_free_text(text, 3)
    assert is_free_text(text.replace(" ", "%20"), 3)


@pytest.mark.parametrize("text", ["crm 4711", "row 17 of 20", "FY10 Q2 row 17", "a b c", "m-1", "", "4711"])
def test_an_id_in_parts_is_no_free_text(text: str) -> None:
    assert not is_free_text(text)


def test_two_words_are_free_text_in_a_reference_alone() -> None:
    assert is_free_text("golden first m-0001")
    assert not is_free_text("golden first m-0001", 3)


PLACES_BEFORE = st.sampled_from(["", " ", "x ", "of: ", "'", "(", "s=", "\n"])
PLACES_AFTER = st.sampled_from(["", " ", " x", "'", ")", ", too", "\n"])


@given(PLACES_BEFORE, st.sampled_from(PERSONAL), PLACES_AFTER)
def test_it_is_found_within_other_text(before: str, text: str, after: str) -> None:
    assert looks_personal(before + text + after)


@given(st.text(max_size=60) | st.lists(st.sampled_from([*PERSONAL, *PLAIN, " ", "'"]), max_size=5).map("".join))
def test_whatever_a_text_is_nothing_is_left_that_looks_so_and_doing_it_again_changes_nothing(text: str) -> None:
    left = without_personal_data(text)
    assert not looks_personal(left)
    assert without_personal_data(left) == left


def test_it_is_decoded_so_many_times_and_no_more() -> None:
    text = "jo@example.org"
    for _ in range(DECODINGS):
        text = text.replace("%", "%25").replace("@", "%40")
        assert looks_personal(text)
    assert not looks_personal(text.replace("%", "%25"))


def _ulid(draw: random.Random) -> str:
    return "".join(draw.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=26))


def _padded(draw: random.Random) -> str:
    """A number padded to a width, as registers have them: most numbers of a width are far below what it could hold."""
    width = draw.randint(6, 18)
    return str(int(10 ** draw.uniform(0, width - 2))).zfill(width)


def _order(draw: random.Random) -> str:
    groups = ["".join(draw.choices(string.digits, k=draw.choice((4, 6, 7)))) for _ in range(draw.randint(2, 3))]
    return draw.choice("ABKR") + "-" + "-".join(groups)


def _instant(draw: random.Random) -> str:
    day = f"{draw.randint(1990, 2040)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
    clock = f"{draw.randint(0, 23):02}:{draw.randint(0, 59):02}:{draw.randint(0, 59):02}"
    return f"{day}{draw.choice('T ')}{clock}{draw.choice(['Z', '+02:00', '.123456Z', '-11:00'])}"


def _iban(draw: random.Random) -> str:
    text = draw.choice(["DE", "GB", "FR", "NO"]) + "".join(draw.choices(string.digits, k=draw.randint(13, 25)))
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4)) if draw.random() < 0.5 else text


IDS: dict[str, tuple[Callable[[random.Random], str], float]] = {
    "uuid": (lambda draw: str(uuid.UUID(int=draw.getrandbits(128), version=4)), 0),
    "ulid": (_ulid, 0),
    "sha-256": (lambda draw: draw.randbytes(32).hex(), 0),
    "nanoid": (lambda draw: "".join(draw.choices(string.ascii_letters + string.digits + "_-", k=21)), 0),
    "base64": (lambda draw: base64.b64encode(draw.randbytes(24)).decode(), 0.0005),
    "base64url": (lambda draw: base64.urlsafe_b64encode(draw.randbytes(24)).decode(), 0),
    "snowflake": (lambda draw: str(draw.randint(10**17, 10**19)), 0),
    "number": (lambda draw: str(draw.randint(1, 10**12)), 0),
    "number with letters before it": (lambda draw: f"n-{draw.randint(0, 10**12):012}", 0),
    "padded number": (_padded, 0.05),
    "order": (_order, 0),
    "instant": (_instant, 0),
    "date": (lambda draw: f"{draw.randint(1, 28):02}.{draw.randint(1, 12):02}.{draw.randint(1990, 2040)}", 0),
    "compact instant": (lambda draw: _instant(draw).translate(str.maketrans("", "", "-: TZ+.")), 0),
    "composite": (lambda draw: ":".join(str(draw.randint(0, 99_999)) for _ in range(draw.randint(2, 7))), 0),
    "version": (lambda draw: ".".join(str(draw.randint(0, 40)) for _ in range(draw.choice((2, 3)))), 0),
    "iban": (_iban, 0.002),
    "ean": (lambda draw: str(draw.randint(10**12, 10**13 - 1)), 0),
    "colour": (lambda draw: f"#{draw.randbytes(3).hex()}", 0),
}
"""How ids of the usual kinds are made, and which part of them may be taken for personal data at most."""


@pytest.mark.parametrize("kind", IDS)
def test_ids_of_the_usual_kinds_pass(kind: str) -> None:
    make, at_most = IDS[kind]
    draw = random.Random(kind)
    made = [make(draw) for _ in range(20_000)]
    taken = [one for one in made if looks_personal(one) or is_free_text(one)]
    assert len(taken) <= at_most * len(made), taken[:10]


@given(st.uuids(), st.integers(0, 10**20), st.datetimes(), st.from_regex(r"[a-z]{1,8}-[0-9]{1,12}", fullmatch=True))
def test_an_id_of_letters_and_a_number_or_an_instant_passes(
    one: uuid.UUID, number: int, at: object, named: str
) -> None:
    for text in (str(one), one.hex, one.urn, f"id-{number}", f"f{number}", f"{at}", f"import {at}Z", named):
        assert not looks_personal(text)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "0",
        "1 ",
        "@a",
        "a@",
        "a.",
        "2-",
        "+1",
        "(at)",
        "::",
        "fe80:0:",
        "1.",
        "tel",
        "a at b dot ",
        "%25",
        "é",
        '" ',
    ],
)
def test_a_long_text_takes_no_longer_than_its_length_asks(unit: str) -> None:
    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        return min(_timed(lambda: kind_in(text)) for _ in range(3))

    seconds(1_000)
    assert seconds(32_000) < 0.5  # 16 times what 2,000 take; a quadratic search would take 256 times that


def _timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began

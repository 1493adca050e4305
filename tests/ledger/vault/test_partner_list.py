"""A partner's list is read strictly: each line is a contact, or is refused by itself, and nothing of it is repeated."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import BadInput
from ledger.instants import format_instant, parse_instant
from ledger.vault.contact import Contact
from ledger.vault.languages import LANGUAGES
from ledger.vault.partner_list import LINE_CHARACTERS_MAX, ListLine, RefusedLine, read_list

HEADER = "email,customer_org,consent,consent_at,name,phone,language"
AT = "2011-06-01T00:00:00Z"
SOUND = f"anna@example.org,Brontegard,given,{AT},Anna,+49 89 1234567,de"
MARKER = "Geheimnis"


def read(content: str | bytes, **options: Any) -> list[ListLine | RefusedLine]:
    data = content if isinstance(content, bytes) else content.encode()
    return list(read_list("list.csv", io.BufferedReader(io.BytesIO(data)), **options))  # type: ignore[arg-type]


def only(content: str | bytes, **options: Any) -> ListLine:
    (found,) = read(content, **options)
    assert isinstance(found, ListLine), found
    return found


def test_a_line_is_a_contact_with_its_organisation_and_what_it_permits() -> None:
    found = only(f"{HEADER}\n{SOUND}\n")
    contact = Contact("anna@example.org", "Anna", "+49 89 1234567", "de")
    assert (found.number, found.contact, found.customer_org) == (2, contact, "Brontegard")
    assert (found.consent, found.consent_us) == ("given", parse_instant(AT))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_encoding_delimiter_and_ends_of_lines_are_found_out(delimiter: str, encoding: str, end: str) -> None:
    text = f"{HEADER}\n{SOUND}\n".replace("Anna", "Änne").replace(",", delimiter).replace("\n", end)
    assert only(text.encode(encoding)).contact.name == "Änne"


def test_columns_stand_in_any_order_and_case_and_those_that_may_be_missing_are() -> None:
    found = only('"Consent",EMAIL ,Customer_Org\nNONE, anna@example.org ,Brontegard')
    assert (found.contact, found.consent, found.consent_us) == (Contact("anna@example.org"), "none", None)


def test_lines_without_an_instant_take_that_of_the_caller_and_blank_lines_are_none() -> None:
    text = "email,customer_org,consent\n\na@example.org,Brontegard,withdrawn\n\n\nb@example.org,Brontegard,none\n"
    first, second = read(text, consent_us=7)
    assert isinstance(first, ListLine)
    assert isinstance(second, ListLine)
    assert [(one.number, one.consent_us) for one in (first, second)] == [(3, 7), (6, None)]


def test_texts_are_brought_into_form_c_and_language_tags_into_their_case() -> None:
    found = only(f"{HEADER}\n" + SOUND.replace("Anna", "A\u0308nne").replace(",de", ",zh_hANT"))
    assert (found.contact.name, found.contact.language) == ("Änne", "zh-Hant")


def test_the_survey_is_offered_in_34_languages() -> None:
    assert len(set(LANGUAGES)) == 34


REFUSED = [
    ("missing", ",Brontegard,given,T,,,"),
    ("missing", "a@example.org, ,given,T,,,"),
    ("missing", "a@example.org,Brontegard,,T,,,"),
    ("address", f"{MARKER},Brontegard,given,T,,,"),
    ("address", f"a@{MARKER},Brontegard,given,T,,,"),
    ("address", f"{MARKER * 40}@example.org,Brontegard,given,T,,,"),
    ("formula", f"=a@{MARKER}.example.org,Brontegard,given,T,,,"),
    ("formula", f"a@example.org,@{MARKER},given,T,,,"),
    ("formula", f"a@example.org,Brontegard,given,T,-{MARKER},,"),
    ("formula", f'a@example.org,Brontegard,given,T,"=HYPERLINK(""{MARKER}"")",,'),
    ("text", f'a@example.org,Brontegard,given,T,"{MARKER}\nx",,'),
    ("text", f"a@example.org,Brontegard,given,T,{MARKER}\u202ex,,"),
    ("text", f"a@example.org,Bronte\u200bgard {MARKER},given,T,,,"),
    ("too-long", f"a@example.org,Brontegard,given,T,{MARKER * 30},,"),
    ("too-long", f"a@example.org,{MARKER * 10},given,T,,,"),
    ("organisation", f"a@example.org,{MARKER}@example.org,given,T,,,"),
    ("organisation", "a@example.org,0151 23456789,given,T,,,"),
    ("consent", f"a@example.org,Brontegard,{MARKER},T,,,"),
    ("consent-at", "a@example.org,Brontegard,given,,,,"),
    ("consent-at", f"a@example.org,Brontegard,withdrawn,{MARKER},,,"),
    ("consent-at", "a@example.org,Brontegard,given,2011-06-01 00:00,,,"),
    ("phone", f"a@example.org,Brontegard,given,T,,{MARKER},"),
    ("phone", "a@example.org,Brontegard,given,T,,+,"),
    ("phone", "a@example.org,Brontegard,given,T,,=1+1+1+1,"),
    ("language", f"a@example.org,Brontegard,given,T,,,{MARKER}"),
    ("language", "a@example.org,Brontegard,given,T,,,pt"),
    ("columns", f"a@example.org,Brontegard,given,T,,,,{MARKER}"),
    ("columns", MARKER),
    ("quotes", f'a@example.org,Brontegard,given,T,"{MARKER}"x,,'),
    ("too-long", f"a@example.org,{MARKER * 2_000},given,T,,,"),
    ("encoding", b"a@example.org,Brontegard,given,T,\xe4nne,,"),
]


@pytest.mark.parametrize(("code", "wrong"), REFUSED, ids=[f"{n}-{code}" for n, (code, _) in enumerate(REFUSED)])
def test_a_wrong_line_is_refused_by_itself_and_nothing_of_it_is_told(code: str, wrong: str | bytes) -> None:
    data = (wrong if isinstance(wrong, bytes) else wrong.encode()).replace(b",T,", f",{AT},".encode())
    before, refused, after = read(b"\n".join([HEADER.encode(), SOUND.encode(), data, SOUND.encode()]))
    assert isinstance(before, ListLine)
    assert isinstance(after, ListLine)
    assert isinstance(refused, RefusedLine)
    assert (refused.number, refused.code) == (3, code)
    assert MARKER not in refused.sentence


HEADERS = [
    ("", "no column email, customer_org, consent"),
    ("email;customer_org\n", "no column consent"),
    (f"{HEADER},email\n", "twice the column email"),
    (f"{HEADER},{MARKER}\n", "an unknown column at place 8"),
    (f"{MARKER},Brontegard\n", "no column email"),
    ("x" * 9_000, "a first line of more than"),
    (b"PK\x03\x04....", "a ZIP archive"),
    (b"\x1f\x8b....", "compressed by gzip"),
    (HEADER.encode("utf-32"), "UTF-32"),
]


@pytest.mark.parametrize(("content", "said"), HEADERS, ids=[said for _, said in HEADERS])
def test_a_file_without_our_columns_is_no_list_and_nothing_is_taken(content: str | bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said) as raised:
        read(content)
    assert MARKER not in str(raised.value)


@pytest.mark.parametrize(
    "open_quote",
    [
        f'a@example.org,"{MARKER}',
        f'a@example.org,"{MARKER}"x,"\n',
        f'"{"x" * LINE_CHARACTERS_MAX}',
        '"' + "x\n" * 9_000,
    ],
    ids=["to the end", "after a wrong one", "in a long line", "over many lines"],
)
def test_a_quote_that_does_not_close_ends_the_reading_and_no_cell_becomes_a_line(open_quote: str) -> None:
    content = f"{HEADER}\n{SOUND}\n{open_quote}\n{SOUND}\n".encode()
    with pytest.raises(BadInput, match=r"list\.csv") as raised:
        read(content)
    assert MARKER not in str(raised.value)
    found: list[ListLine | RefusedLine] = []
    taken = read_list("list.csv", io.BufferedReader(io.BytesIO(content)))  # type: ignore[arg-type]
    with suppress(BadInput):
        for one in taken:
            found.append(one)
    assert [one.number for one in found if isinstance(one, ListLine)] == [2]


def test_what_a_line_holds_has_no_text_of_its_own_for_logs() -> None:
    found = only(f"{HEADER}\n{SOUND}\n")
    assert "anna" not in f"{found!r} {found.contact!r}".lower()


@given(content=st.one_of(st.binary(max_size=400), st.text(max_size=300).map(lambda text: f"{HEADER}\n{text}".encode())))
def test_any_bytes_are_lines_refusals_or_no_list(content: bytes) -> None:
    try:
        found = read(content)
    except BadInput:
        return
    numbers = [one.number for one in found]
    assert numbers == sorted(set(numbers))


CONTACTS = st.builds(
    Contact,
    email=st.from_regex(r"[A-Za-z0-9_]{1,20}(\.[a-z0-9]{1,5})?@[a-z]{1,9}\.(org|example)", fullmatch=True),
    name=st.none() | st.from_regex(r"[A-Z][a-zäöüéß'\",;| ]{0,20}[a-z]", fullmatch=True),
    phone=st.none() | st.from_regex(r"\+?[0-9][0-9 ()/.-]{3,10}[0-9]", fullmatch=True).filter(str.isascii),
    language=st.none() | st.sampled_from(LANGUAGES),
)


@given(
    contacts=st.lists(CONTACTS, min_size=1, max_size=5),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    order=st.permutations(HEADER.split(",")),
)
def test_whatever_a_csv_writer_writes_is_read_as_it_was(
    contacts: list[Contact], delimiter: str, encoding: str, quoting: Any, order: list[str]
) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, order, delimiter=delimiter, quoting=quoting)
    writer.writeheader()
    for number, one in enumerate(contacts):
        cells = {field: getattr(one, field) or "" for field in ("email", "name", "phone", "language")}
        writer.writerow(
            {**cells, "customer_org": "Brontegard", "consent": "given", "consent_at": format_instant(number)}
        )
    found = read(text.getvalue().encode(encoding))
    assert [one.contact for one in found if isinstance(one, ListLine)] == contacts
    assert [one.consent_us for one in found if isinstance(one, ListLine)] == list(range(len(contacts)))

"""What a fact must not bring along, wherever it stands, and that it is told nowhere; what passes is in `test_personal_data`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import door
from ledger.errors import Refused
from ledger.personal_data import kind_in
from ledger.programmes.registry import PROGRAMMES, own_fact, parse_fact
from tests.ledger.test_personal_data import PERSONAL, PLAIN

SAMPLES: list[dict[str, Any]] = [
    orjson.loads(path.read_bytes()) for path in sorted(Path("schemas/samples/facts").glob("*.json"))
]
CONSENT: dict[str, Any] = {
    "type": "record-consent", "id": "f-1", "membership": "m-1", "occurred_at": "2010-06-15T10:22:33Z",
    "subject": "s-1", "customer_org": "Harbour Works",
}  # fmt: skip
ADDRESS = "jo.example@harbour.example"


def refusal(fact: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        parse_fact(fact if isinstance(fact, bytes) else orjson.dumps(fact))
    return refused.value


def texts(fact: dict[str, Any]) -> list[str]:
    """The members of a fact that hold text of its source's choice."""
    return [name for name, value in fact.items() if isinstance(value, str) and name != "type"]


@pytest.mark.parametrize("sample", SAMPLES, ids=[one["type"] for one in SAMPLES])
def test_in_no_member_of_any_type_of_fact_it_is_taken_and_the_sentence_names_the_member_alone(
    sample: dict[str, Any],
) -> None:
    parse_fact(orjson.dumps(sample))
    for name in texts(sample):
        found = refusal({**sample, name: ADDRESS})
        assert (found.code, found.field) == ("personal-data", name)
        assert found.sentence.startswith(f"{name}: found what looks like a mail address, expected none")
        assert "jo" not in found.sentence
        assert "harbour" not in found.sentence
    for name in (name for name, value in sample.items() if isinstance(value, list)):
        found = refusal({**sample, name: [*sample[name], ADDRESS]})
        assert (found.code, found.field) == ("personal-data", f"{name}.{len(sample[name])}")


def test_a_member_of_an_edition_is_named_by_its_place() -> None:
    edition = next(one for one in SAMPLES if one["type"] == "publish-scorebook")
    rate = next(iter(edition["rates"].values()))
    found = refusal({**edition, "rates": {**edition["rates"], ADDRESS: rate}})
    assert found.code == "personal-data"
    assert "harbour" not in found.sentence


@pytest.mark.parametrize("text", PERSONAL)
def test_whatever_looks_so_is_refused_wherever_a_name_belongs(text: str) -> None:
    for name in ("customer_org", "id", "actor"):
        assert refusal({**CONSENT, name: text}).code == "personal-data"


@pytest.mark.parametrize("name", ["membership", "subject"])
@pytest.mark.parametrize("text", ["Jo Example", "the one of jo", "they were rude", "J. Example", "Anna-Maria Müller"])
def test_free_text_is_refused_where_a_reference_belongs(name: str, text: str) -> None:
    found = refusal({**CONSENT, name: text})
    assert (found.code, found.field) == ("personal-data", name)
    assert found.sentence.startswith(f"{name}: found free text, expected none")


def test_an_id_may_have_spaces_and_says_nothing() -> None:
    for text in ("golden first m-0001 2013-11-23", "row 17 of 20", "and again", "FY10 Q2 row 17", "x csat-ledger:1"):
        assert parse_fact(orjson.dumps({**CONSENT, "id": text})).id == text
    for text in ("Jo Example", "they were rude", "4711 Jo Example", "Jo%20Example", "answer of jo example"):
        assert refusal({**CONSENT, "id": text}).code == "personal-data"


def test_a_reference_of_another_form_that_says_nothing_is_malformed() -> None:
    for text in ("m 1", "crm 4711", "ü", "-x", "", "x" * 65):
        assert refusal({**CONSENT, "subject": text}).code == "malformed"


def test_what_is_malformed_besides_has_this_code_and_both_are_told() -> None:
    found = refusal({**CONSENT, "customer_org": 7, "subject": ADDRESS, "actor": "a\u200b"})
    assert (found.code, found.field) == ("personal-data", "subject")
    assert "customer_org: found what is no text" in found.sentence
    without = {name: value for name, value in CONSENT.items() if name != "customer_org"}
    found = refusal({**without, "id": ADDRESS})
    assert (found.code, found.field) == ("personal-data", "id")
    assert "customer_org: found none" in found.sentence


def test_what_stands_in_a_member_that_no_fact_has_is_not_looked_at_and_not_told() -> None:
    found = refusal({**CONSENT, "email": ADDRESS, "comment of jo": "they were rude"})
    assert found.code == "malformed"
    assert not any(word in found.sentence for word in ("harbour", "rude", "jo", "email", "comment"))


def test_a_text_that_is_no_instant_is_not_told_back() -> None:
    assert "Jo" not in refusal({**CONSENT, "occurred_at": "when Jo was here"}).sentence
    assert "'2010-06-15'" in refusal({**CONSENT, "occurred_at": "2010-06-15"}).sentence


def test_a_language_is_not_told_back_that_is_none() -> None:
    invitation = next(one for one in SAMPLES if one["type"] == "record-invitation")
    found = refusal({**invitation, "language": "xx-Example"})
    assert found.code == "malformed"
    assert "Example" not in found.sentence


def test_it_comes_before_the_programs_own_ids_and_before_all_rules() -> None:
    assert refusal({**CONSENT, "id": f"csat-ledger:{ADDRESS}"}).code == "personal-data"


def test_the_programs_own_facts_are_not_asked_since_what_they_name_stands_in_the_book() -> None:
    own = {"type": "decide-renewal", "id": "csat-ledger:decide:0170-1234567:2011-03-01:5", "membership": "0170-1234567",
           "occurred_at": "2011-03-01T00:00:00Z", "renewal_date": "2011-03-01"}  # fmt: skip
    assert own_fact(own).id == own["id"]


def test_an_escape_of_json_hides_nothing() -> None:
    line = orjson.dumps(CONSENT).replace(b"Harbour Works", rb"jo\u0040harbour.example")
    assert refusal(line).code == "personal-data"
    assert refusal(line.decode().encode().replace(b"f-1", rb"\u004a\u006f Example")).code == "personal-data"


WORDS = st.sampled_from(
    [*PERSONAL, *PLAIN, "Jo Example", "+1", "0", "@", "at", "dot", ".org", "1.", ":", "::", "2001:"]
)
NEAR = st.lists(WORDS | st.text(max_size=12), max_size=6).map("".join) | st.lists(WORDS, max_size=4).map(" ".join)


@given(NEAR)
def test_the_look_at_the_whole_line_overlooks_nothing_that_the_look_at_each_text_finds(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    content = {**CONSENT, "customer_org": text}
    for line in (orjson.dumps(content), orjson.dumps(content, option=orjson.OPT_INDENT_2)):
        if kind_in(text) is not None:
            assert door.may_hold_any(line, len(content))
            assert door.may_hold_any(line.decode(), len(content))


def test_the_look_at_the_whole_line_finds_most_facts_to_have_nothing() -> None:
    """Else each would cost the look at each of its texts: offsets and figures are no phone numbers."""
    for offset in ("Z", "+02:00", "+14:00", "-11:30", ".123456Z"):
        line = orjson.dumps(
            {**CONSENT, "occurred_at": f"2010-06-15T10:22:33{offset}", "subject": "s-01H8XGJWBWBAQ4Z2N7"}
        )
        assert not door.may_hold_any(line, 6), offset
    for sample in SAMPLES:
        if not any(isinstance(value, (list, dict)) for value in sample.values()):
            assert not door.may_hold_any(orjson.dumps(sample), len(sample)), sample["type"]


def test_every_type_of_fact_of_both_programmes_was_tried() -> None:
    assert {one["type"] for one in SAMPLES} == set(PROGRAMMES.facts.by_type)

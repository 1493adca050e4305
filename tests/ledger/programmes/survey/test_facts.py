"""The form of facts: what is a fact, what never is, and when two facts are the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.errors import Refused
from ledger.fact import LINE_BYTES_MAX, Fact
from ledger.instants import parse_instant
from ledger.link_key import LinkKey
from ledger.programmes.registry import fact_from_object, own_fact, parse_fact
from ledger.programmes.survey.facts import FACT_MODELS
from tests.oracle.survey.form import NotStrictError, content_of, read_line
from tests.support.broken_lines import EXAMPLES, broken_lines, malformed_lines, mutated_lines, valid_lines
from tests.support.capability_examples import CAPABILITY_EXAMPLES, is_well_formed
from tests.support.link_key import KEY, token_of
from tests.support.soak import scaled

OTHER_VALUES: dict[str, Any] = {
    "id": "another",
    "membership": "m-2",
    "occurred_at": "2010-06-15T10:22:33.123457Z",
    "actor": "auditor",
    "name": "Wingtip",
    "level": "small-business",
    "competencies": ["Hosting"],
    "solution_areas": ["Cloud"],
    "business_model": "distributor",
    "locations": ["Tromsø", "Oslo"],
    "location": "Ålesund",
    "renewal_date": "2011-03-02",
    "subject": "s-2",
    "customer_org": "fabrikam",
    "organisation": "Contoso AG",
    "same_as": "Tailspin",
    "from": "Fabrikam",
    "invitation": "i-2",
    "channel": "partner",
    "language": "de",
    "response": "r-2",
    "anonymous": False,
    "reason": "test",
    "evaluation": "e-2",
    "edition": "2010-08",
    "effective_from": "2010-07-01T00:00:00.000001Z",
    "min_responses": 11,
    "per_org_cap": 9,
    "min_organisations": 3,
    "window_months": 13,
    "min_evaluations": 11,
    "pool_locations": True,
}


def digest_of(fact: Fact) -> bytes:
    """The digest under the link key of the tests."""
    fact.tie(KEY.token)
    return fact.digest()


def refusal_of(parse: Callable[[], Fact]) -> Refused | None:
    """The refusal, None where it is a fact; anything else that is raised fails the test."""
    try:
        parse()
    except Refused as refusal:
        return refusal
    return None


def is_fact(line: bytes) -> bool:
    """Whether a line is a fact; where it is not, it is refused as malformed."""
    refusal = refusal_of(lambda: parse_fact(line))
    assert refusal is None or (refusal.code == "malformed" and refusal.sentence)
    return refusal is None


@settings(max_examples=scaled(400))
@given(st.one_of(broken_lines(), st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@example(b"\xef\xbb\xbf{}")
@example(b'{"type":[]}')
@example(b'{"type":{}}')
@example(b'{"type":null,"id":"\\ud800"}')
def test_whatever_stands_in_a_line_it_is_a_fact_or_malformed(line: bytes) -> None:
    is_fact(line)


@settings(max_examples=scaled(300))
@given(malformed_lines())
def test_a_line_that_went_wrong_is_no_fact(line: bytes) -> None:
    assert not is_fact(line)


@settings(max_examples=scaled(60))
@given(valid_lines())
def test_a_line_that_is_right_is_a_fact(line: bytes) -> None:
    assert is_fact(line)


@settings(max_examples=scaled(600))
@given(mutated_lines())
def test_a_line_is_a_fact_exactly_where_the_oracle_says_so(line: bytes) -> None:
    try:
        told = read_line(line)
    except NotStrictError:
        assert not is_fact(line)
        return
    assert is_fact(line) == is_well_formed(told)


AT = b'"occurred_at":"2010-01-01T00:00:00Z","evaluation":"e-1"'


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"record-evaluation","id":"f-1","membership":"m-1","membership":"m-2",' + AT + b"}",
        b'{"type":"record-evaluation","id":"f-1","membership":"m-1",' + AT + b',"evaluation" :"e-1"}',
        b'{"type" :"record-evaluation","id":"f-1","id":"f-2","membership":"m-1",' + AT + b"}",
        b'{"type"\n:"record-evaluation","id":"f-1","id":"f-2","membership":"m-1",' + AT + b"}",
        b'{"type"\t:"record-evaluation","id":"f-1","id":"f-2","membership":"m-1",' + AT + b"}",
        b'{"type"\r:"record-evaluation","id":"f-1","id":"f-2","membership":"m-1",' + AT + b"}",
        b'{"type":"record-evaluation","i\\u0064":"f-1","id":"f-2","membership":"m-1",' + AT + b"}",
    ],
)
def test_a_key_twice_is_malformed_and_the_sentence_names_the_key(line: bytes) -> None:
    for told in (line, line.decode()):
        refusal = refusal_of(lambda told=told: parse_fact(told))
        assert refusal is not None
        assert refusal.code == "malformed"
        assert "more than once, expected each key once" in refusal.sentence


@pytest.mark.parametrize("name", ['a":b', 'a" :b', '":', "one : two", "a\\"])
def test_a_text_that_looks_like_a_key_is_no_key(name: str) -> None:
    told = {**EXAMPLES[0], "name": name}
    for line in (json.dumps(told), json.dumps(told, separators=(",", ":")), json.dumps(told, indent=1)):
        assert digest_of(parse_fact(line)) == digest_of(fact_from_object(told))


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "10.5", "10.0", "1e1", "true", '"10"', "1e400", "null"]
)
def test_a_figure_that_is_no_whole_number_is_malformed(number: str) -> None:
    line = json.dumps(EXAMPLES[-1]).replace('"min_responses": 10', f'"min_responses": {number}')
    refusal = refusal_of(lambda: parse_fact(line))
    assert refusal is not None and refusal.code == "malformed"  # noqa: PT018


@pytest.mark.parametrize("tail", ["{}", "x", ",", "null", '{"id":1}', "\x00"])
def test_anything_after_the_object_is_malformed(tail: str) -> None:
    assert not is_fact((json.dumps(EXAMPLES[1]) + tail).encode())
    assert is_fact((json.dumps(EXAMPLES[1]) + " \n").encode())


def test_an_id_of_the_programs_own_is_reserved() -> None:
    told = {**EXAMPLES[1], "id": "csat-ledger:decide:m-1:2011-03-01:5"}
    for parse in (lambda: fact_from_object(told), lambda: parse_fact(json.dumps(told))):
        refusal = refusal_of(parse)
        assert refusal is not None
        assert (refusal.code, refusal.sentence) == (
            "reserved-id",
            "found id 'csat-ledger:decide:m-1:2011-03-01:5', expected one that does not begin with 'csat-ledger:'",
        )
    assert own_fact(told).id == told["id"]
    assert refusal_of(lambda: fact_from_object({**told, "level": "lead"})).code == "malformed"  # form goes first


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
odd_values = st.one_of(
    json_values, st.binary(max_size=3), st.just("\ud800"), st.just(10**30), st.sets(st.integers()), st.just(object())
)


@settings(max_examples=scaled(300))
@given(st.sampled_from(EXAMPLES), st.data())
def test_an_object_with_anything_in_a_field_is_a_fact_or_malformed(told: dict[str, Any], data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(told)))
    changed = {**told, field: data.draw(odd_values)}
    refusal = refusal_of(lambda: fact_from_object(changed))
    assert refusal is None or refusal.code == "malformed"


@settings(max_examples=scaled(200))
@given(st.sampled_from(EXAMPLES), st.data())
def test_an_object_is_a_fact_exactly_where_the_oracle_says_so(told: dict[str, Any], data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(told)))
    texts = st.one_of(
        st.text(max_size=6),
        st.text(alphabet="aÅ \u00a0\u200b\u202e\u3000@\t\x7f\ue000\ufeff-:.", min_size=1, max_size=4),
        st.sampled_from(["x" * 64, "x" * 65, "x" * 200, "x" * 201, "de-x-formal", "zh-Hant-TW", "tlh", "d"]),
        st.sampled_from(["2010-06-15t10:22:33z", "2010-06-15 10:22:33.5+05:30", "2010-06-15T10:22:33"]),
    )
    value = data.draw(st.one_of(texts, st.lists(texts, max_size=3), json_values, st.integers(-1, 2_000_000)))
    changed = {**told, field: value}
    assert (refusal_of(lambda: fact_from_object(changed)) is None) == is_well_formed(changed)


@pytest.mark.parametrize("told", EXAMPLES, ids=lambda told: str(told["type"]))
def test_a_fact_comes_back_from_what_it_is_written_as(told: dict[str, Any]) -> None:
    fact = fact_from_object(told)
    again = parse_fact(fact.model_dump_json())
    assert again == fact
    assert digest_of(again) == digest_of(fact)
    assert again.occurred_us() == parse_instant(told["occurred_at"])


@pytest.mark.parametrize("told", EXAMPLES, ids=lambda told: str(told["type"]))
def test_every_field_makes_a_difference_to_the_digest(told: dict[str, Any]) -> None:
    digest = digest_of(fact_from_object(told))
    for field in told:
        if field == "type":
            continue
        other = fact_from_object({**told, field: OTHER_VALUES[field]})
        assert digest_of(other) != digest, field
    fields = {
        info.alias or name
        for model in FACT_MODELS
        for name, info in model.model_fields.items()
        if name != "type" and name not in model.sealed  # the vault compares these, by a digest of its own
    }
    assert fields == set(OTHER_VALUES)


@pytest.mark.parametrize("told", EXAMPLES, ids=lambda told: str(told["type"]))
def test_spelling_makes_no_difference_to_the_digest(told: dict[str, Any]) -> None:
    digest = digest_of(fact_from_object(told))
    spelt = told["occurred_at"].replace("T", " ").replace("Z", "+00:00")
    for same in (
        dict(reversed(told.items())),
        {**told, "occurred_at": spelt},
        {**told, "occurred_at": told["occurred_at"].lower()},
        {**told, "actor": told.get("actor")},
    ):
        assert digest_of(fact_from_object(same)) == digest
    assert digest_of(parse_fact(json.dumps(told, indent=3).encode())) == digest
    assert digest_of(parse_fact(json.dumps(told))) == digest


@settings(max_examples=scaled(150))
@given(st.sampled_from(EXAMPLES), st.sampled_from(EXAMPLES), st.data())
def test_digests_are_equal_exactly_where_the_oracle_sees_the_same_content(
    one: dict[str, Any], other: dict[str, Any], data: st.DataObject
) -> None:
    if data.draw(st.booleans()):
        instants = [one["occurred_at"], "2010-06-15T12:22:33.123456+02:00"]
        other = {**one, "occurred_at": data.draw(st.sampled_from(instants))}
        for field in data.draw(st.lists(st.sampled_from(["business_model", "language", "location", "anonymous"]))):
            less = {name: value for name, value in other.items() if name != field}
            other = less if is_well_formed(less) else other
    same = content_of(one) == content_of(other)
    assert (digest_of(fact_from_object(one)) == digest_of(fact_from_object(other))) == same


def test_defaults_are_content_like_any_other() -> None:
    told = {"type": "enrol-membership", "id": "f", "membership": "m", "occurred_at": "2010-06-15T10:22:33Z"}
    told |= {"name": "Contoso", "level": "gold"}
    spelt_out: dict[str, Any] = {**told, "competencies": [], "solution_areas": [], "locations": ["main"]}
    spelt_out |= {"business_model": None, "actor": None}
    assert digest_of(fact_from_object(told)) == digest_of(fact_from_object(spelt_out))


def test_the_digest_is_taken_with_the_token_in_the_place_of_the_invitation() -> None:
    """So nobody who has the digests finds the invitation by trying all that there are."""
    told = {"type": "record-response", "id": "f", "membership": "m-1", "occurred_at": "2010-06-15T10:22:33.000000Z"}
    told |= {"response": "r", "customer_org": "Adatum", "actor": None, "location": None, "anonymous": False}
    content = {**told, "invitation": token_of("m-1", "i-7")}
    expected = sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).digest()
    fact = fact_from_object({**told, "invitation": "i-7"})
    assert digest_of(fact) == expected
    fact.tie(LinkKey(bytes(32)).token)
    assert fact.digest() != expected, "it is that of another book"
    with pytest.raises(LookupError, match="without a link"):
        fact_from_object({**told, "invitation": "i-7"}).digest()
    reminder = fact_from_object({"type": "record-reminder", **{k: told[k] for k in ("id", "membership", "occurred_at")},
                                 "invitation": "i-7"})  # fmt: skip
    before = reminder.digest()
    assert digest_of(reminder) == before, "a reminder's event names the invitation, and so may its digest"


def test_the_digest_is_taken_over_the_whole_content_as_canonical_json() -> None:
    """It is kept in every book, so it must never come out differently."""
    told = {"type": "record-response", "id": "f", "membership": "m", "occurred_at": "2010-06-15T10:22:33+02:00"}
    told |= {"response": "r", "customer_org": "Überwald"}
    content = (
        '{"actor":null,"anonymous":false,"customer_org":"Überwald","id":"f","invitation":null,"location":null,'
        '"membership":"m","occurred_at":"2010-06-15T08:22:33.000000Z","response":"r","type":"record-response"}'
    )
    assert digest_of(fact_from_object(told)) == sha256(content.encode()).digest()


def test_there_is_one_example_of_every_type() -> None:
    assert sorted(told["type"] for told in EXAMPLES) == sorted(
        model.model_fields["type"].annotation.__args__[0]  # type: ignore[union-attr]
        for model in FACT_MODELS
    )


@pytest.mark.parametrize("tag", ["de", "DE", "zh-Hant-TW", "es-419", "pt-BR", "de-x-formal", "zh-u-co-pinyin"])
def test_a_language_is_any_tag_of_one_of_the_languages_of_the_survey(tag: str) -> None:
    told = {**EXAMPLES[6], "language": tag}
    assert fact_from_object(told).model_dump(mode="json", exclude_none=True) == told


@pytest.mark.parametrize("tag", ["", "tlh", "no-", "-de", "de--x", "de_DE", "deu", "x-de", "de-" + "a" * 40])
def test_what_is_no_tag_of_a_language_of_the_survey_is_malformed(tag: str) -> None:
    with pytest.raises(Refused, match="language"):
        fact_from_object({**EXAMPLES[6], "language": tag})


def test_a_fact_cannot_be_changed_once_it_is_parsed() -> None:
    fact = fact_from_object(EXAMPLES[0])
    with pytest.raises(ValueError, match="frozen"):
        fact.id = "another"


def test_a_fact_larger_than_any_event_is_refused_unread() -> None:
    line = b'{"type":"record-evaluation","id":"' + b"x" * LINE_BYTES_MAX + b'"}'
    with pytest.raises(Refused, match="65,536"):
        parse_fact(line)


def test_a_sentence_is_short_however_long_the_fact() -> None:
    told = {**EXAMPLES[0], "occurred_at": "2" * 60_000}
    with pytest.raises(Refused) as caught:
        fact_from_object(told)
    assert len(caught.value.sentence) < 300


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b"7", None),
        (b"{", None),
        (b"{}", "type"),
        (b'{"type":"king"}', "type"),
        (b'{"type":"choose-anonymity","id":"f","membership":"@","occurred_at":"2010-01-01T00:00:00Z","response":"r"}',
         "membership"),
        (b'{"type":"choose-anonymity","id":"f","membership":"m-1","occurred_at":"2010-01-01","response":"r"}', "occurred_at"),
        (b'{"type":"choose-anonymity","id":"f","membership":"m-1","occurred_at":"2010-01-01T00:00:00Z"}', "response"),
        (b'{"jane":1,"type":"choose-anonymity","id":"f","membership":"m-1","occurred_at":"2010-01-01T00:00:00Z","response":"r"}',
         "member 1"),
    ],
)  # fmt: skip
def test_a_malformed_fact_names_the_field_that_is_wrong(line: bytes, field: str | None) -> None:
    with pytest.raises(Refused) as caught:
        parse_fact(line)
    assert (caught.value.code, caught.value.field) == ("malformed", field)


def test_a_sentence_quotes_nothing_of_what_was_given() -> None:
    """What is refused may hold what must not stand in a log."""
    for field in ("membership", "response", "customer_org", "occurred_at", "actor"):
        told = {**EXAMPLES[8], field: "jane.doe@adatum.example"}
        with pytest.raises(Refused) as caught:
            fact_from_object(told)
        assert field in caught.value.sentence
        if field != "occurred_at":
            assert "jane" not in caught.value.sentence


NAMES = [
    ("record-response", "customer_org"),
    ("record-response", "location"),
    ("record-response", "actor"),
    ("enrol-membership", "name"),
]


@pytest.mark.parametrize(("kind", "field"), NAMES)
def test_a_character_that_cannot_be_seen_is_named_with_its_place(kind: str, field: str) -> None:
    told = next(example for example in EXAMPLES if example["type"] == kind)
    refusal = refusal_of(lambda: fact_from_object({**told, field: "Fabri\u200dkam"}))
    assert refusal is not None
    assert refusal.sentence == (
        f"{field}: found U+200D ZERO WIDTH JOINER at character 6, "
        "expected none that is invisible or that Unicode 14.0.0 does not assign"
    )


def test_a_character_in_a_list_of_names_is_named_with_its_place() -> None:
    told = next(example for example in EXAMPLES if example["type"] == "enrol-membership")
    refusal = refusal_of(lambda: fact_from_object({**told, "locations": ["Oslo", "Tromsø\ue001"]}))
    assert refusal is not None
    assert refusal.sentence.startswith("locations.1: found U+E001 of category Co at character 7")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("info@fabrikam", "found @ at character 5"),
        (" Fabrikam", "found a space at the beginning"),
        ("Fabrikam ", "found a space at the end"),
        ("\u0378", "found U+0378 of category Cn at character 1"),
    ],
)
def test_a_label_that_is_none_is_told_why(name: str, said: str) -> None:
    told = next(example for example in EXAMPLES if example["type"] == "record-response")
    refusal = refusal_of(lambda: fact_from_object({**told, "customer_org": name}))
    assert refusal is not None
    assert said in refusal.sentence


def test_a_fact_without_a_type_is_told_so() -> None:
    for line in (b"{}", b'{"facts":[]}'):
        with pytest.raises(Refused, match="type: found none, expected that of a fact"):
            parse_fact(line)


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("record-respons", "record-response"),
        ("enroll-membership", "enrol-membership"),
        ("report_usage", "report-usage"),
        ("ReportRevenue", "report-revenue"),
        ("close-months", "close-month"),
    ],
)
def test_a_type_that_is_none_is_told_what_is_written_most_like_it(written: str, nearest: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_fact(json.dumps({"type": written}))
    assert f"such as '{nearest}', " in caught.value.sentence


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"type":"\\u001b[31mred\\n"}', "type: found another, expected one of 27 types, such as '"),
        (
            b'{"type":"record-evaluation","\\u001b[2J\\u202e":1}',
            "member 2: found one that record-evaluation does not have there",
        ),
        (b'{"type":"' + b"x" * 60_000 + b'"}', "type: found another, expected one of"),
        (b'{"type":"record-evaluation","' + b"x" * 60_000 + b'":1}', "member 2: found one that"),
    ],
)
def test_a_sentence_quotes_neither_an_unknown_type_nor_an_unknown_members_name(line: bytes, said: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_fact(line)
    assert said in caught.value.sentence
    assert "xxx" not in caught.value.sentence
    assert "[31m" not in caught.value.sentence
    assert caught.value.sentence.isprintable()
    assert len(caught.value.sentence) < 600


@pytest.mark.parametrize("as_text", [False, True])
def test_an_unknown_member_is_named_by_its_place(as_text: bool) -> None:
    line = (
        b'{"b":1,"type":"record-evaluation","a inv-7":{"c":' + b"9" * 4_300 + b'},"\\u0062c":2,"from":[1e999],'
        b'"evaluation":"e","id":"f","membership":"m-1","occurred_at":"2010-03-01T00:00:00Z"}'
    )
    with pytest.raises(Refused) as caught:
        parse_fact(line.decode() if as_text else line)
    said = r"member (\d+): found one that record-evaluation does not have there, expected none"
    places = re.findall(said, caught.value.sentence)
    assert sorted(places) == ["1", "3", "4", "5"]
    assert "inv-7" not in caught.value.sentence


def test_an_unknown_name_within_a_scorebook_is_a_place_and_a_known_one_a_name() -> None:
    (edition,) = [one for one in CAPABILITY_EXAMPLES if one["type"] == "publish-scorebook"][:1]
    rates = {"power-bi": {"rate_milli": 1, "associations": ["pal"]}, "inv-7": {"rate_milli": -1, "inv-8": 1}}
    with pytest.raises(Refused) as caught:
        fact_from_object(edition | {"rates": rates, "track": edition["track"] | {"inv-9": {}}})
    sentence = caught.value.sentence
    assert "inv-" not in sentence
    for said in (
        "rates.member 2.rate_milli: ",
        "rates.member 2.associations: ",
        "rates.member 2.member 2: ",
        "track.member 3: ",
    ):
        assert said in sentence

"""The contracts in `schemas/`: they are what the models make, and samples and real books keep to them."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from console.demo.survey import generate
from ledger.errors import Refused
from ledger.event import encode_event
from ledger.instants import parse_instant
from ledger.programmes.programme import Programmes
from ledger.programmes.registry import PROGRAMMES, parse_fact
from ledger.programmes.schemas import event_schema, fact_schema, files, main
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from tests.ledger.programmes.lamps import LAMPS

SCHEMAS = Path(__file__).parents[2] / "schemas"
RELEASED_EVENTS = sorted((SCHEMAS / "samples/events").glob("*.json"))
RELEASED_FACTS = sorted((SCHEMAS / "samples/facts").glob("*.json"))
END_US = parse_instant("2016-01-01T00:00:00Z")

ECMA_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|\.)|\\")
"""What JSON Schema may rely on everywhere, or a backslash before something else."""


FORMATS = FormatChecker(["date"])
FORMATS.checks("date-time", raises=ValueError)(
    lambda found: not isinstance(found, str) or bool(datetime.fromisoformat(found.upper()))
)
"""Formats are checked whatever of the validator's extras is installed."""


@cache
def validator(kind: str, name: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / kind / name).read_bytes())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FORMATS)


def objects_in(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for one in schema for found in objects_in(one)]
    if not isinstance(schema, dict):
        return []
    return ([schema] if schema.get("type") == "object" else []) + objects_in(list(schema.values()))


def patterns_in(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [found for one in schema for found in patterns_in(one)]
    if not isinstance(schema, dict):
        return []
    here = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
    return here + patterns_in(list(schema.values()))


def test_what_lies_in_schemas_is_what_the_models_make(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", str(SCHEMAS)]) == 0, capsys.readouterr().err


def test_a_file_that_is_missing_or_different_is_found_and_written_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--write", str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    (tmp_path / "facts/add-location.v1.json").unlink()
    (tmp_path / "events/LocationAdded.v1.json").write_text("{}")
    capsys.readouterr()
    assert main(["--check", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "add-location.v1.json: missing" in said
    assert "LocationAdded.v1.json: different" in said
    assert main(["--write", str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0


def test_there_is_a_schema_and_a_sample_of_every_fact_and_every_event() -> None:
    made = {name for name, _ in files()}
    kinds = [
        fact_schema(model, programme.schema_forms())["properties"]["type"]["const"]
        for programme in PROGRAMMES.all
        for model in programme.facts()
    ]
    assert len(set(kinds)) == len(kinds) == len(PROGRAMMES.facts.models)
    for kind in kinds:
        assert {f"facts/{kind}.v1.json", f"samples/facts/{kind}.v1.json"} <= made
    for event_type, version in PROGRAMMES.events.data:
        assert f"events/{event_type}.v{version}.json" in made
        assert (SCHEMAS / f"samples/events/{event_type}.v{version}.json").exists()


def test_no_schema_or_sample_lies_there_that_nothing_makes_but_samples_of_older_versions() -> None:
    made = {name for name, _ in files()}
    for path in [*SCHEMAS.glob("facts/*"), *SCHEMAS.glob("events/*"), *SCHEMAS.glob("samples/facts/*")]:
        assert str(path.relative_to(SCHEMAS)) in made
    for path in RELEASED_EVENTS:
        event_type, version = path.stem.split(".v")
        assert int(version) <= PROGRAMMES.events.versions[event_type]


@pytest.mark.parametrize("path", sorted([*SCHEMAS.glob("facts/*"), *SCHEMAS.glob("events/*")]), ids=lambda p: p.stem)
def test_a_schema_names_itself_and_allows_nothing_that_it_does_not_name(path: Path) -> None:
    schema = json.loads(path.read_bytes())
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].startswith("urn:csat-ledger:")
    assert schema["title"]
    assert schema["description"]
    for found in objects_in(schema):
        assert found["additionalProperties"] is False
    for pattern in patterns_in(schema):
        assert all(found.group(1) for found in ECMA_ESCAPE.finditer(pattern)), pattern


def test_no_two_schemas_have_one_name() -> None:
    names = [json.loads(content)["$id"] for name, content in files() if name.startswith(("facts/", "events/"))]
    assert len(set(names)) == len(names) == len(PROGRAMMES.facts.models) + len(PROGRAMMES.events.data)


@pytest.mark.parametrize("path", RELEASED_FACTS, ids=lambda path: path.stem)
def test_a_sample_fact_is_valid_and_is_parsed(path: Path) -> None:
    validator("facts", path.name).validate(json.loads(path.read_bytes()))
    fact = parse_fact(path.read_bytes())
    assert path.stem == f"{fact.type}.v1"


@pytest.mark.parametrize("path", RELEASED_EVENTS, ids=lambda path: path.stem)
def test_a_released_sample_of_an_event_stays_readable(path: Path) -> None:
    stored = path.read_bytes()
    event_type, version = path.stem.split(".v")
    raw = json.loads(stored)
    assert (raw["type"], raw["v"]) == (event_type, int(version))
    validator("events", path.name).validate(raw)
    event = PROGRAMMES.decode(stored)
    assert (event.type, event.v) == (event_type, PROGRAMMES.events.versions[event_type])
    newest = {**raw, "v": event.v, "data": event.data}
    validator("events", f"{event_type}.v{event.v}.json").validate(newest)
    if int(version) == event.v:
        again = {
            name: raw[name] for name in ("stream", "seq", "occurred_at", "recorded_at", "fact", "actor", "prev", "salt")
        }
        assert encode_event(**again, event_type=event_type, data=event.data) == stored, "not the canonical bytes"


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("add-location", {"location": None}),
        ("add-location", {"location": " Lisbon"}),
        ("add-location", {"location": "someone@example.org"}),
        ("add-location", {"membership": "-m"}),
        ("add-location", {"occurred_at": "2010-02-01T10:00:00"}),
        ("add-location", {"occurred_at": "2010-02-01T24:00:00Z"}),
        ("add-location", {"occurred_at": "2010-02-30T10:00:00Z"}),
        ("add-location", {"id": ""}),
        ("add-location", {"id": "csat-ledger:decide:m-1:2011-03-01:5"}),
        ("add-location", {"occurred_at": "2010-02-01T10:00:00.1234567Z"}),
        ("add-location", {"note": "free text"}),
        ("set-renewal-date", {"renewal_date": "2011-02-29"}),
        ("set-renewal-date", {"renewal_date": "1.3.2011"}),
        ("enrol-membership", {"locations": []}),
        ("enrol-membership", {"competencies": ["Learning", "Learning"]}),
        ("enrol-membership", {"level": "platinum"}),
        ("update-membership", {"level": None, "competencies": None}),
        ("record-invitation", {"channel": "post"}),
        ("record-response", {"anonymous": "yes"}),
        ("void-response", {"reason": "low score"}),
        ("publish-rulebook", {"window_months": 0}),
        ("publish-rulebook", {"per_org_cap": 2.5}),
        ("open-designation", {"area": "Business Applications"}),
        ("open-designation", {"membership": "m-1/area"}),
        ("set-anniversary", {"anniversary": "2023-02-29"}),
        ("report-usage", {"units": -1}),
        ("report-usage", {"units": 10**12 + 1}),
        ("report-usage", {"customer": "someone@example.org"}),
        ("report-revenue", {"association": "csp"}),
        ("close-month", {"month": "1899-12"}),
        ("close-month", {"month": "9999-01"}),
        ("correct-close", {"closed_at": "2024-06-19"}),
        ("record-certificate", {"tier": "expert"}),
        ("end-certificate", {"on": "2024-13-01"}),
        ("publish-scorebook", {"rates": {}}),
        ("publish-scorebook", {"rates": {"Retail": {"rate_milli": 1, "associations": ["pal"]}}}),
        ("publish-scorebook", {"rates": {"retail": {"rate_milli": 1, "associations": ["pal", "pal"]}}}),
        ("publish-scorebook", {"track": {"workloads": 5}}),
    ],
)
def test_schema_and_parser_turn_away_the_same(kind: str, change: dict[str, Any]) -> None:
    content = json.loads((SCHEMAS / f"samples/facts/{kind}.v1.json").read_bytes()) | change
    assert not validator("facts", f"{kind}.v1.json").is_valid(content)
    with pytest.raises(Refused, match=r"malformed|personal-data|reserved-id"):
        parse_fact(json.dumps(content))


def test_the_schema_of_an_event_covers_its_envelope() -> None:
    schema = event_schema("ResponseReceived", 1)
    assert sorted(schema["required"]) == sorted(json.loads(RELEASED_EVENTS[0].read_bytes()))
    assert schema["properties"]["data"]["additionalProperties"] is False


def test_every_fact_and_every_event_of_a_generated_book_keeps_to_its_schema(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "book.db")
    writer = Writer(store, lambda: END_US, PROGRAMMES)
    facts = []
    for _, content in islice(generate(7, memberships=8), 1_500):
        try:
            facts.append(parse_fact(json.dumps(content)))
        except Refused:
            assert content.get("type") is None or not is_valid_fact(content)
        else:
            validator("facts", f"{content['type']}.v1.json").validate(content)
    writer.record(facts)
    writer.review(END_US)
    kinds: set[str] = set()
    for row in store.read_feed(0, 100_000):
        kinds.add(row.type)
        validator("events", f"{row.type}.v1.json").validate(json.loads(row.stored))
    assert {"EligibilityChanged", "ResponseReceived", "MembershipEnrolled", "RulebookPublished"} <= kinds
    store.close()


def is_valid_fact(content: dict[str, Any]) -> bool:
    name = f"{content['type']}.v1.json"
    return (SCHEMAS / "facts" / name).exists() and validator("facts", name).is_valid(content)


def test_a_third_programme_has_its_schemas_and_samples_without_a_change_to_the_others() -> None:
    three = dict(files(Programmes([*PROGRAMMES.all, LAMPS])))
    assert dict(files()).items() <= three.items()
    more = three.keys() - dict(files()).keys()
    assert {"facts/light-bulb.v1.json", "events/BulbLit.v1.json", "events/BulbLit.v2.json"} <= more
    assert "samples/events/BulbLit.v2.json" in more
    for name in more - {name for name in more if name.startswith("samples/")}:
        Draft202012Validator.check_schema(json.loads(three[name]))
    for name in ("BulbLit.v2", "LampChanged.v1", "LampJudged.v1", "LampRulesPublished.v1"):
        schema = json.loads(three[f"events/{name}.json"])
        Draft202012Validator(schema, format_checker=FORMATS).validate(json.loads(three[f"samples/events/{name}.json"]))
        assert schema["properties"]["stream"] in ({"type": "string", "pattern": "^lamp-"}, {"const": "lamprules"})

"""What the messages hold, read by our own models, by the schemas, by the CloudEvents SDK and by kcat."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from consumers.broker.topics import specs
from consumers.messages import schemas as contracts
from consumers.messages.announcements import MessageKinds
from consumers.messages.cloudevents import LEDGER_EVENTS, Outgoing, encode_original, event_message, refused_message
from consumers.messages.compatibility import breaks
from consumers.messages.registry import MESSAGES
from csat_ledger_client.errors import BadMessage
from csat_ledger_client.kafka.broker import Topics
from csat_ledger_client.messages.announced import MessageKind
from csat_ledger_client.messages.capability import DESIGNATION, DesignationChanged, DesignationStatus
from csat_ledger_client.messages.cloudevents import LedgerEvent, RefusedFact
from csat_ledger_client.messages.survey import ELIGIBILITY, EligibilityChanged, EligibilityStatus
from ledger.errors import BrokenHistory
from ledger.event import leaf_hash
from ledger.programmes.registry import PROGRAMMES
from ledger.store.base import Row
from tests.consumers.support import Announcing, announcing

SCHEMAS = Path(__file__).parents[3] / "schemas"


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Announcing]:
    with announcing(tmp_path_factory.mktemp("book") / "book.db") as book:
        book.record(book.enrol("m-1"))
        book.record(book.flips("m-1", 5))
        book.record(book.qualify("m-1") + book.restate("m-1", 2) + book.qualify("m-2"))
        yield book


@pytest.fixture(scope="module")
def messages(book: Announcing) -> list[Outgoing]:
    return [message for row in book.store.read_feed(0, 1_000) for message in messages_of(row)]


def messages_of(row: Row) -> list[Outgoing]:
    """What the relay sends of an event."""
    return [event_message(row), *MESSAGES.of(row)]


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / "messages" / name).read_text())
    return found


def test_every_event_becomes_one_message_with_its_stored_bytes(book: Announcing, messages: list[Outgoing]) -> None:
    assert [message.value for message in messages if message.topic == LEDGER_EVENTS] == book.stored()


def test_every_announcement_becomes_a_change_and_a_status(book: Announcing, messages: list[Outgoing]) -> None:
    told = [
        EligibilityChanged.from_value(message.value) for message in messages if message.topic == EligibilityChanged.type
    ]
    assert told == book.announcements()
    statuses = [
        EligibilityStatus.from_value(message.value) for message in messages if message.topic == EligibilityStatus.type
    ]
    assert [status.model_dump() for status in statuses] == [
        {name: value for name, value in change.model_dump().items() if name not in ("previous", "revises", "fact")}
        for change in told
    ]


def test_announcements_on_designations_have_the_membership_as_key_and_statuses_the_area_too(
    book: Announcing, messages: list[Outgoing]
) -> None:
    told = [message for message in messages if message.topic == DesignationChanged.type]
    assert [DesignationChanged.from_value(message.value) for message in told] == book.designations()
    assert [message.key for message in told] == [b"m-1"] * 3 + [b"m-2"]
    statuses = [message for message in messages if message.topic == DesignationStatus.type]
    assert [message.key for message in statuses] == [b"m-1/business-applications"] * 3 + [b"m-2/business-applications"]
    assert [DesignationStatus.from_value(message.value).model_dump() for message in statuses] == [
        {name: value for name, value in change.model_dump().items() if name not in ("previous", "revises", "fact")}
        for change in book.designations()
    ]
    assert [change.qualified for change in book.designations()] == [True, False, True, True]
    first = book.designations()[0]
    assert (first.centipoints, sum(first.metrics.values()), first.month) == (7_400, 7_400, "2024-05")
    assert dict(told[0].headers)["ce_id"].decode() == first.id
    assert first.id.startswith("designation-m-1/business-applications/")


def test_all_events_of_a_membership_have_one_key_whatever_programme_they_are_of(messages: list[Outgoing]) -> None:
    of_designations = [
        message for message in messages
        if message.topic == LEDGER_EVENTS and dict(message.headers)["ce_id"].startswith(b"designation-")
    ]  # fmt: skip
    assert {message.key for message in of_designations} == {b"m-1", b"m-2"}
    editions = [message for message in messages if dict(message.headers)["ce_id"].startswith(b"scorebook/")]
    assert {message.key for message in editions} == {b"scorebook/business-applications"}


def test_messages_for_a_type_that_no_programme_announces_are_refused() -> None:
    lamp = MessageKind("LampChanged", ELIGIBILITY.topics, EligibilityChanged, EligibilityStatus)
    with pytest.raises(ValueError, match="LampChanged"):
        MessageKinds(PROGRAMMES, [lamp])
    with pytest.raises(ValueError, match=r"expected csat\.designation-changed\.v1"):
        MessageKind("DesignationChanged", DESIGNATION.topics, EligibilityChanged, EligibilityStatus)


def test_events_of_the_programme_have_its_name_as_their_key(messages: list[Outgoing]) -> None:
    first = messages[0]
    assert first.key == b"programme"
    assert dict(first.headers)["ce_id"] == b"programme/1"
    assert dict(first.headers)["ce_type"] == b"csat.ledger.RulebookPublished.v1"


def test_same_event_gives_the_same_message_again(book: Announcing) -> None:
    (row,) = book.store.read_feed(12, 1)
    assert messages_of(row) == messages_of(row)


def test_id_and_source_together_are_unique(messages: list[Outgoing]) -> None:
    pairs = [(dict(message.headers)["ce_source"], dict(message.headers)["ce_id"]) for message in messages]
    assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize("field", ["stream", "seq", "type", "stored"])
def test_row_that_is_not_the_event_it_says_is_sent_as_it_is_and_announced_by_nobody(
    book: Announcing, field: str
) -> None:
    (row,) = book.store.read_type("EligibilityChanged", 0, 1)
    wrong: dict[str, Any] = {
        "stream": "membership-m-2",
        "seq": 99,
        "type": "DesignationChanged",
        "stored": row.stored[:-5] + b"\xff",
    }
    damaged = row._replace(**{field: wrong[field]})
    with pytest.raises(BrokenHistory, match=f"position {row.position}"):
        MESSAGES.of(damaged)
    message = event_message(damaged)
    headers = _texts(message)
    assert (message.value, headers["ledger-position"]) == (damaged.stored, str(row.position))
    assert headers["ce_id"] == f"{damaged.stream}/{damaged.seq}"
    assert headers["ce_type"] == f"csat.ledger.{damaged.type}.v0"
    assert headers["ce_time"].startswith("1970-")
    jsonschema.validate(headers, schema("cloudevents-headers.json"))


def test_event_of_a_type_that_nobody_knows_is_sent_like_any_other(book: Announcing) -> None:
    (row,) = book.store.read_feed(12, 1)
    raw = orjson.loads(row.stored) | {"type": "SomethingNew", "v": 7}
    headers = _texts(event_message(row._replace(type="SomethingNew", stored=orjson.dumps(raw))))
    assert headers["ce_type"] == "csat.ledger.SomethingNew.v7"
    assert headers["ce_time"] == raw["occurred_at"]


def test_cursor_says_which_event_stands_at_the_position(messages: list[Outgoing], book: Announcing) -> None:
    for message in messages:
        headers = _texts(message)
        (row,) = book.store.read_feed(int(headers["ledger-position"]) - 1, 1)
        assert headers["ledger-cursor"] == f"{row.position}-{leaf_hash(row.stored)[:16]}"


def test_reader_takes_a_message_with_more_fields_than_it_knows(messages: list[Outgoing]) -> None:
    value = orjson.loads(next(m.value for m in messages if m.topic == EligibilityChanged.type))
    assert EligibilityChanged.from_value(orjson.dumps(value | {"later": [1]})) == EligibilityChanged.from_value(
        orjson.dumps(value)
    )


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff", b"[]", b'{"membership": 3}'])
def test_bytes_that_are_no_message_are_a_bad_message(value: bytes | None) -> None:
    with pytest.raises(BadMessage, match="found no EligibilityChanged"):
        EligibilityChanged.from_value(value)


@pytest.mark.parametrize("original", [b'{"type":"enrol-membership"}', "Ä {".encode(), b"\xff\x00{"])
def test_refused_fact_keeps_the_message_to_the_byte(original: bytes) -> None:
    text, encoding = encode_original(original)
    refused = RefusedFact(
        code="malformed", sentence="found …", fact=None, membership=None, topic="csat.facts.v1", partition=2, offset=17,
        original=text, original_encoding=encoding, complete=True,
    )  # fmt: skip
    message = refused_message(refused, 1_400_000_000_000_000, b"m-1")
    assert RefusedFact.from_value(message.value).original_bytes() == original
    assert dict(message.headers)["ce_id"] == b"csat.facts.v1/2/17"
    jsonschema.validate(json.loads(message.value), schema("fact-refused.v1.json"))
    jsonschema.validate(_texts(message), schema("cloudevents-headers.json"))


MODELS = {
    LEDGER_EVENTS: "ledger-event.v1.json",
    **{name: f"{name.removeprefix('csat.')}.json" for pair in MESSAGES.topics for name in pair},
}


def test_values_and_headers_are_what_the_schemas_say(messages: list[Outgoing]) -> None:
    assert {message.topic for message in messages} == MODELS.keys()
    by_topic = {contract.topic: contract for contract in contracts.CONTRACTS}
    for message in messages:
        jsonschema.validate(json.loads(message.value), schema(MODELS[message.topic]))
        jsonschema.validate(_texts(message), schema("cloudevents-headers.json"))
        jsonschema.validate(_texts(message), contracts.headers_schema(by_topic[message.topic]))
        if message.topic == LEDGER_EVENTS:
            LedgerEvent.from_value(message.value)


def _texts(message: Outgoing) -> dict[str, str]:
    return {name: value.decode() for name, value in message.headers}


def _subject(message: Outgoing) -> str:
    """The key; of a status of the second programme the membership in it."""
    key = message.key.decode()
    return key.partition("/")[0] if message.topic == DesignationStatus.type else key


def test_cloudevents_sdk_reads_the_messages(messages: list[Outgoing]) -> None:
    kafka_binding = pytest.importorskip("cloudevents.core.bindings.kafka")
    for message in messages:
        received = kafka_binding.KafkaMessage(dict(message.headers), message.key, message.value)
        event = kafka_binding.from_kafka_event(received)
        headers = _texts(message)
        assert (event.get_id(), event.get_source()) == (headers["ce_id"], headers["ce_source"])
        assert (event.get_type(), event.get_subject()) == (headers["ce_type"], _subject(message))
        assert event.get_specversion() == "1.0"
        assert event.get_datacontenttype() == "application/json"
        assert event.get_time().isoformat(timespec="microseconds").replace("+00:00", "Z") == headers["ce_time"]
        assert event.get_data() == json.loads(message.value)


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")
def test_kcat_reads_the_messages(kafka_broker: Any, book: Announcing) -> None:
    from tests.consumers.support import broker_with_topics, relay_all

    broker = broker_with_topics(kafka_broker.bootstrap)
    relay_all(book.store, broker)
    command = [
        "kcat",
        "-C",
        "-b",
        broker.bootstrap,
        "-t",
        broker.topics.named(EligibilityChanged.type),
        "-o",
        "beginning",
    ]
    command += ["-e", "-q", "-J", "-X", "isolation.level=read_committed"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [EligibilityChanged.from_value(line["payload"].encode()) for line in lines] == book.announcements()
    headers = dict(zip(lines[0]["headers"][::2], lines[0]["headers"][1::2], strict=True))
    assert headers["ce_type"] == "csat.eligibility-changed.v1"
    assert lines[0]["key"] == "m-1"


# The contracts.


def test_schemas_are_those_of_the_models() -> None:
    assert contracts.differences(SCHEMAS) == [], "python -m consumers.messages.schemas --write schemas"


def test_present_messages_keep_what_the_releases_promise() -> None:
    assert contracts.broken_promises(SCHEMAS) == []


@pytest.mark.parametrize("kind", ["messages", "events", "answers", "proofs", "facts"])
def test_a_schema_that_is_gone_breaks_the_promise_of_a_release(tmp_path: Path, kind: str) -> None:
    for name in contracts.WRITTEN_BY:
        shutil.copytree(SCHEMAS / name, tmp_path / name)
    contracts.release(tmp_path, "1.0")
    assert contracts.broken_promises(tmp_path) == []
    gone = min((tmp_path / kind).glob("*.json"))
    gone.unlink()
    (found,) = contracts.broken_promises(tmp_path)
    assert f"found no {kind}/{gone.name} any more" in found


def test_contracts_are_written_checked_and_released(tmp_path: Path) -> None:
    assert contracts.main(["--check", str(tmp_path)]) == 1
    assert contracts.main(["--write", str(tmp_path)]) == 0
    assert contracts.main(["--release", str(tmp_path), "1.0"]) == 0
    assert contracts.main(["--check", str(tmp_path)]) == 0
    (tmp_path / "messages" / "ledger-event.v1.json").write_text("{}")
    assert contracts.main(["--check", str(tmp_path)]) == 1
    with pytest.raises(FileExistsError):
        contracts.release(tmp_path, "1.0")


def test_references_of_the_asyncapi_document_lead_somewhere() -> None:
    document = json.loads((SCHEMAS / "asyncapi.json").read_text())

    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from ([node["$ref"]] if "$ref" in node else [])
            node = list(node.values())
        if isinstance(node, list):
            for child in node:
                yield from references(child)

    for reference in references(document):
        path, _, pointer = reference.partition("#")
        target = json.loads((SCHEMAS / path).read_text()) if path else document
        for part in filter(None, pointer.split("/")):
            target = target[part]
        assert target
    assert {channel["address"] for channel in document["channels"].values()} == set(specs(Topics())) - {
        Topics().relay_positions
    }


OBJECT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "maxLength": 10},
        "kind": {"enum": ["a", "b"]},
        "count": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "data": {"type": "object", "properties": {"line": {"$ref": "#/$defs/line"}}},
        "rates": {"type": "object", "patternProperties": {"^[a-z]+$": {"$ref": "#/$defs/line"}}},
        "names": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "by_name": {"type": "object", "additionalProperties": {"$ref": "#/$defs/line"}},
    },
    "required": ["id", "kind"],
    "$defs": {"line": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}},
}


def changed(*path: str, to: Any) -> dict[str, Any]:
    """The object above with another value at a path; None takes it away."""
    schema = copy.deepcopy(OBJECT)
    node: Any = schema
    for part in path[:-1]:
        node = node[part]
    if to is None:
        del node[path[-1]]
    else:
        node[path[-1]] = to
    return schema


@pytest.mark.parametrize(
    ("present", "breaks_readers", "breaks_writers"),
    [
        (changed("description", to="other words"), False, False),
        (changed("properties", "new", to={"type": "string"}), False, False),
        (changed("properties", "id", to=None), True, True),
        (changed("properties", "lines", to=None), True, True),
        (changed("properties", "id", "type", to="integer"), True, True),
        (changed("required", to=["id"]), True, False),
        (changed("required", to=["id", "kind", "count"]), False, True),
        (changed("properties", "kind", "enum", to=["a", "b", "c"]), True, False),
        (changed("properties", "kind", "enum", to=["a"]), False, True),
        (changed("properties", "kind", to={"type": "string"}), True, False),
        (changed("properties", "count", to={"type": "integer", "minimum": 0}), False, True),
        (changed("properties", "id", to={"anyOf": [{"type": "string"}, {"type": "null"}]}), True, False),
        (changed("properties", "count", "anyOf", to=[{"type": "number", "minimum": 0}, {"type": "null"}]), True, False),
        (changed("properties", "count", "anyOf", to=[{"type": "integer"}, {"type": "null"}]), True, False),
        (changed("properties", "id", "maxLength", to=20), True, False),
        (changed("properties", "id", "maxLength", to=5), False, True),
        (changed("properties", "id", "pattern", to="^x"), False, True),
        (changed("$defs", "line", "properties", "text", to=None), True, True),
        (changed("$defs", "line", "required", to=[]), True, False),
        (changed("properties", "rates", "patternProperties", to={"^[a-z]*$": {"$ref": "#/$defs/line"}}), True, True),
        (changed("properties", "rates", "patternProperties", "^[a-z]+$", to={"type": "integer"}), True, True),
        (changed("properties", "rates", "patternProperties", to=None), True, False),
        (changed("properties", "names", "uniqueItems", to=None), True, False),
        (changed("$defs", "line", "properties", "text", "type", to="integer"), True, True),
    ],
)
def test_break_is_found_for_those_whom_it_breaks(
    present: dict[str, Any], breaks_readers: bool, breaks_writers: bool
) -> None:
    assert bool(breaks(OBJECT, present, "ours")) is breaks_readers, breaks(OBJECT, present, "ours")
    assert bool(breaks(OBJECT, present, "others")) is breaks_writers, breaks(OBJECT, present, "others")


LINES = {
    "anyOf": [{"$ref": "#/$defs/step"}, {"$ref": "#/$defs/check"}],
    "$defs": {
        "step": {"type": "object", "properties": {"seq": {"type": "integer"}}, "required": ["seq"]},
        "check": {"type": "object", "properties": {"same": {"type": "boolean"}}, "required": ["same"]},
    },
}
NAMED: dict[str, Any] = {"type": "object", "properties": {"by_name": {"type": "object", "additionalProperties": {}}}}


@pytest.mark.parametrize(
    ("present", "breaks_readers"),
    [
        (LINES, False),
        ({**LINES, "anyOf": LINES["anyOf"][:1]}, False),
        ({**LINES, "anyOf": [*LINES["anyOf"], {"type": "string"}]}, True),
        ({**LINES, "$defs": {**LINES["$defs"], "step": {"type": "object", "properties": {}}}}, True),  # type: ignore[dict-item]
    ],
)
def test_break_is_found_where_lines_are_of_several_kinds(present: dict[str, Any], breaks_readers: bool) -> None:
    assert bool(breaks(LINES, present, "ours")) is breaks_readers, breaks(LINES, present, "ours")


def test_break_is_found_in_an_object_whose_names_are_data() -> None:
    released, present = copy.deepcopy(NAMED), copy.deepcopy(NAMED)
    released["properties"]["by_name"]["additionalProperties"] = {"type": "integer"}
    present["properties"]["by_name"]["additionalProperties"] = {"type": "string"}
    assert breaks(released, released, "ours") == []
    assert breaks(released, present, "ours") == ["by_name.*: found type string, expected integer"]


def test_the_readme_shows_the_downstream_service_that_a_test_runs() -> None:
    root = Path(__file__).parents[3]
    assert (root / "tests/client/kafka/example_downstream.py").read_text().rstrip() in (root / "README.md").read_text()

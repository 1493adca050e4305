"""The contracts of what we send: JSON Schemas, the headers of the CloudEvents, and an AsyncAPI 3 document.

    python -m consumers.messages.schemas --write schemas           writes them, from the models of `consumers.messages`
    python -m consumers.messages.schemas --check schemas           compares, and checks against every release
    python -m consumers.messages.schemas --release schemas 1.0     keeps all schemas as those of a release, for ever

    schemas/messages/*.v1.json     what the value of each message is, and `cloudevents-headers.json`
    schemas/asyncapi.json          topics, keys, headers and values, for tools; refers to schemas/facts as well
    schemas/released/<version>/    messages, events, answers, proofs and facts as released. Whoever relies on them must
                                   not be broken by the present ones (`consumers.messages.compatibility`): readers of
                                   messages, events, answers and proofs, writers of facts

The messages' are JSON Schema draft-07, which AsyncAPI tools must understand; those of facts and events
(`ledger.programmes.schemas`) are 2020-12.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
from pydantic import BaseModel

from consumers.broker.topics import specs
from consumers.messages.compatibility import Direction, breaks
from consumers.messages.registry import MESSAGES
from csat_ledger_client.kafka.broker import Topics
from csat_ledger_client.messages.announced import MessageKind
from csat_ledger_client.messages.capability import DesignationChanged, DesignationStatus
from csat_ledger_client.messages.cloudevents import (
    CURSOR_HEADER,
    LEDGER_EVENT_TYPE,
    POSITION_HEADER,
    SOURCE,
    LedgerEvent,
    RefusedFact,
)
from csat_ledger_client.messages.survey import EligibilityChanged, EligibilityStatus
from ledger.programmes.registry import PROGRAMMES
from ledger.programmes.schemas import FACT_VERSION

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
SCHEMA_FORMAT: Final = "application/schema+json;version=draft-07"
FACTS_FORMAT: Final = "application/schema+json;version=2020-12"
WRITTEN_BY: Final[Mapping[str, Direction]] = {
    "messages": "ours",
    "events": "ours",
    "answers": "ours",
    "proofs": "ours",
    "facts": "others",
}
"""What is released, by folder."""
VERSION: Final = "1.0.0"
"""Of the contracts. The first figure is that of the topics' names; the second grows with fields that are added."""


class Contract(NamedTuple):
    """A topic and what is in it."""

    topic: str
    model: type[BaseModel] | None
    file: str
    source: str
    ce_type: str
    action: str
    key: str
    text: str


TOPICS: Final = Topics()


def _announced(kind: MessageKind[Any]) -> Iterator[Contract]:
    """The two topics of a programme's announcements."""
    for model in (kind.changed, kind.status):
        name = _short(model.type)
        key, text = TEXTS[model.type]
        yield Contract(model.type, model, f"{name}.v1", name, model.type, "send", key, text)


def _short(topic: str) -> str:
    """`csat.eligibility-changed.v1` is `eligibility-changed`."""
    return topic.removeprefix("csat.").removesuffix(".v1")


TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    EligibilityChanged.type: ("membership", "Every announcement, once, in order for each membership."),
    EligibilityStatus.type: ("membership", "Where each membership stands; compacted."),
    DesignationChanged.type: ("membership", "Every announcement on designations, once, in order for each membership."),
    DesignationStatus.type: ("`<membership>/<area>`", "Where each membership stands in each area; compacted."),
}
"""Topic -> its key, and what is in it."""
CONTRACTS: Final = (
    *(contract for kind in MESSAGES.all for contract in _announced(kind)),
    Contract(
        TOPICS.ledger_events, LedgerEvent, "ledger-event.v1", "ledger-events",
        f"^{LEDGER_EVENT_TYPE.replace('.', '[.]')}[.][A-Za-z]+[.]v[0-9]+$", "send",
        "membership, or the stream that is none of a membership", "Every event of the book, as its stored bytes.",
    ),
    Contract(
        TOPICS.facts_refused, RefusedFact, "fact-refused.v1", "facts-refused",
        RefusedFact.type, "send", "the key of the fact's message", "Facts that were not recorded, and why.",
    ),
    Contract(
        TOPICS.facts, None, "fact", "", "", "receive", "membership",
        "Facts to be recorded, in any order. Headers are not looked at.",
    ),
)  # fmt: skip


def documents() -> dict[str, bytes]:
    """Every file by its path under `schemas`."""
    files: dict[str, Any] = {"messages/cloudevents-headers.json": headers_schema(None)}
    for contract in CONTRACTS:
        if contract.model is not None:
            files[f"messages/{contract.file}.json"] = value_schema(contract.model)
    files["asyncapi.json"] = asyncapi()
    return {path: orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n" for path, content in files.items()}


def value_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a message's value, as those who read it may rely on it."""
    schema = model.model_json_schema(mode="serialization")
    for one in (schema, *schema.get("$defs", {}).values()):
        for field in one["properties"].values():
            field.pop("title", None)
    return {"$schema": DRAFT, **schema}


def headers_schema(contract: Contract | None) -> dict[str, Any]:
    """The schema of the headers: of one topic's messages, or what all have in common. Values are UTF-8 text."""
    source: dict[str, Any] = {"type": "string", "pattern": f"^{SOURCE}/[a-z-]+$"}
    ce_type: dict[str, Any] = {"type": "string"}
    if contract is not None:
        source = {"type": "string", "const": f"{SOURCE}/{contract.source}"}
        ce_type |= {"pattern": contract.ce_type} if contract.ce_type.startswith("^") else {"const": contract.ce_type}
    instant = {"type": "string", "format": "date-time"}
    return {
        "$schema": DRAFT,
        "title": "CloudEvents headers",
        "description": "CloudEvents 1.0, Kafka protocol binding, binary content mode.",
        "type": "object",
        "properties": {
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_id": {"type": "string", "description": "Stream and seq; unique together with ce_source."},
            "ce_source": source,
            "ce_type": ce_type,
            "ce_time": {**instant, "description": "When it was so; 1970 for an event whose bytes cannot be read."},
            "ce_subject": {
                "type": "string",
                "description": "The membership, or the stream that is none of a membership.",
            },
            "content-type": {"type": "string", "const": "application/json"},
            POSITION_HEADER: {
                "type": "string",
                "pattern": "^[1-9][0-9]*$",
                "description": "Where the event stands in the book; not on refused facts.",
            },
            CURSOR_HEADER: {
                "type": "string",
                "pattern": "^[1-9][0-9]*-[0-9a-f]{16}$",
                "description": "The position, and the beginning of the event's leaf hash; not on refused facts.",
            },
        },
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type"],
    }


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI document. Values are referred to in the files beside it."""
    required = specs(TOPICS)
    channels, operations, messages = {}, {}, {}
    for contract in CONTRACTS:
        name = _name(contract)
        channel = _channel_name(contract)
        channels[channel] = {
            "address": contract.topic,
            "description": contract.text,
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
            "bindings": {"kafka": _kafka_binding(contract.topic, required[contract.topic])},
        }
        operations[f"{contract.action}{channel[0].upper()}{channel[1:]}"] = {
            "action": contract.action,
            "channel": {"$ref": f"#/channels/{channel}"},
            "summary": contract.text,
            "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"}],
        }
        messages[name] = _message(contract, name)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "CSAT ledger",
            "version": VERSION,
            "description": "Facts into the ledger, and what it announces. A prefix may stand before the topics' names.",
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": "localhost:9092", "protocol": "kafka", "description": "Apache Kafka"}},
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _message(contract: Contract, name: str) -> dict[str, Any]:
    key = {"type": "string", "description": contract.key}
    common = {"name": name, "contentType": "application/json", "bindings": {"kafka": {"key": key}}}
    if contract.model is None:
        types = [{"$ref": f"./facts/{fact_type}.v{FACT_VERSION}.json"} for fact_type in sorted(_fact_types())]
        return common | {"payload": {"schemaFormat": FACTS_FORMAT, "schema": {"oneOf": types}}}
    headers = {name: value for name, value in headers_schema(contract).items() if name != "$schema"}
    return common | {
        "summary": (contract.model.__doc__ or "").splitlines()[0],
        "headers": headers,
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"./messages/{contract.file}.json"}},
    }


def _fact_types() -> Iterator[str]:
    return (kind for programme in PROGRAMMES.all for kind in programme.schema_forms().facts)


def _kafka_binding(topic: str, spec: Any) -> dict[str, Any]:
    configuration: dict[str, Any] = {"cleanup.policy": [spec.config["cleanup.policy"]]}
    if "retention.ms" in spec.config:
        configuration["retention.ms"] = int(spec.config["retention.ms"])
    return {
        "topic": topic,
        "partitions": spec.partitions,
        "topicConfiguration": configuration,
        "bindingVersion": "0.5.0",
    }


def _name(contract: Contract) -> str:
    return contract.model.__name__ if contract.model is not None else "Fact"


def _channel_name(contract: Contract) -> str:
    first, *others = contract.topic.removeprefix("csat.").removesuffix(".v1").split("-")
    return first + "".join(other.capitalize() for other in others)


def write(folder: Path) -> None:
    """Puts the files in their places."""
    for path, content in documents().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def differences(folder: Path) -> list[str]:
    """What in a folder is not as it would be generated."""
    found = []
    for path, content in documents().items():
        there = (folder / path).read_bytes() if (folder / path).exists() else None
        if there != content:
            found.append(f"{path}: {'is missing' if there is None else 'is not what the models say'}")
    return found


def broken_promises(folder: Path) -> list[str]:
    """Where a present schema breaks those who rely on a released one."""
    found = []
    for kind, written_by in WRITTEN_BY.items():
        for released in sorted((folder / "released").glob(f"*/{kind}/*.json")):
            present = folder / kind / released.name
            if not present.exists():
                found.append(f"{released}: found no {kind}/{released.name} any more")
                continue
            old, new = orjson.loads(released.read_bytes()), orjson.loads(present.read_bytes())
            found += [f"{released}: {sentence}" for sentence in breaks(old, new, written_by)]
    return found


def release(folder: Path, version: str) -> None:
    """Keeps the present schemas as those of a release. Raises FileExistsError where there is one of that name."""
    (folder / "released" / version).mkdir(parents=True)
    for kind in WRITTEN_BY:
        if (folder / kind).is_dir():
            shutil.copytree(folder / kind, folder / "released" / version / kind)


def main(arguments: Sequence[str]) -> int:
    """See the module."""
    match list(arguments):
        case ["--write", folder]:
            write(Path(folder))
        case ["--check", folder]:
            found = differences(Path(folder)) + broken_promises(Path(folder))
            sys.stderr.writelines(f"{line}\n" for line in found)
            return 1 if found else 0
        case ["--release", folder, version]:
            release(Path(folder), version)
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What the OpenAPI document says of the log and of evidence, whose answers are bytes that others have defined."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from console.http.evidence import PROOFS, ROUTES
from console.http.log import ENTRIES
from console.http.openapi_webhooks import Component
from console.http.parameters import Parameter
from console.http.proof_state import DecisionProof
from ledger.proof.log.bundle import FORMAT, KEYS

Schema = dict[str, Any]
TEXT: Final = "text/plain"
BYTES: Final = "application/octet-stream"
AUDITED: Final = (400, 401, 403, 404, 414, 429, 431, 503, 504)
PUBLIC: Final = (400, 404, 414, 429, 431, 503, 504)
TILE: Final[Schema] = {
    "name": "tile",
    "in": "path",
    "required": True,
    "description": "The number of the tile as c2sp.org/tlog-tiles writes it: `000`, beyond 999 `x001/234`; a partial one as "
    "`000.p/5`, for a tile of 5.",
    "schema": {"type": "string", "pattern": r"^(x[0-9]{3}/)*[0-9]{3}(\.p/[1-9][0-9]{0,2})?$", "maxLength": 60},
    "example": "000.p/1",
}
LEVEL: Final[Schema] = {
    "name": "level",
    "in": "path",
    "required": True,
    "description": "The level of the tile; 0 has the leaf hashes.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 63},
    "example": 0,
}
RANGE: Final[Schema] = {
    "name": "Range",
    "in": "header",
    "description": "`bytes=first-last`: a part. What is longer than 16 MiB is given in parts alone.",
    "schema": {"type": "string", "maxLength": 60},
}


def log_paths(
    component: Component,
    parameter: Callable[[Parameter], Schema],
    roles: Callable[[str], str],
    problems: Callable[[Iterable[int]], dict[str, Schema]],
) -> dict[str, Any]:
    """The paths; what is given says of a parameter, of a route's roles and of statuses what the document says of them."""
    found: dict[str, Any] = {}
    for name, path, summary, parameters in ROUTES:
        found[path] = {
            "get": {
                "operationId": name,
                "summary": summary,
                "description": f"{roles(name)} What `csat-ledger evidence` writes; `csat-ledger verify` takes it.",
                "parameters": [*map(parameter, parameters)],
                "responses": {"200": _evidence(), **problems((*AUDITED, 409, 422))},
            }
        }
    for name, path, summary, parameters in PROOFS:
        answer = {"schema": component("DecisionProof", DecisionProof)}
        found[path] = {
            "get": {
                "operationId": name,
                "summary": summary,
                "description": f"{roles(name)} What is verified here goes by the policy of the service, and is its own word.",
                "parameters": [*map(parameter, parameters)],
                "responses": {
                    "200": {
                        "description": "The answer.",
                        "headers": {"Ledger-Position": _POSITION},
                        "content": {"application/json": answer},
                    },
                    **problems((*AUDITED, 409, 422)),
                },
            }
        }
    found["/log/checkpoint"] = _public(
        "log-checkpoint", "The published checkpoint: a signed note.", _bytes("The checkpoint.", TEXT), problems(PUBLIC)
    )
    found["/log/checkpoints.jsonl"] = _public(
        "log-checkpoints",
        "Every checkpoint that was signed, a line each.",
        {**_bytes("The whole lines.", TEXT), "206": _bytes("A part.", TEXT)["200"]},
        problems((*PUBLIC, 416)),
        RANGE,
    )
    found["/log/tile/{level}/{tile}"] = _public(
        "log-tile",
        "A tile of hashes.",
        _bytes("32 bytes for each hash.", BYTES),
        problems((*PUBLIC, 401, 403)),
        LEVEL,
        TILE,
    )
    found["/log/tile/entries/{tile}"] = {
        "get": {
            "operationId": ENTRIES,
            "summary": "A bundle of the log's entries.",
            "description": roles(ENTRIES),
            "parameters": [TILE],
            "responses": {**_bytes("Each entry after its length in two bytes.", BYTES), **problems(AUDITED)},
        }
    }
    return found


_POSITION: Final[Schema] = {
    "description": "The last position that it speaks for.",
    "schema": {"type": "integer", "minimum": 0},
}


def _public(name: str, summary: str, answers: Schema, wrong: Schema, *parameters: Schema) -> Schema:
    operation = {"operationId": name, "summary": summary, "security": [], "responses": {**answers, **wrong}}
    return {"get": operation | ({"parameters": list(parameters)} if parameters else {})}


def _bytes(description: str, media: str) -> Schema:
    schema: Schema = {"type": "string"} if media == TEXT else {"type": "string", "contentMediaType": BYTES}
    return {"200": {"description": description, "content": {media: {"schema": schema}}}}


def _evidence() -> Schema:
    schema = {
        "type": "object",
        "description": "An evidence bundle: schemas/proofs/evidence.v2.json.",
        "properties": {"format": {"const": FORMAT}},
        "required": [*KEYS],
    }
    return {
        "description": "The evidence.",
        "headers": {"Ledger-Position": _POSITION},
        "content": {"application/json": {"schema": schema}},
    }

"""What the OpenAPI document says of the feed of changes: two types of content, and the events of the stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from console.http.changes import AFTER, LAST_EVENT_ID
from console.http.event_stream import PositionReached
from console.http.listeners import CutOff
from projections.questions.changes import DesignationChange, EligibilityChange

Schema = Mapping[str, Any]

DESCRIPTION: Final = (
    "A stream of events; with `Accept: application/json` a page, which waits for a bounded time where nothing is there."
)
EVENTS: Final[Mapping[str, Any]] = {
    "EligibilityChanged": EligibilityChange,
    "DesignationChanged": DesignationChange,
    "position": PositionReached,
    "cut-off": CutOff,
}
"""The types of events of a stream, and what the data of each is."""
CHANGE_EXAMPLE: Final = {
    "position": 15, "membership": "m-1", "cause": "response", "counted": 10, "edition": "2009-11",
    "effective_at": "2010-06-10T10:00:00.000000Z", "location": "main", "organisations": 2, "previous": False,
    "revises": False, "satisfied": True, "via": "responses", "fact": "crm-4711", "seq": 13,
}  # fmt: skip
PAGE_EXAMPLE: Final = {"changes": [CHANGE_EXAMPLE], "next": "15-5feceb66ffc86f38"}
STREAM_EXAMPLE: Final = (
    "retry: 2000\n\nid: 15-5feceb66ffc86f38\nevent: EligibilityChanged\n"
    f"data: {orjson.dumps(CHANGE_EXAMPLE).decode()}\n\n"
)
STREAM_DESCRIPTION: Final = (
    "Of each event of the stream: `id` is where to go on from, `event` the type of what was announced, `data` the "
    "announcement. `position` says how far the feed has come where nothing else is wanted, `cut-off` why the stream ends. "
    "Events of other types are to be passed over; heartbeats are comments."
)
LAST_EVENT: Final[Schema] = {
    "name": LAST_EVENT_ID,
    "in": "header",
    "description": "The last `id` that came; it goes before `after`.",
    "schema": AFTER.schema,
}
HEADERS: Final[Schema] = {
    "Ledger-Position": {
        "description": "Up to which position the page goes; of a page only.",
        "schema": {"type": "integer", "minimum": 0},
    }
}


def event_schema(name: str, data: Schema) -> dict[str, Any]:
    """What an event of a type is: its data is JSON. A stream that is cut off does not move on by that."""
    members = {
        "event": {"const": name},
        "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": data},
    }
    if name == "cut-off":
        return {"type": "object", "properties": members, "required": ["event", "data"]}
    return {"type": "object", "properties": {"id": AFTER.schema, **members}, "required": ["id", "event", "data"]}

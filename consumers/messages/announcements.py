"""How the announcements of programmes become messages: `MessageKinds` has those of all programmes, for the relay.

MESSAGES = MessageKinds(PROGRAMMES, [ELIGIBILITY, DESIGNATION])          # `consumers.messages.registry`
MESSAGES.of(row)                                                         # [] where the event announces nothing
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from consumers.messages.cloudevents import Outgoing, headers_of, place_headers, recorded_ms, stored_content, subject_of
from csat_ledger_client.messages.announced import Announced, MessageKind
from ledger.programmes.programme import Programmes
from ledger.store.base import Row


class MessageKinds:
    """The messages of the announcements of all programmes, as a value that is handed in."""

    def __init__(self, programmes: Programmes, kinds: Sequence[MessageKind[Announced]]) -> None:
        """Raises ValueError where a type of event is none with which one of the programmes announces."""
        self.all: Final = tuple(kinds)
        self._programmes = programmes
        self._by_type = {kind.event_type: kind for kind in kinds}
        if unknown := self._by_type.keys() - programmes.announcements:
            raise ValueError(f"found messages for {sorted(unknown)}, expected {sorted(programmes.announcements)}")
        self.topics: Final = tuple(kind.topics for kind in kinds)

    def announces(self, event_type: str) -> bool:
        """Whether events of a type become messages of their own."""
        return event_type in self._by_type

    def of(self, row: Row) -> list[Outgoing]:
        """What is said of an announcement; nothing of any other event.

        Raises BrokenHistory where the row is an announcement that this program cannot read.
        """
        kind = self._by_type.get(row.type)
        if kind is None:
            return []
        raw, data = stored_content(row), self._programmes.decode(row.stored, row.position).data
        membership = subject_of(row.stream)
        said: dict[str, Any] = {
            **data,
            "membership": membership,
            "position": row.position,
            "seq": row.seq,
            "recorded_at": raw["recorded_at"],
            "fact": raw["fact"],
        }
        standing = {name: said[name] for name in kind.status.model_fields}
        return [
            _message(row, raw, kind.changed.type, membership, said),
            _message(row, raw, kind.status.type, kind.status.model_construct(**standing).who, standing),
        ]


def _message(row: Row, raw: dict[str, Any], topic: str, key: str, value: dict[str, Any]) -> Outgoing:
    source = topic.removeprefix("csat.").rpartition(".")[0]
    headers = headers_of(source, topic, f"{row.stream}/{row.seq}", raw["occurred_at"], subject_of(row.stream))
    stored = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return Outgoing(topic, key.encode(), stored, [*headers, *place_headers(row)], recorded_ms(raw))

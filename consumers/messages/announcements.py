"""The announcements of programmes as messages: what all of them say, and how a programme's own become messages.

A programme announces with one type of event, of which two messages are made: one for the topic of all announcements, keyed
by the membership, so that what is said of a membership keeps its order; and one for the compacted topic of those who have
a status, keyed by who has it. What they hold is the programme's (`consumers.messages.survey`, `.capability`); a
`MessageKind` says which models these are, and `MessageKinds` has those of all programmes, for the relay:

    ELIGIBILITY = MessageKind("EligibilityChanged", ELIGIBILITY_TOPICS, EligibilityChanged, EligibilityStatus)
    MESSAGES = MessageKinds(PROGRAMMES, [ELIGIBILITY, DESIGNATION])          # `consumers.messages.registry`
    MESSAGES.of(row)                                                         # [] where the event announces nothing
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar

import orjson
from pydantic import Field

from consumers.messages.cloudevents import (
    Instant,
    Message,
    Outgoing,
    headers_of,
    place_headers,
    recorded_ms,
    stored_content,
    subject_of,
)
from consumers.messages.topic_names import AnnouncementTopics
from ledger.instants import parse_instant
from ledger.programmes.programme import Programmes
from ledger.store.base import Row


class Announced(Message):
    """What every message about an announcement says."""

    type: ClassVar[str]
    """The ce_type, which is also the name of the topic."""
    is_status: ClassVar[bool] = False
    """Whether it says where somebody stands, and not what changes."""

    membership: str = Field(description="The membership, which is also the key of the message.")
    position: int = Field(ge=1, description="Where the announcement stands in the book.")
    seq: int = Field(ge=1, description="Where it stands in the membership's stream; increases with every announcement.")
    recorded_at: Instant = Field(description="When the ledger recorded it.")
    effective_at: Instant = Field(description="The instant from which on it is so, however late that was found out.")

    @property
    def stream(self) -> str:
        """The stream in which the announcement stands."""
        raise NotImplementedError

    @property
    def who(self) -> str:
        """Who has the status: the key in the topic of statuses."""
        raise NotImplementedError

    @property
    def holds(self) -> bool:
        """What is announced: whether the status holds from `effective_at` on."""
        raise NotImplementedError

    @property
    def id(self) -> str:
        """The ce_id of the message: the same whenever and however often it is delivered."""
        return f"{self.stream}/{self.seq}"

    @property
    def effective_us(self) -> int:
        """`effective_at` in microseconds since 1970."""
        return parse_instant(self.effective_at)

    @property
    def recorded_us(self) -> int:
        """`recorded_at` in microseconds since 1970."""
        return parse_instant(self.recorded_at)


AnyMessage_co = TypeVar("AnyMessage_co", bound=Announced, covariant=True)


class MessageKind(Generic[AnyMessage_co]):
    """How the announcements of one programme become messages; `AnyMessage_co` is the union of the two models."""

    def __init__(
        self, event_type: str, topics: AnnouncementTopics, changed: type[AnyMessage_co], status: type[AnyMessage_co]
    ) -> None:
        """Raises ValueError where a model does not name the topic that it is in."""
        if (changed.type, status.type) != topics:
            raise ValueError(f"found messages of the types {changed.type}, {status.type}, expected {', '.join(topics)}")
        self.event_type: Final = event_type
        self.topics: Final = topics
        self.changed: Final = changed
        self.status: Final = status

    def __repr__(self) -> str:
        return f"<messages of {self.event_type}>"


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

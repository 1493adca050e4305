"""The announcements of programmes as messages: what all of them say, and how a programme's own are read.

A programme announces with one type of event, of which two messages are made: one for the topic of all announcements, keyed
by the membership, so that what is said of a membership keeps its order; and one for the compacted topic of those who have
a status, keyed by who has it. What they hold is the programme's (`.survey`, `.capability`); a `MessageKind` says which
models these are:

    ELIGIBILITY = MessageKind("EligibilityChanged", ELIGIBILITY_TOPICS, EligibilityChanged, EligibilityStatus)
"""

from __future__ import annotations

from typing import ClassVar, Final, Generic, TypeVar

from pydantic import Field

from csat_ledger_client.instants import instant_us
from csat_ledger_client.messages.cloudevents import Instant, Message
from csat_ledger_client.messages.topic_names import AnnouncementTopics


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
        return instant_us(self.effective_at)

    @property
    def recorded_us(self) -> int:
        """`recorded_at` in microseconds since 1970."""
        return instant_us(self.recorded_at)


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

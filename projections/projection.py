"""What a projection is: some tables, and a handler for each type of event that it cares about.

Handlers do not touch the database: they put rows into a `Pending`, and `flush` writes what a whole batch has gathered.
So a handler that fails has written nothing, and a batch costs a few bulk statements whatever its length. Within a batch
the events of one type come in order, but one type after another: `flush` must not depend on the order between types.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from ledger.event import EventTypes
from projections.database import Connection, Table

PendingT = TypeVar("PendingT")

RawEvent = dict[str, Any]
"""An event's stored object, its data at the newest version of its type."""
Handler = Callable[[PendingT, RawEvent, int], None]


class Projection(ABC, Generic[PendingT]):
    """One projection. A change of what its tables hold needs a new `version`; then it is built anew beside the old."""

    name: ClassVar[str]
    version: ClassVar[int]
    tables: ClassVar[tuple[Table, ...]]

    @property
    @abstractmethod
    def types(self) -> EventTypes:
        """All types of events that this program knows, of whatever programme: what it does not know parks its stream."""

    @abstractmethod
    def handlers(self) -> Mapping[str, Handler[PendingT]]:
        """Event type -> handler(pending, event, position). Types that are not named are passed over."""

    @abstractmethod
    def pending(self) -> PendingT:
        """An empty collection of what a batch gathers."""

    @abstractmethod
    def flush(self, pending: PendingT, connection: Connection, prefix: str) -> None:
        """Writes what a batch has gathered into the tables whose names start with `prefix`."""


def membership_of(event: RawEvent) -> str:
    """The membership to whose stream an event belongs."""
    stream: str = event["stream"]
    return stream[11:]  # after "membership-"

"""What the replay of a stream tells of each event, and of each decision that is taken again, in whatever programme."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ledger.event import Event
from ledger.instants import format_instant
from projections.questions.answer import Instant, Number, Position

Replayed = TypeVar("Replayed")


@dataclass(frozen=True, slots=True)
class EventStep:
    """An event; a programme's own step adds what held right after it."""

    seq: Number
    """Its place in the stream, from 1 on."""
    position: Position
    """Where it stands in the ledger."""
    type: str
    """The event's type."""
    occurred_at: Instant
    """When it was so."""
    recorded_at: Instant
    """When the ledger learned it."""
    fact: str | None
    """The id of the fact that caused it; null where none did."""
    actor: str | None
    """Who sent the fact, where that is said."""
    data: Mapping[str, Any]
    """The event's content, as its type has it (schemas/events)."""
    announcement: bool
    """Whether it is the ledger's own announcement of a change."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that a decision says, and that comes out otherwise."""

    recorded: Any
    """As it was recorded."""
    recomputed: Any
    """As it comes out anew."""


def step_of(
    event: Event, announcement: str
) -> tuple[int, int, str, str, str, str | None, str | None, Mapping[str, Any], bool]:
    """The fields of `EventStep`, in their order; `announcement` is the type of the programme's announcements."""
    return (
        event.seq,
        event.position,
        event.type,
        format_instant(event.occurred_us),
        format_instant(event.recorded_us),
        event.fact,
        event.actor,
        event.data,
        event.type == announcement,
    )


def differences(recorded: Mapping[str, Any], anew: Mapping[str, Any]) -> dict[str, Difference]:
    """What a decision says otherwise than it comes out, by name."""
    return {
        name: Difference(recorded.get(name), anew.get(name))
        for name in sorted(recorded.keys() | anew.keys())
        if recorded.get(name) != anew.get(name)
    }


def part_of(found: Iterator[Replayed], last: int | None, before: int | None) -> Iterator[Replayed]:
    """Of a replay the `last` events of those whose number is below `before`, and all checks of decisions; None: no bound.

    The whole stream is read all the same, since what held after an event is of all events before it.
    """
    if last is None and before is None:
        yield from found
        return
    kept: deque[Replayed] = deque(maxlen=last)
    checks = []
    for one in found:
        if not isinstance(one, EventStep):
            checks.append(one)
        elif before is None or one.seq < before:
            kept.append(one)
    yield from kept
    yield from checks

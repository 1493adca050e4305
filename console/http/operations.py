"""How a service stands, at a glance: what `/readyz` and `/metrics` tell machines, for people, with what to do about each.

    GET /v1/operations    {"at": …, "ready": true, "missing": [], "signs": [{"sign": "lag", "value": 0, "state": "ok", …}]}

The bounds are those of the alarms in docs/operations.md, and are the same for every service.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from console.http.health import BEHIND_MAX, Missing
from console.http.sealed import LATE_S
from ledger.instants import SECOND_US, format_instant
from ledger.store.refusal_rows import Wanted
from projections.questions.answer import Count, Instant
from projections.questions.projection_state import ProjectionState, projection_states, streams_set_aside
from projections.questions.refusals import refusal_counts

if TYPE_CHECKING:
    from console.http.watched import Watched
    from console.wiring import Ledger

PATH: Final = "/v1/operations"
ROUTE: Final = "operations"
LATE_REVIEW_S: Final = 60
SEALING_OLD_S: Final = 600
WEBHOOK_OLD_S: Final = 3_600
OF_STORE: Final = frozenset({"store-unreachable", "projections-failed", "projections-stalled"})
"""Codes of what is missing where nothing can be asked."""
State = Literal["ok", "look", "act"]


class Bound:
    """From which value on a sign is looked at, and from which on something is done about it."""

    def __init__(self, look: float, act: float, todo: str) -> None:
        self.look = look
        self.act = act
        self.todo = todo

    def state(self, value: float) -> State:
        """How a value is to be taken."""
        return "act" if value >= self.act else "look" if value >= self.look else "ok"


NEVER: Final = float("inf")
BOUNDS: Final[Mapping[str, Bound]] = {
    "lag": Bound(1_000, BEHIND_MAX + 1, "projections do not keep up: look for workers and for the disk"),
    "gaps": Bound(1, NEVER, "`csat-ledger audit` says whether something is missing; `csat-ledger project --rebuild`"),
    "late-reviews": Bound(LATE_REVIEW_S + 1, LATE_REVIEW_S + 1, "nobody announces what time changes: `csat-ledger clock`"),
    "streams-set-aside": Bound(1, 1, "`csat-ledger project --status` says which event cannot be read; restore or upgrade"),
    "streams-parked": Bound(1, 1, "`csat-ledger project --status` says why; mend it, then `csat-ledger project --rebuild`"),
    "refusals": Bound(1, NEVER, "mend what they rest on, then `csat-ledger record --retry`"),
    "sealing-age": Bound(SEALING_OLD_S, LATE_S, "look at the sealer and its witnesses; receipts promise a day"),
    "webhook-parked": Bound(1, 1, "`csat-ledger webhook waiting ID` says why; after the mend `csat-ledger webhook replay ID`"),
    "webhook-oldest": Bound(WEBHOOK_OLD_S, NEVER, "a receiver does not take what it is sent: `csat-ledger webhook waiting ID`"),
}  # fmt: skip
"""By sign: from when on somebody is to look or to act (docs/operations.md), and what there is to do."""


@dataclass(frozen=True, slots=True)
class OperationsSign:
    """One thing that is watched."""

    sign: str
    """Which: `lag` (positions), `gaps` (positions), `late-reviews` (seconds), `streams-set-aside`, `streams-parked`,
    `refusals` (facts), `sealing-age` (seconds since a checkpoint, where there is more to seal), `webhook-parked`
    (memberships), `webhook-oldest` (seconds)."""
    value: Count
    """How much of it there is, whole."""
    state: State
    """`ok`; `look`: it is not as it should be; `act`: somebody has to do something."""
    todo: str
    """What there is to do where it is not ok."""


@dataclass(frozen=True, slots=True)
class Operations:
    """How a service stands."""

    at: Instant
    """When that was so."""
    ready: bool
    """Whether it can answer and record."""
    missing: tuple[Missing, ...]
    """What it lacks; empty where it is ready."""
    signs: tuple[OperationsSign, ...]
    """What is watched; a sign that this process cannot know of is not among them."""


def operations(ledger: Ledger, watched: Watched) -> Operations:
    """How it stands now. Asks the store for some values, each one look into an index."""
    health, now_us = watched.health(), watched.clock()
    values = [*_of_store(ledger, now_us), *_of_process(watched)]
    return Operations(format_instant(now_us), health.ready, health.missing, _signs(values))


def operations_without_store(watched: Watched, code: str) -> Operations:
    """The same where the store gave no answer, which a code says: that is among what is missing, whatever else is."""
    missing = watched.health().missing
    if not any(one.code in OF_STORE for one in missing):
        missing = (Missing(code, "what the ledger is asked for is not answered; the service's log says why"), *missing)
    return Operations(format_instant(watched.clock()), False, missing, _signs(_of_process(watched)))


def _signs(values: Iterable[tuple[str, float]]) -> tuple[OperationsSign, ...]:
    return tuple(
        OperationsSign(name, int(value), BOUNDS[name].state(value), BOUNDS[name].todo) for name, value in values
    )


def _of_store(ledger: Ledger, now_us: int) -> Iterator[tuple[str, float]]:
    states = projection_states(ledger.runner)
    yield "lag", max((one.lag for one in states), default=0)
    yield "gaps", sum(one.gaps for one in states)
    due_us = ledger.store.next_due()
    yield "late-reviews", 0 if due_us is None else max(0, now_us - due_us) / SECOND_US
    yield "streams-set-aside", len(streams_set_aside(ledger.store))
    yield "streams-parked", _parked(states)
    yield "refusals", sum(one.facts for one in refusal_counts(ledger.store.refusals, Wanted(resolved=False)).codes)


def _of_process(watched: Watched) -> Iterator[tuple[str, float]]:
    age_s = watched.unsealed_s()
    if age_s is not None:
        yield "sealing-age", age_s
    webhooks = watched.of_webhooks()
    if webhooks:
        yield "webhook-parked", sum(webhooks.get("webhook_parked", {}).values())
        yield "webhook-oldest", max(webhooks.get("webhook_oldest_seconds", {}).values(), default=0)


def _parked(states: list[ProjectionState]) -> int:
    return len({stream.stream for state in states for stream in state.parked})

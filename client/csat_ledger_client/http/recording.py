"""Facts into the ledger: in batches of bounded size, each fact once however often it is sent.

What becomes of each is its outcome. A batch whose answer was lost, or that a service which ends did not take to its end, is
sent again as a whole; those of it that were recorded the first time are duplicates then, which says the same: they are in
the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from csat_ledger_client.answers.fact_outcome import FactOutcome
from csat_ledger_client.errors import BadAnswer, BadRequest, FactRefused, NotNow, Problem
from csat_ledger_client.http.connection import JSON, NDJSON, Connection
from csat_ledger_client.http.receipts_file import ReceiptsFile
from csat_ledger_client.instants import instant_text

Fact = Mapping[str, Any]
FACT_BYTES_MAX: Final = 64 << 10
"""More than any fact takes."""
BATCH_BYTES_MAX: Final = 4 << 20
BATCH_MAX: Final = 10_000
KEPT_MAX: Final = 1_000
REFUSED: Final = 422
STOPPING: Final = b"stopping"
"""The code of the last outcome where the service ended in the middle of a batch."""

_OUTCOMES: Final[TypeAdapter[list[FactOutcome]]] = TypeAdapter(list[FactOutcome])


@dataclass(slots=True)
class Recorded:
    """What became of many facts."""

    accepted: int = 0
    duplicates: int = 0
    """Recorded before."""
    refused: int = 0
    put_off: int = 0
    """No rule refuses them, and they could not be recorded now: send them again later."""
    position: int = 0
    """The highest position at which one of them stands."""
    not_recorded: list[FactOutcome] = field(default_factory=list)
    """The first KEPT_MAX of those that are not in the ledger; `on_outcome` hears all."""

    def count(self, outcome: FactOutcome) -> None:
        """Takes one outcome into account."""
        match outcome.status:
            case "accepted":
                self.accepted += 1
            case "duplicate":
                self.duplicates += 1
            case "put-off":
                self.put_off += 1
            case _:
                self.refused += 1
        self.position = max(self.position, outcome.position)
        if outcome.status not in ("accepted", "duplicate") and len(self.not_recorded) < KEPT_MAX:
            self.not_recorded.append(outcome)


def record_one(connection: Connection, receipts: ReceiptsFile | None, fact: Fact) -> FactOutcome:
    """The outcome of a fact that is in the ledger now. Raises FactRefused, Problem, ServiceUnreachable."""
    try:
        answered = connection.ask("POST", "/v1/facts", body=fact_line(fact), media=JSON)
    except Problem as problem:
        if problem.status != REFUSED:
            raise
        raise FactRefused(problem.status, problem.code, problem.detail, problem.field) from None
    try:
        outcome = FactOutcome.model_validate_json(answered.body)
    except ValidationError as error:
        raise BadAnswer(f"found no outcome of a fact: {error}") from error
    _keep(receipts, [outcome])
    return outcome


def record_many(
    connection: Connection,
    receipts: ReceiptsFile | None,
    facts: Iterable[Fact],
    batch: int,
    on_outcome: Callable[[Fact, FactOutcome], None] | None,
) -> Recorded:
    """What became of facts, which are sent a batch at a time. Raises Problem, ServiceUnreachable: what was sent before
    stays, and sending all of them again is safe."""
    recorded = Recorded()
    for some, lines in batches(facts, batch):
        answered = connection.ask("POST", "/v1/facts", body=b"\n".join(lines), media=NDJSON, look=_require_whole)
        outcomes = outcomes_of(answered.body)
        if len(outcomes) != len(some):
            raise BadAnswer(f"found {len(outcomes)} outcomes, expected one for each of {len(some)} facts")
        _keep(receipts, outcomes)
        for fact, outcome in zip(some, outcomes, strict=True):
            recorded.count(outcome)
            if on_outcome is not None:
                on_outcome(fact, outcome)
    return recorded


def batches(facts: Iterable[Fact], batch: int) -> Iterator[tuple[list[Fact], list[bytes]]]:
    """Facts and their lines, so many together and never more than BATCH_BYTES_MAX. Raises BadRequest."""
    if not 1 <= batch <= BATCH_MAX:
        raise BadRequest(f"found batches of {batch}, expected 1 to {BATCH_MAX:,} facts")
    some: list[Fact] = []
    lines: list[bytes] = []
    size = 0
    for fact in facts:
        line = fact_line(fact)
        if some and (len(some) == batch or size + len(line) + 1 > BATCH_BYTES_MAX):
            yield some, lines
            some, lines, size = [], [], 0
        some.append(fact)
        lines.append(line)
        size += len(line) + 1
    if some:
        yield some, lines


def fact_line(fact: Fact) -> bytes:
    """A fact as JSON on one line; dates and datetimes as the ledger reads them. Raises BadRequest."""
    try:
        line = json.dumps(
            dict(fact), ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
        ).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequest(f"found a fact that is no JSON: {error}") from None
    if len(line) > FACT_BYTES_MAX:
        raise BadRequest(f"found a fact of {len(line):,} bytes, expected {FACT_BYTES_MAX:,} at most")
    return line


def outcomes_of(body: bytes) -> list[FactOutcome]:
    """The outcomes of many facts, as an array or a line for each. Raises BadAnswer."""
    try:
        if body.lstrip()[:1] == b"[":
            return _OUTCOMES.validate_json(body)
        return [FactOutcome.model_validate_json(line) for line in body.split(b"\n") if line.strip()]
    except ValidationError as error:
        raise BadAnswer(f"found no outcomes of facts: {error}") from error


def _require_whole(body: bytes) -> None:
    """Raises NotNow where the service ended before it had taken all lines: the last outcome says so, and when to come again."""
    last = body.rstrip().rpartition(b"\n")[2]
    if STOPPING not in last:
        return
    (ended,) = outcomes_of(last)
    if ended.code == STOPPING.decode():
        retry_after_s = None if ended.retry_ms is None else ended.retry_ms / 1_000
        raise NotNow(503, ended.code, ended.sentence or "the service ends", None, retry_after_s)


def _keep(receipts: ReceiptsFile | None, outcomes: Iterable[FactOutcome]) -> None:
    if receipts is not None:
        receipts.add(outcome.receipt for outcome in outcomes if outcome.receipt is not None)


def _plain(value: object) -> str:
    if isinstance(value, (datetime, date)):
        return instant_text(value)
    raise TypeError(f"found a {type(value).__name__}, expected what JSON has, a date or a datetime")

"""Facts over HTTP: each waits for the next commit, which many clients share, and gets an outcome of its own.

    {"id": "f-7", "status": "accepted", "position": 4711}                       with a receipt where the service signs them
    {"id": "f-8", "status": "refused", "position": 0, "code": "consent-missing", "sentence": "…", "field": "customer_org"}

A broken connection leaves whole facts only, and sending all of them again is safe: what is there is a duplicate. So there
is no `Idempotency-Key`; the id of a fact is one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar

import orjson

from console.cli.output import json_text
from console.http.problems import Problem, problem_of
from console.http.receipts import Receipt, receipt_of
from console.http.tracing import COUNT, traced, within
from ledger.door import can_be_told
from ledger.errors import LedgerError, Refused
from ledger.fact import too_long
from ledger.programmes.registry import parse_fact, parse_kept
from ledger.refusal_fields import FIELDS
from ledger.writing.faults import FAULT_CODE
from ledger.writing.refused import TurnedAway
from ledger.writing.transaction import Outcome
from projections.questions.answer import LEFT_OUT, Count, MayBeLeftOut, Position

if TYPE_CHECKING:
    from console.http.fact_lines import FactLine
    from console.http.receipts import ReceiptDesk, Receipts
    from console.http.refusing import RefusalQueue
    from ledger.fact import Fact
    from ledger.proof.receipts.holding import Handed
    from ledger.writing.group_commit import Done

Found = TypeVar("Found")

WAITING_MAX: Final = 20_000
"""So many facts may wait for a commit, where nothing else is said; who hands in more is told to come again."""
STREAMS_MAX: Final = 32
BATCH: Final = 1_000
ID_MAX: Final = 200
REFUSED: Final = ("refused", "put-off")
"""What is kept as a refused fact."""
Ending = Callable[[], None]
"""Has a stream end."""
LATER: Final = "no rule refuses it, and it cannot be recorded now: send it again later"


@dataclass(frozen=True, slots=True)
class FactOutcome:
    """What became of a fact."""

    id: str | None
    """The fact's id; null where none could be read, or what stands there may not be told."""
    status: Literal["accepted", "duplicate", "refused", "put-off"]
    """`duplicate`: recorded before; `put-off`: no rule refuses it, and it has to be sent again later."""
    position: Position
    """Where its event stands in the ledger; 0 where it has none."""
    receipt: Receipt | MayBeLeftOut = LEFT_OUT
    """The receipt of a fact that is in the ledger; only where the service signs receipts."""
    code: str | MayBeLeftOut = LEFT_OUT
    """Why it was not recorded: a code that never changes."""
    sentence: str | MayBeLeftOut = LEFT_OUT
    """The same in words."""
    field: str | MayBeLeftOut = LEFT_OUT
    """The member of the fact that it is about; only where it is one."""
    line: int | MayBeLeftOut = LEFT_OUT
    """The line of ndjson, counted from 1; only where no id could be read. With `stopping`: the first that was not taken."""
    retry_ms: Count | MayBeLeftOut = LEFT_OUT
    """After so many milliseconds to send from that line on again; only with `stopping`."""


class Commit(Protocol):
    """What records facts, many in a transaction: `GroupCommit`, or `console.http.commit_apart`."""

    on_told: Callable[[], None]
    """Called when all of a group have been told."""

    def submit(self, fact: Fact, done: Done) -> None:
        """As `GroupCommit.submit`."""

    def close(self) -> None:
        """Takes no more, and records what was handed in."""


class Intake:
    """Hands facts to the group commit from an event loop."""

    def __init__(
        self,
        group: Commit,
        refusals: RefusalQueue,
        receipts: ReceiptDesk | None = None,
        waiting_max: int = WAITING_MAX,
        streams_max: int = STREAMS_MAX,
    ) -> None:
        """With `receipts` each fact that is in the book gets one."""
        self._group = group
        self._refusals = refusals
        self._receipts = receipts
        self._finished: deque[_HandedIn] = deque()
        group.on_told = self._wake
        if receipts is not None:
            receipts.on_told = self._wake
        self._waiting = 0
        self._went_on_s = 0.0
        """When facts began to wait, or were through with it."""
        self._waiting_max = waiting_max
        self._room = asyncio.Event()
        self._streams_max = streams_max
        self._under_way: set[Ending] = set()
        self._ending = False
        self.streams = 0
        """Streams of facts that are under way."""
        self.malformed: Callable[[Iterable[Refused]], None] = lambda _: None
        """Told of lines that are no facts: whoever commits never sees them."""

    def end(self) -> None:
        """Has the streams that are under way end, and takes no more. For the event loop."""
        self._ending = True
        for end in list(self._under_way):
            end()

    @contextmanager
    def streaming(self, end: Ending) -> Iterator[None]:
        """Counts a stream for as long as it goes on; `end` has it end. Raises Problem (503) where there are too many."""
        if self._ending:
            raise Problem(503, "stopping", "the service ends: come again", headers={"Retry-After": "5"})
        if self.streams >= self._streams_max:
            raise _busy("found too many streams of facts under way, expected fewer")
        self.streams += 1
        self._under_way.add(end)
        try:
            yield
        finally:
            self.streams -= 1
            self._under_way.discard(end)

    @property
    def waiting(self) -> int:
        """How many facts wait for a commit."""
        return self._waiting

    def waited_s(self) -> float:
        """For how many seconds facts have been waiting without any of them having an outcome; 0 where none waits."""
        return time.monotonic() - self._went_on_s if self._waiting else 0.0

    @traced("commit")
    async def take(self, lines: Sequence[bytes], source: str) -> list[FactOutcome]:
        """The outcome of each line, in order. Raises Problem where nothing can be recorded now.

        What is refused is kept (`console.http.refusing`); `source` says from whom it came.
        """
        outcomes: list[FactOutcome] = []
        for start in range(0, len(lines), BATCH):
            some = lines[start : start + BATCH]
            read = _read_all(some) if len(some) == 1 else await asyncio.to_thread(_read_all, some)
            outcomes += _outcomes(some, read, await self._told(some, read, source))
        if any(one.status in REFUSED for one in outcomes):
            await self._refusals.kept()
        return outcomes

    async def take_one(self, line: bytes, source: str) -> FactOutcome:
        """As `take` of one line, which is most of what comes: without what many need."""
        try:
            fact = parse_fact(line.strip())
        except Refused:
            (outcome,) = await self.take([line], source)
            return outcome
        with within("commit", **{COUNT: 1}):
            handed = self._hand_in((fact,), _Refusing(self._refusals, ((line, fact),), source))
            await handed.everything
            recorded = _unless_error(handed.results[0])
            if recorded.status in REFUSED:
                await self._refusals.kept()
        return _outcome(fact, recorded, None if handed.receipts is None else _unless_error(handed.receipts)[0])

    @traced("commit")
    async def take_lines(self, lines: Sequence[FactLine], source: str) -> bytes:
        """The outcomes of lines of a stream as lines; waits where too many facts wait. Otherwise as `take`."""
        read = await asyncio.to_thread(_read_lines, lines)
        while self._waiting and self._waiting + len(lines) > self._waiting_max:
            self._room.clear()
            await self._room.wait()
        contents = [line.content for line in lines]
        recorded = await self._told(contents, read, source, self._waiting_max + len(lines))
        said, refused = await asyncio.to_thread(_said, lines, read, recorded)
        if refused:
            await self._refusals.kept()
        return said

    async def outcomes(self, kept: Sequence[str]) -> list[Outcome]:
        """As `take`, of facts whose refusals are kept already (`console.http.refusals`)."""
        read = await asyncio.to_thread(_read_kept, kept)
        recorded = iter(await self._recorded([one for one in read if not isinstance(one, Refused)]))
        return [
            Outcome("refused", 0, one.code, one.sentence) if isinstance(one, Refused) else next(recorded)[0]
            for one in read
        ]

    async def _told(
        self, lines: Sequence[bytes], read: Sequence[Fact | Refused], source: str, waiting_max: int | None = None
    ) -> list[tuple[Outcome, Handed | None]]:
        """What became of the lines that are facts; the others are handed on to be kept."""
        malformed = [
            TurnedAway(line, None, one.code, one.sentence, one.field, source)
            for line, one in zip(lines, read, strict=True)
            if isinstance(one, Refused)
        ]
        if malformed:
            self._refusals.submit(malformed)
            self.malformed(one for one in read if isinstance(one, Refused))
        there = [(line, one) for line, one in zip(lines, read, strict=True) if not isinstance(one, Refused)]
        return await self._recorded([one for _, one in there], _Refusing(self._refusals, there, source), waiting_max)

    async def _recorded(
        self, facts: Sequence[Fact], refusing: _Refusing | None = None, waiting_max: int | None = None
    ) -> list[tuple[Outcome, Handed | None]]:
        if not facts:
            return []
        handed = self._hand_in(facts, refusing, waiting_max)
        await handed.everything
        outcomes = [_unless_error(result) for result in handed.results]
        receipts = [None] * len(outcomes) if handed.receipts is None else _unless_error(handed.receipts)
        return list(zip(outcomes, receipts, strict=True))

    def _hand_in(
        self, facts: Sequence[Fact], refusing: _Refusing | None = None, waiting_max: int | None = None
    ) -> _HandedIn:
        """Hands facts to the group commit. Raises Problem (503) where too many wait."""
        if self._waiting + len(facts) > (self._waiting_max if waiting_max is None else waiting_max):
            raise _busy("found too many facts waiting, expected fewer: send it again")
        handed = _HandedIn(self, len(facts), refusing)
        if not self._waiting:
            self._went_on_s = time.monotonic()
        self._waiting += len(facts)
        for fact in facts:
            self._group.submit(fact, handed.done)
        return handed

    def _finish(self, handed: Sequence[_HandedIn]) -> None:
        """On the event loop: those who handed these in go on."""
        self._went_on_s = time.monotonic()
        for one in handed:
            self._waiting -= one.number
            if not one.everything.done():  # who waited may be gone
                one.everything.set_result(None)
        self._room.set()

    def _wake(self) -> None:
        """Wakes the event loop once for all that is finished: each waking takes a system call, and the interpreter's lock."""
        finished: dict[asyncio.AbstractEventLoop, list[_HandedIn]] = {}
        with suppress(IndexError):
            while True:
                one = self._finished.popleft()
                finished.setdefault(one.loop, []).append(one)
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:  # another thread's
            here = None
        for loop, some in finished.items():
            if loop is here:
                self._finish(some)
                continue
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._finish, some)


class _HandedIn:
    """The facts of a request, until the last of them has an outcome, and the receipts are there that it gets."""

    __slots__ = ("_finished", "_receipts_of", "_refusing", "everything", "loop", "number", "receipts", "results")

    def __init__(self, intake: Intake, number: int, refusing: _Refusing | None) -> None:
        self._finished = intake._finished
        self._receipts_of = intake._receipts
        self._refusing = refusing
        self.number = number
        self.loop = asyncio.get_running_loop()
        self.everything: asyncio.Future[None] = self.loop.create_future()
        self.results: list[Outcome | BaseException] = []
        """In the order of the facts: the group commit keeps it."""
        self.receipts: Receipts | BaseException | None = None

    def done(self, result: Outcome | BaseException) -> None:
        """The outcome of the next fact, by the thread that commits, which wakes the loop when all of its group were told."""
        if self._refusing is not None:
            self._refusing.note(len(self.results), result)
        self.results.append(result)
        if len(self.results) < self.number:
            return
        if self._receipts_of is None:
            self._finished.append(self)
            return
        durable = [one for one in self.results if not isinstance(one, BaseException)]
        if len(durable) < self.number or not any(one.position for one in durable):
            self._finished.append(self)
        else:  # by this thread: a way over the event loop would be one more for each fact
            self._receipts_of.submit(durable, self._handed_out)

    def _handed_out(self, receipts: Receipts | BaseException) -> None:
        """The receipts, by the thread that signs."""
        self.receipts = receipts
        self._finished.append(self)


class _Refusing:
    """Hands on what is refused of some facts when the last of them has an outcome, whoever still waits for that."""

    def __init__(self, queue: RefusalQueue, facts: Sequence[tuple[bytes, Fact]], source: str) -> None:
        self._queue = queue
        self._facts = facts
        self._source = source
        self._refused: list[TurnedAway] = []

    def note(self, place: int, result: Outcome | BaseException) -> None:
        """The outcome of the fact at a place."""
        if isinstance(result, Outcome) and result.status in REFUSED:
            line, fact = self._facts[place]
            self._refused.append(TurnedAway(line, fact, result.code or "", result.sentence or "", None, self._source))
        if place + 1 == len(self._facts) and self._refused:
            self._queue.submit(self._refused)


def _unless_error(result: Found | BaseException) -> Found:
    if isinstance(result, BaseException):
        raise problem_of(result) if isinstance(result, LedgerError) else result
    return result


def single(outcome: FactOutcome) -> tuple[int, FactOutcome]:
    """The status of the answer to one fact: 201 or 200. Raises Problem where it was not recorded."""
    if outcome.status in ("accepted", "duplicate"):
        return (201 if outcome.status == "accepted" else 200), outcome
    code, sentence = str(outcome.code), str(outcome.sentence)
    if outcome.status == "put-off" or code == FAULT_CODE:
        raise Problem(503, code, sentence, headers={"Retry-After": "60"})
    raise Problem(422, code, sentence, None if outcome.field is LEFT_OUT else str(outcome.field))


def _busy(sentence: str) -> Problem:
    return Problem(503, "busy", sentence, headers={"Retry-After": "1"})


def _read_lines(lines: Sequence[FactLine]) -> list[Fact | Refused]:
    return [too_long(line.size) if line.size > len(line.content) else _read(line.content) for line in lines]


def _outcomes(
    lines: Sequence[bytes], read: Sequence[Fact | Refused], recorded: Sequence[tuple[Outcome, Handed | None]]
) -> list[FactOutcome]:
    found = iter(recorded)
    return [
        _refused(_id_of(line), one.code, one.sentence, one.field)
        if isinstance(one, Refused)
        else _outcome(one, *next(found))
        for line, one in zip(lines, read, strict=True)
    ]


def _said(
    lines: Sequence[FactLine], read: Sequence[Fact | Refused], recorded: Sequence[tuple[Outcome, Handed | None]]
) -> tuple[bytes, bool]:
    """The outcomes as lines, and whether anything was refused. What has no id is named by its line."""
    outcomes = _outcomes([line.content for line in lines], read, recorded)
    said = b"".join(
        outcome_json(replace(one, line=line.number) if one.id is None else one) + b"\n"
        for line, one in zip(lines, outcomes, strict=True)
    )
    return said, any(one.status in REFUSED for one in outcomes)


def stopping(line: int, retry_ms: int) -> bytes:
    """The last line of a stream that ends with the service: from which line on nothing was taken."""
    sentence = f"the service ends: nothing was taken of line {line} and what follows, send that again"
    return json_text(
        FactOutcome(None, "put-off", 0, code="stopping", sentence=sentence, line=line, retry_ms=retry_ms)
    ).encode()


def outcome_json(outcome: FactOutcome) -> bytes:
    """An outcome as `json_text` has it; the many that say no more than where a fact stands are made at once."""
    fact_id = outcome.id
    plain = outcome.code is LEFT_OUT and outcome.receipt is LEFT_OUT
    if plain and fact_id is not None and fact_id.isascii() and fact_id.isprintable():
        return b'{"id":%b,"status":"%b","position":%d}' % (
            orjson.dumps(fact_id), outcome.status.encode(), outcome.position,
        )  # fmt: skip
    return json_text(outcome).encode()


def _read_all(lines: Sequence[bytes]) -> list[Fact | Refused]:
    return [_read(line) for line in lines]


def _read_kept(kept: Sequence[str]) -> list[Fact | Refused]:
    found: list[Fact | Refused] = []
    for one in kept:
        try:
            found.append(parse_kept(one))
        except Refused as refusal:
            found.append(refusal)
    return found


def _read(line: bytes) -> Fact | Refused:
    try:
        return parse_fact(line.strip())
    except Refused as refusal:
        return refusal


def _outcome(fact: Fact, found: Outcome, handed: Handed | None) -> FactOutcome:
    if found.status in ("accepted", "duplicate"):
        receipt = LEFT_OUT if handed is None else receipt_of(handed)
        return FactOutcome(fact.id, found.status, found.position, receipt)
    if found.status == "put-off":  # its sentence is for the operator of the store, not for who hands in facts
        return FactOutcome(fact.id, "put-off", 0, code=found.code or "", sentence=LATER)
    return _refused(fact.id, found.code or "", found.sentence or "", None)


def _refused(fact_id: str | None, code: str, sentence: str, field: str | None) -> FactOutcome:
    about = field or FIELDS.get(code)
    field_ = LEFT_OUT if about is None else about
    return FactOutcome(fact_id, "refused", 0, code=code, sentence=sentence, field=field_)


def _id_of(line: bytes) -> str | None:
    """The id of a fact whose form is wrong, where it has one that could be an id, and nobody's name or number."""
    try:
        said: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    found = said.get("id") if isinstance(said, dict) else None
    if not isinstance(found, str) or not 1 <= len(found) <= ID_MAX or not found.isprintable():
        return None
    return found if can_be_told(found) else None

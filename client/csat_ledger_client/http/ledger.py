"""The ledger over HTTP: facts in, every question as a method with a typed answer, and what changes.

    with Ledger("https://ledger.example", token) as ledger:
        ledger.record({"type": "record-response", "id": "crm-4711", "membership": "m-1", …})
        print(ledger.status("m-1").satisfied)
        for change in ledger.changes(after=kept_cursor):
            …

What is known when: `at` asks for an instant, `known_at` for what was known at a position or an instant, `min_position` waits
until the answer is as of that position at least: `ledger.record(fact).position` has what was recorded seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypedDict, Unpack

import httpx

from csat_ledger_client.answers import (
    AnyDecision,
    AnyParticipation,
    BoardPage,
    DecisionCount,
    DecisionProof,
    DecisionsPage,
    DesignationDecisionTaken,
    DesignationLine,
    DesignationReplay,
    EligibilityStep,
    Expiring,
    Explanation,
    FactOutcome,
    Operations,
    Overview,
    QualificationChange,
    Renewal,
    Replayed,
    Rolling,
    Score,
    ScoreMonths,
    Status,
    Unanswered,
    UpcomingPage,
    WhatIf,
    WhatWouldItTake,
)
from csat_ledger_client.answers.board import BoardRow
from csat_ledger_client.errors import BadAnswer, BadRequest
from csat_ledger_client.http.asking import (
    Known,
    When,
    known_text,
    of_membership,
    query_of,
    read_each,
    read_many,
    read_one,
)
from csat_ledger_client.http.changes import SILENCE_MAX_S, AnyType, Change, Feed
from csat_ledger_client.http.connection import TIMEOUT_S, Connection, Token
from csat_ledger_client.http.receipts_file import ReceiptsFile
from csat_ledger_client.http.recording import Fact, Recorded, fact_line, record_many, record_one
from csat_ledger_client.instants import instant_text
from csat_ledger_client.pauses import Pauses

QUESTIONS_TOGETHER: Final = 1_000
FACTS_TOGETHER: Final = 1_000


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a batch."""

    membership: str
    at: When | None = None
    known_at: Known | None = None

    def said(self) -> dict[str, Any]:
        """As it is sent."""
        said = {
            "membership": self.membership,
            "at": None if self.at is None else instant_text(self.at),
            "known_at": known_text(self.known_at),
        }
        return {name: value for name, value in said.items() if value is not None}


class BoardWanted(TypedDict, total=False):
    """Which memberships of the board, seen from when."""

    search: str | None
    """In their ids and names."""
    state: Literal["losing", "eligible", "not-eligible"] | None
    within: int | None
    """Days within which eligibility is lost that is called `losing`."""
    limit: int | None
    """So many on a page at most."""
    at: When | None
    known_at: Known | None
    min_position: int | None


class DecisionsWanted(TypedDict, total=False):
    """Which decisions of both programmes."""

    membership: str | None
    programme: Literal["survey", "capability"] | None
    """On renewals, or on designations."""
    outcome: str | None
    edition: str | None
    """Those that name this edition of the rules."""
    limit: int | None
    """So many on a page at most."""
    at: When | None
    """Those taken by this instant."""
    known_at: Known | None
    min_position: int | None


class Supposed(TypedDict, total=False):
    """So many more of each metric's own unit, all else as it is; and seen from when."""

    more_net_adds: int
    more_intermediate: int
    """People with an intermediate certificate."""
    more_advanced: int
    more_percent: int
    """Whole percents of usage growth."""
    more_deployments: int
    at: When | None
    known_at: Known | None
    min_position: int | None


class Ledger:
    """One service, asked with one token. Raises the errors of `csat_ledger_client.errors`; for several threads, but `record`
    and `record_many` with a file of receipts for one."""

    def __init__(
        self,
        url: str,
        token: Token,
        *,
        receipts: Path | str | None = None,
        timeout_s: float = TIMEOUT_S,
        plain_http: bool = False,
        http: httpx.Client | None = None,
        pauses: Pauses | None = None,
    ) -> None:
        """`token` is a JWT, or what gives one that holds now. `receipts` names a file to which receipts are added.

        `timeout_s` is how long a call may take with all its attempts. `plain_http` lets a token go to a host that is not
        this machine without TLS; `http` is a client of one's own, with certificates or a proxy, which stays open.
        """
        self._connection = Connection(
            url, token, timeout_s=timeout_s, plain_http=plain_http, http=http, pauses=pauses or Pauses()
        )
        self._pauses = pauses or Pauses()
        try:
            self._receipts = None if receipts is None else ReceiptsFile(Path(receipts))
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connections and the file of receipts back."""
        self._connection.close()
        if self._receipts is not None:
            self._receipts.close()

    def record(self, fact: Fact) -> FactOutcome:
        """Records a fact: it is in the ledger, and on disk, when this returns.

        Raises FactRefused where form, id or rules turn it away. Sent twice it is recorded once.
        """
        return record_one(self._connection, self._receipts, fact)

    def record_many(
        self,
        facts: Iterable[Fact],
        *,
        batch: int = FACTS_TOGETHER,
        on_outcome: Callable[[Fact, FactOutcome], None] | None = None,
    ) -> Recorded:
        """Records facts, so many together; `on_outcome` hears what became of each, in order.

        One that is refused raises nothing. Where this raises, what was sent before is recorded: send all of them again.
        """
        return record_many(self._connection, self._receipts, facts, batch, on_outcome)

    def status(
        self, membership: str, *, at: When | None = None, known_at: Known | None = None, min_position: int | None = None
    ) -> Status:
        """Where a membership stands in the survey."""
        path = of_membership(membership, "status")
        return read_one(Status, self._get(path, min_position, query_of(at=at, known_at=known_at)))

    def status_batch(
        self, questions: Iterable[Question | str], *, min_position: int | None = None
    ) -> Iterator[Status | Unanswered]:
        """The answer to each of many questions, in order, or why there is none; asked so many together.

        A question that is text is about that membership. Raises BadRequest for one that is something else.
        """
        asked = map(_question, questions)
        before = 0
        while some := list(islice(asked, QUESTIONS_TOGETHER)):
            body = b"[" + b",".join(fact_line(question.said()) for question in some) + b"]"
            answered = self._connection.ask("POST", "/v1/status:batch", body=body, min_position=min_position)
            answers = read_many(Status | Unanswered, answered.body)
            if len(answers) != len(some):
                raise BadAnswer(f"found {len(answers)} answers, expected one for each of {len(some)} questions")
            for found in answers:
                later = before and isinstance(found, Unanswered)
                yield found.model_copy(update={"line": found.line + before}) if later else found
            before += len(some)

    def history(
        self, membership: str, *, at: When | None = None, known_at: Known | None = None, min_position: int | None = None
    ) -> list[EligibilityStep]:
        """How a membership's eligibility changed, as it was announced."""
        path = of_membership(membership, "history")
        return read_many(EligibilityStep, self._get(path, min_position, query_of(at=at, known_at=known_at)))

    def replay(
        self, membership: str, *, known_at: Known | None = None, min_position: int | None = None
    ) -> Iterator[Replayed]:
        """A membership's events one by one with the count after each, its decisions checked; read as they come."""
        path, asked = of_membership(membership, "replay"), query_of(known_at=known_at)
        return read_each(Replayed, self._connection.streamed(path, query=asked, min_position=min_position))

    def decisions(
        self, membership: str, *, at: When | None = None, known_at: Known | None = None, min_position: int | None = None
    ) -> list[AnyDecision]:
        """The decisions on a membership's renewals and on its designations."""
        path = of_membership(membership, "decisions")
        return read_many(AnyDecision, self._get(path, min_position, query_of(at=at, known_at=known_at)))

    def decisions_pages(self, **wanted: Unpack[DecisionsWanted]) -> Iterator[DecisionsPage]:
        """The decisions of both programmes a page at a time, the newest first."""
        min_position, limit = wanted.pop("min_position", None), wanted.get("limit")
        asked = query_of(**wanted)
        while True:
            page = read_one(DecisionsPage, self._get("/v1/decisions", min_position, asked))
            yield page
            if page.next is None:
                return
            asked = {"cursor": page.next, "limit": limit}

    def decision_counts(
        self, *, at: When | None = None, known_at: Known | None = None, min_position: int | None = None
    ) -> list[DecisionCount]:
        """How many decisions stand, by quarter, edition and outcome."""
        path = "/v1/decisions/counts"
        return read_many(DecisionCount, self._get(path, min_position, query_of(at=at, known_at=known_at)))

    def upcoming_pages(
        self,
        *,
        within: int | None = None,
        at: When | None = None,
        limit: int | None = None,
        min_position: int | None = None,
    ) -> Iterator[UpcomingPage]:
        """Who changes status next within so many days, the earliest first, a page at a time; as all is known now."""
        asked = query_of(at=at, within=within, limit=limit)
        while True:
            page = read_one(UpcomingPage, self._get("/v1/upcoming", min_position, asked))
            yield page
            if page.next is None:
                return
            asked = {"cursor": page.next, "limit": limit}

    def board_pages(self, **wanted: Unpack[BoardWanted]) -> Iterator[BoardPage]:
        """The board a page at a time: who is eligible, and who will lose it within so many days."""
        min_position, limit = wanted.pop("min_position", None), wanted.get("limit")
        asked = query_of(**wanted)
        while True:
            page = read_one(BoardPage, self._get("/v1/memberships", min_position, asked))
            yield page
            if page.next is None:
                return
            asked = {"cursor": page.next, "limit": limit}

    def board(self, **wanted: Unpack[BoardWanted]) -> Iterator[BoardRow]:
        """The memberships of all pages."""
        for page in self.board_pages(**wanted):
            yield from page.memberships

    def overview(
        self, *, at: When | None = None, known_at: Known | None = None, min_position: int | None = None
    ) -> Overview:
        """How many are eligible, how many designations are qualified, and how that moved."""
        return read_one(Overview, self._get("/v1/overview", min_position, query_of(at=at, known_at=known_at)))

    def operations(self) -> Operations:
        """How the service stands: its alarms, and the figures that they go by."""
        return read_one(Operations, self._get("/v1/operations", None, {}))

    def rolling(
        self,
        membership: str,
        *,
        since: When | None = None,
        until: When | None = None,
        at: When | None = None,
        known_at: Known | None = None,
        min_position: int | None = None,
    ) -> Rolling:
        """A membership's rolling count over time, until all that is known has expired."""
        asked = query_of(at=at, known_at=known_at) | _span(since, until)
        return read_one(Rolling, self._get(of_membership(membership, "rolling"), min_position, asked))

    def what_if_pages(
        self,
        edition: Mapping[str, Any],
        *,
        since: When | None = None,
        until: When | None = None,
        membership: str | None = None,
        limit: int | None = None,
        known_at: Known | None = None,
        min_position: int | None = None,
    ) -> Iterator[WhatIf]:
        """Who would have gained or lost status under other figures, and which decisions would differ, a page at a time.

        `edition` holds the figures that differ, as a fact `publish-rulebook` or `publish-scorebook` does.
        """
        asked = _span(since, until) | {
            "edition": fact_line(edition).decode(), "membership": membership, "limit": limit,
            "known_at": known_text(known_at),
        }  # fmt: skip
        while True:
            page = read_one(WhatIf, self._get("/v1/what-if", min_position, asked))
            yield page
            if page.after is None:
                return
            asked |= {"after": page.after, "known_at": page.known_at}

    def what_if_counts(
        self, edition: Mapping[str, Any], *, since: When | None = None, until: When | None = None
    ) -> WhatIf:
        """How many would have gained or lost status under other figures: in fives, over whole months."""
        asked = _span(since, until) | {"edition": fact_line(edition).decode(), "counts": "true"}
        return read_one(WhatIf, self._get("/v1/what-if", None, asked))

    def renewals(
        self,
        *,
        membership: str | None = None,
        within: int | None = None,
        at: When | None = None,
        known_at: Known | None = None,
        min_position: int | None = None,
    ) -> list[Renewal]:
        """Renewals that are not decided, of one membership or of all, the overdue ones first, and what they lack."""
        path = "/v1/renewals" if membership is None else of_membership(membership, "renewals")
        return read_many(Renewal, self._get(path, min_position, query_of(at=at, known_at=known_at, within=within)))

    def participation(
        self,
        by: Literal["membership", "quarter", "month"] = "membership",
        *,
        membership: str | None = None,
        min_position: int | None = None,
    ) -> list[AnyParticipation]:
        """How the survey is taken up."""
        asked = query_of(by=by, membership=membership)
        return read_many(AnyParticipation, self._get("/v1/participation", min_position, asked))

    def designations(
        self,
        *,
        area: str | None = None,
        at: When | None = None,
        known_at: Known | None = None,
        min_position: int | None = None,
    ) -> list[DesignationLine]:
        """What state each designation is in, what it lacks, what brings points."""
        asked = query_of(at=at, known_at=known_at, area=area)
        return read_many(DesignationLine, self._get("/v1/designations", min_position, asked))

    def score(
        self,
        membership: str,
        area: str,
        *,
        at: When | None = None,
        known_at: Known | None = None,
        min_position: int | None = None,
    ) -> Score:
        """The capability score of a designation."""
        path = of_membership(membership, "score", area)
        return read_one(Score, self._get(path, min_position, query_of(at=at, known_at=known_at)))

    def what_would_it_take(self, membership: str, area: str, **supposed: Unpack[Supposed]) -> WhatWouldItTake:
        """The score of a designation with more of what brings points, and how much of each would be enough."""
        min_position = supposed.pop("min_position", None)
        path = of_membership(membership, "what-would-it-take", area)
        return read_one(WhatWouldItTake, self._get(path, min_position, query_of(**supposed)))

    def expiring(
        self,
        membership: str,
        area: str,
        *,
        months: int | None = None,
        at: When | None = None,
        known_at: Known | None = None,
        min_position: int | None = None,
    ) -> Expiring:
        """Certificates that will expire within so many months, and what the score falls to where it does."""
        asked = query_of(at=at, known_at=known_at, months=months)
        return read_one(Expiring, self._get(of_membership(membership, "expiring", area), min_position, asked))

    def score_months(
        self,
        membership: str,
        area: str,
        *,
        months: int | None = None,
        at: When | None = None,
        known_at: Known | None = None,
        min_position: int | None = None,
    ) -> ScoreMonths:
        """The score at the beginning of each of so many months, as known now and as known then."""
        asked = query_of(at=at, known_at=known_at, months=months)
        return read_one(ScoreMonths, self._get(of_membership(membership, "score-months", area), min_position, asked))

    def explain(
        self,
        membership: str,
        area: str,
        since: When,
        until: When,
        *,
        since_known_at: Known | None = None,
        until_known_at: Known | None = None,
        min_position: int | None = None,
    ) -> Explanation:
        """Why a score differs between two instants, or two states of knowledge."""
        asked: dict[str, str | int | None] = {
            "from": instant_text(since),
            "to": instant_text(until),
            "from_known_at": known_text(since_known_at),
            "to_known_at": known_text(until_known_at),
        }
        return read_one(Explanation, self._get(of_membership(membership, "explain", area), min_position, asked))

    def designation_history(
        self,
        membership: str,
        area: str,
        *,
        at: When | None = None,
        known_at: Known | None = None,
        min_position: int | None = None,
    ) -> list[QualificationChange]:
        """When a designation was qualified, as it was announced."""
        path = of_membership(membership, "history", area)
        return read_many(QualificationChange, self._get(path, min_position, query_of(at=at, known_at=known_at)))

    def designation_decisions(
        self,
        membership: str,
        area: str,
        *,
        at: When | None = None,
        known_at: Known | None = None,
        min_position: int | None = None,
    ) -> list[DesignationDecisionTaken]:
        """The decisions on a designation."""
        path = of_membership(membership, "decisions", area)
        return read_many(DesignationDecisionTaken, self._get(path, min_position, query_of(at=at, known_at=known_at)))

    def designation_replay(
        self, membership: str, area: str, *, known_at: Known | None = None, min_position: int | None = None
    ) -> Iterator[DesignationReplay]:
        """A designation's events one by one with the score after each, its decisions checked; read as they come."""
        path, asked = of_membership(membership, "replay", area), query_of(known_at=known_at)
        return read_each(DesignationReplay, self._connection.streamed(path, query=asked, min_position=min_position))

    def proof(self, membership: str, renewal: date | str, *, revision: int | None = None) -> DecisionProof:
        """Whether the decision on a renewal is sealed, witnessed and verified, as the service says it."""
        asked = {"renewal": str(renewal), "revision": revision}
        return read_one(DecisionProof, self._get(of_membership(membership, "proof"), None, asked))

    def designation_proof(
        self, membership: str, area: str, anniversary: date | str, *, revision: int | None = None
    ) -> DecisionProof:
        """The same of the decision on a designation."""
        asked = {"anniversary": str(anniversary), "revision": revision}
        return read_one(DecisionProof, self._get(of_membership(membership, "proof", area), None, asked))

    def evidence(
        self, membership: str, renewal: date | str, *, revision: int | None = None, at_size: int | None = None
    ) -> bytes:
        """The evidence of the decision on a renewal, as `csat-ledger verify` takes it; `at_size`: as known at a checkpoint."""
        asked = {"renewal": str(renewal), "revision": revision, "at": at_size}
        return self._get(of_membership(membership, "evidence"), None, asked)

    def designation_evidence(
        self,
        membership: str,
        area: str,
        anniversary: date | str,
        *,
        revision: int | None = None,
        at_size: int | None = None,
    ) -> bytes:
        """The evidence of the decision on a designation."""
        asked = {"anniversary": str(anniversary), "revision": revision, "at": at_size}
        return self._get(of_membership(membership, "evidence", area), None, asked)

    def changes(
        self,
        after: str | int | None = 0,
        *,
        membership: str | None = None,
        programme: Literal["survey", "capability"] | None = None,
        type: AnyType | None = None,  # noqa: A002  the service's own name for it
        silence_max_s: float = SILENCE_MAX_S,
        give_up_after_s: float | None = None,
        on_position: Callable[[str], None] | None = None,
    ) -> Iterator[Change]:
        """What is announced, each once and in order, after a cursor (0: from the beginning, None: from now on); never ends.

        Keep `Change.cursor` with what you made of the change, and go on after it. `on_position` hears how far the feed has
        come while nothing that is wanted was announced. A lost connection, or one that says nothing for `silence_max_s`, is
        made anew, and reading goes on where it was: for ever, or until there was none for `give_up_after_s`. Raises
        PositionUnknown where the cursor is of another book, or of one that is older now.
        """
        wanted = {"membership": membership, "programme": programme, "type": type}
        feed = Feed(self._connection, self._pauses, wanted, silence_max_s, give_up_after_s, on_position)
        return feed.follow(after)

    def _get(self, path: str, min_position: int | None, query: dict[str, str | int | None]) -> bytes:
        return self._connection.ask("GET", path, query=query, min_position=min_position).body


def _span(since: When | None, until: When | None) -> dict[str, str | int | None]:
    """The ends of a span as parameters."""
    return {name: None if end is None else instant_text(end) for name, end in (("from", since), ("to", until))}


def _question(one: Question | str) -> Question:
    if isinstance(one, Question):
        return one
    if isinstance(one, str):
        return Question(one)
    raise BadRequest(f"found a question that is {type(one).__name__}, expected a Question, or the id of a membership")

"""The one table of what can be asked over HTTP: each route with its parameters, its question and the type of its answer.

The application, the roles, the OpenAPI document and the tests go by it. A question is a function of
`projections.questions`; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from console.http.parameters import (
    AFTER_DESIGNATION,
    AFTER_MEMBERSHIP,
    AREA,
    AT,
    BEFORE,
    BEFORE_EVENT,
    CODE,
    COUNTS,
    COUNTS_ALONE,
    CURSOR,
    DECISIONS_CURSOR,
    DECISIONS_LIMIT,
    EDITION,
    FIRST,
    FROM,
    FROM_KNOWN_AT,
    GROUPED_BY,
    HOLDS_FROM,
    HOLDS_TO,
    IN_AREA,
    KNOWN_AT,
    LAST_EVENTS,
    LIMIT,
    MEMBERSHIP,
    MONTH,
    MONTHS_AHEAD,
    MONTHS_BACK,
    MORE_ADVANCED,
    MORE_DEPLOYMENTS,
    MORE_INTERMEDIATE,
    MORE_NET_ADDS,
    MORE_PERCENT,
    OF_EDITION,
    OF_MEMBERSHIP,
    OUTCOME,
    PAGE_LIMIT,
    PERIODS,
    PROGRAMME,
    REFUSALS_CURSOR,
    REFUSALS_LIMIT,
    SEARCH,
    SINCE,
    SINCE_WHEN,
    SOURCE,
    STATE,
    TO,
    TO_KNOWN_AT,
    UNTIL,
    UNTIL_WHEN,
    UPCOMING_CURSOR,
    UPCOMING_LIMIT,
    WITH_DESIGNATION,
    WITH_RESOLVED,
    WITHIN,
    WITHIN_DAYS,
    Parameter,
    Values,
)
from console.http.refusal_code import require_code
from console.http.trying import Tried, what_if_answer
from console.wiring import Ledger
from ledger.book import position_at
from ledger.instants import END_US
from ledger.store.refusal_rows import Wanted
from projections.questions.all_decisions import AnyDecisionTaken, all_decisions
from projections.questions.benchmark import BenchmarkLine, PartnerPlace, benchmark, partner_places
from projections.questions.board_page import BoardPage, board_page, first_page
from projections.questions.board_page import Wanted as WantedPage
from projections.questions.decision_counts import DecisionCount, decision_counts
from projections.questions.decisions_page import DecisionsPage, decisions_page
from projections.questions.decisions_page import Wanted as WantedDecisions
from projections.questions.designation_decisions import DesignationDecisionTaken, designation_decisions
from projections.questions.designation_history import QualificationChange, designation_history
from projections.questions.designation_replay import DesignationCheck, DesignationStep, designation_replay
from projections.questions.designations import DesignationLine, designations
from projections.questions.expiring import MONTHS, Expiring, expiring
from projections.questions.explain import ExplainAnswer, Side, explain
from projections.questions.history import Change, history
from projections.questions.overview import Overview, overview
from projections.questions.participation import (
    MembershipParticipation,
    MonthParticipation,
    Participation,
    QuarterParticipation,
    participation,
)
from projections.questions.refusals import RefusalCounts, RefusalsPage, refusal_counts, refusals
from projections.questions.renewals import Renewal, renewals
from projections.questions.replay import DecisionCheck, ReplayStep, replay
from projections.questions.report import MonthlyReport, report
from projections.questions.results import Results, results
from projections.questions.rolling import RollingCount, rolling
from projections.questions.score import ScoreAnswer, score
from projections.questions.score_months import MONTHS as MONTHS_BEFORE
from projections.questions.score_months import ScoreMonths, score_months
from projections.questions.status import Status, status
from projections.questions.upcoming import UpcomingPage, upcoming_page
from projections.questions.upcoming import first_page as first_upcoming
from projections.questions.view import View
from projections.questions.what_if import WhatIf
from projections.questions.what_would_it_take import MORE, WhatWouldItTake, what_would_it_take


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, its parameters read: positions in the place of what was known when."""

    values: Values
    now_us: int
    memberships: frozenset[str] | None = None
    """Of these memberships alone; None: of whichever."""
    who: str = ""
    """What stands for who asks (`roles.Caller.who`)."""

    def get(self, name: str, otherwise: Any = None) -> Any:
        """The value of a parameter, or of one that was not given what stands for it."""
        return self.values.get(name, otherwise)

    @property
    def at_us(self) -> int:
        """What `at` says, or now."""
        at_us: int = self.get("at", self.now_us)
        return at_us

    @property
    def known(self) -> int | None:
        """The position up to which something is known; None: all."""
        known: int | None = self.get("known_at")
        return known


Ask = Callable[[Ledger, View, Asked], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """What is asked with GET: one answer, or a list of them."""

    name: str
    path: str
    summary: str
    parameters: tuple[Parameter, ...]
    answer: Any
    many: bool
    ask: Ask
    now: bool = False
    """Whether the answer goes by the present instant where no `at` is given, or no `to`."""


def _results(ledger: Ledger, view: View, asked: Asked) -> Results:
    return results(view, ledger.published, asked.get("membership"), asked.get("by", "quarter"))


def _report(ledger: Ledger, view: View, asked: Asked) -> MonthlyReport:
    return report(view, ledger.published, asked.get("membership"), asked.get("month"))


def _peers(ledger: Ledger, view: View, asked: Asked) -> list[BenchmarkLine]:
    view.eligibility().require(asked.get("membership"))
    return benchmark(ledger.published, asked.get("membership"), asked.get("by", "quarter"))


def _benchmark(ledger: Ledger, view: View, asked: Asked) -> list[BenchmarkLine]:
    view.eligibility()  # its position is told beside the answer
    return benchmark(ledger.published, None, asked.get("by", "quarter"), asked.known)


def _places(ledger: Ledger, view: View, asked: Asked) -> list[PartnerPlace]:
    view.eligibility()
    return partner_places(ledger.published, asked.known)


def _board(_ledger: Ledger, view: View, asked: Asked) -> BoardPage:
    wanted: WantedPage | None = asked.get("cursor")
    if wanted is None:
        within, search, state = asked.get("within", WITHIN), asked.get("search"), asked.get("state")
        wanted = first_page(asked.at_us, within, asked.known, search=search, state=state)
    return board_page(view, wanted, asked.get("limit", LIMIT))


def _overview(ledger: Ledger, view: View, asked: Asked) -> Overview:
    return overview(view, ledger.store, asked.at_us, asked.known)


def _status(_ledger: Ledger, view: View, asked: Asked) -> Status:
    return status(view, asked.get("membership"), asked.at_us, asked.known)


def _history(_ledger: Ledger, view: View, asked: Asked) -> list[Change]:
    return history(view, asked.get("membership"), asked.get("at", END_US), asked.known)


def _rolling(_ledger: Ledger, view: View, asked: Asked) -> RollingCount:
    return rolling(view, asked.get("membership"), asked.at_us, asked.known, asked.get("from"), asked.get("to"))


def _replay(ledger: Ledger, _view: View, asked: Asked) -> Iterable[ReplayStep | DecisionCheck]:
    return replay(ledger.store, asked.get("membership"), asked.known, asked.get("last"), asked.get("before"))


def _decisions(_ledger: Ledger, view: View, asked: Asked) -> list[AnyDecisionTaken]:
    return all_decisions(view, asked.get("membership"), None, asked.get("at", END_US), asked.known)


def _decisions_page(_ledger: Ledger, view: View, asked: Asked) -> DecisionsPage:
    wanted: WantedDecisions | None = asked.get("cursor")
    if wanted is None:
        named = (asked.get(name) for name in ("membership", "programme", "outcome", "edition"))
        wanted = WantedDecisions(asked.get("at", END_US), asked.known, *named)
    return decisions_page(view, wanted, asked.get("limit", LIMIT))


def _decision_counts(_ledger: Ledger, view: View, asked: Asked) -> list[DecisionCount]:
    return decision_counts(view, asked.get("at", END_US), asked.known)


def _renewals(_ledger: Ledger, view: View, asked: Asked) -> list[Renewal]:
    return renewals(view, asked.at_us, asked.get("within", WITHIN), asked.known, asked.get("limit"))


def _upcoming(ledger: Ledger, view: View, asked: Asked) -> UpcomingPage:
    wanted = asked.get("cursor") or first_upcoming(asked.at_us, asked.get("within", WITHIN))
    return upcoming_page(view, ledger.store, wanted, asked.get("limit", LIMIT))


def _membership_renewals(_ledger: Ledger, view: View, asked: Asked) -> list[Renewal]:
    within, limit = asked.get("within", WITHIN), asked.get("limit")
    return renewals(view, asked.at_us, within, asked.known, limit, asked.get("membership"))


def _participation(_ledger: Ledger, view: View, asked: Asked) -> list[Participation]:
    return participation(view, asked.get("membership"), asked.get("by", "membership"))


def _designations(_ledger: Ledger, view: View, asked: Asked) -> Iterable[DesignationLine]:
    after = asked.get("after", ("", ""))
    found = designations(
        view, asked.at_us, asked.known, asked.get("area"), asked.memberships, after, asked.get("membership")
    )
    return islice(found, asked.get("limit"))


def _score(_ledger: Ledger, view: View, asked: Asked) -> ScoreAnswer:
    return score(view.scores(), asked.get("membership"), asked.get("area"), asked.at_us, asked.known)


def _expiring(_ledger: Ledger, view: View, asked: Asked) -> Expiring:
    months = asked.get("months", MONTHS)
    return expiring(view.scores(), asked.get("membership"), asked.get("area"), asked.at_us, asked.known, months)


def _score_months(ledger: Ledger, view: View, asked: Asked) -> ScoreMonths:
    one, months = (asked.get("membership"), asked.get("area")), asked.get("months", MONTHS_BEFORE)
    return score_months(
        view.scores(), *one, lambda at_us: position_at(ledger.store, at_us), asked.at_us, asked.known, months
    )


def _what_would_it_take(_ledger: Ledger, view: View, asked: Asked) -> WhatWouldItTake:
    more = {metric: asked.get(name, 0) for metric, name in MORE.items()}
    return what_would_it_take(view.scores(), asked.get("membership"), asked.get("area"), asked.at_us, asked.known, more)


def _explain(_ledger: Ledger, view: View, asked: Asked) -> ExplainAnswer:
    before, after = (Side(asked.get(side), asked.get(f"{side}_known_at")) for side in ("from", "to"))
    return explain(view.scores(), asked.get("membership"), asked.get("area"), before, after)


def _designation_history(_ledger: Ledger, view: View, asked: Asked) -> list[QualificationChange]:
    return designation_history(view, asked.get("membership"), asked.get("area"), asked.get("at", END_US), asked.known)


def _designation_decisions(_ledger: Ledger, view: View, asked: Asked) -> list[DesignationDecisionTaken]:
    return designation_decisions(view, asked.get("membership"), asked.get("area"), asked.get("at", END_US), asked.known)


def _designation_replay(ledger: Ledger, _view: View, asked: Asked) -> Iterable[DesignationStep | DesignationCheck]:
    one = (asked.get("membership"), asked.get("area"))
    return designation_replay(ledger.store, *one, asked.known, asked.get("last"), asked.get("before"))


def _refusals(ledger: Ledger, _view: View, asked: Asked) -> RefusalsPage | RefusalCounts:
    require_code(ledger, asked.get("code"))
    resolved = None if asked.get("resolved") == "true" else False
    wanted = Wanted(asked.get("code"), asked.get("source"), asked.get("since"), asked.get("until"), resolved=resolved)
    if asked.get("counts") == "true":
        return refusal_counts(ledger.store.refusals, wanted)
    wanted, below = asked.get("cursor", (wanted, None))
    return refusals(ledger.store.refusals, wanted, below, asked.get("limit", LIMIT))


def _what_if(ledger: Ledger, view: View, asked: Asked) -> WhatIf:
    counts = asked.get("counts") == "true"
    page = None if counts else (asked.get("membership"), asked.get("limit", LIMIT), asked.get("after", ""))
    wanted = Tried(asked.get("edition"), asked.get("from"), asked.get("to"), asked.known, page)
    return what_if_answer(ledger, view, wanted, asked.now_us, asked.who)


OF: Final = "/v1/memberships/{membership}"
IN: Final = f"{OF}/designations/{{area}}"
ONE: Final = (MEMBERSHIP, AREA)

READING: Final = (
    Route(
        "board", "/v1/memberships", "The board a page at a time: who is eligible, and who will lose it.",
        (SEARCH, STATE, PAGE_LIMIT, CURSOR, WITHIN_DAYS, AT, KNOWN_AT), BoardPage, False, _board, now=True,
    ),
    Route(
        "overview", "/v1/overview", "How many are eligible, how many designations are qualified, and how that moved.",
        (AT, KNOWN_AT), Overview, False, _overview, now=True,
    ),
    Route(
        "what-if", "/v1/what-if", "Who would have gained or lost status under other figures; which decisions would differ.",
        (EDITION, HOLDS_FROM, HOLDS_TO, COUNTS_ALONE, OF_MEMBERSHIP, PAGE_LIMIT, AFTER_MEMBERSHIP, KNOWN_AT), WhatIf, False,
        _what_if, now=True,
    ),
    Route(
        "status", f"{OF}/status", "Where a membership stands in the survey.",
        (MEMBERSHIP, AT, KNOWN_AT), Status, False, _status, now=True,
    ),
    Route(
        "history", f"{OF}/history", "How a membership's eligibility changed, as it was announced.",
        (MEMBERSHIP, UNTIL, KNOWN_AT), Change, True, _history,
    ),
    Route(
        "rolling", f"{OF}/rolling", "A membership's rolling count over time, until all that is known has expired.",
        (MEMBERSHIP, SINCE_WHEN, UNTIL_WHEN, AT, KNOWN_AT), RollingCount, False, _rolling, now=True,
    ),
    Route(
        "replay", f"{OF}/replay", "A membership's events one by one with the count after each, its decisions checked.",
        (MEMBERSHIP, LAST_EVENTS, BEFORE_EVENT, KNOWN_AT), ReplayStep | DecisionCheck, True, _replay,
    ),
    Route(
        "decisions", f"{OF}/decisions", "The decisions on a membership's renewals and on its designations.",
        (MEMBERSHIP, UNTIL, KNOWN_AT), AnyDecisionTaken, True, _decisions,
    ),
    Route(
        "decisions-page", "/v1/decisions", "The decisions of both programmes a page at a time, the newest first.",
        (OF_MEMBERSHIP, PROGRAMME, OUTCOME, OF_EDITION, DECISIONS_LIMIT, DECISIONS_CURSOR, UNTIL, KNOWN_AT), DecisionsPage,
        False, _decisions_page,
    ),
    Route(
        "decision-counts", "/v1/decisions/counts", "How many decisions stand, by quarter, edition and outcome.",
        (UNTIL, KNOWN_AT), DecisionCount, True, _decision_counts,
    ),
    Route(
        "renewals", "/v1/renewals", "Renewals that are not decided, the overdue ones first, and what they lack.",
        (WITHIN_DAYS, FIRST, AT, KNOWN_AT), Renewal, True, _renewals, now=True,
    ),
    Route(
        "upcoming", "/v1/upcoming", "Who changes status next, and when, if nothing more arrives, as all is known now; the "
        "earliest first, a page at a time.", (WITHIN_DAYS, UPCOMING_LIMIT, UPCOMING_CURSOR, AT), UpcomingPage, False, _upcoming,
        now=True,
    ),
    Route(
        "membership-renewals", f"{OF}/renewals", "A membership's renewals that are not decided, and what each lacks.",
        (MEMBERSHIP, WITHIN_DAYS, FIRST, AT, KNOWN_AT), Renewal, True, _membership_renewals, now=True,
    ),
    Route(
        "refusals", "/v1/refusals", "Facts that were refused, newest first, with what is kept of them; or counts by code.",
        (CODE, SOURCE, SINCE, BEFORE, WITH_RESOLVED, COUNTS, REFUSALS_LIMIT, REFUSALS_CURSOR),
        RefusalsPage | RefusalCounts, False, _refusals,
    ),
    Route(
        "participation", "/v1/participation", "How the survey is taken up.",
        (GROUPED_BY, OF_MEMBERSHIP), MembershipParticipation | QuarterParticipation | MonthParticipation, True,
        _participation,
    ),
    Route(
        "results", f"{OF}/results", "A membership's results as published, by quarter or month.",
        (MEMBERSHIP, PERIODS), Results, False, _results,
    ),
    Route(
        "peers", f"{OF}/benchmark", "A membership's peer group as published, and its own place in it.",
        (MEMBERSHIP, PERIODS), BenchmarkLine, True, _peers,
    ),
    Route(
        "report", f"{OF}/report", "A membership's report of a month that is closed.",
        (MEMBERSHIP, MONTH), MonthlyReport, False, _report,
    ),
    Route(
        "benchmark", "/v1/benchmark", "Every group of partners of which something is published; none is named.",
        (PERIODS, KNOWN_AT), BenchmarkLine, True, _benchmark,
    ),
    Route(
        "places", "/v1/benchmark/places", "Where each partner sits in its peer group.",
        (KNOWN_AT,), PartnerPlace, True, _places,
    ),
    Route(
        "designations", "/v1/designations", "What state each designation is in, what it lacks, what brings points.",
        (WITH_DESIGNATION, IN_AREA, FIRST, AFTER_DESIGNATION, AT, KNOWN_AT), DesignationLine, True, _designations, now=True,
    ),
    Route(
        "score", f"{IN}/score", "The capability score of a designation.",
        (*ONE, AT, KNOWN_AT), ScoreAnswer, False, _score, now=True,
    ),
    Route(
        "what-would-it-take", f"{IN}/what-would-it-take", "A score with more of what brings points, and how much is enough.",
        (*ONE, MORE_NET_ADDS, MORE_INTERMEDIATE, MORE_ADVANCED, MORE_PERCENT, MORE_DEPLOYMENTS, AT, KNOWN_AT),
        WhatWouldItTake, False, _what_would_it_take, now=True,
    ),
    Route(
        "expiring", f"{IN}/expiring", "Certificates that will expire, and what the score falls to.",
        (*ONE, MONTHS_AHEAD, AT, KNOWN_AT), Expiring, False, _expiring, now=True,
    ),
    Route(
        "score-months", f"{IN}/score-months", "The score at the beginning of each month, as known now and as known then.",
        (*ONE, MONTHS_BACK, AT, KNOWN_AT), ScoreMonths, False, _score_months, now=True,
    ),
    Route(
        "explain", f"{IN}/explain", "Why a score differs between two instants, or two states of knowledge.",
        (*ONE, FROM, TO, FROM_KNOWN_AT, TO_KNOWN_AT), ExplainAnswer, False, _explain,
    ),
    Route(
        "designation-history", f"{IN}/history", "When a designation was qualified, as it was announced.",
        (*ONE, UNTIL, KNOWN_AT), QualificationChange, True, _designation_history,
    ),
    Route(
        "designation-decisions", f"{IN}/decisions", "The decisions on a designation.",
        (*ONE, UNTIL, KNOWN_AT), DesignationDecisionTaken, True, _designation_decisions,
    ),
    Route(
        "designation-replay", f"{IN}/replay", "A designation's events one by one with the score after each, decisions checked.",
        (*ONE, LAST_EVENTS, BEFORE_EVENT, KNOWN_AT), DesignationStep | DesignationCheck, True, _designation_replay,
    ),
)  # fmt: skip
"""Everything that is asked with GET and answered from the ledger."""

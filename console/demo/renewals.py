"""The demo's first story: the survey programme of a few hundred memberships, who loses what, and two renewals decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from console.cli.commands.board import print_rows, print_summary
from console.cli.commands.decide import decide, print_decision
from console.cli.commands.replay import print_check, step_line
from console.cli.output import plural, short
from console.demo.folder import FACTS, REFUSED
from console.demo.people import answered
from console.demo.survey import DEMO_PICKS, END, START, Pick, generate
from ledger.instants import DAY_US, format_instant, midnight_us
from projections.questions.board import LOSING, board
from projections.questions.replay import DecisionCheck, ReplayStep, replay

if TYPE_CHECKING:
    from console.demo.stage import Stage
    from console.wiring import Ledger

START_US: Final = midnight_us(START)
NOW_US: Final = midnight_us(END) + DAY_US
WITHIN_DAYS: Final = 60
SHOWN: Final = 10
SHORT_TYPES: Final = ("ResponseReceived", "ResponseVoided", "EligibilityChanged", "RenewalDecided")
SHORT_STEPS: Final = 12


class Renewals:
    """The story of the survey programme, in one book."""

    def __init__(self, stage: Stage, ledger: Ledger) -> None:
        self._stage = stage
        self._output = stage.output
        self._ledger = ledger

    def record(self, seed: int, memberships: int, *, with_answers: bool = False) -> None:
        """Records the programme's facts; afterwards the clock stands at the day after its end."""
        stage, ledger = self._stage, self._ledger
        stage.title(f"A programme of {plural(memberships, 'membership')}, {START} to {END} (seed {seed})")
        years = range(START.year, END.year + 1)
        facts = generate(seed, memberships)
        if with_answers:
            facts = answered(facts, seed)
        announced = stage.record(ledger, facts, years, FACTS, REFUSED)
        stage.say(f"{ledger.store.max_position():,} events, {announced:,} changes of eligibility announced by reviews")
        stage.now_us = NOW_US

    def tell(self) -> None:
        """Who is about to lose it, one renewal that is met and one that is not, both replayed."""
        self._board()
        for pick in DEMO_PICKS:
            self._decide(pick)

    def _board(self) -> None:
        with self._ledger.view() as view:
            rows = board(view, NOW_US, WITHIN_DAYS)
        losing = [row for row in rows if row.state == LOSING]
        if self._output.as_json:
            for row in losing[:SHOWN]:
                self._output.json(row)
            return
        self._stage.title(f"Who is eligible at {short(format_instant(NOW_US))}")
        print_summary(self._output, rows, WITHIN_DAYS)
        self._stage.say("", f"About to lose it, the first {min(SHOWN, len(losing))} of {len(losing)}:")
        print_rows(self._output, losing[:SHOWN])

    def _decide(self, pick: Pick) -> None:
        decision = decide(self._ledger, pick.membership, pick.renewal_date.isoformat())
        replayed = list(replay(self._ledger.store, pick.membership))
        steps = [one for one in replayed if isinstance(one, ReplayStep)]
        checks = [one for one in replayed if isinstance(one, DecisionCheck)]
        if self._output.as_json:
            self._output.json(decision)
            for check in checks:
                self._output.json(check)
            return
        self._stage.title(f"A renewal that is {pick.outcome}: {pick.name}")
        self._stage.say(f"{pick.why}.", "")
        print_decision(self._output, decision, SHOWN)
        told = [step for step in steps if step.type in SHORT_TYPES]
        self._stage.say(
            "", f"Replayed from its {len(steps)} events, the last {min(SHORT_STEPS, len(told))} that matter:"
        )
        for step in told[-SHORT_STEPS:]:
            self._stage.say(step_line(step))
        for check in checks:
            print_check(self._output, check)

    def prove(self) -> None:
        """Seals the book, lets a decision leave as evidence, verifies it, and shows what becomes of a changed byte."""
        from console.demo.proof import prove

        pick = DEMO_PICKS[0]
        prove(self._output, self._ledger, self._stage.folder, pick.membership, pick.renewal_date.isoformat())

    def what_next(self) -> tuple[str, ...]:
        """Commands to try on the book."""
        met, not_met = DEMO_PICKS
        return (
            f"status {met.membership} --at {met.renewal_date}",
            f"status {not_met.membership} --at {not_met.renewal_date} --known-at 2014-10-01",
            f"history {met.membership}",
            f"replay {not_met.membership}",
            f"renewals --at {END} --within {WITHIN_DAYS}",
            "board --at 2013-04-01 --losing",
            "participation --by quarter",
        )

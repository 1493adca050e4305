"""The demo's second story: the capability programme of forty partners, in the book that the survey programme left."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Final

from console.cli.commands.decide_designation import decide_designation, print_designation_decision
from console.cli.commands.designations import print_designations, print_designations_summary
from console.cli.commands.history import print_qualification_changes
from console.cli.commands.score import print_score
from console.cli.designation_steps import designation_step_parts, print_designation_check
from console.cli.explanation import print_explanation
from console.cli.output import plural, short
from console.demo.capability import AREA, END, PICKS, RESTATEMENT, START, Pick, generate
from console.demo.folder import CAPABILITY_FACTS, CAPABILITY_REFUSED, PROOF
from ledger.book import position_at
from ledger.event import recorded_us_of
from ledger.instants import DAY_US, format_instant, midnight_us, parse_instant
from projections.questions.designation_history import designation_history
from projections.questions.designation_replay import DesignationCheck, DesignationStep, designation_replay
from projections.questions.designations import designations
from projections.questions.explain import Side, explain
from projections.questions.score import score

if TYPE_CHECKING:
    from console.demo.stage import Stage
    from console.wiring import Ledger

START_US: Final = midnight_us(START)
NOW_US: Final = midnight_us(END) + DAY_US
SHOWN: Final = 8


class Designations:
    """The story of the capability programme, in a book that was left alone for years."""

    def __init__(self, stage: Stage, ledger: Ledger) -> None:
        self._stage = stage
        self._output = stage.output
        self._ledger = ledger

    def record(self, seed: int, partners: int) -> None:
        """Records the programme's facts; afterwards the clock stands at the day after its end."""
        stage, ledger = self._stage, self._ledger
        stage.title(f"The same book, and the programme that came next: {plural(partners, 'partner')}, {START} to {END}")
        (last,) = ledger.store.read_feed(ledger.store.max_position() - 1, 1)
        last_us = recorded_us_of(last.stored, last.position)
        stage.now_us = START_US
        ledger.writer.accept_clock(last_us)
        stage.say(
            f"nothing was recorded since {short(format_instant(last_us))}, so the clock was accepted first (clock-accept)"
        )
        years = range(START.year, END.year + 1)
        announced = stage.record(ledger, generate(seed, partners), years, CAPABILITY_FACTS, CAPABILITY_REFUSED)
        stage.say(f"{ledger.store.max_position():,} events in all; reviews announced {announced:,} changes of either")
        stage.now_us = NOW_US

    def tell(self) -> None:
        """The board; a score that a restatement takes and a correction gives back; two anniversaries decided."""
        self._board()
        self._restated()
        self._announced()
        for pick in PICKS:
            self._decide(pick)

    def _board(self) -> None:
        """Where the designations stand, and those in progress that lack the fewest points."""
        with self._ledger.view() as view:
            lines = list(designations(view, NOW_US, area=AREA))
        near = [line for line in lines if line.state == "in-progress" and line.missing_centipoints is not None]
        near.sort(key=lambda line: (line.missing_centipoints, line.membership))
        if self._output.as_json:
            for line in near[:SHOWN]:
                self._output.json(line)
            return
        now = short(format_instant(NOW_US))
        self._stage.title(f"Where the designations stand at {now}")
        print_designations_summary(self._output, lines)
        self._stage.say(
            "",
            f"In progress, the {min(SHOWN, len(near))} that lack the fewest points, and what brings the next:",
        )
        self._stage.command(f"designations --area {AREA} --at {now} --state in-progress")
        print_designations(self._output, near[:SHOWN])

    def _restated(self) -> None:
        """The same close, as it was known before a restatement, after it, and after that was corrected."""
        stage, one = self._stage, RESTATEMENT
        stage.title(f"A score that a restatement takes, and a correction gives back: {PICKS[0].name}")
        stage.say(
            f"At {one.closed_at} the month {one.month} was closed. Its score, as it was known on {one.before[:10]}:"
        )
        self._score(one.membership, one.closed_at, one.before)
        stage.say(
            "", f"By {one.restated[:10]} somebody restated the month a year before, by five units of one workload:"
        )
        self._explain(one.before, one.restated)
        stage.say(
            "",
            "One unit of value lacks to the base without which growth brings nothing. By "
            f"{one.corrected[:10]} the restatement was corrected:",
        )
        self._explain(one.restated, one.corrected)

    def _score(self, membership: str, at: str, known_at: str | None = None) -> None:
        """The score at an instant, as known at another; with the command that asks for it."""
        known = None if known_at is None else position_at(self._ledger.store, parse_instant(known_at))
        with self._ledger.view() as view:
            answer = score(view.scores(), membership, AREA, parse_instant(at), known)
        self._stage.command(
            f"score {membership} --area {AREA} --at {at}" + ("" if known_at is None else f" --known-at {known_at}")
        )
        if self._output.as_json:
            self._output.json(answer)
        else:
            print_score(self._output, answer)

    def _explain(self, *known_at: str) -> None:
        """Why the score at the close differs between two states of knowledge; with the command that asks for it."""
        membership, at = RESTATEMENT.membership, RESTATEMENT.closed_at
        sides = [Side(parse_instant(at), position_at(self._ledger.store, parse_instant(text))) for text in known_at]
        with self._ledger.view() as view:
            answer = explain(view.scores(), membership, AREA, *sides)
        self._stage.command(
            f"score {membership} --area {AREA} --explain {' '.join(f'{at}@{text}' for text in known_at)}"
        )
        if self._output.as_json:
            self._output.json(answer)
        else:
            print_explanation(self._output, answer)

    def _announced(self) -> None:
        """What was announced of the restated partner, each announcement after the event that it follows from."""
        self._stage.say("", "What was announced, in the order of the book, each beneath what it follows from:")
        before: DesignationStep | None = None
        for step in designation_replay(self._ledger.store, RESTATEMENT.membership, AREA):
            if not isinstance(step, DesignationStep):
                continue
            if step.announcement:
                for one in (before, step):
                    if one is not None and not self._output.as_json:
                        self._output.flowing(*designation_step_parts(one))
            before = None if step.announcement else step
        with self._ledger.view() as view:
            history = designation_history(view, RESTATEMENT.membership, AREA)
        self._stage.say("", "And as it stands now:")
        self._stage.command(f"history {RESTATEMENT.membership} --area {AREA}")
        if self._output.as_json:
            for change in history:
                self._output.json(change)
        else:
            print_qualification_changes(self._output, history)

    def _decide(self, pick: Pick) -> None:
        decision = decide_designation(self._ledger, pick.membership, AREA, pick.anniversary)
        replayed = list(designation_replay(self._ledger.store, pick.membership, AREA))
        checks = [one for one in replayed if isinstance(one, DesignationCheck)]
        if self._output.as_json:
            self._output.json(decision)
            for check in checks:
                self._output.json(check)
            return
        self._stage.title(f"An anniversary that is {pick.outcome}: {pick.name}")
        asked = f"decide-designation {pick.membership} --area {AREA} --anniversary {pick.anniversary}"
        self._stage.say(f"{pick.why}.", "", f"Recorded by `{asked}`:")
        print_designation_decision(self._output, decision)
        self._stage.say("", f"Taken again from its {len(replayed) - len(checks):,} events alone:")
        for check in checks:
            print_designation_check(self._output, check)
        if pick.outcome != "qualified":
            self._stage.say("", "What was reported and does not count:")
            self._score(pick.membership, f"{pick.anniversary}T00:00:00Z")

    def prove(self) -> None:
        """Seals what came since the first story, and lets both decisions leave as evidence, which is verified."""
        from console.demo.proof import LOG, OLD_CHECKPOINT, POLICY, prove_designations

        stage, decided = self._stage, [(pick.membership, pick.anniversary) for pick in PICKS]
        prove_designations(self._output, self._ledger, stage.folder, AREA, decided)
        place = stage.folder / PROOF
        log, policy = quote(str(place / LOG)), f"--policy {quote(str(place / POLICY))}"
        stage.say("", "The same by hand:")
        membership, anniversary = decided[-1]
        out = quote(str(place / f"{membership}.json"))
        stage.command(f"evidence {membership} --area {AREA} --anniversary {anniversary} --tiles {log} --out {out}")
        stage.command(f"verify {out} {policy}")
        old, new = (quote(str(path)) for path in (place / OLD_CHECKPOINT, place / LOG / "checkpoint"))
        stage.command(f"consistency {old} {new} --tiles {log} {policy}")

    def what_next(self) -> tuple[str, ...]:
        """Commands to try on the book."""
        qualified, not_qualified = PICKS
        return (
            f"replay {qualified.membership} --area {AREA} --known-at {RESTATEMENT.corrected}",
            f"decisions {not_qualified.membership} --area {AREA}",
            f"anniversaries --at {END} --within 90",
        )

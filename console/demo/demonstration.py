"""The demo: the program's main job on a programme that is made up, with a clock that runs five years in seconds.

What it prints on stdout depends on the seed and the number of memberships alone; timings and progress go to stderr.
With --json stdout has one object a line: what was recorded, who is about to lose it, each decision and its check.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import date
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from shlex import quote
from typing import Any, Final

import orjson

from console.cli.commands.board import LOSING, board, print_rows, print_summary
from console.cli.commands.decide import decide, print_decision
from console.cli.commands.replay import print_check, step_line
from console.cli.fact_files.lines import Line
from console.cli.output import Advance, plural, short
from console.cli.recording import Intake
from console.cli.refusals_file import RefusalsFile
from console.cli.session import Session
from console.demo.folder import FACTS, LEDGER, LINK_KEY, REFUSED, make_folder, note_what_was_made
from console.demo.survey import DEMO_MEMBERSHIPS, DEMO_PICKS, END, START, Fact, Pick, generate
from console.throughput import collect_garbage_seldom
from console.wiring import Ledger, open_ledger
from ledger.event import recorded_us_of
from ledger.instants import DAY_US, format_instant, midnight_us
from ledger.link_key import foreseeable_key
from ledger.store.link_key_file import LinkKeyFile
from ledger.writing.salts import foreseeable_salts
from projections.questions.replay import Audit, decision_answer

NOW_US: Final = midnight_us(END) + DAY_US
WITHIN_DAYS: Final = 60
SHOWN: Final = 10
SHORT_TYPES: Final = ("ResponseReceived", "ResponseVoided", "EligibilityChanged", "RenewalDecided")
SHORT_STEPS: Final = 12


class Demonstration:
    """One run of the demo in a folder."""

    def __init__(self, session: Session, folder: Path, seed: int, memberships: int | None) -> None:
        self._output = session.output
        self._signals = session.signals
        self._folder = folder
        self._seed = seed
        self._memberships = memberships or DEMO_MEMBERSHIPS
        self._now_us = midnight_us(START)
        self._announced = 0

    def run(self, *, force: bool) -> None:
        """Makes the folder and runs through everything."""
        started_s = time.monotonic()
        collect_garbage_seldom()
        make_folder(self._folder, force=force)
        # Nobody is in it, and the same seed makes the same book.
        salts = foreseeable_salts(f"demo {self._seed}")
        LinkKeyFile(self._folder / LINK_KEY, makes=False).keep(foreseeable_key(f"demo {self._seed}"))
        with open_ledger(str(self._folder / LEDGER), lambda: self._now_us, create=True, salts=salts) as ledger:
            self._title(
                f"A programme of {plural(self._memberships, 'membership')}, {START} to {END} (seed {self._seed})"
            )
            self._record(ledger)
            recorded_s = time.monotonic()
            self._now_us = NOW_US
            with self._output.progress("projecting") as advance:
                ledger.catch_up(advance)
            self._board(ledger)
            for pick in DEMO_PICKS:
                self._decide(ledger, pick)
            self._prove(ledger, DEMO_PICKS[0])
            note_what_was_made(self._folder, ledger.store.max_position())
            self._what_next(ledger)
        self._output.flush()
        self._output.words(
            f"done in {time.monotonic() - started_s:.1f} s, {recorded_s - started_s:.1f} s of them to make and record "
            "the facts"
        )

    def _record(self, ledger: Ledger) -> None:
        """Feeds the facts as they arrive, a day in a transaction, and reviews at the end of each month."""
        refusals = RefusalsFile(self._folder / REFUSED)
        intake = Intake(ledger.writer.record, refusals, 1 << 30, self._signals.put_off)
        with (self._folder / FACTS).open("wb") as file, self._output.progress("recording") as advance:
            lines = _written(generate(self._seed, self._memberships), file)
            for month, arrivals in groupby(lines, key=lambda arrival: format_instant(arrival[0])[:7]):
                self._record_month(ledger, intake, month, arrivals, advance)
        self._say(
            f"{intake.lines:,} lines: {plural(intake.accepted, 'fact')} recorded, "
            f"{plural(intake.duplicates, 'duplicate')} recognised, {intake.refused:,} refused"
        )
        refused = ", ".join(f"{code} {found['count']}" for code, found in sorted(intake.codes.as_json().items()))
        self._say(f"refused for: {refused}")
        self._say(
            f"{ledger.store.max_position():,} events, {self._announced:,} changes of eligibility announced by reviews"
        )
        if self._output.as_json:
            self._output.json(
                {
                    "accepted": intake.accepted,
                    "duplicates": intake.duplicates,
                    "refused": intake.refused,
                    "position": ledger.store.max_position(),
                }
            )

    def _record_month(
        self, ledger: Ledger, intake: Intake, month: str, arrivals: Iterable[tuple[int, Line]], advance: Advance
    ) -> None:
        for _, of_day in groupby(arrivals, key=lambda arrival: arrival[0] // DAY_US):
            for arrival_us, line in of_day:
                self._now_us = arrival_us
                intake.take(line)
            intake.flush()
        year, number = int(month[:4]), int(month[5:])
        self._now_us = max(self._now_us, midnight_us(date(year + number // 12, number % 12 + 1, 1)) - 1)
        self._announced += ledger.writer.review().announced
        months = (END.year - START.year) * 12 + END.month
        advance((year - START.year) * 12 + number, months)
        if number == 12 and not self._output.stderr.isatty():
            self._output.words(f"{year} recorded: {plural(intake.lines, 'line')} so far")

    def _board(self, ledger: Ledger) -> None:
        with ledger.view() as view:
            rows = board(view, NOW_US, WITHIN_DAYS)
        losing = [row for row in rows if row["state"] == LOSING]
        if self._output.as_json:
            for row in losing[:SHOWN]:
                self._output.json(row)
            return
        self._title(f"Who is eligible at {short(format_instant(NOW_US))}")
        print_summary(self._output, rows, WITHIN_DAYS)
        self._say(f"\nAbout to lose it, the first {min(SHOWN, len(losing))} of {len(losing)}:")
        print_rows(self._output, losing[:SHOWN])

    def _decide(self, ledger: Ledger, pick: Pick) -> None:
        decision = decide(ledger, pick.membership, pick.renewal_date.isoformat())
        audit = Audit(ledger.store, pick.membership)
        steps = list(audit.steps())
        if self._output.as_json:
            self._output.json(decision)
            for check in audit.decisions:
                self._output.json(decision_answer(check))
            return
        self._title(f"A renewal that is {pick.outcome}: {pick.name}")
        self._say(f"{pick.why}.\n")
        print_decision(self._output, decision, SHOWN)
        told = [(event, found) for event, found in steps if event.type in SHORT_TYPES]
        self._say(f"\nReplayed from its {len(steps)} events, the last {min(SHORT_STEPS, len(told))} that matter:")
        for event, found in told[-SHORT_STEPS:]:
            self._say(step_line(event, found))
        for check in audit.decisions:
            print_check(self._output, check)

    def _prove(self, ledger: Ledger, pick: Pick) -> None:
        """Seals the book, lets a decision leave as evidence, verifies it, and shows what becomes of a changed byte."""
        if find_spec("cryptography") is None:
            self._say("\n(The demo goes on with a proof where the extra `proof` is installed.)")
            return
        from console.demo.proof import prove

        prove(self._output, ledger, self._folder, pick.membership, pick.renewal_date.isoformat())

    def _what_next(self, ledger: Ledger) -> None:
        (last,) = ledger.store.read_feed(ledger.store.max_position() - 1, 1)
        last_recorded_at = format_instant(recorded_us_of(last.stored, last.position))
        store = f"--store {quote(str(self._folder / LEDGER))}"
        met, not_met = DEMO_PICKS
        self._title("What to try next")
        for command in (
            f"csat-ledger {store} status {met.membership} --at {met.renewal_date}",
            f"csat-ledger {store} status {not_met.membership} --at {not_met.renewal_date} --known-at 2014-10-01",
            f"csat-ledger {store} history {met.membership}",
            f"csat-ledger {store} replay {not_met.membership}",
            f"csat-ledger {store} renewals --at {END} --within 60",
            f"csat-ledger {store} board --at 2013-04-01 --losing",
            f"csat-ledger {store} participation --by quarter",
            f"csat-ledger {store} clock-accept {last_recorded_at}   # its clock ran by itself, yours goes on from there",
            f"csat-ledger {store} record {quote(str(self._folder / FACTS))}   # all as before: known or refused",
        ):
            self._say(f"  {command}")

    def _title(self, text: str) -> None:
        self._say(f"\n{text}\n{'-' * len(text)}")

    def _say(self, text: str) -> None:
        if not self._output.as_json:
            self._output.text(text)


def _written(arrivals: Iterator[tuple[int, Fact]], file: Any) -> Iterator[tuple[int, Line]]:
    """Each fact as the line of a file, which is written on the way."""
    for number, (arrival_us, fact) in enumerate(arrivals, 1):
        content = orjson.dumps(fact) + b"\n"
        file.write(content)
        yield arrival_us, Line(FACTS, number, content)

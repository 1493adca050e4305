"""The demo: the program's main job on two programmes that are made up, in one book, with a clock that runs by itself.

First the survey programme of five years, then, seven years later and in the same book, the capability programme that
came after it. What is printed on stdout depends on the seed and the numbers asked for alone; timings and progress go to
stderr. With --json stdout has one object a line: what was recorded, who is about to lose it, each decision and its check.
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

from console.demo.capability import DEMO_PARTNERS
from console.demo.designations import Designations
from console.demo.folder import CAPABILITY_FACTS, FACTS, LEDGER, LINK_KEY, make_folder, note_what_was_made
from console.demo.people import make_vault
from console.demo.renewals import START_US, Renewals
from console.demo.stage import Stage
from console.demo.survey import DEMO_MEMBERSHIPS
from console.throughput import collect_garbage_seldom
from console.wiring import Ledger, open_ledger
from ledger.event import recorded_us_of
from ledger.instants import format_instant
from ledger.link_key import foreseeable_key
from ledger.store.link_key_file import LinkKeyFile
from ledger.writing.salts import foreseeable_salts

if TYPE_CHECKING:
    from console.cli.session import Session

WITHOUT_PROOF: Final = "(The demo goes on with a proof where the extra `proof` is installed.)"


class Demonstration:
    """One run of the demo in a folder."""

    def __init__(
        self,
        session: Session,
        folder: Path,
        seed: int,
        memberships: int | None = None,
        partners: int | None = None,
        *,
        with_answers: bool = False,
    ) -> None:
        """`with_answers`: responses have answers, in a vault in the folder."""
        self._stage = Stage(session, folder, START_US)
        self._folder = folder
        self._seed = seed
        self._memberships = memberships or DEMO_MEMBERSHIPS
        self._partners = partners or DEMO_PARTNERS
        self._with_answers = with_answers

    def run(self, *, force: bool) -> None:
        """Makes the folder and runs through everything."""
        started_s = time.monotonic()
        collect_garbage_seldom()
        make_folder(self._folder, force=force)
        # Nobody is in it, and the same seed makes the same book.
        salts = foreseeable_salts(f"demo {self._seed}")
        LinkKeyFile(self._folder / LINK_KEY, makes=False).keep(foreseeable_key(f"demo {self._seed}"))
        where = str(self._folder / LEDGER)
        vault = make_vault(self._folder) if self._with_answers else None
        with open_ledger(where, lambda: self._stage.now_us, create=True, salts=salts, vault=vault) as ledger:
            self._tell(ledger)
            note_what_was_made(self._folder, ledger.store.max_position())
        self._stage.output.flush()
        self._stage.output.words(f"done in {time.monotonic() - started_s:.1f} s")

    def _tell(self, ledger: Ledger) -> None:
        can_prove = find_spec("cryptography") is not None
        renewals = Renewals(self._stage, ledger)
        renewals.record(self._seed, self._memberships, with_answers=self._with_answers)
        self._catch_up(ledger)
        renewals.tell()
        if can_prove:
            renewals.prove()
        designations = Designations(self._stage, ledger)
        designations.record(self._seed, self._partners)
        self._catch_up(ledger)
        designations.tell()
        if can_prove:
            designations.prove()
        else:
            self._stage.say("", WITHOUT_PROOF)
        self._what_next(ledger, [*renewals.what_next(), *designations.what_next()])

    def _catch_up(self, ledger: Ledger) -> None:
        with self._stage.output.progress("projecting") as advance:
            ledger.catch_up(advance)

    def _what_next(self, ledger: Ledger, commands: list[str]) -> None:
        (last,) = ledger.store.read_feed(ledger.store.max_position() - 1, 1)
        last_recorded_at = format_instant(recorded_us_of(last.stored, last.position))
        self._stage.title("What to try next")
        for command in commands:
            self._stage.command(command)
        self._stage.say("Its clock ran by itself. Yours goes on from there, and finds all as before, known or refused:")
        for command in (  # without a remark behind it: zsh takes none where somebody pastes
            f"clock-accept {last_recorded_at}",
            f"record {quote(str(self._folder / FACTS))}",
            f"record {quote(str(self._folder / CAPABILITY_FACTS))}",
        ):
            self._stage.command(command)
        self._stage.say("Pages for who would rather look: csat-ledger demo --serve, or make console")

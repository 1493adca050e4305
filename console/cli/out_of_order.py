"""Facts in any order: what is refused waits, outside of memory, and is tried again after what else the files hold.

A fact that comes before what it needs (an answer before its invitation, anything before the enrolment) is refused at
first. It is tried again after all the others, as often as that lets any in, ROUNDS_MAX times at most: an enrolment, a
consent, an invitation, an answer and its voiding in the wrong order take five. What is refused to the end is refused
with its code of that time. A decision needs everything: it waits until all else is settled.

Of a designation the report that is recorded last counts, and a month that is closed before what is reported of it would be
announced and revised. So what is said of a designation, but for its opening and its anniversaries, waits for all others,
and is then taken in the order of occurred_at, whatever files it stands in; at the same instant in the order of the files.

What was accepted too early stays: of two names that fold alike the first one is known, and the other is refused to the
end, where only a telling-apart of the other from it (and not the reverse) stands in the files.

What waits lies in a temporary file that nobody else can open, as large as the facts in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryFile
from typing import IO, Final

from console.answering import NEEDED, PUT_OFF
from console.cli.fact_files.lines import Line
from console.cli.fact_files.sorted_lines import SortedLines
from console.cli.recording import Intake
from console.cli.refusals_file import RefusedLine, decode_refusal
from ledger.errors import LinkKeyMissing
from ledger.fact import Fact
from ledger.instants import parse_instant
from ledger.programmes.capability.facts import DecideDesignation, DesignationFact, OpenDesignation, SetAnniversary
from ledger.programmes.survey.facts import DecideRenewal

ROUNDS_MAX: Final = 16
CHUNK: Final = 1_000

FINAL_CODES: Final = frozenset(
    {
        "malformed", "reserved-id", "id-reused", "in-the-future", "month-not-over", "renewal-not-due",
        LinkKeyMissing.code, NEEDED, *PUT_OFF,
    }
)  # fmt: skip
"""Refused for what the fact is, for what time it is, or for a key that is not there: nothing in the files changes that."""


class Waiting:
    """The facts that wait. `sift` and `hold` are for the `Intake` that they are tried again with."""

    def __init__(self, first: IO[bytes], second: IO[bytes], decisions: IO[bytes], by_instant: SortedLines) -> None:
        """See `waiting`."""
        self._now = first
        self._before = second
        self._decisions = decisions
        self._by_instant = by_instant
        self._is_open = True
        self._gathers = True

    def sift(self, refused: list[RefusedLine]) -> list[RefusedLine]:
        """Keeps what may be accepted later; returns what never will be."""
        if not self._is_open:
            return refused
        final = []
        for entry in refused:
            if entry.code in FINAL_CODES:
                final.append(entry)
            else:
                self._now.write(entry.encoded())
        return final

    def hold(self, line: Line, fact: Fact) -> bool:
        """Whether a fact waits for all others."""
        if not self._is_open:
            return False
        if isinstance(fact, DecideRenewal | DecideDesignation):
            self._decisions.write(RefusedLine(line, "", "").encoded())
            return True
        if (
            self._gathers
            and isinstance(fact, DesignationFact)
            and not isinstance(fact, OpenDesignation | SetAnniversary)
        ):
            self._by_instant.add(parse_instant(fact.occurred_at), RefusedLine(line, "", "").encoded())
            return True
        return False

    def settle(self, intake: Intake) -> None:
        """Tries everything again, until nothing more is accepted."""
        self._try_again(intake)
        self._gathers = False
        for refused in _decoded(self._by_instant):
            intake.take(refused.line)
        intake.flush()
        self._try_again(intake)
        self._is_open = False
        chunk = []
        for refused in _read(self._now):
            chunk.append(refused)
            if len(chunk) == CHUNK:
                intake.refuse(chunk)
                chunk = []
        intake.refuse(chunk)
        for refused in _read(self._decisions):
            intake.take(refused.line)
        intake.flush()

    def _try_again(self, intake: Intake) -> None:
        for _ in range(ROUNDS_MAX):
            if not self._now.tell():
                break
            known = intake.accepted
            self._now, self._before = self._before, self._now
            self._now.seek(0)
            self._now.truncate()
            for refused in _read(self._before):
                intake.take(refused.line)
            intake.flush()
            if intake.accepted == known:
                break


@contextmanager
def waiting() -> Iterator[Waiting]:
    """A place to wait, for as long as files are recorded."""
    with ExitStack() as files:
        first, second, decisions = (files.enter_context(TemporaryFile()) for _ in range(3))
        yield Waiting(first, second, decisions, SortedLines(files))


def _read(file: IO[bytes]) -> Iterator[RefusedLine]:
    file.seek(0)
    return _decoded(file)


def _decoded(lines: Iterable[bytes]) -> Iterator[RefusedLine]:
    for encoded in lines:
        refused = decode_refusal(encoded)
        if refused is not None:  # always: it was written here
            yield refused

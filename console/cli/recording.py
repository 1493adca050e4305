"""From lines of files to facts in the ledger: recorded in batches, with an account of what became of each line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.cli.fact_files.lines import Line
from console.cli.refusals_file import Refusals, RefusedLine
from ledger.errors import Refused
from ledger.fact import LINE_BYTES_MAX, Fact, too_long
from ledger.programmes.registry import parse_fact
from ledger.writing.faults import record_apart
from projections.questions.answer import LEFT_OUT, Count, MayBeLeftOut, Number, Position

if TYPE_CHECKING:
    from ledger.writing.writer import Outcome


@dataclass(frozen=True, slots=True)
class FirstRefused:
    """The first line that was refused with a code."""

    file: str
    """The file's name."""
    line_number: Number
    """The line, or the element of an array, counted from 1 on."""
    sentence: str
    """What was found, and what was expected."""


@dataclass(frozen=True, slots=True)
class RefusedCode:
    """How often a code was given."""

    count: Count
    """How many lines."""
    first: FirstRefused
    """The first of them."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of the lines that were taken in."""

    accepted: Count
    """Facts recorded."""
    duplicates: Count
    """Facts that were recorded before."""
    refused: Count
    """Lines refused."""
    position: Position
    """The ledger's last position now."""
    spelt: int | MayBeLeftOut = LEFT_OUT
    """Facts taken under the known spelling of a name; where that was asked for, or there were any."""
    receipts: Count | MayBeLeftOut = LEFT_OUT
    """Receipts written; where they were asked for."""
    left: Count | MayBeLeftOut = LEFT_OUT
    """Refused facts of which the ledger keeps too little to take them again; only where those that it keeps are taken."""
    codes: Mapping[str, RefusedCode] | MayBeLeftOut = LEFT_OUT
    """By code, the most frequent first; only where something was refused."""


class Codes:
    """How often each code was given, and to which line first."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, RefusedLine]] = {}

    def count(self, refused: RefusedLine) -> None:
        """Counts a refusal."""
        number, first = self._found.get(refused.code, (0, refused))
        self._found[refused.code] = number + 1, first

    def __contains__(self, code: object) -> bool:
        """Whether a code was given."""
        return code in self._found

    def answer(self) -> dict[str, RefusedCode]:
        """For scripts: the codes, the most frequent first."""
        return {
            code: RefusedCode(number, FirstRefused(first.line.file, first.line.number, first.sentence))
            for code, (number, first) in self._ordered()
        }

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"{code}: {number:,}, the first is {first.line.place}: {first.sentence}"
            for code, (number, first) in self._ordered()
        ]

    def _ordered(self) -> list[tuple[str, tuple[int, RefusedLine]]]:
        return sorted(self._found.items(), key=lambda found: -found[1][0])


class Intake:
    """Records lines in batches, each in one transaction, and keeps account of what became of them.

    `sift` is given the refusals of a batch and returns those that are final; `hold` is asked of each fact whether it
    waits. Both are for who knows more of the order of the lines (see `console.cli.out_of_order`). `on_fault` is told why the
    program failed over a fact, which is refused as `fault`; the others of its batch are recorded. `on_recorded` is given
    the outcomes of each batch once it is on disk, `keep` the refusals of each once they have left the program.
    """

    def __init__(
        self,
        record: Callable[[Sequence[Fact]], list[Outcome]],
        refusals: Refusals,
        batch_max: int,
        put_off_signals: Callable[[], AbstractContextManager[None]],
        sift: Callable[[list[RefusedLine]], list[RefusedLine]] = lambda refused: refused,
        hold: Callable[[Line, Fact], bool] = lambda _line, _fact: False,
        on_fault: Callable[[Exception], None] = lambda _: None,
        on_recorded: Callable[[Sequence[Outcome]], None] = lambda _: None,
        keep: Callable[[Sequence[RefusedLine]], object] = lambda _: None,
    ) -> None:
        self._record = record
        self._refusals = refusals
        self._batch_max = batch_max
        self._put_off_signals = put_off_signals
        self._sift = sift
        self._hold = hold
        self._on_fault = on_fault
        self._on_recorded = on_recorded
        self._keep = keep
        self._taken: list[tuple[Line, Fact | RefusedLine]] = []
        self.codes = Codes()
        self.left: MayBeLeftOut = LEFT_OUT
        self.lines = 0
        self.accepted = 0
        self.duplicates = 0
        self.refused = 0

    def take(self, line: Line) -> bool:
        """Takes a line in; returns whether a batch was recorded with it."""
        self.lines += 1
        try:
            content = line.content.rstrip()
            if line.cut_from and len(content) > LINE_BYTES_MAX:  # one from a file of refusals may have been mended
                raise too_long(line.cut_from)
            fact = parse_fact(content)
            if self._hold(line, fact):
                return False
            self._taken.append((line, fact))
        except Refused as refusal:
            self._taken.append((line, RefusedLine(line, refusal.code, refusal.sentence, refusal.field)))
        if len(self._taken) < self._batch_max:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Records what was taken in since the last time. A signal waits until the refusals are written too."""
        with self._put_off_signals():
            facts = [taken for _, taken in self._taken if not isinstance(taken, RefusedLine)]
            recorded = list(record_apart(self._record, facts, lambda _, error: self._on_fault(error)))
            outcomes = iter(recorded)
            refused = []
            for line, taken in self._taken:
                if isinstance(taken, RefusedLine):
                    refused.append(taken)
                    continue
                outcome = next(outcomes)
                if outcome.status == "accepted":
                    self.accepted += 1
                elif outcome.status == "duplicate":
                    self.duplicates += 1
                else:
                    refused.append(RefusedLine(line, outcome.code or "", outcome.sentence or "", None, taken))
            self.refuse(self._sift(refused))
            self._taken = []
            self._on_recorded(recorded)

    def refuse(self, refused: Sequence[RefusedLine]) -> None:
        """Counts and writes refusals, in the order of their lines."""
        self._refusals.write(refused)
        self._keep(refused)
        self.refused += len(refused)
        for entry in refused:
            self.codes.count(entry)

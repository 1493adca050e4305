"""The audit: a monitor over the whole log, and the rows of the book beside it.

The monitor follows the log from its first entry to the published checkpoint, proves every file and judges every entry
(`ledger.monitor`); beside it the rows of the book are read, and compared with each event (`beside`). What the book has beyond
the log goes to the same judge, so that nothing is judged in two ways. The streams are judged at the end, in as many processes
as there are cores (`parts`); and with them is looked whether everything is due that will change by itself (`due`).

Where a file of the log is missing, what lies behind it cannot be compared: that is said, and the book is judged all the same.
Nothing here is taken from what the sealer or the writer have worked out. All differences are listed, not only the first; of
what the log has signed and cannot be, as many as a monitor keeps.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ledger.audit.beside import LISTED_MAX, BookBeside
from ledger.audit.due import confirmed, spool_due
from ledger.audit.part import Part
from ledger.audit.parts import Parts
from ledger.monitor.monitor import Judging, Monitor
from ledger.proof.log.policy import Policy
from ledger.proof.programme import ProofProgrammes
from ledger.seal.findings import AuditDifference, Finding, Verdict, judge_handovers, verdict_of
from ledger.seal.log_reader import LogReader
from ledger.store.base import Reader

PART_EVENTS: Final = 20_000
"""About so many events of streams that wait are in a file,"""
PARTS_MAX: Final = 64
"""or more where there would be more files than this."""
DIGITS_MAX: Final = 18
FEW_EVENTS: Final = 50_000
"""Up to so many events are rechecked in this process: starting others would take longer."""

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class AuditAnswer:
    """What the audit says of a whole ledger."""

    verdict: Verdict
    """`confirmed`, or the worst of the differences."""
    events: int
    """Events of the book."""
    unsealed: int
    """Of these, events behind the sealed size, for which nothing is signed yet."""
    streams: int
    """Streams among which they are."""
    announcements: int
    """Announcements derived again."""
    decisions: int
    """Decisions derived again."""
    differences: tuple[AuditDifference, ...]
    """Each thing that is not as it should be."""


@dataclass
class AuditReport:
    """What the audit says."""

    events: int = 0
    streams: int = 0
    announcements: int = 0
    decisions: int = 0
    unsealed: int = 0
    checkpoints: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """`confirmed`, or the worst of the findings."""
        return verdict_of(self.findings)

    def answer(self) -> AuditAnswer:
        """As the command prints it."""
        return AuditAnswer(
            verdict=self.verdict,
            events=self.events,
            unsealed=self.unsealed,
            streams=self.streams,
            announcements=self.announcements,
            decisions=self.decisions,
            differences=tuple(finding.answer() for finding in self.findings),
        )


def audit(
    book: Reader,
    log: LogReader,
    policy: Policy,
    programmes: ProofProgrammes,
    *,
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> AuditReport:
    """Audits a book and its log. `workers` is the number of processes for the streams."""
    report = AuditReport()
    events = book.max_position()
    total = 2 * events  # each is gone over twice
    workers = workers or os.cpu_count() or 1
    is_large = events > FEW_EVENTS
    tell = on_progress or (lambda _done, _total: None)
    of_parts: list[Part] = []
    with TemporaryDirectory(prefix="csat-ledger-audit-") as temporary:
        folder = Path(temporary)
        files = min(-(-events // PART_EVENTS), PARTS_MAX) if is_large else 0
        with closing(Parts(folder, programmes, workers if is_large and workers > 1 else 0, files)) as parts:
            beside = BookBeside(book, programmes, lambda done: tell(done + parts.taken, total))
            with closing(Monitor(log, policy, programmes, folder, "audit", judging=Judging(parts, beside))) as monitor:
                _follow(monitor, beside, report)
            reviews = book.reviews()
            spool_due(book, parts.paths, parts.places)
            done = report.events + parts.taken
            for part in parts.judge(reviews):
                of_parts.append(part)
                done += 0 if part.is_live else part.events
                tell(done, total)
    report.announcements = sum(part.announcements for part in of_parts)
    report.decisions = sum(part.decisions for part in of_parts)
    report.findings += sorted((finding for part in of_parts for finding in part.findings), key=_in_order)
    overdue = sorted(one for part in of_parts for one in part.overdue)
    report.findings += judge_handovers(parts.handovers, policy)
    report.findings += confirmed(book, events, overdue)
    report.findings = list(dict.fromkeys(report.findings))
    return report


def _in_order(finding: Finding) -> tuple[tuple[str, int], ...]:
    """However the streams were spread: by what differs, numbers by their value."""
    words = re.split(r"([0-9]+)", finding.what)
    return tuple(
        (word, int(number[:DIGITS_MAX] or 0)) for word, number in zip_longest(words[::2], words[1::2], fillvalue="0")
    )


def _follow(monitor: Monitor, beside: BookBeside, report: AuditReport) -> None:
    """The whole log, and the book to its end."""
    seen = monitor.round()
    rest = beside.judge_rest(seen.events, monitor.take_unsealed)
    report.findings += [*seen.findings, *monitor.judged_unsealed(), *beside.findings]
    report.events, report.streams, report.checkpoints = beside.events, monitor.count_streams, seen.checkpoints
    if (found := monitor.checkpoints.ends_in()) is not None:
        expected = "the published checkpoint at its end"
        report.findings.append(Finding("incomplete", "history of checkpoints", found, expected))
    published = monitor.checkpoints.published
    if published is None:
        report.unsealed = rest
        return
    report.unsealed = min(rest, max(0, seen.events + rest - monitor.count_sealed(published)))
    if published.size > 2 * (report.events + LISTED_MAX):  # between heads entries stand events
        what, found = f"checkpoint of size {published.size}", f"{report.events} events in the book"
        report.findings.append(Finding("tampered", what, found, "half as many as its size, or more"))

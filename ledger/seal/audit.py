"""The audit: everything that the book and its log say, derived again from the rows of the database.

Two passes. The first (`audit_log`) goes through the book in feed order, beside the log: every row against its entry,
every heads entry, every tile, and the root of every checkpoint that was ever published; since all roots are taken from
the same leaves, the checkpoints are prefixes of one another; that what was recorded never goes back; and the ids of all facts
(`audit_facts`). On the way it puts the rows on disk, a part of the streams
to a file (`audit_spool`). The second (`audit_streams`) takes these files, in as many processes as there are cores: the
form of every event (`audit_rows`), every stream's chain, and every announcement and decision, recomputed by the
verifier's rules.

What both passes judge is read from the database once: nobody can show one book to the first and another to the second.
Nothing here is taken from what the sealer or the writer have worked out; the verifier's own code judges signatures,
rotations of keys, announcements and decisions. All differences are listed, not only the first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ledger.proof.log.errors import ProofError
from ledger.proof.log.policy import Policy, TrustedCheckpoint, log_checkpoint, require_quorum
from ledger.proof.programme import ProofProgrammes
from ledger.seal.audit_due import Overdue, Reviews, confirmed, spool_due
from ledger.seal.audit_facts import Facts
from ledger.seal.audit_log import LogAudit
from ledger.seal.audit_spool import Spool
from ledger.seal.audit_streams import Known, Part, audit_part, check_known
from ledger.seal.findings import (
    AuditDifference,
    Finding,
    Verdict,
    finding_of,
    judge_handovers,
    judge_log_events,
    verdict_of,
)
from ledger.seal.log_reader import HistoryLine, LogReader
from ledger.seal.signed_history import SignedHistory, beyond_published, out_of_order
from ledger.store.base import Reader

PART_EVENTS: Final = 20_000
PARTS_MAX: Final = 64
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
    """Audits a book and its log. `workers` is the number of processes for the second pass."""
    report = AuditReport()
    roots = _checkpoints(log, policy, report)
    events = book.max_position()
    total = 2 * events  # each is gone over twice
    workers = workers or os.cpu_count() or 1
    parts = max(workers, min(-(-events // PART_EVENTS), PARTS_MAX)) if events > FEW_EVENTS else 1
    with TemporaryDirectory(prefix="csat-ledger-audit-") as temporary:
        paths = [Path(temporary, str(number)) for number in range(parts)]
        with closing(Spool(paths, programmes)) as spool, closing(Facts(Path(temporary), programmes)) as facts:
            first = LogAudit(book, log, roots, spool, facts)
            first.run(lambda done: on_progress(done, total) if on_progress else None)
            reviews = book.reviews()
            spool_due(book, paths, spool.places)
        report.events, report.streams, report.unsealed = first.events, first.streams, first.unsealed
        report.findings += first.findings
        report.findings += facts.twice()
        known, findings = check_known(programmes, spool.editions, spool.log)
        report.findings += findings
        report.findings += check_log(known, policy)
        done = report.events + known.events
        overdue: list[Overdue] = []
        for part in _recheck(paths, known, reviews, workers):
            overdue += part.overdue
            report.announcements += part.announcements
            report.decisions += part.decisions
            report.findings += part.findings
            done += part.events
            if on_progress is not None:
                on_progress(done, total)
    report.findings += confirmed(book, events, overdue)
    report.findings = list(dict.fromkeys(report.findings))
    return report


def check_log(known: Known, policy: Policy) -> list[Finding]:
    """What is wrong with the log's own events.

    Every rotation has to be signed by both keys, the older of which the policy knows; no other key may have come in.
    """
    findings: list[Finding] = []
    handovers = judge_log_events(known.log, findings)
    return [*findings, *judge_handovers(handovers, policy)]


def _checkpoints(log: LogReader, policy: Policy, report: AuditReport) -> dict[int, bytes]:
    """size -> root of every checkpoint that the log signed; what is wrong with them goes into the report."""
    roots: dict[int, bytes] = {}
    largest = 0

    def take(signed: bytes) -> TrustedCheckpoint | None:
        try:
            trusted = log_checkpoint(signed, policy)
        except ProofError as error:
            report.findings.append(finding_of(error))
            return None
        size, root = trusted.checkpoint.size, trusted.checkpoint.root
        if roots.setdefault(size, root) != root:
            what = f"second checkpoint of size {size}"
            report.findings.append(Finding("tampered", what, root.hex(), roots[size].hex()))
        return trusted

    def take_line(line: HistoryLine) -> None:
        nonlocal largest
        report.checkpoints += 1
        if (trusted := take(line.note)) is not None:  # with the cosignatures that were to be had then
            largest = largest if line.start else 0  # it may be another history by now, from its beginning
            report.findings += out_of_order(largest, trusted.checkpoint.size)
            largest = max(largest, trusted.checkpoint.size)

    history = SignedHistory(log)
    published = history.read(take_line, report.findings)
    if published is None:
        return roots
    if (found := history.ends_in(published)) is not None:
        report.checkpoints += 1
        report.findings.append(
            Finding("incomplete", "history of checkpoints", found, "the published checkpoint at its end")
        )
    if (trusted := take(published)) is None:
        return roots
    size = trusted.checkpoint.size
    report.findings += beyond_published(size, roots)
    try:
        require_quorum(trusted, policy)
    except ProofError as error:
        report.findings.append(finding_of(error))
    return {older: root for older, root in roots.items() if older <= size}


def _recheck(paths: Sequence[Path], known: Known, reviews: Reviews, workers: int) -> Iterator[Part]:
    processes = min(len(paths), workers)
    if processes <= 1:
        yield from (audit_part(path, known, reviews) for path in paths)
        return
    # Spawned, not forked: this process may hold threads and connections.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(
            audit_part, paths, repeat(known), repeat(reviews)
        )  # in order, so that a report is the same every time

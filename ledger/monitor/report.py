"""What a monitor says of a log, after a round."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.seal.findings import AuditDifference, Finding, Verdict, verdict_of


@dataclass(frozen=True, slots=True)
class ReceiptCounts:
    """How many receipts there are of each verdict."""

    kept: int
    """A checkpoint had the event in time."""
    late: int
    """None had it in time, and one of a later time has it, or does not have it."""
    broken: int
    """The log contradicts it, or another receipt does."""
    unproven: int
    """None of these yet."""
    unreadable: int
    """Lines that hold no receipt of a key that the policy believes, for the event beside it."""


@dataclass(frozen=True, slots=True)
class MonitorAnswer:
    """What the monitor says of a log."""

    verdict: Verdict
    """`confirmed`, or the worst of the differences."""
    size: int
    """Entries of the log that were taken: all under the published checkpoint, if nothing is wrong with the files."""
    events: int
    """Events among them."""
    streams: int
    """Streams among which they are."""
    announcements: int
    """Announcements among them, derived again."""
    decisions: int
    """Decisions among them, derived again."""
    checkpoints: int
    """Checkpoints that were seen."""
    receipts: ReceiptCounts | None
    """The receipts that are watched; null where no file of them was given."""
    differences: tuple[AuditDifference, ...]
    """Each thing that is not as it should be; of two checkpoints that cannot both be, both."""


@dataclass(frozen=True)
class MonitorReport:
    """A round."""

    size: int
    events: int
    streams: int
    announcements: int
    decisions: int
    checkpoints: int
    receipts: ReceiptCounts | None
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """`confirmed`, or the worst of the findings."""
        return verdict_of(self.findings)

    def answer(self) -> MonitorAnswer:
        """As the command prints it."""
        counts = {name: getattr(self, name) for name in MonitorAnswer.__dataclass_fields__ if hasattr(self, name)}
        return MonitorAnswer(**counts, differences=tuple(finding.answer() for finding in self.findings))

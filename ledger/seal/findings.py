"""What an audit or a monitor finds, and the verdict to which it leads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from ledger.proof.log.errors import ProofError, shown
from ledger.proof.log.event import Event
from ledger.proof.log.keys import EVENT_TYPE
from ledger.proof.log.policy import Policy
from ledger.proof.log_form import check_log_event

Verdict = Literal["tampered", "incomplete", "refuted", "unverifiable", "confirmed"]
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
"""The worst comes first: it is the verdict on the whole."""


@dataclass(frozen=True, slots=True)
class AuditDifference:
    """One thing that is not as it should be."""

    what: str
    """What differs, and where."""
    found: str
    """What is there."""
    expected: str
    """What should be there."""


class Finding(NamedTuple):
    """One difference, and the verdict to which it leads by itself."""

    verdict: str
    what: str
    found: str
    expected: str

    def answer(self) -> AuditDifference:
        """As the command prints it."""
        return AuditDifference(self.what, self.found, self.expected)


def finding_of(error: ProofError, verdict: str | None = None) -> Finding:
    """The finding that an error of the verifier is."""
    return Finding(verdict or error.verdict, error.what, shown(error.found), shown(error.expected))


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """`confirmed`, or the worst of the findings."""
    found = {finding.verdict for finding in findings}
    return next(verdict for verdict in VERDICTS if verdict in found or verdict == "confirmed")


def judge_log_events(events: Iterable[object], findings: list[Finding]) -> list[tuple[str, str]]:
    """The keys of the rotations among the log's own events, (old, new) of each that both have signed.

    What is no event of the log in its form goes to the findings; what could not be read as an event is there already.
    """
    handovers = []
    for event in events:
        if not isinstance(event, Event):
            continue
        try:
            handover = check_log_event(event)
        except ProofError as error:
            findings.append(finding_of(error, "tampered" if event.type == EVENT_TYPE else "refuted"))
        else:
            handovers += [] if handover is None else [handover]
    return handovers


def judge_handovers(handovers: Sequence[tuple[str, str]], policy: Policy, size: int | None = None) -> Iterator[Finding]:
    """Every key that signs is the policy's first, or was introduced by a rotation whose older key is known.

    `handovers` are (old, new) of the rotations whose signatures hold, in their order, in a log of `size` entries; None for
    the whole log.
    """
    trusted, introduced = {str(log.key) for log in policy.logs}, set[str]()
    for old, new in handovers:
        if old not in trusted and old not in introduced:
            yield Finding("tampered", f"rotation to the key {new}: old", old, "a key that the policy trusts")
        introduced.add(new)
    first = min(policy.logs, key=lambda log: log.first_size)
    for log in policy.logs:
        if log is not first and (size is None or log.first_size < size) and str(log.key) not in introduced:
            yield Finding("incomplete", f"key {log.key} of the policy", "no rotation to it in the log", "one")

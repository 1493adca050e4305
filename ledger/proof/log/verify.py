"""The offline verifier: judges an evidence bundle by a policy, with nothing else.

    python -m ledger.proof.log.verify FILE --policy FILE [--json]

Verdicts and exit codes:

    confirmed     0  the log is sound, and the decision is what the rules say of what it holds
    refuted       1  the log is sound, but the decision does not follow from it: both are shown
    tampered      1  a signature, hash, chain or proof does not hold
    incomplete    1  something that has to be there is left out: events, the end of a stream, cosignatures
    unverifiable  2  bundle or policy cannot be read, or nothing is signed by a key that the policy trusts

It goes from the policy to the signatures and the quorum, the inclusion of every entry, the chain of each stream, the
heads, and last replays the rules (`rules`); the first thing that differs ends it, and both sides are shown.

With --json, one object on stdout:

    verdict       one of the five
    decision      the recorded decision (the event's data), or null where it was not reached
    recomputed    the decision by this implementation of the rules, or null where it was not reached
    difference    null, or {"what","found","expected"}

Without --json, words on stdout, which also say as of which checkpoint the verdict holds, when that was cosigned, and
whether the bundle has a later decision of the same renewal.

Example (exit code 1):

    {"verdict":"refuted","decision":{…,"counted":10,…},"recomputed":{…,"counted":9,…},
     "difference":{"what":"event membership-m-1/14 RenewalDecided: counted","found":10,"expected":9}}
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.proof.log.bundle import Bundle, ProvedEntry, ProvedStream, parse_bundle
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.errors import (
    IncompleteError,
    MalformedError,
    ProofError,
    RefutedError,
    TamperedError,
    Words,
    shown,
)
from ledger.proof.log.event import FIRST_PREV, PROGRAMME, Event, format_instant, parse_event
from ledger.proof.log.heads import HeadsEntry, is_heads_entry, parse_heads_entry, verify_head
from ledger.proof.log.merkle import leaf_hash, verify_inclusion
from ledger.proof.log.policy import Policy, TrustedCheckpoint, open_checkpoint, parse_policy
from ledger.proof.log.strictjson import base64_text
from ledger.proof.survey.replay import Membership, Rulebook
from ledger.proof.survey.rules import check_decision, first_difference

CONFIRMED = "confirmed"
JSON_KEYS = ("verdict", "decision", "recomputed", "difference")
EXIT_CODES = {CONFIRMED: 0, "refuted": 1, "tampered": 1, "incomplete": 1, "unverifiable": 2}


@dataclass
class Report:
    """What the verifier says; filled in as far as it came."""

    verdict: str = CONFIRMED
    decision: dict[str, Any] | None = None
    recomputed: dict[str, Any] | None = None
    difference: dict[str, Any] | None = None
    checkpoint: dict[str, Any] | None = None
    superseded_by: int | None = None

    @property
    def exit_code(self) -> int:
        """0, 1 or 2."""
        return EXIT_CODES[self.verdict]

    def differs(self, error: ProofError) -> None:
        """Takes the first thing that differs."""
        self.verdict = error.verdict
        sides = {"found": error.found, "expected": error.expected}
        self.difference = {"what": error.what} | {
            side: value.decode("ascii", "backslashreplace") if isinstance(value, bytes) else value
            for side, value in sides.items()
        }

    def encoded(self) -> str:
        """One JSON object on one line."""
        return json.dumps({key: getattr(self, key) for key in JSON_KEYS})

    def words(self) -> str:
        """The report for people."""
        lines = [f"verdict: {self.verdict}"]
        if self.checkpoint:
            lines.append(
                f"log {self.checkpoint['origin']!a}, size {self.checkpoint['size']}, root {self.checkpoint['root']}"
            )
            lines += [f"cosigned by {name!a} at POSIX time {time_s}" for name, time_s in self.checkpoint["cosigned"]]
        if self.difference:
            lines.append(f"first difference: {self.difference['what']!s}".encode("ascii", "backslashreplace").decode())
            lines.append(f"  found:    {shown(self.difference['found'])}")
            lines.append(f"  expected: {shown(self.difference['expected'])}")
        for name, data in (("recorded", self.decision), ("recomputed", self.recomputed)):
            if data is not None and (name == "recorded" or self.verdict == "refuted"):
                lines.append(f"{name} decision: {json.dumps(data)}")
        if self.superseded_by is not None:
            lines.append(f"the same renewal was decided again, by event {self.superseded_by} of the stream")
        return "\n".join(lines)


def verify(bundle_data: bytes, policy_data: bytes) -> Report:
    """The verdict on a bundle, by a policy."""
    report = Report()
    try:
        policy = parse_policy(policy_data)
        judge(parse_bundle(bundle_data), policy, report)
    except ProofError as error:
        report.differs(error)
    return report


def judge(bundle: Bundle, policy: Policy, report: Report) -> None:
    """Fills in the report; raises the first thing that differs."""
    trusted = open_checkpoint(bundle.checkpoint, policy)
    checkpoint = trusted.checkpoint
    report.checkpoint = _checkpoint_json(trusted)
    heads = check_heads(bundle.heads, checkpoint)
    for name, stream in ((bundle.stream_name, bundle.stream), (PROGRAMME, bundle.programme)):
        check_inclusion(name, stream, checkpoint)
    events = check_chain(bundle.stream_name, bundle.stream)
    editions = check_chain(PROGRAMME, bundle.programme)
    check_end(bundle.stream_name, bundle.stream, events, heads)
    check_end(PROGRAMME, bundle.programme, editions, heads)
    check_rules(bundle, events, editions, report)


def check_heads(heads: ProvedEntry, checkpoint: Checkpoint) -> HeadsEntry:
    """The heads entry, if it is in the log, and the last entry of it."""
    if heads.index >= checkpoint.size:
        raise TamperedError("index of the heads entry", found=heads.index, expected=Words(f"below {checkpoint.size}"))
    verify_inclusion(leaf_hash(heads.entry), heads.index, checkpoint.size, heads.proof, checkpoint.root)
    if heads.index != checkpoint.size - 1:
        raise IncompleteError(
            "heads entry", found=Words(f"one at index {heads.index}, before the end of the log"),
            expected=Words(f"the last entry, at index {checkpoint.size - 1}"),
        )  # fmt: skip
    if not is_heads_entry(heads.entry):
        raise IncompleteError("last entry of the log", found=heads.entry, expected=Words("a heads entry"))
    entry = parse_heads_entry(heads.entry)
    if entry.through > heads.index:
        raise TamperedError(
            "events covered by the heads", found=entry.through, expected=Words(f"at most {heads.index}")
        )
    return entry


def check_inclusion(name: str, stream: ProvedStream, checkpoint: Checkpoint) -> None:
    """Every event is in the log, where the bundle says, and later events stand at higher indexes."""
    before = -1
    for number, event in enumerate(stream.events, 1):
        if not before < event.index < checkpoint.size:
            raise TamperedError(
                f"log index of event {number} of {name}", found=event.index,
                expected=Words(f"from {before + 1} to {checkpoint.size - 1}"),
            )  # fmt: skip
        verify_inclusion(leaf_hash(event.entry), event.index, checkpoint.size, event.proof, checkpoint.root)
        before = event.index


def check_chain(name: str, stream: ProvedStream) -> list[Event]:
    """The stream's events, from the first on, without a gap, each naming the one before it and recorded no earlier."""
    events: list[Event] = []
    prev = FIRST_PREV
    for number, proved in enumerate(stream.events, 1):
        event = parse_event(proved.entry, f"event {number} of {name}")
        if event.stream != name:
            raise TamperedError(f"stream of event {number}", found=event.stream, expected=name)
        if event.seq > number:
            raise IncompleteError(f"events of {name}", found=Words(f"seq {event.seq} after seq {number - 1}"),
                                  expected=Words(f"seq {number}"))  # fmt: skip
        if event.seq < number:
            raise TamperedError(f"seq of event {number} of {name}", found=event.seq, expected=number)
        if event.prev != prev:
            raise TamperedError(f"{event.where}: prev", found=event.prev, expected=prev)
        if events and event.recorded_us < events[-1].recorded_us:
            raise RefutedError(
                f"{event.where}: recorded_at", found=format_instant(event.recorded_us),
                expected=Words(f"{format_instant(events[-1].recorded_us)} or later"),
            )  # fmt: skip
        prev = event.leaf.hex()
        events.append(event)
    return events


def check_end(name: str, stream: ProvedStream, events: list[Event], heads: HeadsEntry) -> None:
    """The last event is where the heads say that the stream ends."""
    head = stream.head.head
    try:
        verify_head(heads, stream.head)
    except TamperedError as error:
        raise TamperedError(f"head of {name}: {error.what}", found=error.found, expected=error.expected) from None
    if len(events) < head.seq:
        raise IncompleteError(
            f"events of {name}", found=Words(f"{len(events)}"), expected=Words(f"{head.seq}, by its head")
        )
    if len(events) > head.seq:
        raise TamperedError(
            f"events of {name}", found=Words(f"{len(events)}"), expected=Words(f"{head.seq}, by its head")
        )
    if not events:
        raise IncompleteError(f"events of {name}", found=Words("none"), expected=Words("one or more"))
    if events[-1].leaf != head.leaf:
        raise TamperedError(
            f"last event of {name}", found=Words(f"leaf hash {events[-1].leaf.hex()}"),
            expected=Words(f"{head.leaf.hex()}, by its head"),
        )  # fmt: skip


def check_rules(bundle: Bundle, events: list[Event], editions: list[Event], report: Report) -> None:
    """The decision is what the rules say of the events before it."""
    if not 0 < bundle.decision <= len(events):
        raise IncompleteError(
            "decision", found=Words(f"{len(events)} events"), expected=Words(f"seq {bundle.decision}")
        )
    decided = events[bundle.decision - 1]
    if decided.type != "RenewalDecided":
        raise TamperedError(decided.where, found=decided.type, expected="RenewalDecided")
    if decided.data.get("renewal_date") != bundle.renewal_date:
        raise TamperedError(f"{decided.where}: renewal_date", found=decided.data.get("renewal_date"),
                            expected=bundle.renewal_date)  # fmt: skip
    report.decision = decided.data
    known_before = bundle.stream.events[bundle.decision - 1].index
    rulebook, membership = Rulebook(), Membership()
    for event, proved in zip(editions, bundle.programme.events, strict=True):
        if event.type == "RulebookPublished" and proved.index < known_before:
            rulebook.publish(event)
    for event in events[: bundle.decision - 1]:
        membership.apply(event)
    report.recomputed = check_decision(membership, rulebook, decided)
    if difference := first_difference(decided.data, report.recomputed):
        key, found, expected = difference
        raise RefutedError(f"{decided.where}: {key}", found=found, expected=expected)
    for event in events[bundle.decision :]:
        if event.type == "RenewalDecided" and event.data.get("renewal_date") == bundle.renewal_date:
            report.superseded_by = event.seq


def _checkpoint_json(trusted: TrustedCheckpoint) -> dict[str, Any]:
    checkpoint = trusted.checkpoint
    return {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": base64_text(checkpoint.root),
        "cosigned": [list(cosigned) for cosigned in trusted.cosigned],
    }


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MalformedError(
            f"{what} {str(path)!a}", found=Words(str(error.strerror)), expected=Words("a file")
        ) from None


def main(arguments: list[str] | None = None, prog: str = "python -m ledger.proof.log.verify") -> int:
    """The command line, under the name by which it was called; returns the exit code."""
    parser = argparse.ArgumentParser(prog=prog, description="Verifies an evidence bundle.")
    parser.add_argument("file", type=Path, help="the evidence bundle")
    parser.add_argument("--policy", type=Path, required=True, help="the roots of trust")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        report = verify(_read(options.file, "bundle"), _read(options.policy, "policy"))
    except MalformedError as error:
        report = Report()
        report.differs(error)
    sys.stdout.write((report.encoded() if options.json else report.words()) + "\n")
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())

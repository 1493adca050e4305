"""The offline verifier: judges an evidence bundle by a policy, with nothing else.

Verdicts and exit codes:

    confirmed          0  the log is sound, and the decision is what the rules say of what it holds
    refuted            1  the log is sound, but the decision does not follow from it: both are shown
    tampered           1  a signature, hash, chain or proof does not hold
    incomplete         1  something that has to be there is left out: events, the end of a stream, cosignatures
    not-this-decision  1  the evidence is of another decision than the one that was asked for
    unverifiable       2  bundle or policy cannot be read, or nothing is signed by a key that the policy trusts

It goes from the policy to the signatures and the quorum, whose streams these are, the inclusion of every entry, the chain
of each stream, the heads, and last has the programme recompute the decision; the first thing that differs ends it, and
both sides are shown. It knows no programme itself: those of a book are handed in (`ledger.proof.programme`).

What a report says: `report`. Who asks for evidence of one membership, renewal, area or anniversary names it (`asked`), and
who has older evidence hands that in as well (`since`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ledger.proof.log.bundle import Bundle, ProvedEntry, ProvedStream, parse_bundle
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.errors import (
    IncompleteError,
    MalformedError,
    OtherDecisionError,
    ProofError,
    RefutedError,
    TamperedError,
    Words,
)
from ledger.proof.log.event import FIRST_PREV, Event, format_instant, parse_event, require_same, salt_of
from ledger.proof.log.heads import HeadsEntry, is_heads_entry, parse_heads_entry
from ledger.proof.log.map import Head, blinded, verify_absence, verify_head
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.log.multiproof import verify_inclusions
from ledger.proof.log.policy import Policy, checkpoint_time, open_checkpoint, parse_policy
from ledger.proof.log.report import Report, time_text
from ledger.proof.programme import ProofProgramme, ProofProgrammes, programme_of

if TYPE_CHECKING:
    from ledger.proof.log.since import Since

CLOCKS_APART_US = 300_000_000
"""How far a checking witness lets `recorded_at` be past its own clock (five minutes): no honest one cosigns more."""


def verify(
    bundle_data: bytes,
    policy_data: bytes,
    programmes: ProofProgrammes,
    *,
    asked: Mapping[str, str] | None = None,
    since: Since | None = None,
) -> Report:
    """The verdict on a bundle, by a policy, and by the rules of one of these programmes.

    `asked` names what the decision has to be on, in the words of the programme ("membership", "renewal"). `since` has
    older evidence, which the bundle has to extend.
    """
    report = Report()
    try:
        policy, bundle = parse_policy(policy_data), parse_bundle(bundle_data)
        judge(bundle, policy, programmes, report, asked=asked)
        if since is not None:
            since.check(bundle, policy, programmes, report)
    except ProofError as error:
        report.differs(error)
    return report


def unread(error: ProofError) -> Report:
    """The report where a file cannot even be read."""
    report = Report()
    report.differs(error)
    return report


def judge(
    bundle: Bundle,
    policy: Policy,
    programmes: ProofProgrammes,
    report: Report,
    *,
    asked: Mapping[str, str] | None = None,
) -> None:
    """Fills in the report; raises the first thing that differs."""
    trusted = open_checkpoint(bundle.checkpoint, policy)
    checkpoint, time_s = trusted.checkpoint, checkpoint_time(trusted, policy)
    report.takes(trusted, time_s)
    programme = check_programme(bundle, programmes)
    report.programme, report.about = programme.name, dict(programme.about(bundle.subject, bundle.on))
    check_asked(asked or {}, report.about)
    check_inclusion(bundle, checkpoint)
    heads = check_heads(bundle.heads, checkpoint)
    events = {name: check_chain(name, stream) for name, stream in bundle.streams.items()}
    for name, stream in bundle.streams.items():
        check_end(name, stream, events[name], heads)
    check_decision(bundle, programme, events, report)
    check_recorded(events[bundle.subject][bundle.decision - 1], time_s, policy, report)


def check_asked(asked: Mapping[str, str], about: Mapping[str, str]) -> None:
    """The evidence is about what was asked for."""
    for what, name in asked.items():
        if about.get(what) != name:
            found = about.get(what, Words(f"none: it is on {', '.join(about)}"))
            raise OtherDecisionError(f"{what} of the evidence", found=found, expected=name)


def check_programme(bundle: Bundle, programmes: ProofProgrammes) -> ProofProgramme:
    """The programme that the bundle names, if both streams are its own, and the one goes by the other."""
    programme = programme_of(programmes, bundle.subject)
    if programme is None:
        known = sorted(programme.name for programme in programmes)
        raise MalformedError("stream of the bundle", found=bundle.subject, expected=Words(f"one of {known!a}"))
    if bundle.programme != programme.name:
        raise TamperedError(f"programme of {bundle.subject}", found=bundle.programme, expected=programme.name)
    if bundle.rules != (rules := programme.rules_stream(bundle.subject)):
        raise TamperedError(f"stream of the editions for {bundle.subject}", found=bundle.rules, expected=rules)
    return programme


def check_heads(heads: ProvedEntry, checkpoint: Checkpoint) -> HeadsEntry:
    """The heads entry, of which it is known that it is in the log, if it is the last entry of it."""
    if heads.index != checkpoint.size - 1:
        raise IncompleteError(
            "heads entry", found=Words(f"one at index {heads.index}, before the end of the log"),
            expected=Words(f"the last entry, at index {checkpoint.size - 1}"),
        )  # fmt: skip
    if not is_heads_entry(heads.entry):
        raise IncompleteError("last entry of the log", found=heads.entry, expected=Words("a heads entry"))
    entry = parse_heads_entry(heads.entry)
    if entry.through > heads.index:
        expected = Words(f"at most {heads.index}")
        raise TamperedError("events covered by the heads", found=entry.through, expected=expected)
    return entry


def check_inclusion(bundle: Bundle, checkpoint: Checkpoint) -> None:
    """Heads and events are in the log, where the bundle says; later events of a stream stand at higher indexes."""
    for name, stream in bundle.streams.items():
        before = -1
        for number, event in enumerate(stream.events, 1):
            if not before < event.index < checkpoint.size:
                raise TamperedError(
                    f"log index of event {number} of {name}", found=event.index,
                    expected=Words(f"from {before + 1} to {checkpoint.size - 1}"),
                )  # fmt: skip
            before = event.index
    entries = (bundle.heads, *bundle.events, *bundle.editions)
    leaves = sorted((entry.index, leaf_hash(entry.entry)) for entry in entries)
    verify_inclusions(leaves, checkpoint.size, bundle.proof, checkpoint.root)


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
    """The stream ends with the last event, as the map of heads says. A book has editions before it has a subject."""
    try:
        if not events:
            verify_absence(heads.root, name, stream.absent, stream.siblings)
            raise IncompleteError(f"events of {name}", found=Words("none"), expected=Words("one or more"))
        salt = salt_of(stream.events[-1].entry)
        verify_head(heads.root, name, Head(blinded(salt), events[-1].seq, events[-1].leaf), stream.siblings)
    except TamperedError as error:  # what is here is in the log: that nothing came after it is what is not shown
        where = f"{name}, of which the last event here is {len(events)}"
        raise IncompleteError(f"{where}: {error.what}", found=error.found, expected=error.expected) from None


def check_decision(bundle: Bundle, programme: ProofProgramme, events: dict[str, list[Event]], report: Report) -> None:
    """The decision is on what the bundle says, and is what the rules say of the events before it in the log."""
    subject = events[bundle.subject]
    if not 0 < bundle.decision <= len(subject):
        raise IncompleteError(
            "decision", found=Words(f"{len(subject)} events"), expected=Words(f"seq {bundle.decision}")
        )
    decided = subject[bundle.decision - 1]
    if decided.type != programme.decision:
        raise TamperedError(decided.where, found=decided.type, expected=programme.decision)
    on = programme.decided_on(decided)
    if on != bundle.on:
        raise TamperedError(f"{decided.where}: what it is on", found=on, expected=bundle.on)
    report.decision = decided.data
    report.revision = _revision(programme, subject, decided, on)
    if (last := report.superseded_by) is not None:
        report.warn(
            "superseded", f"this is not the last decision on it: it was decided again, by event {last} of the stream"
        )
    report.recomputed = _recompute(programme, _before(bundle, events), decided)
    report.rules = programme.says(report.recomputed)
    require_same(decided, report.recomputed)


def check_recorded(decided: Event, time_s: int | None, policy: Policy, report: Report) -> None:
    """The decision was recorded before its cosignature, whose time is a whole second."""
    if time_s is None:
        report.warn(
            "not-cosigned", "the policy asks for no witness: that this was the log, and when, is its host's word alone"
        )
    elif decided.recorded_us >= (time_s + 1) * 1_000_000:
        recorded_at, at = format_instant(decided.recorded_us), time_text(time_s)
        said = f"it says that it was recorded at {recorded_at}, and was cosigned at {at}"
        report.warn("recorded-after-cosignature", said)
        if policy.checking and decided.recorded_us > time_s * 1_000_000 + CLOCKS_APART_US:
            expected = Words(f"at most five minutes after {at}, when it was cosigned")
            raise RefutedError(f"{decided.where}: recorded_at", found=recorded_at, expected=expected)


def _revision(programme: ProofProgramme, subject: list[Event], decided: Event, on: str) -> dict[str, Any]:
    same = [event.seq for event in subject if event.type == programme.decision and programme.decided_on(event) == on]
    superseded = same[-1] != decided.seq
    return {
        "seq": decided.seq,
        "number": same.index(decided.seq) + 1,
        "of": len(same),
        "superseded": superseded,
        "superseded_by": same[-1] if superseded else None,
        "recorded_at": format_instant(decided.recorded_us),
    }


def _recompute(programme: ProofProgramme, before: Iterator[Event], decision: Event) -> dict[str, Any]:
    """What the programme says. An event at which its rules fail is named: nothing that a host wrote leaves no verdict."""
    at = decision

    def noted() -> Iterator[Event]:
        nonlocal at
        for event in before:
            at = event
            yield event
        at = decision

    try:
        return programme.recompute(noted(), decision)
    except (ProofError, MemoryError):
        raise
    except Exception as error:
        raise MalformedError(
            at.where, found=Words(f"what the rules fail at: {error!r:.100}"), expected=Words("an event")
        ) from error


def _before(bundle: Bundle, events: dict[str, list[Event]]) -> Iterator[Event]:
    """The events of both streams that were in the log before the decision, in log order."""
    end = bundle.events[bundle.decision - 1].index
    indexed = [
        (proved.index, event)
        for name, stream in bundle.streams.items()
        for proved, event in zip(stream.events, events[name], strict=True)
        if proved.index < end
    ]
    return (event for _, event in sorted(indexed, key=itemgetter(0)))

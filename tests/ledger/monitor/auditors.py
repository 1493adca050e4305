"""Auditors of a game: they ask the host for evidence of decisions, hold it against what they kept, and exchange checkpoints.

The host makes the evidence as `collect_evidence` does, out of the log that it shows to this auditor: each stream up to where
its map says that it ends, if it ever ended there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from ledger.proof.log.building import Entry, build_bundle
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.errors import ProofError
from ledger.proof.log.event import parse_event
from ledger.proof.log.heads import is_heads_entry
from ledger.proof.log.merkle import leaf_hash, verify_consistency
from ledger.proof.log.merkle_tree import consistency_proof
from ledger.proof.log.policy import open_checkpoint, parse_policy
from ledger.proof.log.since import Since
from ledger.proof.log.verify import verify
from ledger.proof.programme import programme_of
from ledger.proof.registry import PROOF_PROGRAMMES
from tests.ledger.monitor.forging import HostLog
from tests.ledger.monitor.lies import Host

DECISIONS = tuple(f'"type":"{programme.decision}"'.encode() for programme in PROOF_PROGRAMMES)


def decided_streams(log: HostLog) -> list[str]:
    """The streams in which something was decided."""
    decided = (entry for entry in log.entries if any(kind in entry for kind in DECISIONS))
    return [*dict.fromkeys(json.loads(entry)["stream"] for entry in decided)]


def evidence(log: HostLog, signed: bytes, stream: str) -> tuple[bytes, dict[str, str]]:
    """The bundle of the last decision in a stream, and what it is on. Raises ProofError or LookupError where it has none."""
    programme = programme_of(PROOF_PROGRAMMES, stream)
    assert programme is not None
    entries = {name: shown_of(log, name) for name in (stream, programme.rules_stream(stream))}
    decided = [n for n, one in enumerate(entries[stream], 1) if f'"type":"{programme.decision}"'.encode() in one.entry]
    bundle = build_bundle(
        programme, stream, decided[-1], entries=entries, heads=Entry(len(log.entries) - 1, log.entries[-1]),
        place_of=log.claims().find, read=log.hashes, signed_checkpoint=signed,
    )  # fmt: skip
    return bundle.encoded(), dict(programme.about(stream, bundle.on))


def shown_of(log: HostLog, stream: str) -> list[Entry]:
    """A stream's events, up to where the map says that it ends."""
    named = f'"stream":{json.dumps(stream)}'.encode()
    own = [
        Entry(index, entry)
        for index, entry in enumerate(log.entries)
        if named in entry and not is_heads_entry(entry) and parse_event(entry).stream == stream
    ]
    _, end, _ = log.claimed.get(len(log.entries), log.ends).get(stream, (0, b"", ""))
    ends = [place for place, one in enumerate(own, 1) if leaf_hash(one.entry) == end]
    return own[: ends[-1]] if ends else own


@dataclass
class Auditor:
    """Keeps the last checkpoint that the own policy trusts, and the last evidence of each stream."""

    name: str
    policy: bytes
    held: tuple[Checkpoint, HostLog] | None = None
    bundles: dict[str, bytes] = field(default_factory=dict)

    def look(self, host: Host, drawn: Random, *, everywhere: bool = False) -> str | None:
        """Takes the published checkpoint if it is trusted, and evidence of one stream or all; else says why not."""
        log = host.to(self.name)
        if not log.notes:
            return None
        try:
            checkpoint = open_checkpoint(log.notes[-1], parse_policy(self.policy)).checkpoint
            covered = log.under(checkpoint)
            if self.held is not None:
                require_one_log(self.held, (checkpoint, covered))
            streams = decided_streams(covered)
            for stream in streams if everywhere else drawn.sample(streams, min(1, len(streams))):
                if (said := self._ask(covered, log.notes[-1], stream)) is not None:
                    return f"{self.name}: {said}"
        except (ProofError, LookupError) as error:  # no proof can be given of what is gone
            return f"{self.name}: {error!r}"
        self.held = checkpoint, covered
        return None

    def _ask(self, log: HostLog, signed: bytes, stream: str) -> str | None:
        bundle, on = evidence(log, signed, stream)

        def prove(old: int, new: int) -> Sequence[bytes]:
            return consistency_proof(old, new, log.hashes)

        older = self.bundles.get(stream)
        since = None if older is None or older == bundle else Since(older, prove)
        report = verify(bundle, self.policy, PROOF_PROGRAMMES, asked=on, since=since)
        if report.verdict != "confirmed":
            return report.words()
        self.bundles[stream] = bundle
        return None

    def exchange(self, other: Auditor) -> str | None:
        """Whether what the two hold can be of one log."""
        if self.held is None or other.held is None:
            return None
        try:
            require_one_log(*sorted((self.held, other.held), key=lambda held: held[0].size))
        except ProofError as error:
            return f"{self.name} and {other.name}: {error}"
        return None


def require_one_log(old: tuple[Checkpoint, HostLog], new: tuple[Checkpoint, HostLog]) -> None:
    """The host proves consistency from the log that it showed for the newer one. Raises ProofError."""
    size, larger = old[0].size, new[0].size
    proof = tuple(consistency_proof(size, larger, new[1].hashes)) if 0 < size < larger else ()
    verify_consistency(size, old[0].root, larger, new[0].root, proof)

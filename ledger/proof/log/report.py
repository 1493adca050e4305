"""What the verifier says of evidence: sentences for people, or one JSON object for programs.

Verdicts and exit codes stand in `verify`. A report as one JSON object:

    verdict       one of the six
    programme     whose rules the decision goes by, or null
    about         what was decided on, by name: {"membership":…,"renewal":…}, or {"membership":…,"area":…,"anniversary":…};
                  the file's own claim where `decision` is null
    revision      null, or {"seq","number","of","superseded","superseded_by","recorded_at"}: the event's place in its
                  stream, which decision on the same it is, of how many under this checkpoint, and which event decided last
    checkpoint    null, or {"origin","size","root","at","cosigned"}: `cosigned` has {"witness","time","at"} for each witness
                  of the policy, `time` in POSIX seconds; `at` is when the quorum was reached, null with a quorum of 0
    rules         what the rules say, in a sentence, or null where it was not reached
    decision      the recorded decision (the event's data), or null where it was not reached
    recomputed    the decision by this implementation of the rules, or null where it was not reached
    difference    null, or {"what","found","expected"}
    since         null, or {"size","root","events","streams_extend","log_extends"}: what was shown of older evidence (`since`)
    warnings      [{"code","sentence"}]: `superseded`, `recorded-after-cosignature`, `not-cosigned`; no verdict goes by them

Nothing out of a file is printed but as printable ASCII. Example (exit code 1), shortened:

    {"verdict":"refuted","decision":{…,"counted":10,…},"recomputed":{…,"counted":9,…},
     "difference":{"what":"event membership-m-1/14 RenewalDecided: counted","found":10,"expected":9},…}
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from ledger.proof.log.errors import ProofError, printable, shown
from ledger.proof.log.event import END_OF_TIME_US, format_instant
from ledger.proof.log.policy import TrustedCheckpoint
from ledger.proof.log.strictjson import base64_text

CONFIRMED = "confirmed"
EXIT_CODES = {CONFIRMED: 0, "refuted": 1, "tampered": 1, "incomplete": 1, "not-this-decision": 1, "unverifiable": 2}


def time_text(time_s: int) -> str | None:
    """A POSIX time as RFC 3339; None beyond the calendar."""
    return format_instant(time_s * 1_000_000)[:19] + "Z" if time_s * 1_000_000 < END_OF_TIME_US else None


@dataclass
class Report:
    """What the verifier says; filled in as far as it came. The members are those of the JSON object."""

    verdict: str = CONFIRMED
    programme: str | None = None
    about: dict[str, str] = field(default_factory=dict)
    revision: dict[str, Any] | None = None
    checkpoint: dict[str, Any] | None = None
    rules: str | None = None
    decision: dict[str, Any] | None = None
    recomputed: dict[str, Any] | None = None
    difference: dict[str, Any] | None = None
    since: dict[str, Any] | None = None
    warnings: list[dict[str, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0, 1 or 2."""
        return EXIT_CODES[self.verdict]

    @property
    def superseded_by(self) -> int | None:
        """The seq of the last decision on the same, where this is an earlier one."""
        return self.revision["superseded_by"] if self.revision else None

    def warn(self, code: str, sentence: str) -> None:
        """Names what no verdict goes by, and has to be known all the same."""
        self.warnings.append({"code": code, "sentence": printable(sentence)})

    def takes(self, trusted: TrustedCheckpoint, time_s: int | None) -> None:
        """Takes the checkpoint under which all is proved, and its time."""
        checkpoint = trusted.checkpoint
        self.checkpoint = {
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": base64_text(checkpoint.root),
            "at": None if time_s is None else time_text(time_s),
            "cosigned": [{"witness": name, "time": at_s, "at": time_text(at_s)} for name, at_s in trusted.cosigned],
        }

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
        return json.dumps(asdict(self))

    def words(self) -> str:
        """The report for people."""
        return "\n".join(map(printable, self._lines()))

    def _lines(self) -> Iterator[str]:
        revision, of = self.revision, ""
        if revision:
            of = f": revision {revision['number']} of {revision['of']} in this log, recorded at {revision['recorded_at']}"
        superseded = ", of a decision that is SUPERSEDED" if self.superseded_by is not None else ""
        yield f"verdict: {self.verdict}{superseded}"
        if self.about:
            about = ", ".join(f"{what} {name!a}" for what, name in self.about.items())
            yield f"{'' if self.decision is not None else 'what the file claims to be about: '}{about}{of}"
        if self.rules:
            yield f"the rules say: {self.rules}"
        if self.checkpoint:
            yield f"log {self.checkpoint['origin']!a}, size {self.checkpoint['size']}, root {self.checkpoint['root']}"
            for one in self.checkpoint["cosigned"]:
                yield f"cosigned by {one['witness']!a} at {one['at'] or one['time']}"
        if self.since:
            yield from self._since_lines(self.since)
        yield from (f"warning: {warning['sentence']}" for warning in self.warnings)
        if self.difference:
            yield f"first difference: {self.difference['what']}"
            yield f"  found:    {shown(self.difference['found'])}"
            yield f"  expected: {shown(self.difference['expected'])}"
        for name, data in (("recorded", self.decision), ("recomputed", self.recomputed)):
            if data is not None and (name == "recorded" or self.verdict == "refuted"):
                yield f"{name} decision: {json.dumps(data)}"

    def _since_lines(self, since: dict[str, Any]) -> Iterator[str]:
        yield f"older evidence: size {since['size']}, root {since['root']}"
        if since["streams_extend"]:
            for name, (before, now) in since["events"].items():
                yield f"shown: the first {before} of {now} events of {name} are those of the older evidence"
        else:
            yield "NOT shown: that the streams extend those of the older evidence"
        yield f"{'' if since['log_extends'] else 'NOT '}shown: that the log extends the older one"

"""What `help` tells beside the commands. What the program knows by itself is asked of it, so that it cannot be out of date."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple


class Topic(NamedTuple):
    """A topic: a line for the overview, and the text."""

    summary: str
    text: Callable[[], str]


EXTRAS: Final = {
    "proof": "the transparency log: keygen, recover-signer, seal, evidence, verify, verify-receipt, audit, consistency, "
    "monitor, witness, log-server, log-publish",
    "http": "the service: serve, token",
    "postgres": "a ledger in PostgreSQL, --store postgresql://…",
    "kafka": "topics, relay, inbox, worker, subscribe",
    "webhooks": "the sender of webhooks: webhooks, and serve where it sends them",
    "service": "health and metrics of what runs for ever: relay, inbox, worker, clock, webhooks",
    "console": "pages for people: serve --console, demo --serve",
    "timestamps": "RFC 3161 timestamps: seal --timestamp, verify --timestamp",
}
"""The extras that can be installed, and what for."""

TIMES: Final = """\
A question about a status or a score has two times.

  --at T         at which instant did, or will, it hold?  An RFC 3339 instant, or a date for its beginning; default: now.
                 The future assumes that nothing more arrives.
  --known-at K   known from which part of the ledger?  A position that the book has reached, or an instant
                 for what was recorded by then; default: all of it.  The answer never changes again for such a position,
                 or for an instant at or before the book's last recording.

What occurred when is the source's to say (occurred_at); what was recorded when is the ledger's (recorded_at)."""


def _facts() -> str:
    from ledger.programmes.registry import PROGRAMMES

    common = {"type", "id", "membership", "area", "occurred_at", "actor"}
    parts = []
    for programme in PROGRAMMES.all:
        lines = []
        for model in programme.facts():
            (name,) = model.model_fields["type"].annotation.__args__  # type: ignore[union-attr]
            fields = [
                (field.alias or key) + ("" if field.is_required() else "?")
                for key, field in model.model_fields.items()
                if key not in common
            ]
            lines.append(f"  {name.ljust(22)}  {', '.join(fields)}")
        parts.append(f"{programme.name}:\n" + "\n".join(lines))
    return (
        "A fact is one JSON object: type, an id that its source gives and that is unique over the whole ledger, membership\n"
        "(but for publish-rulebook and publish-scorebook), in the capability programme an area, occurred_at (RFC 3339 with an\n"
        "offset), perhaps actor, and the fields of its type, of which those with a ? may be left out. Facts of both\n"
        "programmes may stand in one file. No text may look like a mail address, a phone or an IP number, and no reference\n"
        "be what somebody wrote (personal-data): a person is a random reference.\n\n" + "\n\n".join(parts)
    )


def _refusals() -> str:
    from ledger.errors import REFUSAL_CODES

    codes = "\n".join(f"  {code}" for code in REFUSAL_CODES)
    return (
        "A fact that breaks a rule is refused with a code that never changes and a sentence; the others go on. `record`\n"
        "keeps the line as it was in FILE.refused, and `record --retry FILE.refused` takes it again. The codes, in the\n"
        f"order in which the checks are made:\n\n{codes}\n\n"
        "Beside these, of facts that no rule refuses and that wait: stream-set-aside (an event of its membership cannot be\n"
        "read now), link-key-missing (what names an invitation needs the link key); and fault (the program itself failed\n"
        "over it). `record --retry` takes them once that is mended."
    )


def _exit_codes() -> str:
    from console.cli import exits

    return _indented_or_numbered(exits.__doc__ or "")


def _settings() -> str:
    from console import settings

    lines = (settings.__doc__ or "").splitlines()
    last = max(number for number, line in enumerate(lines) if line.startswith("A variable"))
    return "\n".join(lines[: last + 1])


def _extras() -> str:
    lines = "\n".join(f"  {name.ljust(10)}  {what}" for name, what in EXTRAS.items())
    return (
        "What a command needs beyond the ledger itself is an extra, installed in the checkout with\n"
        "pip install -e '.[NAME]', or several with commas; for kafka it is pip install -e ./client -e '.[kafka]', with\n"
        f"what it shares with the client:\n\n{lines}"
    )


def _indented_or_numbered(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines() if re.match(r"\d", line))


TOPICS: Final = {
    "facts": Topic("the types of facts and their fields", _facts),
    "refusal-codes": Topic("the codes with which a fact is refused, and how it is tried again", _refusals),
    "times": Topic("--at and --known-at", lambda: TIMES),
    "exit-codes": Topic("what the program ends with", _exit_codes),
    "settings": Topic("the variables CSAT_LEDGER_…", _settings),
    "extras": Topic("what can be installed beside the ledger itself", _extras),
}
"""Everything that `help` tells about, but for the commands."""

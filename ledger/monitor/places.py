"""What each event of a log says of its place: stream, seq and prev, when it was recorded, salt, fact and type."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

import orjson

from ledger.monitor.rows import RUN, SALT_CHARS, SALTS
from ledger.proof.log.errors import ProofError
from ledger.proof.log.event import format_instant, parse_event
from ledger.proof.log.map import SEQ_MAX
from ledger.seal.findings import Finding, finding_of

_TEXT: Final = {str}
_OPTIONAL: Final = frozenset((str, type(None)))

_SAID: Final = ("stream", "seq", "prev", "recorded_at", "salt", "fact", "type")
# The very strings that `loads` takes for keys: to find one is to compare addresses.
_said = itemgetter(*orjson.loads(orjson.dumps(dict.fromkeys(_SAID))))


class Places(NamedTuple):
    """Events that can be read, a column at a time. The rest of an event is read, and read strictly, with its stream."""

    positions: Sequence[int]
    """They ascend."""
    events: Sequence[bytes]
    leaves: Sequence[bytes]
    streams: Sequence[str]
    seqs: Sequence[int]
    prevs: Sequence[str]
    recorded: Sequence[str]
    salts: Sequence[str]
    facts: Sequence[str | None]
    types: Sequence[str]


NO_PLACES: Final = Places(*[()] * len(Places._fields))


def read_places(first: int, events: Sequence[bytes], leaves: Sequence[bytes], findings: list[Finding]) -> Places:
    """What some events say, the first of them at a position; what is no event goes to the findings, and is left out."""
    columns: list[list[Any]] = [[] for _ in _SAID]
    try:
        for start in range(0, len(events), RUN):
            for whole, column in zip(columns, _read_run(events[start : start + RUN]), strict=True):
                whole.extend(column)
    except (ValueError, TypeError, KeyError):
        return _read_each(first, events, leaves, findings)
    return Places(range(first, first + len(events)), events, leaves, *columns)


def _read_run(events: Sequence[bytes]) -> Sequence[tuple[Any, ...]]:
    """What events say all of which can be read; ValueError, TypeError or KeyError if one of them cannot be.

    A run at a time, so that what is read stays in the processor's cache for as long as it is needed.
    """
    columns = tuple(zip(*map(_said, map(orjson.loads, events)), strict=True))
    streams, seqs, prevs, recorded, salts, facts, types = columns
    if (
        set(map(type, streams + prevs + recorded + salts + types)) == _TEXT
        and set(map(type, seqs)) == {int}
        and min(seqs) >= 1
        and max(seqs) <= SEQ_MAX
        and _OPTIONAL.issuperset(map(type, facts))
        and set(map(len, salts)) == {SALT_CHARS}
        and SALTS.fullmatch("".join(salts))
    ):
        return columns
    raise ValueError(events)


def _read_each(first: int, events: Sequence[bytes], leaves: Sequence[bytes], findings: list[Finding]) -> Places:
    rows = []
    for position, (event, leaf) in enumerate(zip(events, leaves, strict=True), first):
        said = _read_one(event, position, findings)
        if said is not None:
            rows.append((position, event, leaf, *said))
    return Places(*zip(*rows, strict=True)) if rows else NO_PLACES


def _read_one(entry: bytes, position: int, findings: list[Finding]) -> tuple[Any, ...] | None:
    try:
        event = parse_event(entry, f"position {position}")
        value: Any = orjson.loads(entry)
    except (ProofError, ValueError) as error:
        finding = finding_of(error, "tampered") if isinstance(error, ProofError) else None
        findings.append(finding or Finding("tampered", f"position {position}", repr(error), "an event"))
        return None
    recorded = format_instant(event.recorded_us)
    return event.stream, event.seq, event.prev, recorded, value["salt"], event.fact, event.type

"""Facts held against the events that they became: for who handed a fact in, and has the event in a receipt.

A programme says of each type of its facts what event it becomes (`FactForm`). Compared is field by field, with what a fact
may leave out filled in; what the ledger adds from the history (a revision, the place of a partner with a single one, the
token of an invitation) no fact says, and is not compared.

A fact is one JSON object: `type`, `id`, `occurred_at` (RFC 3339 with an offset), perhaps `actor`, and the fields of its type.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ledger.proof.log.errors import MalformedError, RefutedError, Words
from ledger.proof.log.event import Event, parse_instant
from ledger.proof.log.strictjson import canonical

FACT_MAX_BYTES = 65_536
COMMON = frozenset(("type", "id", "occurred_at", "actor"))
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,6})0*)?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class FactForm(NamedTuple):
    """What a type of fact becomes."""

    event: str
    """The type of its event."""
    same: Collection[str]
    """The fields that stand in the event's data as they stand in the fact."""
    stream: Collection[str] = ()
    """The fields that the name of the stream says."""
    left_out: Mapping[str, Any] = {}
    """What stands in the event for a field of `same` that the fact leaves out, or that is null in it."""
    absent: Collection[str] = ()
    """Fields of `same` that the event lacks where the fact leaves them out."""
    instants: Collection[str] = ()
    """Fields of `same` that are instants."""
    derived: Collection[str] = ()
    """Fields of the fact, or members of the event, that are not compared."""


def compare_fact(fact: Mapping[str, Any], event: Event, forms: Mapping[str, FactForm], stream: str | None) -> None:
    """Passes if the event is what the fact became; `stream` is the one that its fields name, None where they name none.

    Raises RefutedError with the first thing that differs, `found` in the event and `expected` by the fact.
    """
    form = forms.get(fact.get("type", "")) if isinstance(fact.get("type"), str) else None
    if form is None:
        raise RefutedError(f"{event.where}: type of the fact", found=fact.get("type"), expected=sorted(forms))
    if event.type != form.event:
        raise RefutedError(f"{event.where}: type", found=event.type, expected=form.event)
    _require(event, "stream", event.stream, stream)
    _require(event, "fact", event.fact, fact.get("id"))
    _require(event, "occurred_at", event.occurred_us, fact_instant(fact.get("occurred_at"), "occurred_at"))
    _require(event, "actor", event.actor, fact.get("actor"))
    known = {*COMMON, *form.stream, *form.same, *form.derived}
    if unknown := sorted(fact.keys() - known):
        raise RefutedError(f"{event.where}: fields of the fact", found=unknown, expected=sorted(known))
    for name in form.same:
        value = fact.get(name)
        if value is None and name in form.absent:
            if name in event.data:
                raise RefutedError(f"{event.where}: {name}", found=event.data[name], expected=Words("nothing"))
            continue
        if name in form.instants:
            value = fact_instant(value, name)
            _require(event, name, parse_instant(event.data.get(name), f"{event.where}: {name}"), value)
            continue
        _require(event, name, event.data.get(name), form.left_out.get(name) if value is None else value)
    if more := sorted(event.data.keys() - {*form.same, *form.derived}):
        raise RefutedError(f"{event.where}: members", found=more, expected=Words("none that no fact says"))


def fact_instant(value: Any, what: str) -> int:
    """Microseconds since 1970 of an instant as a fact has it: RFC 3339, with an offset. Raises MalformedError."""
    if isinstance(value, str) and (found := _RFC3339.fullmatch(value)):
        day, time, decimals, offset = found.groups()
        try:
            at = datetime.fromisoformat(f"{day}T{time}.{(decimals or '').ljust(6, '0')}{offset.upper()}")
            return (at - _EPOCH) // _MICROSECOND
        except (ValueError, OverflowError):
            pass
    raise MalformedError(f"fact: {what}", found=value, expected=Words("an RFC 3339 instant with an offset"))


def _require(event: Event, what: str, found: Any, expected: Any) -> None:
    try:
        same = canonical(found) == canonical(expected)
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise RefutedError(f"{event.where}: {what}", found=found, expected=expected)

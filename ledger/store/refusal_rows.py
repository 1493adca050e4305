"""Refused facts as rows: what is kept of one, which are meant, and what came of one that was taken again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

COLUMNS: Final = (
    "number, digest, fact, type, membership, code, sentence, field, source, first_us, refused_us, times, original, whole, "
    "resolved_at"
)


class NewRefusal(NamedTuple):
    """A refused fact, as it is to be kept."""

    digest: bytes
    """32 bytes that are equal for what is told apart in nothing that is kept."""
    fact: str | None
    type: str | None
    membership: str | None
    code: str
    sentence: str
    field: str | None
    source: str
    original: str | None
    """The fact as JSON, as far as it may be kept."""
    whole: bool
    """Whether `original` says all that was handed in, so that it can be taken again."""

    def size(self) -> int:
        """Bytes that count for the bound, about."""
        return len(self.sentence) + len(self.original or "")


class KeptRefusal(NamedTuple):
    """A row. Instants are microseconds since 1970."""

    number: int
    digest: bytes
    fact: str | None
    type: str | None
    membership: str | None
    code: str
    sentence: str
    field: str | None
    source: str
    first_us: int
    refused_us: int
    times: int
    original: str | None
    whole: bool
    resolved_at: int | None
    """The position of the fact's event, where it is in the book by now."""

    def size(self) -> int:
        """As `NewRefusal.size`."""
        return len(self.sentence) + len(self.original or "")


class Totals(NamedTuple):
    """The figures of one code."""

    code: str
    kept: int
    bytes: int
    refused: int
    resolved: int
    dropped: int
    expired: int


class Wanted(NamedTuple):
    """Which refusals are meant; None: whichever."""

    code: str | None = None
    source: str | None = None
    since_us: int | None = None
    """Refused last at this instant, or later."""
    until_us: int | None = None
    """Refused last before this instant."""
    facts: tuple[str, ...] | None = None
    """Of facts with these ids."""
    resolved: bool | None = False
    """Those that are in the book by now, or those that are not; None: both."""
    whole: bool | None = None
    """Those whose original is whole, or is not."""


class Verdict(NamedTuple):
    """What came of a refusal that was taken again: resolved at a position, or refused with a code once more."""

    row: KeptRefusal
    resolved_at: int | None
    code: str = ""
    sentence: str = ""
    field: str | None = None


def as_kept(row: Sequence[Any]) -> KeptRefusal:
    """A row of COLUMNS, whichever database gives it."""
    found = KeptRefusal(*row)
    return found._replace(digest=bytes(found.digest), whole=bool(found.whole))


def conditions_of(wanted: Wanted) -> tuple[list[str], list[Any]]:
    """Conditions of a statement, and the values of their parameters."""
    found: list[str] = []
    parameters: list[Any] = []
    for condition, value in (
        ("code = ?", wanted.code),
        ("source = ?", wanted.source),
        ("refused_us >= ?", wanted.since_us),
        ("refused_us < ?", wanted.until_us),
    ):
        if value is not None:
            found.append(condition)
            parameters.append(value)
    if wanted.facts is not None:
        found.append(f"fact IN ({','.join('?' * len(wanted.facts))})" if wanted.facts else "1 = 0")
        parameters += wanted.facts
    if wanted.resolved is not None:
        found.append(f"resolved_at IS {'NOT ' if wanted.resolved else ''}NULL")
    if wanted.whole is not None:
        found.append(f"whole = {int(wanted.whole)}")
    return found, parameters

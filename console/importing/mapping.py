"""A map: how the rows of an export become facts and contacts. docs/importing.md tells its form in TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final, Literal

from console.importing.columns import ColumnRef
from console.importing.time_forms import TimeForm

KINDS: Final = ("csv", "xlsx", "json")
From = Literal["key", "contact", "as-of"]
FROM: Final[tuple[From, ...]] = ("key", "contact", "as-of")
FIELD_MARK: Final = "@"
"""Before the name of a field of the fact in a key: @occurred_at, where a row may be reported again with other figures."""
CONTACT_FIELDS: Final = ("email", "name", "phone", "language", "customer_org", "consent", "consent_at")
PERSONAL: Final = ("email", "name", "phone")
"""Fields of a contact whose columns name a person."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What kind of file it is."""

    kinds: tuple[str, ...] = KINDS
    delimiter: str | None = None
    encoding: str | None = None
    header_rows: int = 1
    names_from: tuple[int, ...] = (1,)
    """Which of the rows of headings name the columns, one or two of them; from 1 on."""
    zone_from: int | None = None
    """The row of headings in which a time's column has its zone as `timeZone` of a JSON object."""
    skip_rows: int = 0
    """Rows before the headings."""
    records: str | None = None
    sheet: str | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """How times are written."""

    forms: tuple[TimeForm, ...]
    zone: tzinfo | None = None
    languages: tuple[str, ...] = ("en",)


@dataclass(frozen=True, slots=True)
class FieldRule:
    """Where a field's value comes from: a column or several joined by a space, a constant, or what is known otherwise."""

    columns: tuple[ColumnRef, ...] = ()
    value: str | bool | int | None = None
    source: From | None = None
    optional: bool = False
    """Whether the field is left out where its cells are empty."""
    values: Mapping[str, str | bool | int] = field(default_factory=dict)
    """What cells stand for, by their text without regard to case; what is not among them is taken as it is."""
    empty: frozenset[str] = frozenset()
    """Cells that say nothing, in lower case, beside those without text."""
    strip: tuple[str, ...] = ()
    """What is taken off both ends of a cell."""
    decimal: str = "."
    """What stands before the decimals of an amount."""
    grouping: str = ""
    """What may stand between the thousands of a number."""
    text: bool = False
    """Of an answer to a question of the partner's own: text, also where it looks like a number."""


@dataclass(frozen=True, slots=True)
class SkipRule:
    """Rows that are passed over, counted by why."""

    column: ColumnRef
    why: str
    among: frozenset[str] | None = None
    """Cells, in lower case, that are passed over."""
    unless: frozenset[str] | None = None
    """Cells, in lower case, that are not, where all others are."""


@dataclass(frozen=True, slots=True)
class FactRule:
    """A fact that each row makes."""

    type: str
    key: tuple[ColumnRef | str, ...]
    """What identifies a row in its source: columns, or fields of the fact itself, each with a FIELD_MARK before it."""
    fields: Mapping[str, FieldRule]
    only_with: ColumnRef | None = None
    """The fact is made of rows in which this column has text."""


@dataclass(frozen=True, slots=True)
class Pivot:
    """One answer a row: rows with the same key, one after the other, are one record; each names its question."""

    key: tuple[ColumnRef, ...]
    question: ColumnRef
    answer: ColumnRef


@dataclass(frozen=True, slots=True)
class ExportMap:
    """A whole map."""

    name: str
    title: str
    source: str
    """Where the layout is documented."""
    layout: Layout
    times: Times
    facts: tuple[FactRule, ...]
    contact: Mapping[str, FieldRule] = field(default_factory=dict)
    drop_contacts: bool = False
    skips: tuple[SkipRule, ...] = ()
    pivot: Pivot | None = None

"""What is said of an import: what became of each row, the first problems of each kind, and where the facts are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.output import Output, plural
from ledger.instants import format_instant
from projections.questions.answer import LEFT_OUT, Count, Instant, MayBeLeftOut, Number

if TYPE_CHECKING:
    from console.importing.account import Account


@dataclass(frozen=True, slots=True)
class ProblemAt:
    """Where a problem was found."""

    place: Number
    """The line, row or record, counted from 1 on."""
    sentence: str
    """What was found, and what was expected; it repeats no cell."""


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """Problems of one kind."""

    code: str
    """The kind."""
    field: str | None
    """The field of the fact, or of the contact; null where the row as a whole is wrong."""
    count: Count
    """How many records have it."""
    first: tuple[ProblemAt, ...]
    """The first of them."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the rows of an export: records = made + skipped + blank + refused."""

    file: str
    """The export."""
    found: str
    """What it was found to be."""
    map: str
    """By which map it was read."""
    unit: str
    """What a place counts: line, row or record."""
    dry: bool
    """Whether nothing was written."""
    rows: Count
    """Rows read, without headings; more than records where several make one."""
    records: Count
    """Records in them."""
    made: Count
    """Records that make facts or a contact."""
    skipped: Mapping[str, Count]
    """Records that the map passes over, by why."""
    blank: Count
    """Records without text."""
    refused: Count
    """Records that are wrong."""
    facts: Mapping[str, Count]
    """Facts by type."""
    first_at: Instant | None
    """When the first of them was so; null where there are none."""
    last_at: Instant | None
    """When the last of them was so; null where there are none."""
    contacts: Mapping[str, Count] | MayBeLeftOut
    """Contacts: found in a dry run; else added, changed, known, repeated and those refused by their code; only with a vault."""
    notes: Mapping[str, Count]
    """What was decided of records that were taken, by what."""
    problems: tuple[ProblemKind, ...]
    """By kind, the most frequent first."""
    out: str | None
    """The file of facts; null where none was written."""


@dataclass(frozen=True, slots=True)
class MapShipped:
    """A map that is shipped."""

    name: str
    """Its name, for --map."""
    title: str
    """What it reads."""
    kinds: tuple[str, ...]
    """Which kinds of file."""
    source: str
    """Where the layout is documented."""


def imported(
    file: Path, found: tuple[str, str], map_name: str, account: Account, out: Path | None, with_contacts: bool
) -> Imported:
    """The answer; `found` is what the file was found to be, and what a place in it counts."""
    return Imported(
        file=str(file),
        found=found[0],
        map=map_name,
        unit=found[1],
        dry=out is None,
        rows=account.rows,
        records=account.records,
        made=account.made,
        skipped=dict(account.skipped),
        blank=account.blank,
        refused=account.refused,
        facts=dict(sorted(account.facts.items())),
        first_at=None if account.first_us is None else format_instant(account.first_us),
        last_at=None if account.last_us is None else format_instant(account.last_us),
        contacts=dict(account.contacts) if with_contacts else LEFT_OUT,
        notes=dict(account.notes),
        problems=tuple(
            ProblemKind(kind.code, kind.field or None, count, tuple(ProblemAt(*one) for one in first))
            for kind, count, first in account.kinds()
        ),
        out=None if out is None else str(out),
    )


def show(output: Output, answer: Imported) -> None:
    """Prints the answer: one object with --json, else lines for people."""
    if output.as_json:
        output.json(answer)
        return
    skipped = "".join(f", {count:,} skipped ({why})" for why, count in answer.skipped.items())
    blank = f", {answer.blank:,} blank" if answer.blank else ""
    output.text(
        f"{answer.file}: {answer.found}, by the map {answer.map}",
        f"{plural(answer.records, 'record')}: {answer.made:,} taken{skipped}{blank}, {answer.refused:,} refused",
    )
    for kind, count in answer.facts.items():
        output.text(f"  {kind}  {count:,}")
    if answer.first_at is not None:
        output.text(f"  from {answer.first_at} to {answer.last_at}")
    if answer.contacts is not LEFT_OUT and answer.contacts:
        output.text("  contacts: " + ", ".join(f"{count:,} {how}" for how, count in answer.contacts.items()))
    for note, count in answer.notes.items():
        output.text(f"  {note}: {count:,}")
    for problem in answer.problems:
        about = "" if problem.field is None else f" {problem.field}"
        output.text(f"{problem.code}{about}: {problem.count:,}")
        for one in problem.first:
            output.text(f"  {answer.unit} {one.place:,}: {one.sentence}")

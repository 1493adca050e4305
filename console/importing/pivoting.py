"""One answer a row: rows about the same, one after the other, put together to one row with a cell for each question.

The columns that a map names for answers and comment are then questions, compared as headings are. Rows of one key stand
together; a key that comes back later is a row of its own, whose id is there already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from console.importing.columns import ColumnRef, plain
from console.importing.fact_fields import ANSWERS, COMMENT
from console.importing.mapping import ExportMap, Pivot
from console.importing.reading.rows import BadRow, Row


class Pivoting:
    """The columns that an export of one answer a row has, and its rows as those that a converter takes."""

    def __init__(self, export_map: ExportMap, pivot: Pivot, wanted: Sequence[ColumnRef]) -> None:
        """`wanted` are the columns of the converter."""
        questions = {
            column
            for rule in export_map.facts
            for name, field in rule.fields.items()
            if name == COMMENT or name.startswith(ANSWERS)
            for column in field.columns
        }
        self.rows = 0
        """Rows that were read."""
        self._wanted = [None if column in questions else column for column in wanted]
        self._names = [plain(column.name or "").casefold() if column in questions else "" for column in wanted]
        base = [column for column in self._wanted if column is not None]
        self.columns: list[ColumnRef] = [*base, *pivot.key, pivot.question, pivot.answer]
        self._base = len(base)
        self._keys = len(pivot.key)

    def records(self, rows: Iterator[Row | BadRow]) -> Iterator[Row | BadRow]:
        """A row for each record; where one of its rows is bad, the record is."""
        key: tuple[str, ...] | None = None
        place, first, answers = 0, (), dict[str, str]()  # type: tuple[int, Sequence[str], dict[str, str]]
        wrong: BadRow | None = None
        for row in rows:
            self.rows += 1
            if isinstance(row, BadRow):
                if key is None:
                    yield row
                else:
                    wrong = wrong or row
                continue
            if not any(row.cells):
                continue
            its = tuple(row.cells[self._base : self._base + self._keys])
            if its != key:
                if key is not None:
                    yield wrong or Row(place, self._cells(first, answers))
                key, place, first, answers, wrong = its, row.place, row.cells, {}, None
            question = plain(row.cells[-2]).casefold()
            if question in answers:
                wrong = wrong or BadRow(row.place, "question-twice", "found a question answered twice, expected once")
            answers[question] = row.cells[-1]
        if key is not None:
            yield wrong or Row(place, self._cells(first, answers))

    def _cells(self, first: Sequence[str], answers: dict[str, str]) -> list[str]:
        base = iter(first)
        return [
            answers.get(name, "") if column is None else next(base)
            for column, name in zip(self._wanted, self._names, strict=True)
        ]

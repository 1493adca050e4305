"""Look-ups of many keys with one statement: the keys as a table of values that the statement joins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

AT_ONCE: Final = 256
"""So many keys stand in one statement at most."""

Query = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


def look_up(query: Query, statement: str, keys: Sequence[Sequence[Any]], more: Sequence[Any] = ()) -> list[Any]:
    """The rows that a statement finds for keys. Rows of a key that is given twice are found twice.

    The statement has `{wanted}` in the place of the table of keys, whose columns are wanted.column1, wanted.column2, …
    and after it marks for the parameters `more`:

        look_up(query, "SELECT r.amount FROM {wanted} CROSS JOIN reports AS r WHERE r.month = wanted.column1 AND "
                "r.position <= ?", [(24_292,), (24_293,)], (17,))

    SQLite takes the keys first, since it is told CROSS JOIN, but knows nothing of how many rows an index finds: a plus sign
    before a column keeps it from looking for that one where the others find far fewer.

    The text of a statement depends on the number of keys; so they come in powers of two, and few texts are ever prepared.
    """
    found: list[Any] = []
    start = 0
    while start < len(keys):
        size = min(AT_ONCE, 1 << ((len(keys) - start).bit_length() - 1))
        page = keys[start : start + size]
        marks = f"({','.join('?' * len(page[0]))})"
        values = f"(VALUES {','.join([marks] * size)}) AS wanted"
        found += query(statement.format(wanted=values), [value for key in page for value in key] + list(more))
        start += size
    return found

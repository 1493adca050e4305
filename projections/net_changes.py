"""How many more something holds of from each instant on, over all that was announced: worked out once, and kept up from there.

    net_changes(source, Announced(("membership",), "satisfied"), known)  ->  [(instant, by how many more), …], in order

Looking at every announcement takes a while in a large book, and while facts come in each question is about another position. So
what was worked out is remembered, and for another position only those are looked at anew of which something was announced
between the two: their part is taken out and put in again. What is remembered is bounded: few positions, whose lists share
most of what is in them.

Where the tables are does not prove that they hold the same book as when something was remembered: a file may be restored from a
backup under a service. So the last announcements that it went by are remembered with it, and must still be there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Final, NamedTuple

from projections.look_up import look_up

Query = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
Changes = list[tuple[int, int]]

REMEMBERED_MAX: Final = 8
TOUCHED_MAX: Final = 2_000
"""Where something was announced of more than so many, all is worked out anew."""
TAIL: Final = 16
"""So many announcements have to be the same for what was remembered to be of the same book."""


class Announced(NamedTuple):
    """What is counted: of what the columns `key` name, whether `flag` holds."""

    key: tuple[str, ...]
    flag: str


class Source(NamedTuple):
    """A table of announcements: where it is, its name, and how it is asked."""

    place: str | None
    """None: nothing is remembered."""
    table: str
    query: Query


class _Remembered(NamedTuple):
    known: int
    tail: list[tuple[Any, ...]]
    changes: Changes


_REMEMBERED: dict[tuple[str, str, str, int], _Remembered] = {}
"""By place, table, flag and position known; what was used last is the last."""
_REMEMBERING: Final = Lock()


def net_changes(source: Source, of: Announced, known: int, position: int) -> Changes:
    """(instant, by how many more it held from then on) of each instant at which that changed, in order, as known by a position.

    An announcement replaces all earlier ones of the same that take effect at its instant or later (DESIGN 6); nothing holds
    before the first. `position` is that of the last event in the tables.
    """
    if source.place is None:
        return _anew(source, of, known)
    found = _from_remembered(source, of, known, position)
    if found is None:
        found = _anew(source, of, known)
    remembered = _Remembered(known, _tail(source, of, known), found)
    name = (source.place, source.table, of.flag, known)
    with _REMEMBERING:
        _REMEMBERED.pop(name, None)
        while len(_REMEMBERED) >= REMEMBERED_MAX:
            del _REMEMBERED[next(iter(_REMEMBERED))]
        _REMEMBERED[name] = remembered
    return found


def _from_remembered(source: Source, of: Announced, known: int, position: int) -> Changes | None:
    """What is remembered of the nearest position, brought to another one; None where that is nothing, or more work."""
    with _REMEMBERING:
        bases = [
            one
            for name, one in _REMEMBERED.items()
            if name[:3] == (source.place, source.table, of.flag) and one.known <= position
        ]
    for base in sorted(bases, key=lambda one: abs(one.known - known)):
        if _tail(source, of, base.known) == base.tail:
            return _brought(source, of, base, known)
    return None


def _brought(source: Source, of: Announced, base: _Remembered, known: int) -> Changes | None:
    """What is remembered of one position as it is at another; None where too much was announced between the two."""
    columns = ", ".join(of.key)
    touched = source.query(
        f"SELECT DISTINCT {columns} FROM {source.table} WHERE position > ? AND position <= ? LIMIT ?",
        (min(base.known, known), max(base.known, known), TOUCHED_MAX + 1),
    )
    if len(touched) > TOUCHED_MAX:
        return None
    difference: Counter[int] = Counter()
    for announced in _announcements(source, of, touched, max(base.known, known)).values():
        for at, sign in ((known, 1), (base.known, -1)):
            for instant_us, more in _flips(announced, at):
                difference[instant_us] += sign * more
    return _added(base.changes, difference)


def _announcements(
    source: Source, of: Announced, keys: Sequence[tuple[Any, ...]], known: int
) -> dict[tuple[Any, ...], list[tuple[int, int, int]]]:
    """By key, of some keys, the (position, instant, whether it holds) of what was announced by a position, in order."""
    columns = ", ".join(f"a.{name}" for name in of.key)
    same = " AND ".join(f"a.{name} = wanted.column{place}" for place, name in enumerate(of.key, 1))
    rows = look_up(
        source.query,
        f"SELECT {columns}, a.position, a.effective_us, a.{of.flag} FROM {{wanted}} CROSS JOIN {source.table} AS a "
        f"WHERE {same} AND a.position <= ?",
        keys,
        (known,),
    )
    found: dict[tuple[Any, ...], list[tuple[int, int, int]]] = {}
    for row in rows:
        found.setdefault(tuple(row[:-3]), []).append(tuple(row[-3:]))
    for announced in found.values():
        announced.sort()
    return found


def _flips(announced: Sequence[tuple[int, int, int]], known: int) -> list[tuple[int, int]]:
    """(instant, one more or one less) of what stands of announcements as known by a position."""
    standing: list[tuple[int, int]] = []
    for position, effective_us, holds in announced:
        if position > known:
            break
        while standing and standing[-1][0] >= effective_us:
            standing.pop()
        standing.append((effective_us, holds))
    flips, held = [], 0
    for effective_us, holds in standing:
        if holds != held:
            flips.append((effective_us, holds - held))
        held = holds
    return flips


def _added(changes: Changes, difference: Counter[int]) -> Changes:
    """Changes with differences added, none of which stays where it comes to nothing."""
    found = changes.copy()
    for instant_us, more in difference.items():
        place = bisect_left(found, (instant_us,))
        there = place < len(found) and found[place][0] == instant_us
        number = more + (found[place][1] if there else 0)
        found[place : place + there] = [(instant_us, number)] if number else []
    return found


def _tail(source: Source, of: Announced, known: int) -> list[tuple[Any, ...]]:
    """The last announcements made by a position."""
    return source.query(
        f"SELECT position, {', '.join(of.key)}, effective_us, {of.flag} FROM {source.table} WHERE position <= ? "
        "ORDER BY position DESC LIMIT ?",
        (known, TAIL),
    )


def _anew(source: Source, of: Announced, known: int) -> Changes:
    """By a look at every announcement."""
    key = ", ".join(of.key)
    rows = source.query(
        f"""WITH announced AS (
            SELECT {key}, effective_us, {of.flag} AS holds, min(effective_us) OVER (
                PARTITION BY {key} ORDER BY position ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS replaced_us
            FROM {source.table} WHERE position <= ?
        ), standing AS (
            SELECT effective_us, holds, lag(holds, 1, 0) OVER (PARTITION BY {key} ORDER BY effective_us) AS held
            FROM announced WHERE replaced_us IS NULL OR replaced_us > effective_us
        )
        SELECT effective_us, sum(holds - held) AS more FROM standing WHERE holds <> held
        GROUP BY effective_us HAVING sum(holds - held) <> 0 ORDER BY effective_us""",
        (known,),
    )
    return [(instant_us, int(more)) for instant_us, more in rows]

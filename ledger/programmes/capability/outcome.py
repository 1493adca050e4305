"""The decision on a designation at an anniversary: whether it was qualified on any one day of the window (C3)."""

from __future__ import annotations

from typing import Any

from ledger.instants import format_instant, parse_date
from ledger.programmes.capability.answers import metrics_of
from ledger.programmes.capability.calendar import month_end_us, month_start_us, month_text
from ledger.programmes.capability.editions import Scorebook
from ledger.programmes.capability.flips import Score, Scored, next_change, score_at

WITHOUT_EDITION_MONTHS = 6


def window(scorebook: Scorebook, anniversary: str) -> tuple[int, int]:
    """The first and the last instant of an anniversary's window, in microseconds since 1970.

    It ends with the anniversary's month; its length is that of the edition in force at its last microsecond, else 6.
    """
    day = parse_date(anniversary)
    month = day.year * 12 + day.month - 1
    last_us = month_end_us(month) - 1
    edition = scorebook.in_force(last_us)
    months = WITHOUT_EDITION_MONTHS if edition is None else edition.figures["window_months"]
    return month_start_us(max(12, month - months + 1)), last_us


def decide_designation(state: Scored, scorebook: Scorebook, anniversary: str, reached_us: int) -> dict[str, Any]:
    """What the decision says, but for its revision; only instants of the window up to `reached_us` are looked at."""
    from_us, to_us = window(scorebook, anniversary)
    last_us = min(to_us, reached_us)
    best_us, best = from_us, score_at(state, scorebook, from_us)
    first_us, first = (from_us, best) if best.qualified else (None, None)
    any_edition = best.edition is not None
    instant = next_change(state, scorebook, from_us)
    while instant <= last_us:
        score = score_at(state, scorebook, instant)
        any_edition = any_edition or score.edition is not None
        if score.centipoints > best.centipoints:
            best_us, best = instant, score
        if first is None and score.qualified:
            first_us, first = instant, score
        instant = next_change(state, scorebook, instant)
    content: dict[str, Any] = {
        "anniversary": anniversary,
        "window_from": format_instant(from_us),
        "window_to": format_instant(to_us),
        "first_qualified_at": None if first_us is None else format_instant(first_us),
        "at_first": None if first is None else _qualification(first),
    }
    if not any_edition:
        nothing = {"edition": None, "month": None, "track": "smb"}
        return {**content, "outcome": "no-edition", "best": None, **nothing}
    deciding = best if first is None else first
    return {
        **content,
        "outcome": "not-qualified" if first is None else "qualified",
        "best": {"at": format_instant(best_us), **_qualification(best)},
        "edition": None if deciding.edition is None else deciding.edition.edition,
        "month": None if deciding.month is None else month_text(deciding.month),
        "track": deciding.track,
    }


def _qualification(score: Score) -> dict[str, Any]:
    return {"centipoints": score.centipoints, "metrics": metrics_of(score)}

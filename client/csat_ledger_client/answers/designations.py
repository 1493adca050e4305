"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class NextStep(Answer):
    """The least of a metric's unit that brings points: percents, pairs of customer and workload, or people."""

    needed: int
    """So many more are needed."""
    centipoints: int
    """So many hundredths of points they bring."""
    mcv_milli: str | None = None
    """For usage growth: how much more value makes the percents, in thousandths, as digits."""


class DesignationLine(Answer):
    """A designation on the board."""

    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    state: Literal["enrolled", "renewal-due", "qualified", "in-progress"] | str
    """What state it is in."""
    centipoints: int
    """The score, in hundredths of points."""
    missing_centipoints: int | None
    """What lacks to the edition's minimum, 0 where it is reached; null before the first edition."""
    zero: tuple[Literal["net-adds", "intermediate", "advanced", "usage-growth", "deployments"] | str, ...]
    """The metrics without points; with one of them nobody is qualified."""
    next_steps: dict[str, NextStep | None]
    """For each metric what brings the next points; null where nothing of its unit does."""
    anniversary: str | None
    """The first anniversary ahead, YYYY-MM-DD; null where none is known."""

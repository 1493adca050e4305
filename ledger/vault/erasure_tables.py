"""The table of erasures (see `erasures`): which subjects, when, by whom, why, and how far that is."""

from __future__ import annotations

from typing import Final

ERASURES: Final = (
    """CREATE TABLE erasures (
        subject TEXT {binary} PRIMARY KEY,
        membership TEXT {binary},
        requested_us BIGINT NOT NULL,
        actor TEXT NOT NULL,
        reason TEXT NOT NULL,
        step TEXT NOT NULL,
        completed_us BIGINT
    )""",
    "CREATE INDEX erasures_to_finish ON erasures (step, subject) WHERE completed_us IS NULL",
)

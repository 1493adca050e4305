"""The tables of erasures (part of version 2; see `erasures`).

erasures      which subjects, when, by whom, why, and how far that is
erased_links  by the tags of links, the invitations of subjects that were erased: what answers them later is tied to nobody
"""

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
    "CREATE TABLE erased_links (tag TEXT PRIMARY KEY)",
    "CREATE INDEX answers_erasing ON answers (fact) WHERE state = 'erasing'",
)

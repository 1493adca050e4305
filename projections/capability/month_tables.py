"""The tables of reports: every report, and of each month now and then what it amounts to.

A score needs a few sums of two months, as they were known at any position and under any edition. Adding up 30,000
reports takes far too long for that, and a line of sums for each report would be more than the reports themselves. So
there is a *checkpoint* of a (designation, month) after every STEP reports of it: a line of sums for each edition of the
area, whenever that was published. Who asks for the sums at a position takes the last checkpoint before it, and adds what
fewer than STEP reports have changed since.

    reports    every report at its position; `place` is what it is about and its association (`months.PLACE`)
    months     how many reports a month has, and the position of its last checkpoint (0: none)
    sums       the checkpoints: `kept` as `Sums.kept` gives it, in JSON; `left_out` counts the reports that are above zero
               and do not count (C13)
    left_out   which these are: from the checkpoint at `position` on such a report is left out (`is_out` 1), or no longer (0)

A designation has the position of its opening for a number, an edition that of its publishing. What the tables hold
depends on the events alone, not on the batches in which they came, nor on whether an edition or a report came first: the
events of a designation come in order, those of an edition from elsewhere.
"""

from __future__ import annotations

from typing import Final

from projections.database import Table

STEP: Final = 8
"""So many reports of a month lie between two checkpoints."""

REPORTS: Final = Table(
    "reports",
    {
        "designation": "BIGINT",
        "month": "BIGINT",
        "position": "BIGINT",
        "customer": "TEXT",
        "workload": "TEXT",
        "place": "INTEGER",
        "amount": "BIGINT",
    },
    ("designation", "month", "position"),
    (("designation", "month", "customer", "workload", "place", "position", "amount"),),
)
MONTHS: Final = Table(
    "months",
    {"designation": "BIGINT", "month": "BIGINT", "reports": "BIGINT", "checked": "BIGINT"},
    ("designation", "month"),
)
SUMS: Final = Table(
    "sums",
    {
        "designation": "BIGINT",
        "month": "BIGINT",
        "edition": "BIGINT",
        "position": "BIGINT",
        "kept": "TEXT",
        "left_out": "BIGINT",
    },
    ("designation", "month", "edition", "position"),
)
LEFT_OUT: Final = Table(
    "left_out",
    {
        "designation": "BIGINT",
        "month": "BIGINT",
        "edition": "BIGINT",
        "what": "INTEGER",
        "customer": "TEXT",
        "workload": "TEXT",
        "association": "INTEGER",
        "position": "BIGINT",
        "is_out": "INTEGER",
    },
    ("designation", "month", "edition", "what", "customer", "workload", "association", "position"),
)

"""The tables of reports: every report, and of each month what it amounts to.

A score needs a few sums of two months, as they were known at any position and under any edition. Adding up 30,000
reports takes far too long for that, and a line of sums for each report would be more than the reports themselves. So
every (designation, month) has a line of sums as it stands, and a *checkpoint* after every STEP reports: a line for each
edition of the area, whenever that was published. Who asks for what a position knew takes the line as it stands where the
position knew all of the month's reports, else the last checkpoint before it, and adds what fewer than STEP reports have
changed since.

    reports    every report at its position; `place` is what it is about and its association (`months.PLACE`)
    months     how many reports a month has
    latest     the sums as they stand, and the position of the last report in them; `kept` as `Sums.kept` gives it, in
               JSON; `left_out` counts the reports that are above zero and do not count (C13)
    sums       the checkpoints, in the same form
    left_out   which reports do not count: from `position` on such a report is left out (`is_out` 1), or no longer (0)

A designation has the position of its opening for a number, an edition that of its publishing. What the tables hold
depends on the events alone, not on the batches in which they came, nor on whether an edition or a report came first: the
events of a designation come in order, those of an edition from elsewhere.
"""

from __future__ import annotations

from typing import Final

from projections.database import Table

STEP: Final = 16
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
    {"designation": "BIGINT", "month": "BIGINT", "reports": "BIGINT"},
    ("designation", "month"),
)
_SUMS: Final = {
    "designation": "BIGINT",
    "month": "BIGINT",
    "edition": "BIGINT",
    "position": "BIGINT",
    "kept": "TEXT",
    "left_out": "BIGINT",
}
LATEST: Final = Table("latest", _SUMS, ("designation", "month", "edition"))
SUMS: Final = Table("sums", _SUMS, ("designation", "month", "edition", "position"))
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

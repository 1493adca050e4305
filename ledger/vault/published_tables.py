"""The tables of `ledger.vault.published`, which version 2 of the vault adds; the same in both databases."""

from __future__ import annotations

from typing import Final

PUBLISHED_TABLES: Final = (
    """CREATE TABLE published_closings (
        month TEXT {binary} PRIMARY KEY, position BIGINT NOT NULL, closed_us BIGINT NOT NULL
    )""",
    """CREATE TABLE published_releases (
        release BIGINT PRIMARY KEY,
        measure TEXT NOT NULL,
        membership TEXT {binary} NOT NULL,
        in_quarter TEXT NOT NULL,
        in_month TEXT NOT NULL,
        in_location TEXT NOT NULL,
        in_segment TEXT NOT NULL,
        removed BIGINT NOT NULL,
        counts TEXT NOT NULL,
        responses TEXT NOT NULL
    )""",
    """CREATE TABLE published_cells (
        scope TEXT {binary} NOT NULL,
        membership TEXT {binary} NOT NULL,
        part TEXT {binary} NOT NULL,
        peers TEXT {binary} NOT NULL,
        period TEXT {binary} NOT NULL,
        measure TEXT {binary} NOT NULL,
        version BIGINT NOT NULL,
        position BIGINT NOT NULL,
        published_us BIGINT NOT NULL,
        respondents BIGINT NOT NULL,
        counts TEXT NOT NULL,
        partners BIGINT NOT NULL,
        PRIMARY KEY (scope, membership, part, peers, period, measure, version)
    )""",
    """CREATE TABLE published_places (
        membership TEXT {binary} NOT NULL,
        solution_area TEXT NOT NULL,
        business_model TEXT NOT NULL,
        period TEXT {binary} NOT NULL,
        question TEXT {binary} NOT NULL,
        place TEXT NOT NULL,
        position BIGINT NOT NULL,
        published_us BIGINT NOT NULL,
        PRIMARY KEY (period, question, membership)
    )""",
    "CREATE INDEX published_places_membership ON published_places (membership)",
    """CREATE TABLE published_groups (
        membership TEXT {binary} NOT NULL,
        since TEXT {binary} NOT NULL,
        solution_area TEXT NOT NULL,
        business_model TEXT NOT NULL,
        PRIMARY KEY (membership, since)
    )""",
)

"""The tables of what the vault keeps of responses (part of version 2).

    answers   one row a fact that carries answers or a comment, or names an invitation: what it said, in boxes
    links     of a response that is not anonymous: which invitation it answers, in a box; found by `tag`
    exports   what was handed out, one row for each person or response in it, so that it can be withdrawn

A row of `answers` is `pending` from before the book has heard of the fact, `kept` once the book has recorded it, and `refused`
where the book has not: that waits to be taken again, and is deleted when its refusal would be. It is `erasing` once its
data key is gone because its subject is erased (see `erasing`), and `erased` once nothing is left but the ids: so the same fact,
handed in again, brings nothing back. Only what is `kept` is shown.
"""

from __future__ import annotations

from typing import Final

RESPONSES: Final = (
    """CREATE TABLE answers (
        fact TEXT {binary} PRIMARY KEY,
        membership TEXT {binary} NOT NULL,
        response TEXT {binary} NOT NULL,
        state TEXT NOT NULL,
        mac TEXT NOT NULL,
        anonymous BIGINT NOT NULL,
        answers {bytes},
        comment {bytes},
        cleared BIGINT NOT NULL,
        pended_us BIGINT NOT NULL,
        kept_us BIGINT
    )""",
    "CREATE INDEX answers_response ON answers (membership, response)",
    "CREATE INDEX answers_open ON answers (fact) WHERE state <> 'kept'",
    """CREATE TABLE links (
        fact TEXT {binary} PRIMARY KEY,
        membership TEXT {binary} NOT NULL,
        response TEXT {binary} NOT NULL,
        tag TEXT NOT NULL,
        invitation {bytes} NOT NULL
    )""",
    "CREATE INDEX links_response ON links (membership, response)",
    "CREATE INDEX links_tag ON links (tag)",
    """CREATE TABLE exports (
        id {identity} PRIMARY KEY,
        export TEXT NOT NULL,
        at_us BIGINT NOT NULL,
        actor TEXT NOT NULL,
        what TEXT NOT NULL,
        membership TEXT {binary} NOT NULL,
        subject TEXT {binary},
        response TEXT {binary}
    )""",
    "CREATE INDEX exports_subject ON exports (subject)",
    "CREATE INDEX exports_response ON exports (membership, response)",
)

"""The topics in which each programme's announcements go out: their names, before any prefix, and nothing of the programme.

A name is also the `ce_type` of the messages in the topic.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class AnnouncementTopics(NamedTuple):
    """Two topics: every announcement, in order for each membership; and the latest for each key, compacted."""

    changed: str
    status: str


ELIGIBILITY_TOPICS: Final = AnnouncementTopics("csat.eligibility-changed.v1", "csat.eligibility-status.v1")
DESIGNATION_TOPICS: Final = AnnouncementTopics("csat.designation-changed.v1", "csat.designation-status.v1")
ANNOUNCEMENT_TOPICS: Final = (ELIGIBILITY_TOPICS, DESIGNATION_TOPICS)
"""Those of all programmes of our books."""

"""A comment as the operator is shown it, at the command line and over HTTP."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class CommentShown:
    """A comment. It has no repr of its own, so that no log shows it."""

    membership: str
    """The partner's membership."""
    response: str
    """The response."""
    anonymous: bool
    """Whether the respondent chose to stay anonymous."""
    cleared: bool
    """Whether the operator has cleared it for the partner; that counts for an anonymous response alone."""
    comment: str
    """The comment."""

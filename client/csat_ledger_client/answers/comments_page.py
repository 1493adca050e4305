"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer


class CommentShown(Answer):
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


class CommentsPage(Answer):
    """Some of the comments of a membership."""

    comments: tuple[CommentShown, ...]
    """The comments, by the ids of their responses."""
    next: str | None
    """What to ask for with `after` for the next page; null where this is the last."""

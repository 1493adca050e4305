"""The one table of the pages: where each is, what it asks, and so who may see it.

A page is for whom the table of roles (`console.http.roles`) gives all the routes that it needs; a page may ask more of who may
(`Visit.may`). Nothing here says who is who.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from console.http.roles import Caller
from console.pages.board import board
from console.pages.designations import designations
from console.pages.membership import membership, membership_events
from console.pages.rendering import Shown
from console.pages.visiting import Visit


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is asked with GET."""

    name: str
    path: str
    title: str
    """What it is called in the list of pages."""
    needs: tuple[str, ...]
    """Names of routes, all of which a caller must have."""
    shown: Callable[[Visit], Awaitable[Shown]]
    listed: bool = True
    """Whether it is in the list of pages; one about something that the path names is not."""
    only: tuple[str, ...] = ()
    """Roles that alone have it; none: all that may ask what it needs."""

    def is_for(self, caller: Caller) -> bool:
        """Whether the caller may see it."""
        if self.only and caller.roles.isdisjoint(self.only):
            return False
        return all(next(caller.sights(route), None) is not None for route in self.needs)


STAFF: Final = ("auditor", "operations")
"""Who sees memberships that are not its own."""

PAGES: Final = (
    Page("board", "/console/board", "Board", ("board", "overview"), board),
    Page("designations", "/console/designations", "Designations", ("designations",), designations, only=STAFF),
    Page(
        "membership",
        "/console/memberships/{membership}",
        "Membership",
        ("status", "rolling", "decisions"),
        membership,
        listed=False,
        only=STAFF,
    ),
    Page(
        "membership-events",
        "/console/memberships/{membership}/events",
        "Events",
        ("replay",),
        membership_events,
        listed=False,
        only=STAFF,
    ),
)
"""Every page, in the order in which they are listed."""


def pages_for(caller: Caller) -> list[Page]:
    """What a caller finds in the list of pages, the first of which is his first page."""
    return [page for page in PAGES if page.listed and page.is_for(caller)]

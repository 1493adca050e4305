"""The one table of the pages: where each is, what it asks, and so who may see it.

A page is for whom the table of roles (`console.http.roles`) gives all the routes that it needs; a page may ask more of who may
(`Visit.may`). Nothing here says who is who.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from console.http.problems import Problem
from console.http.roles import Caller
from console.pages.board import TIMES, board
from console.pages.decision.listed import CHOICES, decisions_page
from console.pages.decision.page import OF_DESIGNATION, OF_RENEWAL, decision_page, evidence_file
from console.pages.designation import designation
from console.pages.designations import designations
from console.pages.membership import membership, membership_events
from console.pages.own import own, own_designation, own_report, own_report_csv
from console.pages.owner import owner
from console.pages.posted import Posting
from console.pages.rendering import Download, Shown
from console.pages.start import DUTIES, start
from console.pages.trying import what_if
from console.pages.upcoming import upcoming
from console.pages.verifying import VERIFYING, verify_page
from console.pages.visiting import Visit
from projections.questions.what_would_it_take import MORE


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is asked with GET, and may take what is posted to it."""

    name: str
    path: str
    title: str
    """What it is called in the list of pages."""
    needs: tuple[str, ...]
    """Names of routes, all of which a caller must have."""
    shown: Callable[[Visit], Awaitable[Shown | Download]]
    takes: tuple[str, ...] = ()
    """Names of parameters in its address; one with a dot at its end stands for all that begin with it."""
    listed: bool = True
    """Whether it is in the list of pages; one about something that the path names is not."""
    only: tuple[str, ...] = ()
    """Roles that alone have it; none: all that may ask what it needs."""
    hands_over: bool = False
    """Whether it is a file that is handed over, and nothing to look at."""
    posting: Posting | None = None
    """What is posted to it; None: nothing. That a post is of its own is looked at before the page hears of it."""

    def is_for(self, caller: Caller) -> bool:
        """Whether the caller may see it."""
        if self.only and caller.roles.isdisjoint(self.only):
            return False
        return all(next(caller.sights(route), None) is not None for route in self.needs)

    def require_known(self, names: Iterable[str]) -> None:
        """Raises Problem (400) for a parameter that the page does not have: passed over, it would seem to hold."""
        for name in names:
            if name not in self.takes and not name.startswith(self._prefixes()):
                expected = ", ".join(one + "…" if one.endswith(".") else one for one in self.takes) or "none"
                said = f"found a parameter that this page does not have, expected of these: {expected}"
                raise Problem(400, "bad-input", said, name[:40])

    def _prefixes(self) -> tuple[str, ...]:
        return tuple(name for name in self.takes if name.endswith("."))


STAFF: Final = ("auditor", "operations")
"""Who sees memberships that are not its own."""

OF: Final = "/console/memberships/{membership}"
RENEWAL: Final = f"{OF}/renewals/{{renewal}}"
ANNIVERSARY: Final = f"{OF}/designations/{{area}}/anniversaries/{{anniversary}}"

OWN: Final = ("status", "membership-renewals", "decisions", "results", "peers", "designations")

SUPPOSED: Final = ("from", "to", "from_known_at", "to_known_at", *MORE.values())
"""What is asked of a designation beside the times."""
STEPS: Final = ("known_at", "revision", "step")

PAGES: Final = (
    Page(
        "board",
        "/console/board",
        "Board",
        ("board", "overview"),
        board,
        takes=("search", "state", "within", "cursor", *TIMES),
    ),
    Page(
        "upcoming",
        "/console/upcoming",
        "Changes ahead",
        ("upcoming",),
        upcoming,
        listed=False,
        only=STAFF,
        takes=("within", "at", "cursor"),
    ),
    Page(
        "designations",
        "/console/designations",
        "Designations",
        ("designations",),
        designations,
        only=STAFF,
        takes=("area", "after", *TIMES),
    ),
    Page(
        "membership",
        "/console/memberships/{membership}",
        "Membership",
        ("status", "rolling", "decisions"),
        membership,
        listed=False,
        only=STAFF,
        takes=TIMES,
    ),
    Page(
        "membership-events",
        "/console/memberships/{membership}/events",
        "Events",
        ("replay",),
        membership_events,
        listed=False,
        only=STAFF,
        takes=("before", *TIMES),
    ),
    Page(
        "designation",
        f"{OF}/designations/{{area}}",
        "Designation",
        ("score", "score-months", "what-would-it-take", "expiring", "designation-decisions", "designations"),
        designation,
        listed=False,
        only=STAFF,
        takes=(*TIMES, *SUPPOSED),
    ),
    Page(
        "decisions",
        "/console/decisions",
        "Decisions",
        ("decisions-page",),
        decisions_page,
        only=STAFF,
        takes=(*CHOICES, "cursor"),
    ),
    Page("renewal-decision", RENEWAL, "Decision", OF_RENEWAL, decision_page, listed=False, takes=STEPS),
    Page("designation-decision", ANNIVERSARY, "Decision", OF_DESIGNATION, decision_page, listed=False, takes=STEPS),
    Page(
        "renewal-evidence",
        f"{RENEWAL}/evidence",
        "Evidence",
        ("evidence",),
        evidence_file,
        listed=False,
        hands_over=True,
        takes=("revision",),
    ),
    Page(
        "designation-evidence",
        f"{ANNIVERSARY}/evidence",
        "Evidence",
        ("designation-evidence",),
        evidence_file,
        listed=False,
        hands_over=True,
        takes=("revision",),
    ),
    Page("own", "/console/own", "Your membership", OWN, own, only=("partner",), takes=("at", "by")),
    Page(
        "own-membership",
        "/console/own/{membership}",
        "Your membership",
        OWN,
        own,
        listed=False,
        only=("partner",),
        takes=("at", "by"),
    ),
    Page(
        "own-designation",
        "/console/own/{membership}/designations/{area}",
        "Your designation",
        ("score", "score-months", "what-would-it-take", "expiring", "designation-decisions", "designations"),
        own_designation,
        listed=False,
        only=("partner",),
        takes=("at", *SUPPOSED),
    ),
    Page(
        "own-report",
        "/console/own/{membership}/report",
        "Report",
        ("report",),
        own_report,
        listed=False,
        only=("partner",),
        takes=("month",),
    ),
    Page(
        "own-report-csv",
        "/console/own/{membership}/report.csv",
        "Report",
        ("report",),
        own_report_csv,
        listed=False,
        hands_over=True,
        only=("partner",),
        takes=("month",),
    ),
    Page(
        "owner",
        "/console/owner",
        "Programme",
        ("overview", "participation", "benchmark", "decision-counts"),
        owner,
        only=("owner",),
        takes=("by",),
    ),
    Page(
        "what-if",
        "/console/what-if",
        "What if",
        ("what-if",),
        what_if,
        takes=("figure.", "area", "from", "to", "known_at", "membership", "after"),
    ),
    Page("start", "/console/start", "What you may do", (), start, only=tuple(DUTIES)),
    Page("verify", "/console/verify", "Verify", (), verify_page, posting=VERIFYING),
)
"""Every page, in the order in which they are listed."""


def pages_for(caller: Caller) -> list[Page]:
    """What a caller finds in the list of pages, the first of which is his first page."""
    return [page for page in PAGES if page.listed and page.is_for(caller)]

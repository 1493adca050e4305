"""Pages in a real browser: Debian's Chromium, which the tests drive, before a service over a real book."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.console.http.process import PLAIN
from tests.console.http.support import CODE

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS: Final = ["--no-sandbox", "--disable-dev-shm-usage"]
PATIENCE_MS: Final = 20_000
WIDE: Final = {"width": 1440, "height": 900}
NARROW: Final = {"width": 360, "height": 740}


def find_chromium() -> str:
    """The browser's program; skips where there is none."""
    found = os.environ.get("CSAT_LEDGER_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("found no Chromium, expected one (Debian: apt install chromium) or CSAT_LEDGER_TEST_CHROMIUM")
    return found


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser without a window."""
    program = find_chromium()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def keeping_pages(browser: Browser) -> Iterator[Browser]:
    """Another browser, which keeps whole pages to go back to, as people's do; the one that is driven here does not else."""
    unlike = ["--disable-back-forward-cache"]
    kept = browser.browser_type.launch(executable_path=find_chromium(), args=ARGUMENTS, ignore_default_args=unlike)
    try:
        yield kept
    finally:
        kept.close()


@dataclass
class Visitor:
    """Somebody at the browser; what the pages ask for and complain of is noted."""

    page: Page
    url: str
    code: str = CODE
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def sign_in(self, role: str, memberships: str = "") -> None:
        """Signs in by the development form."""
        self.page.goto(f"{self.url}/console/sign-in?code={self.code}")
        if memberships:
            self.page.fill("#memberships", memberships)
        self.page.click(f"button[value={role}]")
        self.page.wait_for_load_state()

    def go(self, path: str) -> int:
        """To a page; the status."""
        answer = self.page.goto(f"{self.url}{path}")
        assert answer is not None
        return answer.status

    def foreign(self) -> list[str]:
        """What was asked of another host than the service's."""
        own = urlsplit(self.url).netloc
        return [one for one in self.asked if urlsplit(one).scheme in ("http", "https") and urlsplit(one).netloc != own]


@contextmanager
def visiting(browser: Browser, url: str, code: str = CODE, **context: Any) -> Iterator[Visitor]:
    """Somebody with a browser of his own, at a service. No page may complain, nor ask another host for anything."""
    made = browser.new_context(**{"viewport": WIDE, "locale": "en-GB", "timezone_id": "Asia/Kolkata"} | context)
    made.set_default_timeout(PATIENCE_MS)
    try:
        page = made.new_page()
        visitor = Visitor(page, url, code)
        page.on(
            "console", lambda said: visitor.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        page.on("request", lambda request: visitor.asked.append(request.url))
        yield visitor
        assert visitor.foreign() == []
        assert visitor.complaints == []
    finally:
        made.close()


@contextmanager
def signed_in(url: str, role: str, memberships: str = "", code: str = CODE) -> Iterator[httpx.Client]:
    """A client without a browser that has signed in by the development form."""
    with httpx.Client(base_url=url, timeout=20, verify=PLAIN) as client:
        form = client.get("/console/sign-in")
        mark = form.text.split('name="mark" value="')[1].split('"')[0]
        answer = client.post(
            "/console/sign-in", data={"mark": mark, "role": role, "memberships": memberships, "code": code}
        )
        assert answer.status_code == 303, answer.text
        yield client

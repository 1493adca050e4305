"""Signing in in a browser with several tabs, old addresses, and links of other sites."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from console.pages.front import Front
from console.pages.oidc.flow import FLOWS_MAX
from console.pages.oidc.settings import CALLBACK, Oidc
from console.pages.wiring import front_behind
from tests.console.http.support import service_on_a_port
from tests.console.pages.oidc_support import CLIENT, FLOW, SECRET, lying, now_us
from tests.console.pages.support import PATIENCE_MS, browsing


@dataclass(frozen=True)
class Served:
    """A service, a provider that lets everybody in, and a browser."""

    url: str
    issuer: str
    browser: Browser


@dataclass(frozen=True)
class Somebody:
    """Somebody at the browser."""

    served: Served
    context: BrowserContext

    def tab(self, address: str) -> Page:
        """A new tab; the address is a path of the service, or a whole one."""
        page = self.context.new_page()
        page.goto(address if "://" in address else self.served.url + address)
        return page

    def at_the_provider(self, path: str) -> Page:
        """A new tab in which he has gone from a page to the provider."""
        page = self.tab(path)
        page.click("main a.button")
        page.wait_for_url(f"{self.served.issuer}/*")
        return page

    def signed_in(self, path: str) -> Page:
        """A new tab with a page, once he has signed in."""
        page = self.at_the_provider(path)
        page.click("text=Go on")
        page.wait_for_url(self.served.url + path)
        return page

    def flows(self) -> int:
        """How many sign-ins are under way."""
        return sum(str(one.get("name")).startswith(FLOW) for one in self.context.cookies())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service over an empty book."""
    folder = tmp_path_factory.mktemp("tabs")

    def failed(error: BaseException) -> None:
        raise error

    with lying() as liar:

        def front_at(url: str) -> Front:
            oidc = Oidc(liar.issuer, CLIENT, url, SECRET)
            return front_behind(oidc, "ledger.db", str(folder / "key"), now_us, failed, lambda _: None)

        with browsing() as browser, service_on_a_port(folder / "ledger.db", front_at=front_at) as url:
            yield Served(url, liar.issuer, browser)


@pytest.fixture
def somebody(served: Served) -> Iterator[Somebody]:
    """Somebody without a cookie."""
    context = served.browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    yield Somebody(served, context)
    context.close()


def test_who_signs_in_in_several_tabs_comes_in_in_each(somebody: Somebody) -> None:
    one, other = somebody.at_the_provider("/console/verify?x=1"), somebody.at_the_provider("/console/board")
    assert somebody.flows() == 2
    for page, path in ((one, "/console/verify?x=1"), (other, "/console/board")):
        page.click("text=Go on")
        page.wait_for_url(somebody.served.url + path)
    assert somebody.flows() == 0


def test_sign_ins_that_nobody_ends_do_not_pile_up(somebody: Somebody) -> None:
    page = somebody.tab("/console/sign-in")
    for _ in range(FLOWS_MAX + 2):
        page.goto(f"{somebody.served.url}/console/sign-in")
        page.click("main a.button")
        page.wait_for_url(f"{somebody.served.issuer}/*")
    assert somebody.flows() == FLOWS_MAX
    page.click("text=Go on")
    page.wait_for_url(f"{somebody.served.url}/console/board")


def test_a_link_of_another_site_leaves_the_forms_of_open_pages_good(somebody: Somebody) -> None:
    page = somebody.signed_in("/console/verify")
    elsewhere = f"http://localhost:{urlsplit(somebody.served.issuer).port}"
    visit = somebody.tab(f"{elsewhere}/elsewhere?to={quote(somebody.served.url, safe='')}/console/verify")
    visit.click("text=Go on")
    visit.wait_for_url(f"{somebody.served.url}/console/verify")
    page.click("text=Sign out")
    page.wait_for_url(f"{somebody.served.url}/console/signed-out")


def test_one_signs_out_from_the_page_of_a_sign_in_that_came_to_nothing(somebody: Somebody) -> None:
    somebody.signed_in("/console/verify")
    page = somebody.tab(f"{CALLBACK}?code=secret&state=old")
    assert page.text_content("h1") == "This sign-in came to nothing"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.header_value("referer") or ""))
    page.click("text=Sign out")
    page.wait_for_url(f"{somebody.served.url}/console/signed-out")
    assert not any("secret" in one for one in asked)

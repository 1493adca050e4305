"""What a page asks for while it stands: problems are shown, nobody's typing is lost, and who is signed out is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.console.pages.support import Visitor, visiting

AGAIN = (
    "htmx.ajax('GET', '/console/board', {source: '[data-live]', target: '#live', select: '#live', swap: 'outerHTML'})"
)
"""What the board asks every half minute."""
MEMBERSHIP = "/console/memberships/m-1?at=2010-07-01"


@pytest.fixture
def auditor(browser: Browser, pages: str) -> Iterator[Visitor]:
    with visiting(browser, pages) as visitor:
        visitor.sign_in("auditor")
        yield visitor


@pytest.mark.parametrize("typed", ["2010-13", "01.06.2013"])
def test_a_date_that_is_none_is_said_to_be_none(auditor: Visitor, typed: str) -> None:
    auditor.go(MEMBERSHIP)
    auditor.page.fill("#at", typed)
    auditor.page.press("#at", "Enter")
    auditor.page.wait_for_selector("text=expected")
    assert "Responses that count" not in auditor.page.inner_text("main")
    auditor.complaints.clear()  # the browser tells of a refused request


def test_a_slider_keeps_its_place_at_the_keyboard_and_reaches_today(auditor: Visitor) -> None:
    auditor.go(MEMBERSHIP)
    slider = auditor.page.locator("#at-slider")
    slider.focus()
    for day in ("2010-06-30", "2010-06-29", "2010-06-28"):
        auditor.page.keyboard.press("ArrowLeft")
        auditor.page.wait_for_url(f"**at={day}**")
        auditor.page.wait_for_selector("#at-slider:focus")
    auditor.page.keyboard.press("End")
    auditor.page.wait_for_url("**at=2024-12-31**")


def test_who_is_signed_out_is_led_to_the_sign_in_and_back(auditor: Visitor) -> None:
    auditor.go(MEMBERSHIP)
    auditor.page.context.clear_cookies()
    auditor.page.fill("#at", "2010-07-02")
    auditor.page.press("#at", "Enter")
    auditor.page.wait_for_url("**/console/sign-in?next=**m-1**")
    assert auditor.page.locator("main form").count() > 0
    auditor.complaints.clear()


def test_the_board_looks_again_but_not_while_somebody_types(auditor: Visitor) -> None:
    page = auditor.page
    auditor.go("/console/board")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.fill("#search", "typed")
    before = len(asked)
    page.evaluate(AGAIN)
    page.wait_for_timeout(300)
    assert (asked[before:], page.input_value("#search")) == ([], "typed")
    page.fill("#search", "")
    page.evaluate("document.activeElement.blur()")
    with page.expect_response("**/console/board"):
        page.evaluate(AGAIN)

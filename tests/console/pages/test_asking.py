"""What a page asks for while it stands: problems are shown, nobody's typing is lost, and who is signed out is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.console.pages.support import Visitor, keeping_pages, visiting

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


def asked_again(visitor: Visitor) -> None:
    """Has the board look again, and waits for the answer to be in its place."""
    visitor.page.evaluate("document.querySelector('#live').dataset.old = 'yes'")
    visitor.page.evaluate(AGAIN)
    visitor.page.wait_for_selector("#live:not([data-old])")


def test_the_board_looks_again_and_leaves_a_choice_the_keyboard_and_wide_tables_where_they_are(
    auditor: Visitor,
) -> None:
    page = auditor.page
    auditor.go("/console/board")
    page.set_viewport_size({"width": 360, "height": 740})
    page.evaluate("document.querySelector('[aria-label=Memberships]').scrollLeft = 40")
    moved = page.evaluate("document.querySelector('[aria-label=Memberships]').scrollLeft")
    page.focus("[aria-label=Memberships] tbody tr:last-child a")
    link = page.evaluate("document.activeElement.outerHTML")
    asked_again(auditor)
    assert page.evaluate("document.activeElement.outerHTML") == link
    assert moved > 0
    assert page.evaluate("document.querySelector('[aria-label=Memberships]').scrollLeft") == moved
    page.select_option("#state", "losing")
    page.evaluate("document.activeElement.blur()")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.evaluate(AGAIN)
    page.wait_for_timeout(300)
    assert (asked, page.input_value("#state")) == ([], "losing")


def test_a_page_of_one_visitor_is_not_filled_with_what_another_sees(auditor: Visitor) -> None:
    page = auditor.page
    auditor.go("/console/board")
    other = page.context.new_page()
    for role, shown in (("operations", "board"), ("partner", "board")):
        other.goto(f"{auditor.url}/console/sign-in?code={auditor.code}")
        other.fill("#memberships", "m-1")
        other.click(f"button[value={role}]")
        other.wait_for_load_state()
        with page.expect_navigation():
            page.evaluate(f"void {AGAIN}")  # whose answer nobody waits for: the page goes
        assert page.inner_text(".who span") == role
        assert page.url == f"{auditor.url}/console/{shown}"
    assert "This is not shown to you" in page.inner_text("h1")
    auditor.complaints.clear()  # the browser tells of a refused request


def test_what_a_slider_changes_is_read_aloud(auditor: Visitor) -> None:
    auditor.go(MEMBERSHIP)
    assert auditor.page.locator("#told[role=status]").inner_text() == ""
    auditor.page.fill("#at", "2010-05-01")
    auditor.page.press("#at", "Tab")
    auditor.page.wait_for_url("**at=2010-05-01**")
    auditor.page.wait_for_function("document.getElementById('told').textContent.includes('response')")
    first = " ".join(auditor.page.inner_text("#seen-first .first").split())
    assert auditor.page.evaluate("document.getElementById('told').textContent") in first.replace("✓ ", "").replace(
        "✗ ", ""
    )


def test_no_key_is_lost_at_a_slider_while_the_answer_to_one_before_is_under_way(auditor: Visitor) -> None:
    page = auditor.page
    auditor.go(MEMBERSHIP)
    page.focus("#at-slider")
    for expected in ("2010-06-27", "2010-06-23"):
        for _ in range(4):
            with page.expect_response("**/console/memberships/m-1?at=*"):  # and on, before it is in its place
                page.keyboard.press("ArrowLeft")
        page.wait_for_url(f"**at={expected}**")
        page.wait_for_function(f"document.querySelector('#seen').dataset.at === '{expected}'")
        assert page.evaluate("document.activeElement.id") == "at-slider"
        assert page.input_value("#at") == expected
    assert f"as of {expected}" in page.inner_text("#seen-first")
    auditor.complaints.clear()  # what was given up is told of


def test_a_verdict_is_found_again_by_going_back_but_nobody_finds_the_pages_of_who_was_signed_in(
    browser: Browser, pages: str, tmp_path: Path
) -> None:
    evidence = tmp_path / "evidence.json"
    evidence.write_text("{}")
    with keeping_pages(browser) as other, visiting(other, pages) as visitor:
        page = visitor.page
        visitor.sign_in("auditor")
        visitor.go("/console/verify")
        page.set_input_files("#evidence", evidence)
        page.set_input_files("#policy", evidence)
        page.click("text=Verify the evidence")
        page.wait_for_selector("section.verdict")
        visitor.go(MEMBERSHIP)
        page.evaluate("history.back()")
        page.wait_for_selector("section.verdict")
        visitor.go(MEMBERSHIP)
        visitor.go("/console/decisions")
        page.context.clear_cookies(name="csat_ledger_session")
        visitor.sign_in("partner", "m-1")
        shown = []
        for _ in range(5):
            page.evaluate("history.back()")
            page.wait_for_timeout(100)
            page.wait_for_load_state()
            shown.append(page.inner_text("body"))
        assert not any("Sign out" in one and "auditor" in one for one in shown)
        assert not any("Responses that count" in one or "Revision" in one for one in shown)
        assert page.locator("section.verdict").filter(visible=True).count() == 0
        visitor.complaints.clear()  # the browser tells of pages that are refused

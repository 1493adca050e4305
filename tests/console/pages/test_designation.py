"""The page of a designation: what it would take, which certificates expire, and what a restatement changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from playwright.sync_api import Browser, expect

from console.pages import designations
from console.pages.charts.scores import scores
from console.pages.designation import BECAUSE
from console.pages.rendering import environment
from console.wiring import Ledger, open_store
from ledger.instants import parse_instant
from ledger.programmes.registry import fact_from_object
from projections.questions.designations import State
from projections.questions.explain import Because
from tests.console.designation_story import AREA, qualified, restated
from tests.console.http.support import bearer, service_on_a_port
from tests.console.pages.support import signed_in, visiting

PATH = f"/console/memberships/m-1/designations/{AREA}"


def api(pages: str, question: str, role: str = "auditor") -> Any:
    path = f"/v1/memberships/m-1/designations/{AREA}/{question}"
    return httpx.get(f"{pages}{path}", headers=bearer(role)).raise_for_status().json()


def test_what_is_supposed_is_shown_as_the_api_says(pages: str) -> None:
    asked = "at=2024-09-02&more_deployments=3&more_net_adds=2&more_intermediate=2"
    found = api(pages, f"what-would-it-take?{asked}")
    with signed_in(pages, "operations") as client:
        page = client.get(f"{PATH}?{asked}").text
    assert found["supposed_centipoints"] == 7_000
    assert f"{found['supposed_centipoints'] / 100:.2f} points, none for usage growth" in page
    assert re.search(r'name="more_deployments" min="0" max="3" step="1" value="3"', page)
    assert 'name="more_percent"' not in page  # no percent brings points without the base
    assert "44.00 points of 70.00 that are needed, none for usage growth" in page


def test_what_cannot_be_supposed_is_told_as_the_api_tells_it(pages: str) -> None:
    with signed_in(pages, "auditor") as client:
        answer = client.get(f"{PATH}?more_percent=-1")
    assert answer.status_code == 400
    assert "expected a whole number from 0" in answer.text


def test_the_page_follows_a_slider_and_its_address_keeps_what_is_supposed(pages: str, browser: Browser) -> None:
    with visiting(browser, pages) as visitor:
        visitor.sign_in("auditor")
        visitor.go(f"{PATH}?at=2024-09-02")
        page = visitor.page
        page.locator("#more_deployments").press("End")
        expect(page.locator("#taken")).to_contain_text("56.00 points, 14.00 missing to 70.00")
        assert page.locator("#more_deployments + output").inner_text() == "3"
        page.wait_for_url("**more_deployments=3**")
        assert "at=2024-09-02" in page.url
        assert page.evaluate("document.activeElement.id") == "more_deployments"
        page.reload()
        expect(page.locator("#taken")).to_contain_text("56.00 points")


def test_sliders_are_a_plain_form_where_no_script_runs(pages: str, browser: Browser) -> None:
    with visiting(browser, pages, java_script_enabled=False) as visitor:
        visitor.sign_in("auditor")
        visitor.go(f"{PATH}?at=2024-09-02")
        visitor.page.locator("#more_deployments").press("ArrowRight")
        visitor.page.click("form.supposed button")
        expect(visitor.page.locator("#taken")).to_contain_text("48.00 points")
        assert "more_deployments=1" in visitor.page.url


def test_certificates_that_expire_are_told_with_the_day_and_what_the_score_falls_to(pages: str) -> None:
    found = api(pages, "expiring?at=2024-08-01&known_at=60")
    assert found["total"] == 3
    with signed_in(pages, "operations") as client:
        page = client.get(f"{PATH}?at=2024-08-01&known_at=60").text
        none = client.get(f"{PATH}?at=2025-01-11").text
    (section,) = re.findall(r'<section aria-labelledby="ending">.*?</section>', page, re.DOTALL)
    for one in found["certificates"]:
        assert f"<bdi>{one['certificate']}</bdi>" in section
        assert f"{one['until'][:10]}</time>" in section
        assert f"→ {one['tier_centipoints'] / 100:.2f}" in section
    assert "p-1" not in section  # who holds it
    assert "None that counts now expires by" in none


STANDING = {
    "enrolled": "Enrolled</span>: the last",
    "renewal-due": "Enrolled, renewal due</span>: the window",
    "qualified": "Qualified, not enrolled</span>: no decision",
    "in-progress": "In progress</span>: it is not enrolled",
}


def test_every_state_of_the_list_has_words() -> None:
    parts = environment().get_template("designation-parts.html.j2").module
    assert STANDING.keys() == set(get_args(State))
    for state, words in STANDING.items():
        assert words in parts.standing({"state": state, "anniversary": None})


def test_the_page_says_what_state_the_list_says_it_is_in_and_the_next_anniversary(pages: str) -> None:
    seen = set()
    with signed_in(pages, "auditor") as client:
        for day in ("2022-01-01", "2024-07-01", "2024-12-01", "2026-01-01"):
            line = api_of_all(pages, f"membership=m-1&at={day}")
            page = client.get(f"{PATH}?at={day}").text
            seen.add((line["state"], line["anniversary"]))
            assert STANDING[line["state"]] in page, (day, line)
            ahead = line["anniversary"]
            said = (
                f'The next anniversary is on <time datetime="{ahead}">{ahead}</time>'
                if ahead
                else "No next anniversary"
            )
            assert said in page
    assert len(seen) >= 3


def api_of_all(url: str, query: str) -> Any:
    (line,) = (
        httpx.get(f"{url}/v1/designations?area={AREA}&{query}", headers=bearer("auditor")).raise_for_status().json()
    )
    return line


@pytest.mark.parametrize("query", ["from=2024-06-01", "to=2024-07-01", "from_known_at=20"])
def test_one_day_alone_is_said_to_explain_nothing(pages: str, query: str) -> None:
    with signed_in(pages, "auditor") as client:
        page = client.get(f"{PATH}?at=2024-08-01&{query}").text
        assert "Not explained</span>: it takes two days" in page
        assert "Not explained" not in client.get(f"{PATH}?at=2024-08-01").text


def test_a_list_of_one_page_leads_to_no_other(pages: str, monkeypatch: pytest.MonkeyPatch) -> None:
    every = httpx.get(f"{pages}/v1/designations", headers=bearer("auditor")).json()
    with signed_in(pages, "auditor") as client:
        for rows, following in ((len(every), False), (len(every) - 1, True)):
            monkeypatch.setattr(designations, "ROWS", rows)
            page = client.get("/console/designations").text
            assert ("Next page" in page) is following
            assert page.count("<tr><th scope=") - 1 == rows


def test_no_bar_says_that_a_score_is_reached_that_is_not() -> None:
    metrics = {"net-adds": 960, "intermediate": 1_600, "advanced": 1_400, "usage-growth": 2_000, "deployments": 1_000}
    month = {"at": "2024-08-01T00:00:00Z", "restated": False, "now": {"centipoints": 6_960, "metrics": metrics}}
    svg = str(scores("score", [month], 7_000))
    assert re.findall(r'class="value"[^>]*>([^<]+)<', svg) == ["69"]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service over a book that learned of things when they happened: a restatement is recorded later."""
    store = Path(tmp_path_factory.mktemp("lived")) / "ledger.db"
    for now, facts in (("2024-06-25T00:00:00Z", qualified()), ("2024-09-02T00:00:00Z", [restated()])):
        clock_us = parse_instant(now)
        ledger = Ledger(open_store(str(store), create=True), lambda now_us=clock_us: now_us)
        assert {one.status for one in ledger.recorder.record([fact_from_object(fact) for fact in facts])} == {
            "accepted"
        }
        ledger.close()
    with service_on_a_port(store, pages=True, rate_without_token="1000000/second") as url:
        yield url


def test_what_was_restated_stands_beside_what_was_known_then_and_leads_to_its_reports(lived: str) -> None:
    months = api(lived, "score-months?at=2024-10-01")["months"]
    assert [one["at"][:7] for one in months if one["restated"]] == ["2024-07", "2024-08", "2024-09"]
    with signed_in(lived, "auditor") as client:
        page = client.get(f"{PATH}?at=2024-10-01").text
        links = re.findall(r'href="([^"]+)#why">The reports behind it', page)
        why = client.get(links[0].replace("&amp;", "&")).text
    with signed_in(lived, "operations") as client:
        assert "The reports behind it" not in client.get(f"{PATH}?at=2024-10-01").text  # it may not ask for them
    assert page.count('class="was"') == len(links) == 3
    assert "no longer qualified" in page
    assert "It is the same instant: what differs became known in between" in why
    assert "Usage growth: 30.00 → 0.00" in why
    assert "Restated</span>: a report was replaced by another: 25,000 → 24,999" in why
    assert "74.00 points at" in why


def test_a_partner_sees_what_was_restated_of_its_own_and_why(lived: str) -> None:
    with signed_in(lived, "partner", "m-1") as client:
        page = client.get(f"/console/own/m-1/designations/{AREA}?at=2024-10-01").text
        links = re.findall(r'href="(/console/own/[^"]+)#why">The reports behind it', page)
        assert len(links) == 3
        assert "Restated</span>: a report was replaced" in client.get(links[0].replace("&amp;", "&")).text


def test_what_time_brought_is_not_called_restated(lived: str, pages: str) -> None:
    with signed_in(lived, "auditor") as client:
        page = client.get(f"{PATH}?at=2024-10-01&from=2024-06-01&to=2024-07-01").text
    assert "Both go by the same knowledge: nothing of it was restated" in page
    assert "Another month</span>" in page
    assert "Restated</span>" not in page
    with signed_in(pages, "auditor") as client:  # all of that book was recorded at once, long after
        assert "there is nothing that could have been restated" in client.get(f"{PATH}?at=2024-10-01").text


def test_every_reason_has_words() -> None:
    assert BECAUSE.keys() == set(get_args(Because))

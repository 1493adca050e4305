"""What the pages show is what the same caller is answered by the API, and nothing that a role may not see."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import httpx
import pytest
from playwright.sync_api import Browser

from console.cli.main import COMMANDS
from console.http.operations import BOUNDS
from console.http.roles import ROLES, Caller, Role
from console.pages.board import SIGNS
from console.pages.designation import KINDS
from console.pages.owner import decisions_of
from console.pages.registry import pages_for
from console.pages.start import DUTIES, routes_of
from ledger.instants import parse_instant
from projections.questions.explain import Kind
from tests.console.designation_story import AREA
from tests.console.http.support import (
    COMMENTS,
    INVITATIONS,
    SUBJECTS,
    bearer,
    make_book,
    responses,
    service_on_a_port,
)
from tests.console.pages.support import signed_in, visiting

OWN_PAGES = (
    "/console/own", "/console/own?by=month", "/console/own/m-1", "/console/own/m-1/report?month=2010-06",
    "/console/own/m-1/report.csv?month=2010-06", f"/console/own/m-1/designations/{AREA}?more_percent=3",
)  # fmt: skip


def api(pages: str, path: str, role: str) -> object:
    return httpx.get(f"{pages}{path}", headers=bearer(role)).raise_for_status().json()


def test_the_board_says_how_many_are_eligible_as_the_overview_does(pages: str) -> None:
    for at in ("2010-07-01", "2011-07-01", "2024-08-02"):
        found = api(pages, f"/v1/overview?at={at}", "operations")
        assert isinstance(found, dict)
        with signed_in(pages, "operations") as client:
            page = client.get("/console/board", params={"at": at}).text
        assert f"{found['eligible']} of {found['memberships']} memberships" in page
        assert f"known at position {found['known_at']}" in page


def test_counts_that_lack_what_time_changes_say_so(tmp_path: Path) -> None:
    """Nobody reviews here: it is 2030, and what was announced is of 2024 at the latest."""
    make_book(tmp_path / "ledger.db")
    now_us = parse_instant("2030-01-01T00:00:00Z")
    with service_on_a_port(tmp_path / "ledger.db", pages=True, now_us=now_us) as url:
        for role, page in (("auditor", "board"), ("operations", "board"), ("owner", "owner")):
            with signed_in(url, role) as client:
                assert "not all is counted" in client.get(f"/console/{page}").text
                if page == "board":  # the owner's page is of now
                    then = client.get("/console/board", params={"at": "2010-07-01"}).text
                    assert ("2010-07-01" in then, "not all is counted" in then) == (True, False)


def test_the_boards_search_and_filter_live_in_its_address(pages: str, browser: Browser) -> None:
    with visiting(browser, pages) as visitor:
        visitor.sign_in("operations")
        visitor.go("/console/board?at=2010-07-01")
        visitor.page.fill("#search", "m-1")
        visitor.page.select_option("#state", "eligible")
        visitor.page.click("form[role=search] button")
        visitor.page.wait_for_url("**search=m-1**")
        assert "at=2010-07-01" in visitor.page.url
        rows = visitor.page.locator("section[aria-labelledby=all] tbody tr")
        assert rows.count() == 1
        visitor.page.reload()
        assert visitor.page.locator("section[aria-labelledby=all] tbody tr").count() == 1


def test_the_boards_next_page_is_of_the_same_instant_and_what_was_searched_for(
    pages: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.pages.board.ROWS", 1)
    with signed_in(pages, "auditor") as client:
        page = client.get("/console/board?at=2010-07-01&search=m-").text
        link = re.search(r'href="(/console/board\?[^"]*cursor=[^"]*)">Next page', page)
        assert link is not None
        following = client.get(link[1].replace("&amp;", "&")).text
    assert "2010-07-01 00:00 UTC" in following
    assert 'value="m-"' in following
    assert "To the beginning" in following


def test_every_sign_and_every_kind_of_cause_has_words() -> None:
    assert SIGNS.keys() == BOUNDS.keys()
    assert KINDS.keys() == set(get_args(Kind))


def test_a_membership_shows_what_the_status_says_at_the_instants_in_its_address(pages: str) -> None:
    with signed_in(pages, "auditor") as client:
        for query in ("at=2010-07-01", "at=2010-07-01&known_at=8", "at=2011-07-01"):
            found = api(pages, f"/v1/memberships/m-1/status?{query}", "auditor")
            assert isinstance(found, dict)
            page = client.get(f"/console/memberships/m-1?{query}").text
            assert f"known at position {found['known_at']}" in page
            assert re.search(rf"<dt>Responses that count</dt><dd><strong>{found['counted']}</strong>", page)
            assert ("Eligible</span>" in page) is bool(found["satisfied"] and found["required"])


def test_a_link_to_a_membership_shows_the_same_for_ever(pages: str) -> None:
    with signed_in(pages, "auditor") as client:
        page = client.get("/console/memberships/m-1?at=2010-07-01").text
        link = re.search(r'href="(/console/memberships/m-1\?at=[^"]+)">A link', page)
        assert link is not None
        assert "known_at=" in link[1]
        again = client.get(link[1].replace("&amp;", "&")).text
    counted = re.findall(r"<strong>(\d+)</strong>", page)
    assert counted == re.findall(r"<strong>(\d+)</strong>", again)


def test_a_slider_sets_the_day_and_the_page_follows_with_its_address(pages: str, browser: Browser) -> None:
    with visiting(browser, pages) as visitor:
        visitor.sign_in("auditor")
        visitor.go("/console/memberships/m-1?at=2010-07-01")
        slider = visitor.page.locator("input[data-days-for=at]")
        assert slider.is_visible()
        slider.focus()
        with visitor.page.expect_response(lambda one: "/console/memberships/m-1?" in one.url):
            slider.press("Home")
        visitor.page.wait_for_url("**at=2009-12-12**")
        assert visitor.page.input_value("#at") == "2009-12-12"
        visitor.page.go_back()
        visitor.page.wait_for_url("**at=2010-07-01**")


def test_events_are_shown_a_page_at_a_time_and_every_step_of_a_decision_can_be_seen(
    pages: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.pages.membership.EVENTS", 7)
    monkeypatch.setattr("console.pages.decision.page.STEPS_SHOWN", 5)
    every = [one for one in api(pages, "/v1/memberships/m-1/replay", "auditor") if "seq" in one]  # type: ignore[attr-defined]
    with signed_in(pages, "auditor") as client:
        page = client.get("/console/memberships/m-1/events").text
        assert f"{len(every)} events; the last ones first" in page
        seen, before = [], None
        while True:
            page = client.get(
                "/console/memberships/m-1/events", params={} if before is None else {"before": before}
            ).text
            seen += [int(one) for one in re.findall(r'<td class="number">(\d+)</td><th scope="row">', page)]
            following = re.search(r"before=(\d+)", page)
            if following is None:
                break
            before = following[1]
        assert seen == [one["seq"] for one in every][::-1]
        (decided,) = [one for one in every if one["type"] == "RenewalDecided"]
        for step in range(1, decided["seq"] + 1):
            page = client.get(f"/console/memberships/m-1/renewals/2011-03-01?step={step}").text
            assert f"Step {step} of {decided['seq']}" in page
        assert client.get(f"/console/memberships/m-1/renewals/2011-03-01?step={decided['seq'] + 1}").status_code == 400


def test_pages_stand_at_the_ends_of_the_calendar_and_take_no_parameter_twice(pages: str) -> None:
    with signed_in(pages, "auditor") as client:
        for path in (
            "/console/board",
            "/console/memberships/m-1",
            "/console/designations",
            f"/console/memberships/m-1/designations/{AREA}",
        ):
            for at in ("0001-01-02", "9999-12-31", "9999-12-31T23:59:59.999999Z"):
                assert client.get(path, params={"at": at}).status_code in (200, 400), (path, at)
        twice = client.get("/console/memberships/m-1?known_at=1&known_at=2")
        assert (twice.status_code, "more than once" in twice.text) == (400, True)
        page = client.get("/console/what-if?figure.min_responses=5&membership=m-1&to=2014-01").text
        assert "2014-01-01" in page


def test_an_explanation_goes_by_what_the_page_goes_by(pages: str) -> None:
    path = f"/v1/memberships/m-1/designations/{AREA}/explain?from=2024-08-01&to=2024-09-02"
    now = api(pages, path, "auditor")
    then = api(pages, f"{path}&from_known_at=51&to_known_at=51", "auditor")
    assert now != then
    with signed_in(pages, "auditor") as client:
        page = client.get(
            f"/console/memberships/m-1/designations/{AREA}?from=2024-08-01&to=2024-09-02&known_at=51"
        ).text
    told = [f"{then[side]['centipoints'] / 100:,.2f} points at" for side in ("from", "to")]  # type: ignore[index]
    assert told[0] in page


def test_a_designation_shows_its_score_and_why_it_differs(pages: str) -> None:
    path = f"/console/memberships/m-1/designations/{AREA}"
    found = api(pages, f"/v1/memberships/m-1/designations/{AREA}/score?at=2024-08-01", "auditor")
    assert isinstance(found, dict)
    with signed_in(pages, "auditor") as client:
        page = client.get(f"{path}?at=2024-08-01&from=2024-08-01&to=2024-09-02").text
    assert f"{found['centipoints'] / 100:,.2f} points of 70" in page
    assert "Nothing differs" in page or "→" in page


def test_a_partner_finds_its_count_its_results_and_its_reports(pages: str) -> None:
    with signed_in(pages, "partner", "m-1") as client:
        answers = [client.get(path) for path in OWN_PAGES]
        assert [one.status_code for one in answers] == [200] * len(OWN_PAGES)
        csv = answers[-2]
        assert csv.headers["content-type"].startswith("text/csv")
        assert csv.headers["content-disposition"] == 'attachment; filename="m-1-2010-06.csv"'
        assert client.get("/console/own/m-2").status_code == 403
        assert client.get("/console/own/m-2/report?month=2010-06").status_code == 403
        assert client.get("/console/board").status_code == 403
    with signed_in(pages, "partner", "m-1 m-2") as client:
        assert "/console/own/m-2" in client.get("/console/own").text
    with signed_in(pages, "partner") as client:
        assert "names no membership" in client.get("/console/own").text


def test_a_partner_finds_first_what_is_missing_and_by_when_as_its_renewals_say(pages: str) -> None:
    (found,) = api(pages, "/v1/memberships/m-2/renewals?at=2011-01-01", "auditor")  # type: ignore[misc]
    assert (found["renewal_date"], found["missing"], found["missing_organisations"]) == ("2011-03-01", 10, 2)
    with signed_in(pages, "partner", "m-2") as client:
        page = client.get("/console/own?at=2011-01-01").text
        later = client.get("/console/own?at=2011-03-02").text
    (first,) = re.findall(r'<p class="first">.*?</p>', page, re.DOTALL)
    assert "10 responses are missing" in first
    assert "2011-03-01</time>, your next renewal, from at least 2 more organisations" in first
    assert f"{found['days']} days left" in page
    assert f"that takes {found['invitations']} invitations" in page
    assert "No renewal is ahead" in later
    assert "Not decided yet" in later


def test_a_partner_of_the_second_programme_alone_finds_what_its_designation_lacks(pages: str) -> None:
    with signed_in(pages, "partner", "m-3") as client:
        page = client.get("/console/own?at=2025-01-11").text
        its_own = client.get(f"/console/own/m-3/designations/{AREA}?at=2025-01-11").text
        assert client.get(f"/console/own/m-1/designations/{AREA}").status_code == 403
    (first,) = re.findall(r'<p class="first">.*?</p>', page, re.DOTALL)
    assert "8.00 points are missing" in first
    assert "there are none for intermediate certificates" in first
    assert "62.00 points, 8.00 missing to 70.00" in its_own
    with signed_in(pages, "partner", "m-9") as client:
        assert client.get("/console/own").status_code == 404


def test_on_no_page_of_a_partner_or_the_owner_is_there_a_trace_of_a_respondent(pages: str) -> None:
    hidden = {*responses(), *SUBJECTS, *INVITATIONS, *COMMENTS.values(), "2010-06-21T10:00:00", "10:00:00.123456"}
    hidden -= {COMMENTS["response-open-2"]}  # not anonymous; no page shows it, all the same
    seen = []
    with signed_in(pages, "partner", "m-1") as client:
        seen += [client.get(path).text for path in OWN_PAGES]
    with signed_in(pages, "owner") as client:
        seen += [client.get(path).text for path in ("/console/owner", "/console/owner?by=month")]
    for text in seen:
        assert len(text) > 500
        assert [one for one in hidden if one in text] == []


@pytest.mark.parametrize("path", ["/console/memberships/m-1", "/console/board"])
def test_a_page_says_utc_beside_each_time(pages: str, path: str) -> None:
    with signed_in(pages, "auditor") as client:
        page = client.get(path).text
    shown = re.findall(r'<time datetime="[^"]*T[^"]*">([^<]*)</time>', page)
    assert shown
    assert all(one.endswith("UTC") or re.fullmatch(r"\d{4}-\d\d-\d\d", one) for one in shown)


def test_the_owner_sees_how_many_decisions_there_are_of_each_outcome_and_no_number_of_few(pages: str) -> None:
    every = api(pages, "/v1/decisions/counts", "operations")
    told = api(pages, "/v1/decisions/counts", "owner")
    assert isinstance(every, list)
    assert {one["programme"] for one in every} == {"survey", "capability"}
    assert told == [one | {"decisions": None if one["decisions"] < 5 else one["decisions"]} for one in every]
    assert httpx.get(f"{pages}/v1/decisions/counts?at=2012-01-01", headers=bearer("owner")).status_code == 403
    with signed_in(pages, "owner") as client:
        page = client.get("/console/owner").text
    section = page.partition('id="decided"')[2].partition("</section>")[0]
    numbers = re.findall(r'<td class="number">([^<]+)</td>', section)
    assert numbers.count("&lt; 5") == len([one for one in told if one["decisions"] is None])
    assert "m-1" not in section


def test_a_table_of_decisions_has_a_line_for_a_quarter_and_an_edition_and_keeps_what_is_not_told() -> None:
    def one(quarter: str, edition: str, outcome: str, number: int | None) -> dict[str, object]:
        return {
            "programme": "survey", "quarter": quarter, "edition": edition, "outcome": outcome, "decisions": number
        }  # fmt: skip

    found = [one("2011-Q1", "a", "met", 7), one("2011-Q1", "a", "not-met", None), one("2011-Q2", "b", "met", 9)]
    (table,) = decisions_of(found)
    assert table["rows"] == [
        ("2011-Q2", "b", [(True, 9), (False, None), (False, None)]),
        ("2011-Q1", "a", [(True, 7), (True, None), (False, None)]),
    ]


def test_the_board_shows_who_changes_next_and_a_page_of_its_own_all_of_them(
    pages: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = api(pages, "/v1/upcoming?at=2011-05-01&within=365", "operations")
    assert isinstance(found, dict)
    changes = found["changes"]
    assert len(changes) > 0
    monkeypatch.setattr("console.pages.upcoming.ROWS", 1)
    with signed_in(pages, "operations") as client:
        board = (
            client.get("/console/board?at=2011-05-01&within=365")
            .text.partition('id="next"')[2]
            .partition("</section>")[0]
        )
        assert changes[0]["at"] in board
        assert "/console/upcoming?at=2011-05-01&amp;within=365" in board
        assert 'id="next"' not in client.get("/console/board?at=2011-05-01&known_at=30").text
        path, seen = "/console/upcoming?at=2011-05-01&within=365", []
        while path:
            page = client.get(path).text
            seen += re.findall(r'<br><time datetime="([^"]+)">', page)
            following = re.search(r'href="(/console/upcoming\?[^"]*cursor=[^"]*)">Later', page)
            path = following[1].replace("&amp;", "&") if following else ""
        assert seen == [one["at"] for one in changes]
        assert "Nobody changes by" in client.get("/console/upcoming?at=2030-01-01&within=30").text
        assert client.get("/console/upcoming?within=x").status_code == 400
    with signed_in(pages, "owner") as client:
        assert client.get("/console/upcoming").status_code == 403


@pytest.mark.parametrize("role", ["operator", "subscriber", "admin"])
def test_who_has_no_page_of_his_own_is_told_what_he_may_do_and_where(pages: str, role: Role) -> None:
    with signed_in(pages, role) as client:
        found = client.get("/console", follow_redirects=True)
        assert found.url.path == "/console/start"
    routes = {one.path for one in routes_of(role)}
    assert routes
    assert all(f"{path}</code>" in found.text for path in routes)
    commands = {command.split()[0] for command, _ in DUTIES[role].commands}
    assert commands <= COMMANDS.keys()
    with signed_in(pages, "auditor") as client:
        assert client.get("/console", follow_redirects=True).url.path == "/console/board"
        assert client.get("/console/start").status_code == 403


def test_every_role_has_a_page_beside_the_one_that_all_have() -> None:
    for role in ROLES:
        first, *_ = pages_for(Caller(frozenset({role}), frozenset({"m-1"})))
        assert first.name != "verify", role
        assert (role in DUTIES) is (first.name == "start")

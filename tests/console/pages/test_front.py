"""Who is let in to the pages, and how: sessions, forms, headers, and what is said to who is not."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from console.http.roles import ROLES
from console.pages.registry import PAGES
from tests.console.http.support import CODE, bearer
from tests.console.pages.support import signed_in, visiting
from tests.console.support import Program


@pytest.mark.parametrize("page", [page.path for page in PAGES])
def test_a_page_leads_who_is_not_signed_in_to_the_sign_in_and_back(pages: str, page: str) -> None:
    path = re.sub(r"\{\w+\}", "m-1", page)
    answer = httpx.get(f"{pages}{path}?at=2011-01-01")
    assert answer.status_code == 303
    assert (
        answer.headers["location"]
        == "/console/sign-in?next=" + httpx.QueryParams({"n": f"{path}?at=2011-01-01"}).__str__()[2:]
    )


@pytest.mark.parametrize("page", ["/", "/console", "/console/nothing", *(page.path for page in PAGES)])
def test_a_method_that_a_page_does_not_have_is_answered_with_a_page(pages: str, page: str) -> None:
    answer = httpx.delete(f"{pages}{re.sub(r'{[a-z]+}', 'm-1', page)}")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "text/html; charset=utf-8")
    there = {"GET", "HEAD"} | {"POST" for one in PAGES if one.path == page and one.posting is not None}
    assert set(answer.headers["allow"].split(", ")) == there
    assert f"expected {answer.headers['allow']}" in answer.text


@pytest.mark.parametrize("role", ROLES)
def test_every_role_signs_in_and_finds_its_own_pages(pages: str, role: str) -> None:
    with signed_in(pages, role, "m-1") as client:
        for page in PAGES:
            if "{" in page.path:
                continue
            answer = client.get(page.path)
            allowed = all(role_has(role, need) for need in page.needs) and (not page.only or role in page.only)
            assert (answer.status_code == 403) is (not allowed), (page.path, answer.status_code)


def role_has(role: str, route: str) -> bool:
    from console.http.roles import TABLE

    return route in TABLE[role]


def test_a_session_opens_no_route_of_the_api_and_a_token_no_page(pages: str) -> None:
    with signed_in(pages, "auditor") as client:
        assert client.get("/v1/memberships").status_code == 401
        cookie = client.cookies["csat_ledger_session"]
    assert httpx.get(f"{pages}/v1/memberships", headers={"Authorization": f"Bearer {cookie}"}).status_code == 401
    assert httpx.get(f"{pages}/console/board", headers=bearer("auditor")).status_code == 303
    stolen = bearer("auditor")["Authorization"].removeprefix("Bearer ")
    assert httpx.get(f"{pages}/console/board", cookies={"csat_ledger_session": stolen}).status_code == 303


def test_the_cookies_are_for_the_pages_alone_and_no_script_reads_them(pages: str) -> None:
    form = httpx.get(f"{pages}/console/sign-in")
    assert "HttpOnly" in form.headers["set-cookie"]
    assert "SameSite=Lax" in form.headers["set-cookie"]
    mark = form.text.split('name="mark" value="')[1].split('"')[0]
    answer = httpx.post(
        f"{pages}/console/sign-in", data={"mark": mark, "role": "auditor", "code": CODE}, cookies=form.cookies
    )
    said = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=Lax", "Path=/console", "Max-Age=28800"):
        assert part in said


@pytest.mark.parametrize(
    ("headers", "mark", "status"),
    [
        ({"Origin": "https://evil.example"}, None, 403),
        ({"Origin": "https://[evil"}, None, 403),
        ({"Origin": "null"}, None, 403),
        ({"Sec-Fetch-Site": "none"}, None, 403),
        ({"Sec-Fetch-Site": "cross-site"}, None, 403),
        ({"Sec-Fetch-Site": "same-site"}, None, 403),
        ({}, "", 403),
        ({}, "A" * 88, 403),
        ({}, "not base64 ä", 403),
        ({"Content-Type": "text/plain"}, None, 415),
        ({"Host": "evil.example"}, None, 421),
    ],
)
def test_a_form_that_is_not_our_own_signs_nobody_in(
    pages: str, headers: dict[str, str], mark: str | None, status: int
) -> None:
    form = httpx.get(f"{pages}/console/sign-in")
    found = form.text.split('name="mark" value="')[1].split('"')[0] if mark is None else mark
    data = {"mark": found, "role": "auditor", "code": CODE}
    answer = httpx.post(f"{pages}/console/sign-in", data=data, cookies=form.cookies, headers=headers)
    assert answer.status_code == status
    assert "csat_ledger_session" not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize("origin", ["null", "http://127.0.0.1:1"])
def test_what_the_browser_itself_says_of_where_a_form_comes_from_goes(pages: str, origin: str) -> None:
    form = httpx.get(f"{pages}/console/sign-in")
    data = {"mark": form.text.split('name="mark" value="')[1].split('"')[0], "role": "auditor", "code": CODE}
    headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
    answer = httpx.post(f"{pages}/console/sign-in", data=data, cookies=form.cookies, headers=headers)
    assert answer.status_code == 303


def test_a_mark_of_another_visit_is_none(pages: str) -> None:
    mine, others = httpx.get(f"{pages}/console/sign-in"), httpx.get(f"{pages}/console/sign-in")
    mark = others.text.split('name="mark" value="')[1].split('"')[0]
    answer = httpx.post(
        f"{pages}/console/sign-in", data={"mark": mark, "role": "auditor", "code": CODE}, cookies=mine.cookies
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "next_path",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/console//evil", "/v1/facts", "javascript:x"],
)
def test_nobody_is_sent_elsewhere_after_signing_in(pages: str, next_path: str) -> None:
    form = httpx.get(f"{pages}/console/sign-in", params={"next": next_path})
    mark = form.text.split('name="mark" value="')[1].split('"')[0]
    data = {"mark": mark, "role": "auditor", "code": CODE, "next": next_path}
    answer = httpx.post(f"{pages}/console/sign-in", data=data, cookies=form.cookies)
    assert answer.headers["location"] == "/console"


def test_who_signs_out_is_asked_to_sign_in_again(pages: str, browser: Browser) -> None:
    with visiting(browser, pages) as visitor:
        visitor.sign_in("auditor")
        assert visitor.go("/console/board") == 200
        visitor.page.click("text=Sign out")
        visitor.page.wait_for_url("**/console/sign-in")
        visitor.go("/console/board")
        assert visitor.page.url.startswith(f"{pages}/console/sign-in?next=")


def test_no_page_takes_anything_from_elsewhere_nor_lets_itself_be_framed(pages: str) -> None:
    answer = httpx.get(f"{pages}/console/sign-in")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"<style|style=|<script(?![^>]*\bsrc=)|\son\w+=|javascript:", answer.text)


def test_what_pages_need_is_kept_for_ever_and_packed(pages: str) -> None:
    page = httpx.get(f"{pages}/console/sign-in").text
    size = len(page)
    for address in set(re.findall(r'(?:href|src)="(/console/static/[^"]+)"', page)):
        answer = httpx.get(f"{pages}{address}", headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
        size += int(answer.headers["content-length"])
    assert size < 60_000
    assert httpx.get(f"{pages}/console/static/none.css").status_code == 404


@pytest.mark.parametrize("path", ["/console/nothing", "/console/board/x", "/console/%2e%2e/v1/facts"])
def test_what_is_no_page_is_told_as_a_page(pages: str, path: str) -> None:
    with signed_in(pages, "auditor") as client:
        answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


def test_a_question_that_is_wrong_is_told_on_a_page(pages: str) -> None:
    with signed_in(pages, "auditor") as client:
        answer = client.get("/console/board", params={"at": "<b>yesterday</b>"})
    assert answer.status_code == 400
    assert "&lt;b&gt;" in answer.text
    assert "<b>" not in answer.text


def test_the_key_of_sessions_is_nobody_elses(pages: str, tmp_path: Path) -> None:
    from console.http.dev_key import dev_key
    from console.pages.sessions import Sessions

    one, other = (Sessions(dev_key(tmp_path / name), lambda: 0, secure=True) for name in ("one", "other"))
    cookie = one.begun("somebody", ["auditor"], [], browser="mine").split(";")[0].partition("=")[2]
    held = {"csat_ledger_session": cookie, "__Host-csat_ledger_browser": "mine"}
    assert one.caller(held) is not None
    assert other.caller(held) is None
    assert "Secure" in one.ended()
    dev = Sessions(dev_key(tmp_path / "one"), lambda: 0, secure=False, dev=True)
    assert dev.caller(held) is None
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600


def test_a_session_that_began_in_the_open_is_none_over_https(tmp_path: Path) -> None:
    from console.http.dev_key import dev_key
    from console.pages.sessions import Sessions

    plain, secure = (Sessions(dev_key(tmp_path / "key"), lambda: 0, secure=secure) for secure in (False, True))
    held = {"csat_ledger_session": plain.begun("somebody", ["auditor"], []).split(";")[0].partition("=")[2]}
    assert plain.caller(held) is not None
    assert secure.caller(held) is None
    assert secure.caller(held | {"__Host-csat_ledger_browser": ""}) is None


@pytest.mark.parametrize(("length", "status"), [(12_000, 200), (13_000, 414)])
def test_a_providers_answer_may_be_longer_than_a_question(pages: str, length: int, status: int) -> None:
    answer = httpx.get(f"{pages}/console/sign-in?code={'x' * length}")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert httpx.get(f"{pages}/v1/memberships?search={'x' * 5_000}").status_code == 414


@pytest.mark.parametrize(
    ("asked", "then"),
    [
        ("/console/board?at=2011-01-01&q=%C3%BC", "?next=%2Fconsole%2Fboard%3Fat%3D2011-01-01%26q%3D%25C3%25BC"),
        ("/console/memberships/a%3Ab", "?next=%2Fconsole%2Fmemberships%2Fa%253Ab"),
        ("/console/board?" + "&" * 1_100, ""),
        ("/console/board?" + "x" * 2_000, ""),
    ],
)
def test_where_one_wanted_to_go_is_carried_along_whole_or_not_at_all(pages: str, asked: str, then: str) -> None:
    answer = httpx.get(f"{pages}{asked}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/console/sign-in{then}")


@pytest.mark.parametrize("space", [b"\xa0", b"\x85", b"\x1f", b"\xe2\x80\x80"])
def test_a_cookie_that_another_host_may_set_is_not_the_one_that_it_may_not(space: bytes) -> None:
    from console.pages.sessions import cookies_of

    name = b"__Host-csat_ledger_browser"
    sent = space + name + b"=mallory; \t" + name + b"=ada ;a=b"
    found = cookies_of([(b"accept", b"a=c"), (b"cookie", sent), (b"cookie", b"a=d; " + name + b"=late")])
    assert (found[name.decode()], found["a"]) == ("ada", "b")


def test_an_empty_cookie_of_the_forms_gives_way_to_a_new_one(pages: str) -> None:
    form = httpx.get(f"{pages}/console/sign-in", cookies={"csat_ledger_form": ""})
    mark = form.text.split('name="mark" value="')[1].split('"')[0]
    answer = httpx.post(
        f"{pages}/console/sign-in", data={"mark": mark, "role": "auditor", "code": CODE}, cookies=form.cookies
    )
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "options", [("--console",), ("--console", "--jwks", "keys.json", "--issuer", "https://login.example")]
)
def test_nobody_signs_in_as_he_likes_at_a_service_that_is_not_on_ones_own_machine(
    program: Program, options: tuple[str, ...]
) -> None:
    (program.folder / "keys.json").write_text('{"keys":[]}')
    ran = program.json("serve", "--listen", "0.0.0.0:0", *options)
    assert (ran.code, ran.json["error"]) == (2, "usage")
    assert "--dev" in ran.json["message"]


def test_the_development_sign_in_is_for_the_loopback_alone(program: Program) -> None:
    ran = program.json("serve", "--dev", "--console", "--listen", "0.0.0.0:0")
    assert ran.code == 2
    assert "loopback" in ran.json["message"]


@pytest.mark.parametrize("code", ["", "another", "code-of-the-tests ", CODE.upper(), "ä"])
def test_who_has_not_the_code_of_the_service_signs_in_as_nobody(pages: str, code: str) -> None:
    form = httpx.get(f"{pages}/console/sign-in", params={"code": code})
    mark = form.text.split('name="mark" value="')[1].split('"')[0]
    answer = httpx.post(
        f"{pages}/console/sign-in", data={"mark": mark, "role": "auditor", "code": code}, cookies=form.cookies
    )
    expected = 303 if code.strip() == CODE else 403
    assert answer.status_code == expected
    assert ("csat_ledger_session" in answer.headers.get("set-cookie", "")) is (expected == 303)
    assert CODE not in httpx.get(f"{pages}/console/sign-in").text


@pytest.mark.parametrize("path", ["/console", "/console/"])
def test_whoever_asks_for_no_page_comes_to_the_first_of_his(pages: str, path: str) -> None:
    assert httpx.get(f"{pages}{path}").headers["location"] == "/console/sign-in"
    with signed_in(pages, "owner") as client:
        assert client.get(path).headers["location"] == "/console/owner"


def test_whose_browser_keeps_no_cookies_is_told_so(pages: str) -> None:
    form = httpx.get(f"{pages}/console/sign-in")
    mark = form.text.split('name="mark" value="')[1].split('"')[0]
    refused = httpx.post(f"{pages}/console/sign-in", data={"mark": mark, "role": "auditor", "code": CODE})
    assert refused.status_code == 403
    assert "let your browser keep the cookies" in refused.text


def test_no_page_is_kept_by_a_browser(pages: str) -> None:
    with signed_in(pages, "partner", "m-1") as client:
        for path in ("/console/own", "/console/own/m-1/report.csv", "/console/nothing", "/console/sign-in"):
            assert client.get(path).headers["cache-control"] == "private, no-store"


def test_the_current_page_is_told_also_where_colours_are_forced(pages: str, browser: Browser) -> None:
    with visiting(browser, pages, forced_colors="active") as visitor:
        visitor.sign_in("auditor")
        visitor.go("/console/memberships/m-1/renewals/2011-03-01")
        widths = visitor.page.evaluate(
            "[...document.querySelectorAll('tr.here td')].map((one) => getComputedStyle(one).borderTopWidth)"
        )
        assert set(widths) == {"2px"}
        visitor.go("/console/board")
        current = visitor.page.locator("nav a[aria-current]")
        assert current.evaluate("(one) => getComputedStyle(one).outlineStyle") == "solid"
        assert "underline" in current.evaluate("(one) => getComputedStyle(one).textDecorationLine")


def test_a_page_that_is_enlarged_four_times_needs_no_moving_aside_and_no_figure_leaves_its_frame(
    pages: str, browser: Browser
) -> None:
    right = "getBoundingClientRect().right"
    out = f"(all) => all.filter((one) => one.closest('.figure').{right} < one.{right})"
    with visiting(browser, pages) as visitor:
        visitor.sign_in("auditor")
        for path in ("/console/memberships/m-1/renewals/2011-03-01", "/console/memberships/m-1?at=2010-07-01"):
            visitor.page.set_viewport_size({"width": 320, "height": 256})
            visitor.go(path)
            assert visitor.page.evaluate("document.documentElement.scrollWidth") == 320
        times = visitor.page.locator(".figure time")
        assert times.count() >= 2
        for width in (320, 1_280):
            visitor.page.set_viewport_size({"width": width, "height": 900})
            assert times.evaluate_all(out) == []

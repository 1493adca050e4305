"""The page on which other figures are tried: it shows what the API answers, and to the owner no name."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qsl, quote

import httpx
import pytest
from playwright.sync_api import Browser

from tests.console.designation_story import AREA
from tests.console.http.support import bearer
from tests.console.pages.support import signed_in, visiting

PATH = "/console/what-if"


def answer(pages: str, edition: str, role: str = "auditor", more: str = "") -> dict[str, object]:
    asked = f"{pages}/v1/what-if?edition={quote(edition)}{more}"
    found: dict[str, object] = httpx.get(asked, headers=bearer(role)).raise_for_status().json()
    return found


def test_figures_are_filled_in_and_tried(pages: str, browser: Browser) -> None:
    found = answer(pages, '{"min_responses":50}')
    with visiting(browser, pages) as visitor:
        visitor.sign_in("auditor")
        visitor.go(PATH)
        field = visitor.page.locator("[id='figure.min_responses']")
        assert field.get_attribute("placeholder") == "10"
        field.fill("50")
        visitor.page.click("form.what-if button")
        visitor.page.wait_for_url("**figure.min_responses=50**")
        assert visitor.page.url.endswith(f"{PATH}?figure.min_responses=50")  # without what was left free
        first = visitor.page.inner_text("p.first")
        assert f"{found['gained']} would have gained" in first
        assert f"{found['lost']} would have lost" in first
        assert f"{found['differing']} would have differed" in first
        link = visitor.page.locator("section[aria-labelledby=differing] tbody a").first
        assert link.get_attribute("href") == "/console/memberships/m-1/renewals/2011-03-01"
        assert visitor.page.input_value("[id='figure.min_responses']") == "50"


def test_the_next_page_is_of_the_same_span(pages: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.pages.trying.ROWS", 1)
    with signed_in(pages, "auditor") as client:
        page = client.get(f"{PATH}?figure.min_responses=1&figure.min_organisations=1").text
        (following,) = re.findall(r'href="([^"]+)">Next page<', page)
        assert f"to={quote('2024-12-31T00:00:00.000000Z')}" in unescape(following)
        second = client.get(unescape(following))
        assert second.status_code == 200
        assert re.search(r"until before [^.]*31 Dec|until before [^.]*2024-12-31", second.text)


def test_a_member_of_a_scorebooks_figure_is_tried_and_the_rest_of_it_stays(pages: str) -> None:
    with signed_in(pages, "auditor") as client:
        page = client.get(f"{PATH}?area={AREA}&figure.usage_growth.max=1&figure.rates.power-bi.rate_milli=5").text
    found = answer(
        pages,
        f'{{"type":"publish-scorebook","area":"{AREA}","usage_growth":{{"max":1}},"rates":{{"power-bi":{{"rate_milli":5}}}}}}',
    )
    assert re.search(rf"{found['lost']}\s+would have lost", page)
    assert 'name="figure.usage_growth.base_mcv.smb" type="number"' in page
    assert 'placeholder="25000"' in page
    assert re.search(r"<details open><summary>Usage growth", page)


def test_the_owner_is_told_how_many_and_asks_by_months(pages: str) -> None:
    with signed_in(pages, "owner") as client:
        page = client.get(f"{PATH}?figure.min_responses=50&to=2014-01").text
        assert "fewer than five" in page
        assert 'type="month"' in page
        assert "m-1" not in page
        assert "Contoso" not in page
        refused = client.get(f"{PATH}?figure.min_responses=50&to=2014-01-02")
        assert refused.status_code == 400
        assert "beginning of a month" in refused.text
    with signed_in(pages, "partner", "m-1") as client:
        assert client.get(PATH).status_code == 403


def field_of(page: str, name: str) -> str:
    """The element of a field in a page, as it is written."""
    found = re.search(rf'<(?:input|select) id="{re.escape(name)}"[^>]*>', page)
    assert found is not None, page
    return found[0]


@pytest.mark.parametrize(
    ("query", "status", "marked"),
    [
        ("figure.min_responses=many", 400, "figure.min_responses"),
        ("figure.min_responses=0&figure.per_org_cap=7", 400, "figure.min_responses"),
        ("figure.no_such=1&figure.min_responses=7", 400, "figure.no_such"),
        (f"area={AREA}&figure.usage_growth.max=x", 400, "figure.usage_growth.max"),
        ("figure.min_responses=5&figure.min_responses.max=5", 400, "figure.min_responses.max"),
        ("area=no-such&figure.min_centipoints=7500", 404, "area"),
        ("from=2012-13-01&figure.min_responses=7", 400, "from"),
        ("known_at=never&figure.min_responses=7", 400, "known_at"),
        ("membership=m-none&figure.min_responses=7", 404, "membership"),
    ],
)
def test_what_is_refused_is_said_beside_the_form_and_nothing_that_was_filled_in_is_lost(
    pages: str, query: str, status: int, marked: str
) -> None:
    with signed_in(pages, "auditor") as client:
        refused = client.get(f"{PATH}?{query}")
    assert refused.status_code == status
    assert 'role="alert" id="refused"' in refused.text
    for name, text in parse_qsl(query):
        field = field_of(refused.text, name)
        assert f'value="{text}"' in field
        assert ('aria-invalid="true" aria-describedby="refused"' in field) is (name == marked), field
        assert 'type="number"' not in field or text.isdigit()  # a browser would throw it away
    assert "would have gained" not in refused.text


def test_the_owner_keeps_the_form_too(pages: str) -> None:
    with signed_in(pages, "owner") as client:
        refused = client.get(f"{PATH}?figure.min_responses=50&to=2014-01-02")
    assert refused.status_code == 400
    assert 'value="50"' in field_of(refused.text, "figure.min_responses")
    assert 'type="text" value="2014-01-02"' in field_of(refused.text, "to")


def test_the_form_holds_a_month_of_another_s_link_and_an_instant(pages: str) -> None:
    with signed_in(pages, "auditor") as client:
        page = client.get(f"{PATH}?figure.min_responses=50&from=2010-01&to=2014-01-01T12:00:00Z").text
    assert 'type="date" value="2010-01-01"' in field_of(page, "from")
    assert 'type="text" value="2014-01-01T12:00:00Z"' in field_of(page, "to")


def test_what_is_no_figure_is_said_to_be_none(pages: str) -> None:
    with signed_in(pages, "auditor") as client:
        for query, said in (
            ("figure.min_responses=many", "min_responses"),
            ("figure.no_such=1", "no_such"),
            ("area=no-such", "no-such"),
            ("figure.min_responses=5&figure.min_responses.max=5", "min_responses"),
        ):
            refused = client.get(f"{PATH}?{query}")
            assert refused.status_code in (400, 404), query
            assert said in refused.text

"""What stands in a page's address: what a page does not have is refused, what its own links and forms send is taken."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

import httpx
import pytest

from console.pages.registry import PAGES, Page
from tests.console.designation_story import AREA
from tests.console.http.support import bearer
from tests.console.pages.support import signed_in

SEES = {"own": "partner", "owner": "owner", "start": "operator"}
"""Who is asked for which page; the auditor for the others."""
FIRST = {
    "auditor": [
        "/console/board?search=m-&state=not-eligible&within=30&at=2011-01-01",
        "/console/board?known_at=40",
        "/console/upcoming?within=365&at=2010-06-01",
        f"/console/designations?area={AREA}&at=2024-08-01",
        "/console/memberships/m-1?at=2010-07-01&known_at=40",
        "/console/memberships/m-1/events?at=2010-07-01&known_at=40",
        f"/console/memberships/m-1/designations/{AREA}?at=2024-08-01",
        "/console/decisions?membership=m-1&outcome=met&at=2012-01-01",
        "/console/memberships/m-1/renewals/2011-03-01?step=2",
        "/console/what-if?figure.min_responses=50&from=2010-01-01",
        f"/console/what-if?area={AREA}&figure.usage_growth.max=1",
    ],
    "operations": ["/console/board", "/console/board?at=2010-06-01"],
    "owner": ["/console/owner?by=month", "/console/what-if?figure.min_responses=50&to=2014-01"],
    "partner": [
        "/console/own?at=2010-07-01",
        f"/console/own/m-1/designations/{AREA}?at=2024-08-01",
        "/console/own/m-1/report",
    ],
}


class Addresses(HTMLParser):
    """What a page leads to: its links, what it asks for while it stands, and each form as it is sent, untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._form: tuple[str, dict[str, str]] | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.found += [said[name] for name in ("href", "hx-get") if name in said and tag != "link"]
        if tag == "form" and said.get("method") == "get":
            assert (
                said.get("autocomplete") == "off"
            )  # else a browser fills in what the address does not say, at a reload
            self._form = (said["action"], {})
        if self._form is None:
            return
        fields = self._form[1]
        if tag == "input" and said.get("name"):
            fields[said["name"]] = said.get("value", "")
        if tag == "select":
            self._select = said["name"]
            fields[self._select] = ""
        if tag == "option" and (said.get("value") and ("selected" in said or not fields[self._select])):
            fields[self._select] = said["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._form is not None:
            action, fields = self._form
            self.found.append(f"{action.partition('#')[0]}?{urlencode(fields)}")
            self._form = None


def addresses(client: httpx.Client, path: str) -> set[str]:
    """The pages that a page leads to."""
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.text)
    reader = Addresses()
    reader.feed(answer.text)
    whole = [urljoin(path, unescape(one)).partition("#")[0] for one in reader.found]
    return {one for one in whole if urlsplit(one).path.startswith("/console/") and "/static/" not in one}


@pytest.mark.parametrize("role", FIRST)
def test_no_page_refuses_what_a_link_or_a_form_of_another_sends(pages: str, role: str) -> None:
    with signed_in(pages, role, "m-1") as client:
        found = set().union(*(addresses(client, path) for path in FIRST[role]))
        assert sum("?" in one for one in found) >= len(FIRST[role])
        refused = {one: answer.text for one in sorted(found) if (answer := client.get(one)).status_code == 400}
    assert refused == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_parameter_that_a_page_does_not_have_is_refused_as_the_service_does(pages: str, page: Page) -> None:
    role = SEES.get(page.name, "partner" if page.name.startswith("own-") else "auditor")
    path = re.sub(r"\{\w+\}", "m-1", page.path)
    with signed_in(pages, role, "m-1") as client:
        for query in ("knownat=5", "knownat=", "Known_At=5"):
            refused = client.get(f"{path}?{query}")
            assert (refused.status_code, query[:5].lower() in refused.text.lower()) == (400, True), refused.text
            for name in page.takes:
                assert name in refused.text
    api = httpx.get(f"{pages}/v1/overview?knownat=5", headers=bearer("auditor"))
    assert (api.status_code, api.json()["code"]) == (400, "bad-input")


def test_the_owner_asks_what_if_by_months_and_figures_alone_also_on_the_page(pages: str) -> None:
    with signed_in(pages, "owner") as client:
        for name in ("known_at", "after", "membership"):
            refused = client.get(f"/console/what-if?figure.min_responses=50&{name}=m-1")
            assert (refused.status_code, f"<code>{name}</code>" in refused.text) == (400, True)


@pytest.mark.parametrize(("role", "path"), [("owner", "/console/owner"), ("partner", "/console/own")])
def test_another_period_than_there_are_is_refused(pages: str, role: str, path: str) -> None:
    with signed_in(pages, role, "m-1") as client:
        assert client.get(f"{path}?by=month").status_code == 200
        assert client.get(f"{path}?by=year").status_code == 400


def test_blanks_around_what_is_asked_for_change_nothing(pages: str) -> None:
    with signed_in(pages, "auditor") as client:
        for path in ("/console/board?search=%20m-1%20%09", f"/console/designations?area={AREA}%20"):
            assert 'href="/console/memberships/m-1' in client.get(path).text.split("</form>")[-1], path
        assert "The newest decisions" in client.get("/console/decisions?membership=%20m-1%20").text
        assert client.get("/console/board?at=%20").text.count("<h1>Board</h1>") == 1


@pytest.mark.parametrize("path", ["/console/board", "/console/upcoming"])
def test_a_form_shows_the_days_that_are_in_force_also_where_it_offers_others(pages: str, path: str) -> None:
    with signed_in(pages, "auditor") as client:
        assert '<option value="7" selected>7 days</option>' in client.get(f"{path}?within=7").text
        assert re.findall(r'<option value="(\d+)"', client.get(path).text) == ["30", "90", "365"]


def test_who_signs_in_first_comes_back_to_all_of_a_question_or_to_none(pages: str) -> None:
    free = "".join(f"figure.rates.workload-{number}.rate_milli=&" for number in range(80))
    answer = httpx.get(f"{pages}/console/what-if?area=x&{free}figure.min_centipoints=7500&to=2024-01-01")
    where = httpx.URL(answer.headers["location"]).params["next"]
    assert where == "/console/what-if?area=x&figure.min_centipoints=7500&to=2024-01-01"
    long = "&".join(f"figure.rates.workload-{number}.rate_milli=5" for number in range(60))
    answer = httpx.get(f"{pages}/console/what-if?{long}&to=2024-01-01")
    assert answer.headers["location"] == "/console/sign-in"  # cut off, it would be another question


def test_a_form_with_a_field_for_each_of_many_workloads_is_taken(pages: str) -> None:
    free = "&".join(f"figure.r.w{number}.x=" for number in range(200))
    with signed_in(pages, "auditor") as client:
        assert client.get(f"/console/what-if?{free}&figure.min_responses=50").status_code == 200

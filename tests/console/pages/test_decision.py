"""The pages of a decision: what is said first, how it is proved, its steps, its evidence; and the list of decisions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from console.http.embedded import Embedded
from console.pages.decision.page import Which, file_name
from ledger.errors import LogDamaged
from ledger.proof.log.verify import verify
from ledger.proof.registry import PROOF_PROGRAMMES
from tests.console.designation_story import ANNIVERSARY, AREA
from tests.console.http.support import bearer, make_book, seal, service_on_a_port
from tests.console.http.test_proof_state import judge
from tests.console.pages.support import NARROW, signed_in, visiting
from tests.ledger.seal.support import policy_bytes

RENEWAL = "/console/memberships/m-1/renewals/2011-03-01"
DESIGNATION = f"/console/memberships/m-1/designations/{AREA}/anniversaries/{ANNIVERSARY}"


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that has a policy, a book whose last decision is not sealed, and no more than that."""
    folder = Path(tmp_path_factory.mktemp("judging"))
    make_book(folder / "ledger.db")
    seal(folder / "ledger.db", folder / "log")
    embedded = Embedded(tiles=folder / "log", judge=judge())
    with service_on_a_port(folder / "ledger.db", embedded=embedded, pages=True) as url:
        yield url


@pytest.fixture(scope="module")
def without_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service without a log."""
    folder = Path(tmp_path_factory.mktemp("without-log"))
    make_book(folder / "ledger.db")
    with service_on_a_port(folder / "ledger.db", pages=True) as url:
        yield url


def test_a_renewal_says_its_outcome_first_then_what_was_applied_and_how_it_is_proved(pages: str) -> None:
    with signed_in(pages, "auditor") as client:
        text = client.get(RENEWAL).text
    assert text.index("12 responses of 3 organisations counted") < text.index("How it is proved")
    assert text.index("What was applied") < text.index("What was left out")
    assert "since the checkpoint of" in text
    assert "not verified here" in text
    assert "csat-ledger verify EVIDENCE.json --policy policy.json --membership m-1" in text
    assert "The same again" in text


def test_a_log_that_is_gone_is_no_decision_that_is_not_sealed_yet(tmp_path: Path) -> None:
    make_book(tmp_path / "ledger.db")
    seal(tmp_path / "ledger.db", tmp_path / "log")
    embedded = Embedded(tiles=tmp_path / "log")
    with (
        service_on_a_port(tmp_path / "ledger.db", LogDamaged, embedded=embedded, pages=True) as url,
        signed_in(url, "auditor") as client,
    ):
        (tmp_path / "log").rename(tmp_path / "away")
        text = client.get(RENEWAL).text
        assert ("The log cannot be read" in text, "Not sealed yet" in text) == (True, False)
        assert client.get(f"{RENEWAL}/evidence").status_code == 500


def test_with_a_policy_the_page_says_that_it_is_verified_and_by_which(judging: str) -> None:
    with signed_in(judging, "auditor") as client:
        text = client.get(DESIGNATION).text
    assert "confirmed" in text
    assert "under the policy of this service" in text
    assert "74.00 points" in text


def test_without_a_log_the_page_says_so_and_shows_the_rest(without_log: str) -> None:
    with signed_in(without_log, "auditor") as client:
        answer = client.get(RENEWAL)
        assert "No log here" in answer.text
        assert "What was applied" in answer.text
        evidence = client.get(f"{RENEWAL}/evidence")
    assert (evidence.status_code, "found a service without a log" in evidence.text.lower()) == (404, True)


def test_the_steps_lead_to_the_decision_one_by_one_without_scripts(pages: str, browser: Browser) -> None:
    with visiting(browser, pages, java_script_enabled=False, viewport=NARROW) as visitor:
        visitor.sign_in("auditor")
        visitor.go(f"{RENEWAL}?step=18")
        page = visitor.page
        said = []
        while page.get_by_text("Next step", exact=True).count():
            said.append(page.inner_text("#step"))
            page.click("text=Next step")
        said.append(page.inner_text("#step"))
        assert "revision=" not in page.url
        assert len(said) == len(set(said))
        assert "The renewal on 2011-03-01 was decided" in said[-1]
        assert "12 responses of 3 organisations at 2011-02-28 23:59:59.999999 UTC, which is evaluated: met" in said[-1]
        page.go_back()
        assert page.inner_text("#step") == said[-2]


@pytest.mark.parametrize("step", ["0", "-1", "1000000", "x", "1.5", "٣", "9" * 40])
def test_a_step_that_is_none_is_told(pages: str, step: str) -> None:
    with signed_in(pages, "auditor") as client:
        answer = client.get(RENEWAL, params={"step": step})
    assert (answer.status_code, "expected one from 1 to" in answer.text) == (400, True)


@pytest.mark.parametrize(
    "path",
    [
        "/console/memberships/m-1/renewals/2011-03-02",
        "/console/memberships/m-1/renewals/x",
        f"{RENEWAL}?revision=2",
        f"{RENEWAL}?revision=%3Cb%3E",
        "/console/memberships/m-9/renewals/2011-03-01",
        f"/console/memberships/m-2/designations/{AREA}/anniversaries/{ANNIVERSARY}",
        "/console/memberships/m-1/renewals/2011-03-02/evidence",
    ],
)
def test_what_was_not_decided_is_not_there(pages: str, path: str) -> None:
    with signed_in(pages, "auditor") as client:
        answer = client.get(path)
    assert answer.status_code == 404
    assert "<b>" not in answer.text


@pytest.mark.parametrize(("page", "name"), [(RENEWAL, "evidence-m-1-2011-03-01"), (DESIGNATION, "evidence-m-1-")])
def test_the_evidence_is_handed_over_as_a_file_and_holds(pages: str, page: str, name: str) -> None:
    with signed_in(pages, "auditor") as client:
        shown = client.get(page).text
        answer = client.get(f"{page}/evidence?revision=1")
    assert f'href="{page}/evidence?revision=1"' in shown
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="{name}')
    assert answer.headers["content-type"] == "application/json"
    assert verify(answer.content, policy_bytes(), PROOF_PROGRAMMES).verdict == "confirmed"


def test_the_name_of_a_file_is_made_of_few_letters(pages: str) -> None:
    name = file_name(Which("survey", 'a"; x=\r\n/../b:c', None, "2011-03-01"), "1")
    assert name == "evidence-a___x____.._b_c-2011-03-01-revision-1.json"


def test_only_auditors_see_a_decision_and_operations_the_list(pages: str) -> None:
    for role in ("partner", "operations", "owner", "operator"):
        with signed_in(pages, role, "m-1") as client:
            for path in (RENEWAL, DESIGNATION, f"{RENEWAL}/evidence"):
                assert client.get(path).status_code == 403, (role, path)
            for path in ("/console/decisions", "/console/memberships/m-1", DESIGNATION.partition("/anniversaries")[0]):
                listed = client.get(path)
                assert listed.status_code == (200 if role == "operations" else 403)
                for page in (RENEWAL, DESIGNATION):
                    assert page not in listed.text, "a link leads to what the role may not see"


def test_the_decisions_on_the_page_of_a_membership_lead_each_to_its_own_revision(pages: str) -> None:
    """Also of the past: who looks at what was known then is not led to what was decided since."""
    with signed_in(pages, "auditor") as client:
        for of, page in (
            (RENEWAL.partition("/renewals")[0], RENEWAL),
            (DESIGNATION.partition("/anniversaries")[0], DESIGNATION),
        ):
            assert f'href="{page}?revision=1"' in client.get(of).text


def test_the_decisions_of_a_membership_are_listed_with_their_pages(pages: str, browser: Browser) -> None:
    with visiting(browser, pages) as visitor:
        visitor.sign_in("auditor")
        visitor.go("/console/decisions")
        visitor.page.fill("#membership", "m-1")
        visitor.page.click("button:text('Show')")
        found = httpx.get(f"{pages}/v1/memberships/m-1/decisions", headers=bearer("auditor")).json()
        assert visitor.page.locator("tbody tr").count() == len(found)
        visitor.page.click("text=2011-03-01")
        assert "The renewal on 2011-03-01" in visitor.page.inner_text("h1")
        with visitor.page.expect_download() as handed:
            visitor.page.click("text=Take the evidence")
        assert json.loads(Path(handed.value.path()).read_bytes())["subject"] == "membership-m-1"
    with signed_in(pages, "auditor") as client:
        assert "no membership" in client.get("/console/decisions?membership=m-9").text.lower()
        assert "No decision is like that" in client.get("/console/decisions?outcome=no-edition").text


def test_the_list_of_decisions_is_that_of_the_route_with_choices_and_pages_in_its_address(
    pages: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.pages.decision.listed.ROWS", 1)
    asked = httpx.get(f"{pages}/v1/decisions?limit=1000", headers=bearer("auditor")).json()["decisions"]
    assert len(asked) > 1
    with signed_in(pages, "auditor") as client:
        path, seen = "/console/decisions", []
        while path:
            page = client.get(path).text
            seen += re.findall(r'<td><a href="(/console/memberships/[^"]+)"', page)
            following = re.search(r'href="(/console/decisions\?[^"]*cursor=[^"]*)">Earlier', page)
            path = unescape(following[1]) if following else ""
        assert len(seen) == len(asked)
        assert [one.rpartition("=")[2] for one in seen] == [str(one["revision"]) for one in asked]
        chosen = client.get("/console/decisions?programme=survey&outcome=met&known_at=40&membership=m-1").text
        assert '<option value="met" selected>' in chosen
        assert "Designation " not in chosen.partition("<tbody>")[2]
        assert client.get("/console/decisions?outcome=nonsense").status_code == 400


def test_a_history_that_is_too_long_for_a_page_is_told(pages: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.pages.visiting.ANSWER_BYTES_MAX", 5_000)
    with signed_in(pages, "auditor") as client:
        answer = client.get(RENEWAL)
    assert answer.status_code == 200
    assert "Too long to show" in answer.text
    assert "csat-ledger replay m-1 --known-at" in answer.text

"""The board in words: how many renewals are overdue, and of whom nothing is required."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from console.wiring import Ledger, open_store
from ledger.instants import parse_instant
from ledger.programmes.registry import fact_from_object
from tests.console.http.support import bearer, service_on_a_port
from tests.console.pages.support import signed_in
from tests.console.support import fact

NOW = "2012-01-01T00:00:00Z"
AT = "2010-01-01T00:00:00Z"
OVERDUE = 20
EARLIER = 3
"""So many of them were due in the month before the others."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service over many gold memberships whose renewal nobody decided, and one that is not gold."""
    store = Path(tmp_path_factory.mktemp("board")) / "ledger.db"
    facts = []
    for number in range(OVERDUE + 1):
        one, level = f"m-{number:02}", "silver" if number == OVERDUE else "gold"
        facts.append(fact("enrol-membership", f"e-{one}", AT, membership=one, name=f"Partner {number}", level=level))
        if level == "gold":
            day = f"2011-{'02' if number < EARLIER else '03'}-{number + 1:02}"
            facts.append(fact("set-renewal-date", f"d-{one}", AT, membership=one, renewal_date=day))
    ledger = Ledger(open_store(str(store), create=True), lambda: parse_instant(NOW))
    assert {one.status for one in ledger.recorder.record([fact_from_object(one) for one in facts])} == {"accepted"}
    ledger.close()
    with service_on_a_port(store, pages=True, rate_without_token="1000000/second") as found:
        yield found


@pytest.mark.parametrize("role", ["operations", "auditor"])
def test_the_board_tells_how_many_renewals_are_overdue_and_not_decided(url: str, role: str) -> None:
    for at, number in (("2012-01-01", OVERDUE), ("2011-03-05", 4), ("2011-02-02", 1), ("2011-02-01", 0)):
        found = httpx.get(f"{url}/v1/overview?at={at}", headers=bearer(role)).json()["overdue"]
        assert found == number
        with signed_in(url, role) as client:
            page = " ".join(re.sub("<[^>]+>", " ", client.get(f"/console/board?at={at}").text).split())
        said = f"{number} renewal{'' if number == 1 else 's'} {'is' if number == 1 else 'are'} overdue"
        assert (said if number else "No renewal is overdue") in page or (role == "auditor" and not number)
        assert ("8 more are overdue" in page) is (role == "operations" and number == OVERDUE)


def test_the_owner_is_told_no_number_of_few_overdue_renewals(url: str) -> None:
    months = {"2011-02-01": 0, "2011-03-01": None, "2011-04-01": OVERDUE}
    for at, number in months.items():
        found = httpx.get(f"{url}/v1/overview?at={at}", headers=bearer("owner")).json()
        assert found["overdue"] == number


def test_of_whom_nothing_is_required_that_is_said_in_words(url: str) -> None:
    with signed_in(url, "operations") as client:
        page = client.get("/console/board?search=m-&at=2012-01-01").text
    rows = re.findall(r'<tr><th scope="row"><a href="/console/memberships/(m-\d+)[^>]*>.*?</tr>', page, re.DOTALL)
    text = dict(
        zip(
            rows,
            re.findall(r'<tr><th scope="row"><a href="/console/memberships/.*?</tr>', page, re.DOTALL),
            strict=True,
        )
    )
    assert "nothing is required of it" in text[f"m-{OVERDUE:02}"]
    assert "nothing is required of it" not in text["m-13"]
    assert "Not eligible, or not required</option>" in page
    assert "Required it is of gold memberships while an edition of the rules is in force" in page

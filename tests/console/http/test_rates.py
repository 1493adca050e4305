"""Limits on rate, by caller and by address; and what of a refused access is counted and told."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.http.limits import Limits
from console.http.problems import Problem
from console.http.rates import Counts, Rates
from tests.console.http.process import service_process
from tests.console.http.support import bearer, make_book, serving, token


def used_up(rates: Rates, address: str) -> bool:
    try:
        rates.require_address(address)
    except Problem:
        return True
    return False


def test_a_caller_that_asks_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    with serving(tmp_path / "ledger.db", rate="3/hour") as served:
        for _ in range(3):
            assert served.get("/v1/memberships").status_code == 200
        found = served.get("/v1/memberships")
        assert (found.status_code, found.json()["code"]) == (429, "too-many-requests")
        assert 3_500 < int(found.headers["retry-after"]) <= 3_600
        assert found.headers["content-type"] == "application/problem+json"
        assert served.get("/v1/memberships", "operations").status_code == 200  # another caller
        named = {"Authorization": f"Bearer {token('auditor', sub='somebody')}"}
        assert served.client.get("/v1/memberships", headers=named).status_code == 200
        assert served.get("/livez", None).status_code == 200
        assert served.get("/v1/memberships").status_code == 429


def test_an_address_without_a_token_that_holds_is_counted_and_one_that_holds_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path / "ledger.db", rate_without_token="3/hour") as served:
        assert served.get("/v1/memberships").status_code == 200
        for role in (None, None):
            assert served.get("/v1/memberships", role).status_code == 401
        bad = {"Authorization": f"Bearer {token('auditor', iss='another')}"}
        assert served.client.get("/v1/memberships", headers=bad).status_code == 401
        assert served.client.get("/v1/memberships", headers=bad).status_code == 429
        assert served.get("/v1/memberships", None).status_code == 429
        assert served.client.get("/v1/memberships", headers=bearer("operator")).status_code == 429  # not seen before


def test_a_token_that_was_found_to_hold_goes_on_whatever_its_address_does(tmp_path: Path) -> None:
    with serving(tmp_path / "ledger.db", rate_without_token="1/hour") as served:
        own = bearer("auditor")
        assert served.client.get("/v1/memberships", headers=own).status_code == 200
        for status in (401, 429, 429):
            assert served.get("/v1/memberships", None).status_code == status
        assert served.client.get("/v1/memberships", headers=own).status_code == 200


def test_one_ipv6_network_is_one_address() -> None:
    rates = Rates(Limits(rate_without_token="2/hour"))
    rates.count_address("2001:db8::1")
    rates.count_address("2001:db8::2")
    assert used_up(rates, "2001:db8:0:0:ffff::1")
    assert not used_up(rates, "2001:db8:0:1::1")
    rates.count_address("192.0.2.1")
    rates.count_address("192.0.2.1")
    assert (used_up(rates, "192.0.2.1"), used_up(rates, "192.0.2.2")) == (True, False)
    with pytest.raises(Problem):
        rates.count_address("192.0.2.1")


def test_no_more_callers_are_remembered_than_there_may_be() -> None:
    counts = Counts(keys_max=3)
    for number in range(10):
        assert counts.incr(f"caller-{number}", 3_600) == 1
    assert [counts.get(f"caller-{number}") for number in (6, 7, 9)] == [0, 1, 1]
    assert counts.incr("caller-9", 3_600) == 2
    assert counts.reset() == 3
    counts.incr("over", 0.0)
    assert counts.get("over") == 0


def test_every_access_that_is_refused_is_counted_by_route_role_and_reason_and_told_without_the_token(
    tmp_path: Path,
) -> None:
    make_book(tmp_path / "ledger.db")
    with serving(tmp_path / "ledger.db", rate="4/hour") as served:
        assert served.get("/v1/memberships", None).status_code == 401
        assert served.get("/v1/memberships/m-1/status", None).status_code == 401
        assert served.get("/v1/memberships/m-9/status", "partner").status_code == 403
        assert served.post("/v1/facts", [], "auditor").status_code == 403
        assert served.get("/v1/renewals", "king").status_code == 403
        assert served.get("/v1/nowhere", None).status_code == 401
        for status in (200, 200, 200, 429):
            assert served.get("/v1/memberships", "auditor").status_code == status
        assert served.refused.counts() == {
            ("board", "none", "unauthorized"): 1,
            ("status", "none", "unauthorized"): 1,
            ("status", "partner", "forbidden"): 1,
            ("facts", "auditor", "forbidden"): 1,
            ("renewals", "other", "forbidden"): 1,
            ("other", "none", "unauthorized"): 1,
            ("board", "auditor", "too-many-requests"): 1,
        }
        assert len([line for line in served.said if line.startswith("refused with")]) == 7
        assert "Bearer" not in "".join(served.said)
        assert "eyJ" not in "".join(served.said)


def test_the_limits_are_settings_and_one_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", CSAT_LEDGER_HTTP_RATE="2/hour") as served:
        auditor = served.token("--role", "auditor")
        assert [served.get("/v1/memberships", auditor).status_code for _ in range(3)] == [200, 200, 429]

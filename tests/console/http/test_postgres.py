"""Several services on one ledger in PostgreSQL: what one is handed the other answers."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.console.http.support import PATHS, make_book, serving
from tests.console.support import Program, enrolment


@pytest.mark.server
def test_two_services_on_one_ledger_answer_the_same(program: Program, postgres_url: str) -> None:
    make_book(program.store)
    assert program.run_bare("copy", "--from", program.store, "--to", postgres_url).code == 0
    with ExitStack() as stack:
        here, one, other = (
            stack.enter_context(serving(where)) for where in (program.store, postgres_url, postgres_url)
        )
        for route, path in PATHS.items():
            role = "operations" if route in ("renewals", "participation", "refusals") else "auditor"
            assert here.get(path, role).content == one.get(path, role).content == other.get(path, role).content
        made = one.post("/v1/facts", enrolment("m-9"))
        assert {said["status"] for said in made.json()} == {"accepted"}
        again = other.post("/v1/facts", enrolment("m-9"))
        assert [said["position"] for said in again.json()] == [said["position"] for said in made.json()]
        assert {said["status"] for said in again.json()} == {"duplicate"}
        seen = other.get("/v1/memberships/m-9/status", **{"Min-Position": made.headers["ledger-position"]})
        assert seen.status_code == 200
        for path in ("/v1/memberships/%00/status", "/v1/designations?area=%00", "/v1/memberships?search=%00"):
            assert other.get(path).status_code in (200, 404)

"""Every route with every role and with none: who may ask, and what of the answer is shown."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from console.http.roles import ROLES, TABLE
from console.http.routes import READING
from tests.console.designation_story import AREA
from tests.console.http.support import (
    EVERYBODY,
    INVITATIONS,
    ORGANISATIONS,
    PATHS,
    PROVEN,
    SUBJECTS,
    Served,
    bearer,
    responses,
    token,
)

PROGRAMME = {
    "board",
    "status",
    "membership-renewals",
    "decisions",
    "designations",
    "score",
    "what-would-it-take",
    "expiring",
    "score-months",
    "designation-decisions",
}
WEBHOOKS = {"webhooks", "webhook-register", "webhook-remove", "webhook-waiting", "webhook-replay"}
"""Tried in test_webhooks.py."""
PEOPLE = {"responses", "comments"}
"""Tried in test_people.py."""
OF_THE_VAULT = {"erasures", "access-report"}
"""Tried in test_vault_desk.py."""
MAY = {
    "operator": {"facts", "refusals", "refusals-retry", *PEOPLE},
    "auditor": PROGRAMME
    | {
        "overview",
        "decision-counts",
        "decisions-page",
        "upcoming",
        "what-if",
        "rolling",
        "status-batch",
        "history",
        "replay",
        "explain",
        "designation-history",
        "changes",
        "designation-replay",
        *PROVEN,
    },
    "operations": PROGRAMME
    | {"overview", "rolling", "status-batch", "renewals", "participation", "metrics", "operations", "refusals"}
    | {"decision-counts", "decisions-page", "upcoming"},
    "partner": (PROGRAMME - {"board"})
    | {"status-batch", "history", "participation", "explain", "designation-history"}
    | {"results", "peers", "report", "responses"},
    "owner": {"overview", "what-if", "decision-counts", "participation", "benchmark", "places"},
    "subscriber": {"changes", *WEBHOOKS},
    "admin": {*WEBHOOKS, *OF_THE_VAULT},
}
"""DESIGN 11's table, as far as it is built."""
FED = {"changes": "/v1/changes?after=0"}
POSTED = {"status-batch": "/v1/status:batch", "facts": "/v1/facts", "refusals-retry": "/v1/refusals:retry"}
OTHERS = {"metrics": "/metrics", "operations": "/v1/operations"}


def asked(served: Served, route: str, role: str | None) -> Any:
    if route in POSTED:
        return served.post(POSTED[route], {} if route == "refusals-retry" else [], role)
    if route in FED:
        return served.get(FED[route], role, Accept="application/json")
    path = (PATHS | PROVEN | OTHERS)[route]
    if route == "participation" and role == "partner":
        path = "/v1/participation"
    if route == "what-if" and role == "owner":
        path = "/v1/what-if?edition=%7B%22min_responses%22%3A5%7D&to=2014-01-01&counts=true"
    return served.get(path, role)


def test_a_question_of_every_route_is_tried_here() -> None:
    assert {route.name for route in READING} == PATHS.keys()
    assert MAY.keys() == set(ROLES) == TABLE.keys()
    assert {role: set(routes) for role, routes in TABLE.items()} == MAY


@pytest.mark.parametrize("role", EVERYBODY)
@pytest.mark.parametrize("route", [*PATHS, *PROVEN, *POSTED, *OTHERS, *FED])
def test_a_route_answers_the_roles_that_may_ask_it_and_nobody_else(
    served: Served, route: str, role: str | None
) -> None:
    found = asked(served, route, role)
    expected = 401 if role is None else 200 if route in MAY[role] else 403
    assert found.status_code == expected, found.text
    assert found.headers["vary"].partition(",")[0] == "Authorization"
    assert found.headers["cache-control"].startswith("no-store" if route in OTHERS and expected == 200 else "private")
    if expected == 401:
        assert found.headers["www-authenticate"].startswith("Bearer")
    if expected != 200:
        assert found.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("role", EVERYBODY)
@pytest.mark.parametrize(
    "path", ["/v1/nowhere", "/docs", "/v1/memberships/m-1", "/v1/memberships/m-1/%2e%2e/m-2/status", "/"]
)
def test_what_is_not_there_is_told_to_who_has_a_token_alone(served: Served, path: str, role: str | None) -> None:
    assert served.get(path, role).status_code == (401 if role is None else 404)


@pytest.mark.parametrize("role", EVERYBODY)
def test_health_is_for_everybody_and_the_document_for_who_has_a_role(served: Served, role: str | None) -> None:
    assert served.get("/livez", role).status_code == served.get("/readyz", role).status_code == 200
    assert served.get("/openapi.json", role).status_code == (401 if role is None else 200)


def test_a_token_without_a_role_that_is_known_may_ask_nothing(served: Served) -> None:
    for roles in ([], ["king"], "auditor", None, [7], {"auditor": True}):
        headers = {"Authorization": f"Bearer {token(roles=roles)}"}
        for path in (*PATHS.values(), *PROVEN.values(), *FED.values(), "/openapi.json"):
            found = served.client.get(path, headers=headers)
            told = "found a token without a role that this service knows, expected a list in its claim `roles`"
            assert (found.status_code, found.json()["detail"].partition(", with the role ")[0]) == (403, told), path


def test_of_several_roles_the_first_that_may_ask_makes_the_request(served: Served) -> None:
    both = {"Authorization": f"Bearer {token(roles=['owner', 'partner', 'auditor'], memberships=['m-1'])}"}
    assert served.client.get("/v1/memberships/m-2/status?known_at=5", headers=both).status_code == 404
    assert served.client.get("/v1/memberships/m-2/status", headers=both).status_code == 200
    partner_and_owner = {"Authorization": f"Bearer {token(roles=['owner', 'partner'], memberships=['m-1'])}"}
    assert served.client.get("/v1/participation?by=quarter", headers=partner_and_owner).json() == (
        served.get("/v1/participation?by=quarter&membership=m-1", "operations").json()
    )
    assert served.client.get("/v1/memberships/m-2/status", headers=partner_and_owner).status_code == 403


# what a partner sees


@pytest.mark.parametrize("route", sorted(MAY["partner"] - {"participation", "designations", "status-batch", *PEOPLE}))
def test_a_partner_learns_nothing_of_others_not_even_whether_they_are_there(served: Served, route: str) -> None:
    there = served.get(PATHS[route].replace("m-1", "m-2"), "partner")
    nowhere = served.get(PATHS[route].replace("m-1", "m-nowhere"), "partner")
    assert there.status_code == nowhere.status_code == 403
    assert there.content == nowhere.content
    assert served.get(PATHS[route].replace("m-1", "m.2%00"), "partner").status_code == 403


def test_a_partner_sees_its_own_designations_and_participation_alone(served: Served) -> None:
    shown = served.get("/v1/designations", "partner").json()
    assert {one["membership"] for one in shown} == {"m-1"}
    assert {one["membership"] for one in served.get("/v1/designations").json()} == {"m-1", "m-3"}
    assert served.get("/v1/designations?area=nobodys", "partner").json() == []
    assert served.get("/v1/designations?membership=m-1", "partner").json() == shown
    assert served.get("/v1/designations?membership=m-3", "partner").status_code == 403
    assert [one["membership"] for one in served.get("/v1/designations?membership=m-3").json()] == ["m-3"]
    assert served.get("/v1/designations?membership=m-2").json() == []  # it has none
    assert served.get("/v1/designations?membership=m-none").status_code == 404
    assert {one["membership"] for one in served.get("/v1/participation", "partner").json()} == {"m-1"}
    assert served.get("/v1/participation?by=month", "partner").json() == (
        served.get("/v1/participation?by=month&membership=m-1", "operations").json()
    )
    assert served.get("/v1/participation?membership=m-2", "partner").status_code == 403
    two = {"Authorization": f"Bearer {token('partner', memberships=['m-1', 'm-2'])}"}
    unsaid = served.client.get("/v1/participation", headers=two)
    assert (unsaid.status_code, unsaid.json()["field"]) == (403, "membership")
    assert served.client.get("/v1/participation?membership=m-2", headers=two).status_code == 200


def test_a_partner_without_memberships_sees_nothing(served: Served) -> None:
    for memberships in ([], None, "m-1", [1], ["m 1"], {"m-1": 1}):
        headers = {"Authorization": f"Bearer {token('partner', memberships=memberships)}"}
        assert served.client.get(PATHS["status"], headers=headers).status_code == 403
        assert served.client.get("/v1/designations", headers=headers).json() == []


@pytest.mark.parametrize("route", ["status", "history", "membership-renewals", "decisions"])
def test_a_partner_cannot_compare_what_was_known_when(served: Served, route: str) -> None:
    for known in ("5", "2010-06-22", "2010-06-21T10:00:00.123456Z"):
        found = served.get(f"{PATHS[route].partition('?')[0]}?known_at={known}", "partner")
        assert (found.status_code, found.json()["field"]) == (403, "known_at")


@pytest.mark.parametrize("route", ["status", "history", "membership-renewals"])
def test_a_partner_asks_by_days_so_that_no_instant_can_be_searched_for(served: Served, route: str) -> None:
    assert served.get(f"{PATHS[route].partition('?')[0]}?at=2010-06-22", "partner").status_code == 200
    for at in ("2010-06-21T10:00:00.123456Z", "2010-06-21T23:59:59.999999Z", "2010-06-21T00:00:00.000001Z"):
        found = served.get(f"{PATHS[route].partition('?')[0]}?at={at}", "partner")
        assert (found.status_code, found.json()["field"]) == (403, "at")
    assert served.get(f"{PATHS[route].partition('?')[0]}?at=2010-06-21T02:00:00%2B02:00", "partner").status_code == 200


def test_a_partner_sees_the_day_of_a_change_and_not_its_instant(served: Served) -> None:
    mine = served.get("/v1/memberships/m-1/status?at=2010-07-01", "partner").json()
    whole = served.get("/v1/memberships/m-1/status?at=2010-07-01").json()
    assert len(whole["next_change"]["at"]) == 27
    assert mine == whole | {"next_change": whole["next_change"] | {"at": whole["next_change"]["at"][:10]}}
    changes = served.get("/v1/memberships/m-1/history").json()
    assert changes
    assert served.get("/v1/memberships/m-1/history", "partner").json() == [
        one | {"effective_at": one["effective_at"][:10]} for one in changes
    ]


def test_the_answers_of_a_partner_have_no_id_and_no_instant_of_a_response_and_no_respondent(served: Served) -> None:
    found = b"".join(asked(served, route, "partner").content for route in MAY["partner"] - PEOPLE)
    found += served.get("/v1/memberships/m-1/status?at=2010-07-01", "partner").content
    assert b"Varnholt Mills" in found  # organisation and count are no contact details
    for name in (*SUBJECTS, *INVITATIONS, *responses(), "2010-06-21T10:00:00.123456"):
        assert name.encode() not in found


def test_a_batch_of_a_partner_is_answered_question_by_question(served: Served) -> None:
    questions = [
        {"membership": "m-1", "at": "2010-07-01"},
        {"membership": "m-2"},
        {"membership": "m-nowhere"},
        {"membership": "m-1", "at": "2010-07-01T00:00:01Z"},
        {"membership": "m-1", "known_at": 4},
    ]
    found = served.post("/v1/status:batch", questions, "partner").json()
    assert found[0] == served.get("/v1/memberships/m-1/status?at=2010-07-01", "partner").json()
    assert [one.get("error") for one in found] == [None, *["forbidden"] * 4]
    assert found[1] | {"line": 3} == found[2]


# what an owner sees


def test_an_owner_sees_counts_of_all_together_and_nothing_that_leads_to_a_respondent(served: Served) -> None:
    found = [served.get(f"/v1/participation?by={by}", "owner") for by in ("quarter", "month")]
    assert all(one.json() for one in found)
    found += [served.get(path, "owner") for path in (*PATHS.values(), "/v1/participation", "/openapi.json", "/readyz")]
    everything = b"".join(one.content for one in found if one.url.path != "/openapi.json")
    for name in (*ORGANISATIONS, *SUBJECTS, *INVITATIONS, *responses(), "m-2", "m-3"):
        assert name.encode() not in everything, name


@pytest.mark.parametrize("query", ["", "?by=membership", "?by=quarter&membership=m-1", "?by=month&membership=m-9"])
def test_an_owner_sees_no_single_membership(served: Served, query: str) -> None:
    assert served.get(f"/v1/participation{query}", "owner").status_code == 403


def test_operations_see_no_response_and_no_subject(served: Served) -> None:
    found = b"".join(asked(served, route, "operations").content for route in MAY["operations"])
    for name in (*SUBJECTS, *INVITATIONS, *responses()):
        assert name.encode() not in found, name


def test_a_subscriber_sees_what_is_announced_and_no_respondent(served: Served) -> None:
    found = asked(served, "changes", "subscriber")
    assert {one["membership"] for one in found.json()["changes"]} == {"m-1", "m-3"}
    for name in (*ORGANISATIONS, *SUBJECTS, *INVITATIONS, *responses()):
        assert name.encode() not in found.content, name


def test_an_auditor_sees_every_event(served: Served) -> None:
    steps = served.get(PATHS["replay"]).json()
    assert {"response-hidden-1", *SUBJECTS} <= set(re.findall(r"[\w-]+", orjson.dumps(steps).decode()))
    assert [one["same"] for one in steps if "checked" in one] == [True]


@pytest.mark.parametrize(
    ("path", "role", "expected"),
    [
        ("/v1/memberships", "operator", "auditor or operations"),
        ("/v1/changes", "owner", "auditor or subscriber"),
        ("/v1/memberships/m-1/evidence?renewal=2011-03-01", "partner", "auditor"),
        ("/v1/webhooks", "auditor", "subscriber or admin"),
        ("/metrics", "auditor", "operations"),
    ],
)
def test_who_has_not_the_role_is_told_which_one_he_lacks(served: Served, path: str, role: str, expected: str) -> None:
    found = served.get(path, role)
    told = f"found a token whose roles may not ask this, expected one with the role {expected}"
    assert (found.status_code, found.json()["detail"]) == (403, told)


def test_what_is_refused_is_logged_without_the_token(served: Served) -> None:
    served.said.clear()
    served.get("/v1/renewals", "partner")
    served.get("/v1/renewals", None)
    assert served.said == ["refused with 403: renewals, asked as partner", "refused with 401: renewals, asked as none"]
    assert bearer("partner")["Authorization"].split(".")[1] not in "".join(served.said)


def test_the_area_of_another_is_no_way_to_learn_of_it(served: Served) -> None:
    score = f"/v1/memberships/m-3/designations/{AREA}/score"
    assert served.get(score).status_code == 200
    assert served.get(score, "partner").status_code == 403


def test_the_owner_counts_by_months_and_by_all_that_is_known(served: Served) -> None:
    for query in ("at=2010-07-02", "at=2010-06-10T10:00:00Z", "at=2010-07-01&known_at=9"):
        assert served.get(f"/v1/overview?{query}", "owner").status_code == 403, query
    assert served.get("/v1/overview?at=2010-07-01", "owner").json()["at"] == "2010-07-01T00:00:00.000000Z"
    assert served.get("/v1/overview", "owner").json()["at"] == "2024-12-01T00:00:00.000000Z"
    assert served.get("/v1/overview", "operations").json()["at"] == "2024-12-31T00:00:00.000000Z"

"""Requests that are drawn from the OpenAPI document, with each role and with none: no 500, no status that it does not name.

Bounded: so many requests a route and a role. With CSAT_LEDGER_TEST_SOAK=1 there are many more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from console.http.embedded import Embedded
from console.http.openapi import document
from console.http.roles import ROLES
from tests.console.http.support import Served, bearer, make_book, seal, serving
from tests.support.soak import scaled

DOCUMENT: dict[str, Any] = orjson.loads(document())
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = {one.ok().label: one.ok() for one in SCHEMA.get_all_operations()}
PER_ROUTE = scaled(30)
CHECKS = schemathesis.checks.CHECKS.get_by_names(
    [
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "allow_header_conformance",
        "negative_data_rejection",
    ]
)
"""Not among them: that whatever fits the document is accepted (a rule or the book may refuse it), what goes by several
requests in turn, and what `test_roles`, `test_tokens` and the last test here ask of each route: no token, another method."""
FORGIVEN = frozenset(("if-none-match", "range"))
"""Headers that HTTP has a server pass over where they are wrong (RFC 9110, 13.1.2 and 14.2)."""
NONE_IF_EMPTY = "last-event-id"
"""Empty it says that nothing was seen yet, as an EventSource has it."""
TOO_LONG = (413, 414, 431)
"""Refused as well, which the check does not know."""
EACH_BY_ITSELF = frozenset(("POST /v1/facts", "POST /v1/status:batch"))
"""What is wrong with an element of an array is said of that element, in an answer that is 200."""


def checks_of(label: str, headers: dict[str, str], status: int, righted: bool) -> list[Any]:
    """The checks of an answer: that what is wrong was refused, but where that is no matter of its status, or was `righted`."""
    forgiven = righted or not FORGIVEN.isdisjoint(headers) or not headers.get(NONE_IF_EMPTY, "some").strip()
    told_by_status = not (forgiven or status in TOO_LONG or (label in EACH_BY_ITSELF and status == 200))
    return [one for one in CHECKS if told_by_status or one.__name__ != "negative_data_rejection"]


ACCEPT = ("*/*", "application/json", "text/event-stream")
KNOWN = {"membership": "m-1", "area": "business-applications"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service to which facts may be added, and its log."""
    store = Path(tmp_path_factory.mktemp("drawn")) / "ledger.db"
    make_book(store)
    seal(store, store.parent / "log")
    with serving(store, Embedded(tiles=store.parent / "log", webhook_secrets=store.parent / "secrets")) as found:
        yield found


@pytest.mark.slow
@pytest.mark.parametrize("label", OPERATIONS)
def test_whatever_is_drawn_from_the_document_is_answered_as_it_says(
    drawn: Served, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.http.app.PATIENCE_S", 0.02)
    monkeypatch.setattr("console.http.changes.WAIT_MAX_S", 0.02)
    monkeypatch.setattr("console.http.event_stream.LIFE_S", 0.02)
    operation = OPERATIONS[label]
    draws = st.one_of(
        operation.as_strategy(generation_mode=mode)
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    )

    @settings(
        max_examples=PER_ROUTE, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        database=None,
    )  # fmt: skip
    @given(case=draws, role=st.sampled_from([*ROLES, None]), known=st.booleans(), accept=st.sampled_from(ACCEPT))
    def run(case: Any, role: str | None, known: bool, accept: str) -> None:
        put_right = (
            KNOWN.keys() & case.path_parameters.keys() if known and isinstance(case.path_parameters, dict) else ()
        )
        for name in put_right:
            case.path_parameters[name] = KNOWN[name]
        arguments = case.as_transport_kwargs()
        given = {name.lower(): value for name, value in (arguments.get("headers") or {}).items()}
        if case.meta.generation.mode is schemathesis.GenerationMode.NEGATIVE and "authorization" not in given:
            role = None  # what is wrong with it may be that it has no token
        # What was wrong may have been what stands right there now: a name that is known, or a token.
        righted = bool(put_right) or ("authorization" in given and role is not None)
        told = {"Accept": accept, **(arguments.get("headers") or {}), **bearer(role)}
        headers = {
            name: value.encode("latin-1") for name, value in told.items()
        }  # HTTP's bytes: httpx writes ASCII only
        content = arguments.get("data")
        if arguments.get("json") is not None:
            content = json.dumps(arguments["json"]).encode()
        ask = drawn.client.request(
            case.method, case.formatted_path, params=arguments.get("params"), headers=headers, content=content
        )
        assert ask.status_code != 500
        checks = checks_of(label, given, ask.status_code, righted)
        case.validate_response(schemathesis.Response.from_any(ask), checks=checks)

    run()


METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"))


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_another_method_is_405_and_says_which_there_are(drawn: Served, path: str) -> None:
    there = {name.upper() for name in DOCUMENT["paths"][path] if name.upper() in METHODS}
    asked = re.sub(r"\{\w+\}", "1", path)
    for method in sorted(METHODS - there - {"HEAD"}):
        found = drawn.client.request(method, asked, headers=bearer("auditor"))
        assert found.status_code == 405, method
        assert found.json()["code"] == "method-not-allowed"
        assert {one.strip() for one in found.headers["allow"].split(",")} - {"HEAD"} == there, method

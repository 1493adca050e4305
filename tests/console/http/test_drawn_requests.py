"""Requests that are drawn from the OpenAPI document, with each role and with none: no 500, no status that it does not name.

Bounded: so many requests a route and a role. With CSAT_LEDGER_TEST_SOAK=1 there are many more.
"""

from __future__ import annotations

import json
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
CHECKS = [
    *schemathesis.checks.CHECKS.get_by_names(
        [
            "status_code_conformance",
            "content_type_conformance",
            "response_headers_conformance",
            "response_schema_conformance",
        ]
    ),
]
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
        if known and isinstance(case.path_parameters, dict):
            for name in KNOWN.keys() & case.path_parameters.keys():
                case.path_parameters[name] = KNOWN[name]
        arguments = case.as_transport_kwargs()
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
        case.validate_response(schemathesis.Response.from_any(ask), checks=CHECKS)

    run()

"""Traces: a span for each request with those of its commit and its questions, without names; sent over a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from console.http.figures import Figures
from console.http.observed import Observers
from console.http.tracing import Tracing, is_asked_for, start_tracing, within
from tests.console.designation_story import AREA
from tests.console.http.process import service_process
from tests.console.http.support import (
    INVITATIONS,
    NOW_US,
    ORGANISATIONS,
    PATHS,
    SUBJECTS,
    Served,
    bearer,
    make_book,
    responses,
    serving,
)
from tests.console.support import enrolment

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Traced:
    """A service whose spans are kept in memory."""

    def __init__(self, served: Served, exporter: InMemorySpanExporter, tracing: Tracing) -> None:
        self.served = served
        self._exporter = exporter
        self._tracing = tracing

    def spans(self) -> list[Any]:
        self._tracing.close()
        return list(self._exporter.get_finished_spans())


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Traced]:
    make_book(tmp_path / "ledger.db")
    exporter, made = InMemorySpanExporter(), []

    def observe(figures: Figures) -> Observers:
        made.append(start_tracing(lambda _: None, exporter))
        return Observers(figures, lambda: NOW_US, tracing=made[0])

    with serving(tmp_path / "ledger.db", observe=observe) as served:
        yield Traced(served, exporter, made[0])
        made[0].close()


def test_a_question_is_a_span_within_that_of_its_request_beneath_that_of_its_caller(traced: Traced) -> None:
    traced.served.get("/v1/memberships/m-1/status", traceparent=f"00-{TRACE}-{PARENT}-01")
    *questions, request = traced.spans()
    assert request.name == "GET /v1/memberships/{membership}/status"
    assert dict(request.attributes) == {
        "http.request.method": "GET", "http.route": "/v1/memberships/{membership}/status",
        "http.response.status_code": 200,
    }  # fmt: skip
    assert (f"{request.context.trace_id:032x}", f"{request.parent.span_id:016x}") == (TRACE, PARENT)
    assert [one.name for one in questions] == ["question"]  # what is known, then the answer
    assert {one.parent.span_id for one in questions} == {request.context.span_id}
    assert all(request.start_time <= one.start_time <= one.end_time <= request.end_time for one in questions)


def test_a_commit_is_a_span_within_that_of_its_request_and_says_how_many_facts_it_had(traced: Traced) -> None:
    traced.served.post("/v1/facts", enrolment("m-7"))
    commit, request = traced.spans()
    assert (commit.name, dict(commit.attributes)) == ("commit", {"csat_ledger.facts": len(enrolment("m-7"))})
    assert (request.name, commit.parent.span_id) == ("POST /v1/facts", request.context.span_id)
    assert request.parent is None


def test_what_is_refused_or_is_not_there_is_said_by_its_code_and_is_no_fault(traced: Traced) -> None:
    traced.served.get("/v1/renewals", "partner")
    traced.served.get("/v1/nowhere")
    refused, nowhere = traced.spans()
    assert (refused.attributes["error.type"], refused.attributes["http.response.status_code"]) == ("forbidden", 403)
    assert [one.status.status_code.name for one in (refused, nowhere)] == ["UNSET", "UNSET"]
    assert (nowhere.name, "http.route" in nowhere.attributes) == ("GET", False)


def test_no_span_names_whom_a_request_was_about(traced: Traced) -> None:
    hostile = {"baggage": "who=baggage-of-anna", "tracestate": "a=state-of-anna", "User-Agent": "an-agent"}
    for path in PATHS.values():
        for role in ("auditor", "partner", "operations", None):
            traced.served.get(path, role, traceparent=f"00-{TRACE}-{PARENT}-01", **hostile)
    traced.served.get("/v1/memberships?search=Lindquist")
    traced.served.post("/v1/facts", enrolment("m-7"))
    text = "".join(one.to_json() + str(one.context.trace_state) for one in traced.spans())
    assert text.count('"http.route"') == 4 * len(PATHS) + 2
    hidden = (
        *ORGANISATIONS,
        *SUBJECTS,
        *INVITATIONS,
        *responses(),
        AREA,
        "Lindquist",
        "anna",
        "an-agent",
        "m-1",
        "m-7",
    )
    for name in (*hidden, bearer("auditor")["Authorization"].split(".")[1]):
        assert name not in text, name


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
    ],
)
def test_traces_are_off_unless_the_environment_asks_for_them(environment: dict[str, str], asked: bool) -> None:
    assert is_asked_for(environment) is asked


def test_without_traces_nothing_is_done_for_them(served: Served) -> None:
    with within("commit") as span:
        assert span is None
    assert served.get("/v1/memberships").status_code == 200


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """What takes spans by OTLP over HTTP, on a free port."""
    taken: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path == "/v1/traces":
                taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """No lines of it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", taken
        finally:
            server.shutdown()
            thread.join()


def test_spans_reach_a_collector_before_the_process_has_ended(tmp_path: Path) -> None:
    with collector() as (url, taken):
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_SERVICE_NAME": "ledger-of-a-test",
            "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
        }
        with service_process(tmp_path, "--dev", **settings) as served:
            served.get("/v1/memberships", served.token("--role", "auditor"))
            assert served.stop() == (0, b"")
    (resource,) = [spans for body in taken for spans in ExportTraceServiceRequest.FromString(body).resource_spans]
    said = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert said["service.name"] == "ledger-of-a-test"
    names = [span.name for scope in resource.scope_spans for span in scope.spans]
    assert names == ["question", "GET /v1/memberships"]


def test_a_collector_that_is_away_costs_no_request_and_is_told_once(tmp_path: Path) -> None:
    settings = {
        "CSAT_LEDGER_HTTP_TRACES": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    }  # fmt: skip
    with service_process(tmp_path, "--dev", **settings) as served:
        auditor = served.token("--role", "auditor")
        for _ in range(20):
            assert served.get("/v1/memberships", auditor).status_code == 200
        code, errors = served.stop()
    assert code == 0
    assert errors.decode().splitlines() == [
        "csat-ledger: traces cannot be sent: look for the collector (OTEL_EXPORTER_OTLP_ENDPOINT)"
    ]

"""Traces (OpenTelemetry), where they are asked for: a span for each request, and within it for each commit and question.

    GET /v1/memberships/{membership}/status     http.request.method, http.route, http.response.status_code, error.type
      question                                  from when it is asked until a thread has answered it, waiting included
    POST /v1/facts
      commit                                    csat_ledger.facts: how many; from when they are handed in until they are on disk

They are asked for by `CSAT_LEDGER_HTTP_TRACES=1`, or by what OpenTelemetry has for that: OTEL_TRACES_EXPORTER=otlp,
OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT. Where to, how often and under which name say its own
variables; spans go out by OTLP over HTTP (port 4318 of this machine where nothing is said). They need the extra `otel`.

No attribute has a path, a query, an address, a header, a token or a name of the book. Of a caller's headers `traceparent` alone
is taken; its `tracestate` and `baggage`, which may hold anything, are not. A collector that is away costs no request: spans
gather up to a bound, then they are lost.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import wraps
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from ledger.errors import ExtraMissing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

NAME: Final = "csat-ledger"
STANDARD: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
CLOSING_S: Final = 3.0
AGAIN_S: Final = 60.0
"""So often, at most, it is said that spans are lost."""
FAILED: Final = 500
COUNT: Final = "csat_ledger.facts"
P = ParamSpec("P")
T = TypeVar("T")
_current: ContextVar[Tracing | None] = ContextVar("tracing", default=None)


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Whether the variables of OpenTelemetry ask for traces."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if exporters:
        return "otlp" in exporters.split(",")
    return any(environment.get(name, "").strip() for name in STANDARD)


class Tracing:
    """Makes spans of requests and of what is done for them."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer(NAME)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, traceparent: bytes | None) -> Iterator[Span]:
        """The span of a request, for as long as it takes; beneath that which its caller names, where he names one."""
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind

        carrier = {} if traceparent is None else {"traceparent": traceparent.decode("latin-1")}
        parent = self._propagator.extract(carrier, Context())
        with self._tracer.start_as_current_span(
            "HTTP", parent, SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ) as span:
            token = _current.set(self)
            try:
                yield Span(span)
            finally:
                _current.reset(token)

    def within(self, name: str, attributes: Mapping[str, int]) -> AbstractContextManager[Any]:
        """A span of something that is done for the request."""
        return self._tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        )

    def close(self) -> None:
        """Sends what has gathered, for a bounded time: the exporter itself tries longer where the collector is away."""
        closing = Thread(target=self._provider.shutdown, name="traces-closing", daemon=True)
        closing.start()
        closing.join(CLOSING_S)


class Span:
    """The span of a request."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def request_ended(self, method: str, path: str | None, status: int, code: str | None) -> None:
        """Says of the span how it ended; `path` is that of the route, with names in braces."""
        from opentelemetry.trace import Status, StatusCode

        from console.http.figures import METHODS

        known = method in METHODS
        self._span.update_name(" ".join(filter(None, (method if known else "HTTP", path))))
        self._span.set_attribute("http.request.method", method if known else "_OTHER")
        if path is not None:
            self._span.set_attribute("http.route", path)
        self._span.set_attribute("http.response.status_code", status)
        if code is not None:
            self._span.set_attribute("error.type", code)
        if status >= FAILED:
            self._span.set_status(Status(StatusCode.ERROR))


def within(name: str, **attributes: int) -> AbstractContextManager[Any]:
    """A span of something that is done for the request under way; nothing where it is not traced."""
    tracing = _current.get()
    return nullcontext() if tracing is None else tracing.within(name, attributes)


def traced(name: str) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """A function that is a span of its own within the request; of a list that it is given, the span says how long it is."""

    def around(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        @wraps(function)
        async def within_span(*arguments: P.args, **more: P.kwargs) -> T:
            if _current.get() is None:
                return await function(*arguments, **more)
            number = sum(len(one) for one in arguments if isinstance(one, list))
            with within(name, **{COUNT: number}):
                return await function(*arguments, **more)

        return within_span

    return around


def start_tracing(complain: Callable[[str], None], exporter: SpanExporter | None = None) -> Tracing:
    """Traces that go to `exporter`, or by OTLP where OpenTelemetry's variables say. Raises ExtraMissing."""
    try:
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            exporter = OTLPSpanExporter()
    except ImportError as missing:
        raise ExtraMissing(missing.name or "opentelemetry", "otel") from None
    _tell_of_losses(complain)
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME") or NAME})
    provider = TracerProvider(resource=resource.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider)


def _tell_of_losses(complain: Callable[[str], None]) -> None:
    """What OpenTelemetry logs is told in our words, now and then, and no caller's data stands in it."""
    logger = logging.getLogger("opentelemetry")
    logger.propagate = False
    logger.handlers = [_Complaints(complain)]


class _Complaints(logging.Handler):
    def __init__(self, complain: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._complain = complain
        self._said_s: float | None = None

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - the name is the library's
        """Says that spans are lost."""
        now_s = time.monotonic()
        if self._said_s is None or now_s - self._said_s >= AGAIN_S:
            self._said_s = now_s
            self._complain("traces cannot be sent: look for the collector (OTEL_EXPORTER_OTLP_ENDPOINT)")

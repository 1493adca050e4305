"""What the OpenAPI document says of webhooks: the routes, and what is sent to whom was registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from pydantic import BaseModel

from console.http.parameters import Parameter
from console.http.webhooks import ONE, PARKED, PATH, WEBHOOK, NewWebhook, Replay, WebhookMade, WebhookStarts
from consumers.webhooks.message import WebhookMessage
from consumers.webhooks.shown import WaitingShown, WebhookShown

Schema = dict[str, Any]
Component = Callable[[str, Any], Schema]
"""(name, class) -> a reference to its schema, which is among the components then."""

COMMON: Final = (400, 401, 403, 414, 429, 431, 503, 504)
POSTED: Final = (*COMMON, 413, 415)
WEBHOOK_EXAMPLE: Final = {"url": "https://crm.example/hooks", "types": ["EligibilityChanged"]}


def webhook_paths(
    component: Component,
    parameter: Callable[[Parameter], Schema],
    roles: Callable[[str], str],
    problems: Callable[[Iterable[int]], dict[str, Schema]],
) -> dict[str, Schema]:
    """Path -> method -> operation."""

    def operation(name: str, summary: str, more: Schema, statuses: Iterable[int], found: Schema) -> Schema:
        return {
            "operationId": name,
            "summary": summary,
            "description": f"{roles(name)} A subscriber has its own webhooks alone, by the subject of its token.",
            **more,
            "responses": {**found, **problems(sorted(statuses))},
        }

    shown, waiting = component("WebhookShown", WebhookShown), component("WaitingShown", WaitingShown)
    made, starts = component("WebhookMade", WebhookMade), component("WebhookStarts", WebhookStarts)
    of_one = {"parameters": [parameter(WEBHOOK)]}
    return {
        PATH: {
            "get": operation(
                "webhooks", "The webhooks, and how far behind each is.", {}, COMMON,
                {"200": _answer("The webhooks, the oldest first.", {"type": "array", "items": shown})},
            ),
            "post": operation(
                "webhook-register", "Registers a webhook; its secret is in this answer and in no other.",
                {"requestBody": _body(NewWebhook, WEBHOOK_EXAMPLE)}, (*POSTED, 409),
                {"201": _answer("It is registered.", made)},
            ),
        },
        ONE: {
            "delete": operation(
                "webhook-remove", "Removes a webhook, and what waits for it.", of_one, (*COMMON, 404),
                {"204": {"description": "It is removed."}},
            ),
        },
        f"{ONE}/waiting": {
            "get": operation(
                "webhook-waiting", "The memberships whose announcements wait behind one that failed.",
                {"parameters": [parameter(WEBHOOK), parameter(PARKED)]}, (*COMMON, 404),
                {"200": _answer("They, the longest first.", {"type": "array", "items": waiting})},
            ),
        },
        f"{ONE}/replay": {
            "post": operation(
                "webhook-replay", "Sends again from a position on, and tries again what is parked.",
                {**of_one, "requestBody": _body(Replay, {"after": 0})}, (*POSTED, 404, 409),
                {"200": _answer("It starts again.", starts)},
            ),
        },
    }  # fmt: skip


def webhooks_sent(component: Component) -> dict[str, Schema]:
    """The member `webhooks` of the document: what a receiver gets, and what it answers."""
    headers = [
        _header("webhook-id", "Stream and seq of the announcement: the same however often it is sent."),
        _header("webhook-timestamp", "Of this attempt, in seconds since 1970; one that is old is to be refused."),
        _header(
            "webhook-signature", "`v1,` and base64 of HMAC-SHA-256 over id.timestamp.body; several with spaces between."
        ),
    ]
    return {
        "announcement": {
            "post": {
                "summary": "An announcement, at least once, in order for each membership (Standard Webhooks 1.0.0).",
                "security": [],
                "parameters": headers,
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": component("WebhookMessage", WebhookMessage)}},
                },
                "responses": {
                    "2XX": {"description": "It was taken."},
                    "default": {
                        "description": "It is sent again, with growing pauses, for three days; then it is parked."
                    },
                },
            }
        }
    }


def _header(name: str, description: str) -> Schema:
    return {"name": name, "in": "header", "required": True, "description": description, "schema": {"type": "string"}}


def _answer(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _body(kind: type[BaseModel], example: Schema) -> Schema:
    return {"required": True, "content": {"application/json": {"schema": body_schema(kind), "example": example}}}


def body_schema(kind: type[BaseModel]) -> Schema:
    """The schema of a request's body, without the titles that pydantic makes of names."""
    schema = kind.model_json_schema()
    del schema["title"]
    for one in schema["properties"].values():
        one.pop("title", None)
    return schema

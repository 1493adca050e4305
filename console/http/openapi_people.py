"""What the OpenAPI document says of what respondents said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from console.http.openapi_webhooks import Component, Schema
from console.http.parameters import Parameter
from console.http.people import ROUTES, CommentsPage, ResponsesPage

STATUSES: Final = (400, 401, 403, 404, 414, 429, 431, 503, 504)
NOTES: Final = {
    "responses": "A partner sees its own memberships, and gives no reason; the operator has to. Each reading is recorded.",
    "comments": "Each reading is recorded with its reason.",
}
ANSWERS: Final[dict[str, Any]] = {"responses": ResponsesPage, "comments": CommentsPage}


def people_paths(
    component: Component,
    parameter: Callable[[Parameter], Schema],
    roles: Callable[[str], str],
    problems: Callable[[Iterable[int]], dict[str, Schema]],
) -> dict[str, Schema]:
    """Path -> method -> operation."""
    position = {"description": "As of which position it is.", "schema": {"type": "integer", "minimum": 0}}
    return {
        path: {
            "get": {
                "operationId": name,
                "summary": summary,
                "description": f"{roles(name)} {NOTES[name]}",
                "parameters": [*map(parameter, parameters)],
                "responses": {
                    "200": {
                        "description": "The answer.",
                        "headers": {"Ledger-Position": position},
                        "content": {"application/json": {"schema": component(ANSWERS[name].__name__, ANSWERS[name])}},
                    },
                    **problems(STATUSES),
                },
            }
        }
        for name, path, summary, parameters in ROUTES
    }

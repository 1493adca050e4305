"""What the OpenAPI document says of what an admin asks of the vault."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from console.erasures_shown import SubjectErasure
from console.http.openapi_webhooks import Component, Schema, body_schema
from console.http.parameters import Parameter
from console.http.vault_desk import PARAMETERS, PATHS, AccessReportPage, NewErasure

STATUSES: Final = (400, 401, 403, 404, 414, 429, 431, 503, 504)
ERASURE_EXAMPLE: Final = {
    "subjects": ["subject-18"], "reason": "request for erasure 31"
}  # fmt: skip


def vault_paths(
    component: Component,
    parameter: Callable[[Parameter], Schema],
    roles: Callable[[str], str],
    problems: Callable[[Iterable[int]], dict[str, Schema]],
) -> dict[str, Schema]:
    """Path -> method -> operation."""
    erasure = component("SubjectErasure", SubjectErasure)
    page = component("AccessReportPage", AccessReportPage)
    return {
        PATHS["erasures"][0]: {
            "post": {
                "operationId": "erasures",
                "summary": "Erases subjects from the vault; what is counted and proven stays.",
                "description": f"{roles('erasures')} All of them or, where one is unknown (404), none. Made again, it "
                "erases nothing twice.",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": body_schema(NewErasure), "example": ERASURE_EXAMPLE}},
                },
                "responses": {
                    "200": _answer(
                        "They are erased, in the order of the request.", {"type": "array", "items": erasure}
                    ),
                    **problems(sorted({*STATUSES, 413, 415})),
                },
            }
        },
        PATHS["access-report"][0]: {
            "get": {
                "operationId": "access-report",
                "summary": "Who read which person, when and why; by reference.",
                "description": f"{roles('access-report')} It answers for who was erased, too.",
                "parameters": [*map(parameter, PARAMETERS)],
                "responses": {"200": _answer("The entries.", page), **problems(STATUSES)},
            }
        },
    }


def _answer(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}

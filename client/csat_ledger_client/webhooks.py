"""Webhooks: whether a delivery is the ledger's own, and what it announces (Standard Webhooks; extra `webhooks`).

    delivery = verify_webhook(request.headers, request.body, [secret])
    delivery.announcement.membership

A delivery comes at least once, its id the same each time: note the id in the transaction of your effect, and answer 200 to
one that is noted already. It is signed with the secret over id, timestamp and body; one that was signed more than five minutes
ago (or ahead) is refused, so that nobody can send a caught one again later. Several secrets hold while one takes the place of
another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from csat_ledger_client.answers.changes import DesignationChange, EligibilityChange
from csat_ledger_client.errors import BadRequest, ExtraMissing, WebhookRefused

BODY_BYTES_MAX: Final = 1 << 20
HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


class Delivery(NamedTuple):
    """What was delivered, once its signature was checked."""

    id: str
    """The same however often the announcement is delivered."""
    announcement: EligibilityChange | DesignationChange
    recorded_at: str
    """When the ledger recorded the announcement."""


class _Eligibility(BaseModel):
    type: Literal["EligibilityChanged"]
    timestamp: str
    data: EligibilityChange


class _Designation(BaseModel):
    type: Literal["DesignationChanged"]
    timestamp: str
    data: DesignationChange


_BODY: Final[TypeAdapter[_Eligibility | _Designation]] = TypeAdapter(
    Annotated[_Eligibility | _Designation, Field(discriminator="type")]
)


def verify_webhook(headers: Mapping[str, str], body: bytes, secrets: str | Iterable[str]) -> Delivery:
    """What a delivery announces. `secrets` are those that hold now, each `whsec_…` as the ledger has it.

    Raises WebhookRefused where it is signed with none of them, too old, or no announcement: answer 400, and do nothing.
    """
    found = {name.lower(): value for name, value in headers.items() if name.lower() in HEADERS}
    if missing := [name for name in HEADERS if name not in found]:
        raise WebhookRefused(f"found no header {', '.join(missing)}, expected a signed delivery")
    if len(body) > BODY_BYTES_MAX:
        raise WebhookRefused(f"found a body of {len(body):,} bytes, expected {BODY_BYTES_MAX:,} at most")
    _verify(found, body, [secrets] if isinstance(secrets, str) else list(secrets))
    try:
        said = _BODY.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise WebhookRefused(f"found no announcement that this client knows: {where}: {first['msg']}") from None
    return Delivery(found["webhook-id"], said.data, said.timestamp)


def _verify(headers: Mapping[str, str], body: bytes, secrets: list[str]) -> None:
    """Raises WebhookRefused unless one of the secrets has signed it, and just now."""
    try:
        from standardwebhooks import Webhook, WebhookVerificationError
    except ModuleNotFoundError as error:
        raise ExtraMissing(error.name, "webhooks") from None

    if not secrets:
        raise BadRequest("found no secret, expected one at least")
    refused = ""
    for secret in secrets:
        try:
            checker = Webhook(secret)
        except Exception:  # no word of it: it is a secret
            raise BadRequest("found a secret that is none, expected whsec_ and base64") from None
        try:
            checker.verify(body, dict(headers), json_parse=False)
            return
        except (
            WebhookVerificationError,
            ValueError,
        ) as error:  # a signature without its version, a body that is no text
            refused = str(error)
    raise WebhookRefused(f"found a delivery that holds for none of {len(secrets)} secrets: {json.dumps(refused[:200])}")

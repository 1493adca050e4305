"""How webhooks are sent, as the settings say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from console.settings import PREFIX, Settings
from ledger.errors import BadInput
from ledger.instants import SECOND_US
from ledger.store.urls import is_postgres

if TYPE_CHECKING:
    from consumers.webhooks.line import Rules

SECRETS_ENDING = ".webhook-secrets"
"""Of the folder beside a book in a SQLite file that holds the secrets made for webhooks, after the book's own name."""


def rules_of(settings: Settings) -> Rules:
    """The rules of a sender. Raises ExtraMissing where the extra `webhooks` is not installed."""
    from consumers.webhooks.addresses import read_networks
    from consumers.webhooks.line import Rules
    from consumers.webhooks.network import Bounds

    return Rules(
        retry_for_us=settings.webhook_retry_hours * 3_600 * SECOND_US,
        bounds=Bounds(whole_s=settings.webhook_timeout_s, connect_s=min(5.0, settings.webhook_timeout_s)),
        allowed=read_networks(settings.webhook_networks),
    )


def secrets_folder(settings: Settings, where: str) -> Path:
    """The folder of the secrets that are made here, made with mode 0700 where it is not there yet. Raises BadInput."""
    if settings.webhook_secrets is None and is_postgres(where):
        raise BadInput(f"found no {PREFIX}WEBHOOK_SECRETS, expected a folder that the sender of webhooks can read too")
    folder = Path(settings.webhook_secrets or f"{Path(where).resolve()}{SECRETS_ENDING}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: found {error.strerror}, expected a folder for the secrets of webhooks") from None
    return folder

"""How webhooks are sent, as the settings say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from console.settings import Settings
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


def secrets_path(settings: Settings, where: str) -> Path | None:
    """The folder of the secrets that are made for webhooks: as it is set, else beside the book; None where there is none."""
    if settings.webhook_secrets is not None:
        return Path(settings.webhook_secrets).resolve()
    return None if is_postgres(where) else Path(f"{Path(where).resolve()}{SECRETS_ENDING}")


def made_folder(folder: Path) -> Path:
    """The folder, made with mode 0700 where it is not there yet. Raises BadInput, also where it is another user's."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = folder.stat().st_uid
    except OSError as error:
        raise BadInput(f"{folder}: found {error.strerror}, expected a folder for the secrets of webhooks") from None
    if owner not in (0, os.geteuid()):  # who owns it can put secrets of his own in the place of ours
        raise BadInput(f"{folder}: found a folder of user {owner}, expected one's own for the secrets of webhooks")
    return folder

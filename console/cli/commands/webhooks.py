"""Sends announcements to the webhooks that `csat-ledger webhook` registers: each at least once, in order per membership."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.role_options import SERVICE_EPILOG, add_service, service_of
from console.cli.session import Session

if TYPE_CHECKING:
    from consumers.webhooks.role import WebhookRole

EPILOG: Final = f"""\
examples:
  csat-ledger webhooks --store postgresql://webhooks@db/ledger --port 9105

{SERVICE_EPILOG}
One is active, others stand by. Who is killed sends again what it sent within the last second, and skips nothing. The files
of the secrets have to be where `webhook add` was told. CSAT_LEDGER_WEBHOOK_RETRY_HOURS (72), …_TIMEOUT_S (15) and
…_NETWORKS say how long a delivery is tried, how long an answer may take, and which private networks all may be sent to."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_service(parser)


def run(session: Session) -> int:
    """Runs until it is told to stop."""
    from console.webhook_rules import rules_of

    rules = rules_of(session.settings)
    from consumers.webhooks.role import ROLE, open_webhooks

    service = service_of(session, ROLE)

    @contextmanager
    def connect() -> Iterator[WebhookRole]:
        with session.ledger() as ledger, open_webhooks(service, ledger.store, session.clock, rules) as role:
            yield role

    service.run(connect)
    return DONE

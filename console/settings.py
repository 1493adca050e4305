"""Settings: what stands in the environment as CSAT_LEDGER_…, with defaults for what does not.

    CSAT_LEDGER_STORE         a file (SQLite) or a postgresql:// URL; `--store` goes before it
    CSAT_LEDGER_STORE_PASSWORD_FILE   a file with the password for that URL, so that none stands in the environment
    CSAT_LEDGER_LINK_KEY_FILE the file of the link key, which ties answers to invitations; a book in a SQLite file has it
                              beside it where nothing else is said, one in PostgreSQL needs this
    CSAT_LEDGER_VAULT         a file (SQLite) or a postgresql:// URL of a database of its own: people, apart from the book
    CSAT_LEDGER_VAULT_PASSWORD_FILE   a file with the password for that URL
    CSAT_LEDGER_VAULT_KEY_FILE        a file with the key-encryption keys of the vault, the first one wraps
    CSAT_LEDGER_VAULT_KEY     the same keys themselves, with commas between them, where no file can be had
    CSAT_LEDGER_KAFKA         HOST:PORT of the broker; several with commas
    CSAT_LEDGER_KAFKA_CLIENT_FILE     a JSON file with what the broker wants of its clients: TLS, name, password
    CSAT_LEDGER_TOPIC_PREFIX  goes before the names of all topics, where several ledgers share a broker
    CSAT_LEDGER_PORT          where a long-running process tells its health and its metrics: a port of the loopback, or
                              HOST:PORT; 0 for any free port
    CSAT_LEDGER_HTTP_TRACES   1: `serve` sends traces (OpenTelemetry), whose own variables say where to; needs the extra otel
    CSAT_LEDGER_NOW           an RFC 3339 instant in the place of the wall clock: for rehearsals and tests
    CSAT_LEDGER_RECORD_BATCH  facts a transaction while recording files
    CSAT_LEDGER_STATE_MIB     memory for the states of memberships that are at hand while facts are recorded
    CSAT_LEDGER_REFUSALS_DAYS days for which refused facts are kept beside the book, after they were refused last
    CSAT_LEDGER_RESULTS_RESPONDENTS   so many respondents are released together at least (3 or more; default: 5)
    CSAT_LEDGER_RESULTS_PARTNERS      so many partners are in a group of peers at least (3 or more; default: 5)
    CSAT_LEDGER_WEBHOOK_NETWORKS      networks, with commas, that webhooks may be sent to though they are not public
    CSAT_LEDGER_WEBHOOK_RETRY_HOURS   so long a delivery that fails is tried again; then it is parked
    CSAT_LEDGER_WEBHOOK_TIMEOUT_S     so long a receiver may take to answer
    CSAT_LEDGER_WEBHOOK_SECRETS       the folder of the secrets that are made for webhooks registered over HTTP
    CSAT_LEDGER_CONSOLE_KEY_FILE      the file of the key that signs the sessions of the pages; beside a book in a SQLite file
                              where none is named
    CSAT_LEDGER_CONSOLE_OIDC_ISSUER   at whose place one signs in to the pages (OpenID Connect): an https:// URL
    CSAT_LEDGER_CONSOLE_OIDC_CLIENT_ID        what the provider calls these pages
    CSAT_LEDGER_CONSOLE_OIDC_CLIENT_SECRET_FILE   a file with the secret that it gave for them; a public client has none
    CSAT_LEDGER_CONSOLE_OIDC_URL      where browsers find these pages, such as https://ledger.example
    CSAT_LEDGER_CONSOLE_OIDC_SCOPE    what the provider is asked for (default: openid)
    CSAT_LEDGER_CONSOLE_OIDC_ROLES_CLAIM      the claim of the ID token that holds the roles (default: roles)
    CSAT_LEDGER_CONSOLE_OIDC_MEMBERSHIPS_CLAIM    the claim that says whose a partner is (default: memberships)
    CSAT_LEDGER_HTTP_…        limits of the service, which `console.http.limits` reads

A variable that is there but empty counts as not there; only an empty CSAT_LEDGER_STORE is an error.

Reading the environment with pydantic-settings costs a fifth of a second, so a program that has no such variable does
not import it: every default stands here, and `console.environment`, imported where one is set, reads the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

PREFIX: Final = "CSAT_LEDGER_"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the program was told by its environment."""

    store: str = "csat-ledger.db"
    link_key_file: str | None = None
    vault: str | None = None
    vault_key_file: str | None = None
    vault_key: str | None = field(default=None, repr=False)
    kafka: str | None = None
    kafka_client: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Options of every Kafka client."""
    topic_prefix: str = ""
    listen: tuple[str, int] | None = None
    """Where a long-running process tells its health and its metrics."""
    http_traces: bool = False
    """Whether the service sends traces, also where OpenTelemetry's own variables do not ask for them."""
    now_us: int | None = None
    record_batch: int = 2_000
    state_mib: int = 64
    refusals_days: int = 90
    results_respondents: int = 5
    results_partners: int = 5
    webhook_networks: tuple[str, ...] = ()
    webhook_retry_hours: int = 72
    webhook_timeout_s: float = 15.0
    webhook_secrets: str | None = None
    """A folder; a book in a SQLite file has one beside it where none is named."""
    console_key_file: str | None = None
    console_oidc_issuer: str | None = None
    console_oidc_client_id: str | None = None
    console_oidc_client_secret_file: str | None = None
    console_oidc_url: str | None = None
    console_oidc_scope: str = "openid"
    console_oidc_roles_claim: str = "roles"
    console_oidc_memberships_claim: str = "memberships"

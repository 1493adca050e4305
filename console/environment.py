"""Reads and checks the variables CSAT_LEDGER_…; imported only where one of them is set (see `console.settings`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from console.addresses import read_brokers, read_listen, read_network_list
from console.settings import PREFIX, Settings
from ledger.errors import BadInput
from ledger.instants import parse_instant
from ledger.wording import told


def _checked(read: Callable[[str], Any]) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            read(text)
        except BadInput as error:
            raise ValueError(str(error)) from None
        return text

    return check


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", env_ignore_empty=True)

    store: str | None = None
    store_password_file: str | None = None
    link_key_file: str | None = None
    vault: str | None = None
    vault_password_file: str | None = None
    vault_key_file: str | None = None
    vault_key: str | None = None
    kafka: Annotated[str, AfterValidator(_checked(read_brokers))] | None = None
    kafka_client_file: str | None = None
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")] | None = None
    port: Annotated[str, AfterValidator(_checked(read_listen))] | None = None
    http_traces: bool | None = None
    now: Annotated[str, AfterValidator(_checked(parse_instant))] | None = None
    record_batch: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    state_mib: Annotated[int, Field(ge=1, le=1_048_576)] | None = None
    refusals_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    results_respondents: Annotated[int, Field(ge=3, le=1_000)] | None = None
    results_partners: Annotated[int, Field(ge=3, le=1_000)] | None = None
    webhook_networks: Annotated[str, AfterValidator(_checked(read_network_list))] | None = None
    webhook_retry_hours: Annotated[int, Field(ge=1, le=24 * 365)] | None = None
    webhook_timeout_s: Annotated[float, Field(ge=0.1, le=120)] | None = None
    webhook_secrets: str | None = None
    console_key_file: str | None = None
    console_oidc_issuer: str | None = None
    console_oidc_client_id: str | None = None
    console_oidc_client_secret_file: str | None = None
    console_oidc_url: str | None = None
    console_oidc_scope: str | None = None
    console_oidc_roles_claim: str | None = None
    console_oidc_memberships_claim: str | None = None


class _KafkaClient(BaseModel):
    """What a broker wants of its clients, under the names that kafka-python has for it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_plain_username: str | None = None
    sasl_plain_password: str | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_password: str | None = None

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        protocol, given = self.security_protocol, set(self.model_dump(exclude_none=True))
        begins = tuple(f"{part.lower()}_" for part in protocol.split("_"))
        if stray := {name for name in given if name.startswith(("sasl_", "ssl_")) and not name.startswith(begins)}:
            raise ValueError(f"found {', '.join(sorted(stray))}, expected none with {protocol}")
        wanted = {"sasl_mechanism", "sasl_plain_username", "sasl_plain_password"} if "sasl_" in begins else set()
        if missing := wanted - given:
            raise ValueError(f"found no {', '.join(sorted(missing))}, expected it with {protocol}")
        if self.ssl_keyfile and not self.ssl_certfile:
            raise ValueError("found ssl_keyfile without ssl_certfile, expected both or none")
        return self


def read_environment(defaults: Settings) -> Settings:
    """The settings with what the environment says in the place of the defaults.

    An empty variable is none, but for the store: who names none by mistake must not write into another one.
    """
    if any(name.upper() == f"{PREFIX}STORE" and not value for name, value in os.environ.items()):
        raise BadInput(f"{PREFIX}STORE: found it empty, expected a file or a postgresql:// URL, or no such variable")
    try:
        found = _Environment()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadInput(f"{PREFIX}{str(first['loc'][0]).upper()}: {told(first)}") from None
    return Settings(
        store=_with_password(found.store or defaults.store, found.store_password_file, "STORE"),
        link_key_file=found.link_key_file or defaults.link_key_file,
        vault=_with_password(found.vault or "", found.vault_password_file, "VAULT") or defaults.vault,
        vault_key_file=found.vault_key_file or defaults.vault_key_file,
        vault_key=found.vault_key or defaults.vault_key,
        kafka=found.kafka or defaults.kafka,
        kafka_client=_kafka_client(found.kafka_client_file) if found.kafka_client_file else defaults.kafka_client,
        topic_prefix=found.topic_prefix or defaults.topic_prefix,
        listen=defaults.listen if found.port is None else read_listen(found.port),
        http_traces=defaults.http_traces if found.http_traces is None else found.http_traces,
        now_us=defaults.now_us if found.now is None else parse_instant(found.now),
        record_batch=found.record_batch or defaults.record_batch,
        state_mib=found.state_mib or defaults.state_mib,
        refusals_days=found.refusals_days or defaults.refusals_days,
        results_respondents=found.results_respondents or defaults.results_respondents,
        results_partners=found.results_partners or defaults.results_partners,
        webhook_networks=read_network_list(found.webhook_networks) if found.webhook_networks else (),
        webhook_retry_hours=found.webhook_retry_hours or defaults.webhook_retry_hours,
        webhook_timeout_s=found.webhook_timeout_s or defaults.webhook_timeout_s,
        webhook_secrets=found.webhook_secrets or defaults.webhook_secrets,
        console_key_file=found.console_key_file or defaults.console_key_file,
        console_oidc_issuer=found.console_oidc_issuer or defaults.console_oidc_issuer,
        console_oidc_client_id=found.console_oidc_client_id or defaults.console_oidc_client_id,
        console_oidc_client_secret_file=found.console_oidc_client_secret_file
        or defaults.console_oidc_client_secret_file,
        console_oidc_url=found.console_oidc_url or defaults.console_oidc_url,
        console_oidc_scope=found.console_oidc_scope or defaults.console_oidc_scope,
        console_oidc_roles_claim=found.console_oidc_roles_claim or defaults.console_oidc_roles_claim,
        console_oidc_memberships_claim=found.console_oidc_memberships_claim or defaults.console_oidc_memberships_claim,
    )


def _with_password(store: str, file: str | None, which: str) -> str:
    """A URL with the password that stands in a file, as container platforms hand out secrets."""
    if file is None:
        return store
    scheme, mark, rest = store.partition("://")
    user, at, place = rest.partition("@")
    if not (mark and at) or ":" in user:
        raise BadInput(
            f"{PREFIX}{which}_PASSWORD_FILE: found a store to which it does not belong, expected USER@HOST in it"
        )
    try:
        password = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{PREFIX}{which}_PASSWORD_FILE: {file}: {error}") from None
    return f"{scheme}://{user}:{quote(password, safe='')}@{place}"


def _kafka_client(file: str) -> dict[str, str]:
    """The options in a file. Files that it names lie beside it, or where their absolute paths say."""
    variable = f"{PREFIX}KAFKA_CLIENT_FILE: {file}"
    try:
        client = _KafkaClient.model_validate_json(Path(file).read_bytes())
    except OSError as error:
        raise BadInput(f"{variable}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "".join(f"{part}: " for part in first["loc"])
        raise BadInput(f"{variable}: {place}{told(first)}") from None
    options: dict[str, str] = client.model_dump(exclude_none=True)
    for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
        if name in options:
            path = Path(file).parent / options[name]
            if not path.is_file():
                raise BadInput(f"{variable}: {name}: found no file {path}, expected one in PEM")
            options[name] = str(path)
    return options

"""Reads and checks the variables CSAT_LEDGER_…; imported only where one of them is set (see `console.settings`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from console.settings import PREFIX, Settings
from ledger.errors import BadInput
from ledger.instants import parse_instant


def _instant(text: str) -> str:
    try:
        parse_instant(text)
    except BadInput as error:
        raise ValueError(str(error)) from None
    return text


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    store: Annotated[str, Field(min_length=1)] | None = None
    store_password_file: Annotated[str, Field(min_length=1)] | None = None
    kafka: Annotated[str, Field(pattern=r"^[^\s:]+:\d{1,5}(,[^\s:]+:\d{1,5})*$")] | None = None
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")] | None = None
    port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    now: Annotated[str, AfterValidator(_instant)] | None = None
    record_batch: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


def read_environment(defaults: Settings) -> Settings:
    """The settings with what the environment says in the place of the defaults."""
    try:
        found = _Environment()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadInput(f"{PREFIX}{str(first['loc'][0]).upper()}: {first['msg']}") from None
    return Settings(
        store=_with_password(found.store or defaults.store, found.store_password_file),
        kafka=found.kafka or defaults.kafka,
        topic_prefix=found.topic_prefix or defaults.topic_prefix,
        port=defaults.port if found.port is None else found.port,
        now_us=defaults.now_us if found.now is None else parse_instant(found.now),
        record_batch=found.record_batch or defaults.record_batch,
    )


def _with_password(store: str, file: str | None) -> str:
    """A URL with the password that stands in a file, as container platforms hand out secrets."""
    if file is None:
        return store
    scheme, mark, rest = store.partition("://")
    user, at, place = rest.partition("@")
    if not (mark and at) or ":" in user:
        raise BadInput(
            f"{PREFIX}STORE_PASSWORD_FILE: found a store to which it does not belong, expected USER@HOST in it"
        )
    try:
        password = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{PREFIX}STORE_PASSWORD_FILE: {file}: {error}") from None
    return f"{scheme}://{user}:{quote(password, safe='')}@{place}"

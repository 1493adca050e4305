"""Reads and checks the variables CSAT_LEDGER_…; imported only where one of them is set (see `console.settings`)."""

from __future__ import annotations

from typing import Annotated

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
    kafka: Annotated[str, Field(pattern=r"^[^\s:]+:\d{1,5}(,[^\s:]+:\d{1,5})*$")] | None = None
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
        store=found.store or defaults.store,
        kafka=found.kafka or defaults.kafka,
        now_us=defaults.now_us if found.now is None else parse_instant(found.now),
        record_batch=found.record_batch or defaults.record_batch,
    )

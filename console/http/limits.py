"""Bounds on what is asked of the service: each a setting, CSAT_LEDGER_HTTP_… with the name of the field in capitals.

    CSAT_LEDGER_HTTP_RATE=500/second csat-ledger serve …

The limits on rate are written as the library `limits` reads them: `100/second`, `6000 per minute`. They are counted in
memory by each process: behind a proxy that spreads requests over three, a caller has three times as much.
"""

from __future__ import annotations

from typing import Annotated, Final

from limits import parse_many
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger.errors import BadInput
from ledger.wording import told

PREFIX: Final = "CSAT_LEDGER_HTTP_"
RATE_CHARACTERS_MAX: Final = 40


def _rate(text: str) -> str:
    try:
        (found,) = parse_many(text[: RATE_CHARACTERS_MAX + 1])
        if len(text) > RATE_CHARACTERS_MAX or found.amount < 1:
            raise ValueError
    except ValueError:
        raise ValueError(f"found {text[:RATE_CHARACTERS_MAX]!r}, expected a rate such as 100/second") from None
    return text


Rate = Annotated[str, AfterValidator(_rate)]


class Limits(BaseModel):
    """What a caller may ask for, and for how long; units stand last in a name."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    rate: Rate = "5000/second"
    """requests of one caller (subject and roles of its token; of the log, an address); one more is 429"""
    rate_without_token: Rate = "100/second"
    """requests from one address without a token that holds; one more is 429"""
    requests: Annotated[int, Field(ge=1, le=100_000)] = 512
    """requests under way at once, nine tenths of them of one caller; one more is 503, of one caller 429"""
    connections: Annotated[int, Field(ge=1, le=100_000)] = 2_048
    """connections at once; on one more all is 503"""
    body_bytes: Annotated[int, Field(ge=1_024, le=1 << 30)] = 8 << 20
    """bytes of a body that is not a stream of facts; more is 413"""
    elements: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """elements of an array, or lines of a batch of questions; more is 413"""
    facts_waiting: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """facts that wait for a commit; more is 503"""
    deadline_s: Annotated[float, Field(gt=0, le=3_600)] = 30.0
    """seconds for a request that is no stream; later is 504"""
    streams: Annotated[int, Field(ge=1, le=10_000)] = 32
    """streams of facts at once; one more is 503"""
    listeners: Annotated[int, Field(ge=1, le=1_500)] = 500
    """followers of the changes at once, nine tenths of them of one caller; one more is 503, of one caller 429"""
    stream_idle_s: Annotated[float, Field(gt=0, le=3_600)] = 60.0
    """seconds for the next line of a stream, or for a part of a long answer to be taken; later is 408, or cut"""
    spool_mib: Annotated[int, Field(ge=1, le=1 << 20)] = 1_024
    """MiB of temporary files for answers that are long, or not read yet"""
    head_s: Annotated[float, Field(gt=0, le=3_600)] = 10.0
    """seconds for the first head of a connection; later it is closed"""
    keep_alive_s: Annotated[int, Field(ge=1, le=3_600)] = 30
    """seconds without a request after which a connection is closed"""
    jwks_refresh_s: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    """seconds after which keys at a URL are fetched again"""
    jwks_kept_s: Annotated[float, Field(ge=1, le=2_592_000)] = 86_400.0
    """seconds for which the last keys are used while the issuer is away; later all is 503"""


def one_callers(places: int) -> int:
    """So many of some places one caller may have at once: a tenth is left to others."""
    return places - places // 10


class _FromEnvironment(Limits, BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", env_ignore_empty=True, frozen=True)


def read_limits() -> Limits:
    """The limits as the environment sets them. Raises BadInput that names the variable."""
    try:
        return Limits(**_FromEnvironment().model_dump())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadInput(f"{PREFIX}{str(first['loc'][0]).upper()}: {told(first)}") from None


def variables() -> list[tuple[str, str, str]]:
    """Each variable, its default, and what it bounds."""
    return [
        (f"{PREFIX}{name.upper()}", f"{field.default:g}" if isinstance(field.default, float) else str(field.default),
         field.description or "")
        for name, field in Limits.model_fields.items()
    ]  # fmt: skip

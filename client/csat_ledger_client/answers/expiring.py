"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class EndingCertificate(Answer):
    """A certificate that counts at the instant asked for and will not count any more."""

    certificate: str
    """The certificate's reference."""
    tier: Literal["intermediate", "advanced"] | str
    """Of which tier it is."""
    until: str
    """The first instant at which it no longer counts."""
    people_before: int
    """People who hold a certificate of the tier just before that."""
    people: int
    """People who hold one from then on; as many where this one's person holds another."""
    tier_centipoints_before: int
    """The points of the tier just before that, in hundredths."""
    tier_centipoints: int
    """The points of the tier from then on."""
    centipoints: int
    """The score from then on, in hundredths of points."""
    qualified: bool
    """Whether it is qualified from then on."""


class Expiring(Answer):
    """The certificates of a designation that will expire within some months."""

    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    at: str
    """The instant asked for."""
    known_at: int
    """The position up to which something is known."""
    through: str
    """The last instant that is looked at."""
    centipoints: int
    """The score at the instant asked for, in hundredths of points."""
    qualified: bool
    """Whether it is qualified then."""
    total: int
    """How many certificates will expire."""
    certificates: tuple[EndingCertificate, ...]
    """The first of them, those that end earliest before the others."""

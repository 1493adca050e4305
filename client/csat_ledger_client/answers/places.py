"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class Places(Answer):
    """Where a partner sits in the benchmark (S3): for the programme's owner. It says none of the partner's figures."""

    membership: str
    """The partner's membership."""
    solution_area: str
    """The solution area of its peer group."""
    business_model: str
    """The business model of its peer group."""
    period: str
    """YYYY-Qn."""
    question: Literal["overall", "continue", "re_engage", "recommend"] | str
    """The question by which it is placed."""
    place: Literal["upper-quarter", "upper-middle", "lower-middle", "lower-quarter"] | str
    """The quarter of the group in which its mean lies."""

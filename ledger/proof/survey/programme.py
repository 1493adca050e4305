"""The survey programme for the verifier (`ledger.proof.programme.ProofProgramme`)."""

from __future__ import annotations

from ledger.proof.log.event import MEMBERSHIP_PREFIX, PROGRAMME
from ledger.proof.survey.recheck import StreamCheck


class Survey:
    """A stream for each membership, `membership-<id>`, and one of editions, `programme`."""

    name = "survey"

    def owns(self, stream: str) -> bool:
        """Whether a stream is one of the programme's."""
        return stream.startswith(MEMBERSHIP_PREFIX) or stream == PROGRAMME

    def rules_stream(self, _stream: str) -> str:
        """All memberships go by the same editions."""
        return PROGRAMME

    def new_check(self, _stream: str) -> StreamCheck:
        """A check of one stream."""
        return StreamCheck()

"""The capability programme for the verifier (`ledger.proof.programme.ProofProgramme`)."""

from __future__ import annotations

from ledger.proof.capability.recheck import DesignationCheck

DESIGNATION_PREFIX = "designation-"
SCOREBOOK_PREFIX = "scorebook/"


class Capability:
    """A stream for each membership and area, `designation-<membership>/<area>`, and one of editions for each area."""

    name = "capability"

    def owns(self, stream: str) -> bool:
        """Whether a stream is one of the programme's."""
        return stream.startswith(SCOREBOOK_PREFIX) or (stream.startswith(DESIGNATION_PREFIX) and "/" in stream)

    def rules_stream(self, stream: str) -> str:
        """The editions of the stream's area."""
        return SCOREBOOK_PREFIX + stream[stream.rindex("/") + 1 :]

    def new_check(self, stream: str) -> DesignationCheck:
        """A check of one stream."""
        return DesignationCheck(stream)

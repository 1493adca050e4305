"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class ProofWitness(Answer):
    """A cosignature on a checkpoint."""

    witness: str
    """The name of the witness's key."""
    at: str | None
    """When it saw the checkpoint; null where the time that it names is none of the calendar."""
    verified: bool
    """Whether the signature holds by a key of the service's policy; without a policy none is verified."""


class ProofCheckpoint(Answer):
    """A checkpoint of the log."""

    origin: str
    """The name of the log."""
    size: int
    """Entries that it covers."""
    root: str
    """The root over them, base64."""
    at: str | None
    """When the quorum of the service's policy had cosigned it; null where it has not, or there is no policy."""
    cosigned: tuple[ProofWitness, ...]
    """Who cosigned it."""


class ProofPolicy(Answer):
    """The policy by which the service verifies."""

    sha256: str
    """The SHA-256 of its file, in hexadecimal."""
    origin: str
    """The log that it trusts."""
    witnesses: int
    """Witnesses that it knows."""
    quorum: int
    """How many of them have to have cosigned."""


class ProofDifference(Answer):
    """The first thing at which the evidence does not hold."""

    what: str
    """What differs, and where."""
    found: str
    """What is there."""
    expected: str
    """What should be there."""


class ProofVerdict(Answer):
    """What the verifier says of the evidence."""

    verdict: str
    """`confirmed`, or what else `csat-ledger verify` says."""
    rules: str | None
    """What the rules say, in a sentence; null where it was not reached."""
    difference: ProofDifference | None
    """The first difference; null where there is none."""
    warnings: tuple[str, ...]
    """What no verdict goes by, and has to be known all the same."""


class DecisionProof(Answer):
    """The proof state of a decision."""

    membership: str
    """The membership."""
    area: str | None
    """The solution area of the designation; null for a decision on a renewal."""
    on: str
    """The date of the renewal, or the anniversary."""
    revision: int
    """Which decision on it: the first is 1."""
    revisions: int
    """How many decisions on it the book has."""
    position: int
    """Where the decision stands in the ledger."""
    sealed: bool
    """Whether the published checkpoint covers it."""
    log_index: int | None
    """Its index in the log; null where it is not sealed."""
    checkpoint: ProofCheckpoint | None
    """The published checkpoint; null before the first."""
    since: ProofCheckpoint | None
    """The first checkpoint of the history that covers it; null where none does."""
    policy: ProofPolicy | None
    """By what the service verifies; null where it was given no policy."""
    verified: ProofVerdict | None
    """What the verifier says by that policy; null where it was not asked."""
    not_verified: Literal["no-policy", "not-sealed", "too-long"] | str | None
    """Why it was not asked; null where it was."""

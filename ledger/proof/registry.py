"""The verifier's registry: the programmes whose rules it knows, as one value. The ledger has a registry of its own."""

from __future__ import annotations

from ledger.proof.capability.programme import Capability
from ledger.proof.programme import ProofProgrammes
from ledger.proof.survey.programme import Survey

PROOF_PROGRAMMES: ProofProgrammes = (Survey(), Capability())

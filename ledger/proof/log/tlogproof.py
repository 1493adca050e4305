"""One entry's proof as a text file (c2sp.org/tlog-proof@v1), by convention named `*.tlog-proof`.

    c2sp.org/tlog-proof@v1
    extra <base64>          optional, opaque, proves nothing
    index <decimal>         the entry's index in the log
    <base64 hash>…          the inclusion proof, from the leaf's sibling up; none for a log of one entry
    <empty line>
    <the signed checkpoint, byte for byte>

Example, for entry 4 of the five of `note`:

  c2sp.org/tlog-proof@v1
  index 4
  hkH548xF2RdwxU4+XUd9PO7ztp8GA8EgsuKSk2RIBtU=

  ledger.example/renewals
  5
  OWzC8+pXpLvOMYsH2CT91q0pLUsT6Q9WrpQRsWTbETY=

  — ledger.example/renewals oFOUsS3KfjWHJI3/6pI9w0FU7SgOJ9IbTAgwUdTjsTuxozGkThMql2i+LoYy8rGViYOkVW77Po13ZU9iRLXkrELmkwE=

The file does not hold the entry itself: the verifier brings its hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import MalformedError, UnknownKeyError, Words
from ledger.proof.log.merkle import PROOF_MAX_HASHES, verify_inclusion
from ledger.proof.log.note import VerifierKey, open_note
from ledger.proof.log.strictjson import base64_bytes, base64_text, decimal, hash_bytes

HEADER = "c2sp.org/tlog-proof@v1"
FILE_MAX_BYTES = 2_000_000


@dataclass(frozen=True)
class TlogProof:
    """Index, inclusion proof and signed checkpoint of one entry."""

    index: int
    proof: tuple[bytes, ...]
    signed_checkpoint: bytes
    extra: bytes = b""

    def encoded(self) -> bytes:
        """The bytes of the file."""
        lines = [HEADER]
        if self.extra:
            lines.append(f"extra {base64_text(self.extra)}")
        lines.append(f"index {self.index}")
        lines += map(base64_text, self.proof)
        return ("\n".join(lines) + "\n\n").encode("ascii") + self.signed_checkpoint


def parse_tlog_proof(data: bytes) -> TlogProof:
    """The proof that a file holds; nothing is verified."""
    if len(data) > FILE_MAX_BYTES:
        raise MalformedError(
            "tlog-proof", found=Words(f"{len(data)} bytes"), expected=Words(f"at most {FILE_MAX_BYTES}")
        )
    head, separator, signed_checkpoint = data.partition(b"\n\n")
    if not separator or not head.isascii():
        raise MalformedError(
            "tlog-proof",
            found=Words(f"the beginning {data[:40]!a}"),
            expected=Words("lines of ASCII, an empty line and a checkpoint"),
        )
    lines = head.decode("ascii").split("\n")
    if lines[0] != HEADER:
        raise MalformedError("first line of the tlog-proof", found=lines[0], expected=HEADER)
    extra = b""
    if len(lines) > 1 and lines[1].startswith("extra "):
        extra = base64_bytes(lines.pop(1).removeprefix("extra "), "extra line of the tlog-proof")
        if not extra:
            raise MalformedError(
                "extra line of the tlog-proof", found=Words("no data"), expected=Words("data, or no line")
            )
    if len(lines) < 2 or not lines[1].startswith("index "):
        raise MalformedError("tlog-proof", found=lines[1:2], expected=Words("a line with the index"))
    index = decimal(lines[1].removeprefix("index "), "index of the tlog-proof")
    if len(lines) - 2 > PROOF_MAX_HASHES:
        raise MalformedError(
            "tlog-proof", found=Words(f"{len(lines) - 2} hashes"), expected=Words(f"at most {PROOF_MAX_HASHES}")
        )
    hashes = tuple(hash_bytes(line, "hash of the tlog-proof") for line in lines[2:])
    return TlogProof(index, hashes, signed_checkpoint, extra)


def verify_tlog_proof(proof: TlogProof, leaf: bytes, origin: str, log_keys: Iterable[VerifierKey]) -> Checkpoint:
    """The checkpoint, if one of the log's keys signed it and the entry with this leaf hash is under its root.

    Whether enough witnesses cosigned it is a matter of policy, and not decided here.
    """
    checkpoint = parse_checkpoint(open_note(proof.signed_checkpoint, log_keys).text)
    if checkpoint.origin != origin:
        raise UnknownKeyError("origin of the checkpoint", found=checkpoint.origin, expected=origin)
    if checkpoint.size == 0:
        raise MalformedError("checkpoint of the tlog-proof", found=Words("an empty log"), expected=Words("entries"))
    verify_inclusion(leaf, proof.index, checkpoint.size, proof.proof, checkpoint.root)
    return checkpoint

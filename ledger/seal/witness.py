"""What a witness does: it cosigns a log's checkpoint only if it extends the last one that it cosigned.

The messages are those of c2sp.org/tlog-witness. A request is

    old <size>              the size that the log believes the witness cosigned last; 0 for none
    <base64 hash>…          the consistency proof from there to the checkpoint, at most 63 lines
    <empty line>
    <the signed checkpoint, byte for byte>

and the answers

    200  the witness's cosignature lines
    400  the request cannot be read, or its old size is beyond the checkpoint
    403  no key that the policy trusts at this size signed the checkpoint
    404  the log is unknown
    409  the old size is not the last one cosigned: the body is that size, text/x.tlog.size; or another root at this size
    422  the consistency proof does not hold

and of a witness that looks (`ledger.monitor.witness`)

    403  the checkpoint is of a log that the monitor found something wrong with: the body says what
    503  the entries under the checkpoint are not derived yet, or cannot be read now; it may be asked again

Of any witness 503 says as well that too many requests of this log are under way.

The last checkpoint cosigned is on disk before its cosignature leaves the witness, so that neither a crash nor an older
copy of the log makes it sign two histories.

One witness serves several logs (`WitnessedLogs`), each with a policy, a memory and a lock of its own: a request waits for those
of the same log alone. Each log has two files in the folder of the memory, named by the SHA-256 of its origin: the last
checkpoint, and a lock (`.lock`) that one process holds.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import IO, ClassVar, Final

from ledger.errors import BadInput, SealerBusy, WrongKey
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import MalformedError, ProofError, TamperedError, UnknownKeyError, Words
from ledger.proof.log.files import read_file
from ledger.proof.log.merkle import PROOF_MAX_HASHES, verify_consistency
from ledger.proof.log.note import NOTE_MAX_BYTES, VerifierKey, parse_note
from ledger.proof.log.policy import CHECKING, Policy, is_checking, log_checkpoint
from ledger.proof.log.signer import SignerKey
from ledger.proof.log.strictjson import base64_text, decimal, hash_bytes
from ledger.seal.folder import fsync_folder, make_folder, write_file

TEXT: Final = "text/plain; charset=utf-8"
SIZE: Final = "text/x.tlog.size"
REQUEST_MAX_BYTES: Final = NOTE_MAX_BYTES + 64 * 50
AT_ONCE_MAX: Final = 4
"""So many requests of one log are under way at once, all but one waiting: the server keeps room for other logs."""


@dataclass(frozen=True)
class AddCheckpoint:
    """A request for a cosignature."""

    old_size: int
    proof: tuple[bytes, ...]
    signed: bytes

    def encoded(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old_size}", *map(base64_text, self.proof), "", ""]
        return "\n".join(lines).encode("ascii") + self.signed


@dataclass(frozen=True)
class Answer:
    """Status, body and its type."""

    status: int
    body: str
    content_type: str = TEXT


def parse_request(body: bytes) -> AddCheckpoint:
    """The request in a body; nothing is verified. Raises MalformedError."""
    head, separator, signed = body.partition(b"\n\n")
    if not separator or not head.isascii() or len(body) > REQUEST_MAX_BYTES:
        raise MalformedError("request", found=body[:40], expected=Words("lines of ASCII, an empty line, a checkpoint"))
    first, *lines = head.decode("ascii").split("\n")
    if not first.startswith("old ") or len(lines) > PROOF_MAX_HASHES:
        raise MalformedError(
            "request", found=first, expected=Words(f"'old <size>' and up to {PROOF_MAX_HASHES} hashes")
        )
    proof = tuple(hash_bytes(line, "hash of the proof") for line in lines)
    return AddCheckpoint(decimal(first.removeprefix("old "), "old size"), proof, signed)


def origin_hash(origin: str) -> str:
    """What a log's files are called in a witness's memory."""
    return sha256(origin.encode("utf-8")).hexdigest()


class Witness:
    """Cosigns checkpoints of the one log that its policy names, and keeps the last one in a folder.

    Witnesses of several logs may have one folder. Raises SealerBusy where another process has this log's memory;
    WrongKey for the key of a checking witness where it does not look: policies would believe that it did.
    """

    looks: ClassVar[bool] = False
    """Whether it derives itself what it cosigns."""

    def __init__(self, signer: SignerKey, policy: Policy, folder: Path, clock_s: Callable[[], int]) -> None:
        if is_checking(signer.verifier) and not self.looks:
            raise WrongKey(
                f"found the key {signer.verifier.name!a} of a checking witness, whose cosignature says that it looked into "
                f"the log; expected one whose name does not end in {CHECKING}, or a witness that looks (--checking)"
            )
        self._signer = signer
        self._policy = replace(policy, witnesses=())  # what others have cosigned is no matter here
        self._folder = folder
        self._clock_s = clock_s
        make_folder(folder)
        self._path = folder / origin_hash(policy.origin)
        self._turn = Lock()
        """Comparing with the last checkpoint and keeping the new one are one."""
        self._at_once = BoundedSemaphore(AT_ONCE_MAX)
        self._held: list[IO[str]] = []
        try:
            # An earlier version of the program held the first alone, for all logs.
            self._hold(folder / "lock", fcntl.LOCK_SH)
            self._hold(self._path.with_suffix(".lock"), fcntl.LOCK_EX)
        except OSError:
            self._let_go()
            raise SealerBusy(f"{folder}: found another witness at work with this memory, expected none") from None

    @property
    def origin(self) -> str:
        """The name of its log."""
        return self._policy.origin

    @property
    def verifier(self) -> VerifierKey:
        """Its public key."""
        return self._signer.verifier

    def close(self) -> None:
        """Lets another witness use the memory."""
        self._let_go()

    def last(self) -> Checkpoint | None:
        """The last checkpoint cosigned."""
        with suppress(FileNotFoundError):
            return parse_checkpoint(parse_note(read_file(self._path, NOTE_MAX_BYTES))[0])
        return None

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answers a request."""
        return WitnessedLogs([self]).add_checkpoint(body)

    def answer(self, request: AddCheckpoint) -> Answer:
        """Answers a request for a checkpoint of this log. Only what the log signed waits for its turn."""
        try:
            checkpoint = log_checkpoint(request.signed, self._policy).checkpoint
        except (UnknownKeyError, TamperedError) as error:
            return _refusal(HTTPStatus.FORBIDDEN, error)
        except ProofError as error:
            return _refusal(HTTPStatus.BAD_REQUEST, error)
        if not self._at_once.acquire(blocking=False):
            found = f"found {AT_ONCE_MAX} requests of this log under way, expected fewer; it may be asked again"
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{found}\n")
        try:
            with self._turn:
                self.saw(checkpoint, request.signed)
                return self._compare(request, checkpoint)
        finally:
            self._at_once.release()

    def _compare(self, request: AddCheckpoint, checkpoint: Checkpoint) -> Answer:
        """Cosigns a checkpoint of the log if it extends the last one, which it then is."""
        if request.old_size > checkpoint.size:
            return Answer(HTTPStatus.BAD_REQUEST, f"found an old size beyond {checkpoint.size}, the checkpoint's\n")
        last = self.last()
        last_size = last.size if last else 0
        if request.old_size != last_size:
            return Answer(HTTPStatus.CONFLICT, f"{last_size}\n", SIZE)
        if last is not None and last.size == checkpoint.size and last.root != checkpoint.root:
            return Answer(HTTPStatus.CONFLICT, f"found another root at size {last.size} than the one cosigned\n")
        try:
            if last is not None:
                verify_consistency(last.size, last.root, checkpoint.size, checkpoint.root, request.proof)
            elif request.proof:
                raise TamperedError(
                    "proof from size 0", found=Words(f"{len(request.proof)} hashes"), expected=Words("none")
                )
        except ProofError as error:
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, error)
        if (refusal := self.refusal(checkpoint)) is not None:
            return refusal
        self._keep(request.signed)
        text = parse_note(request.signed)[0].encode("utf-8")
        return Answer(HTTPStatus.OK, self._signer.sign(text, self._clock_s()).line)

    def saw(self, _checkpoint: Checkpoint, _signed: bytes) -> None:
        """The log has signed this, whatever becomes of it."""

    def refusal(self, _checkpoint: Checkpoint) -> Answer | None:
        """Why a checkpoint that extends the last one is not cosigned after all. A witness that looks has more to ask."""
        return None

    def _keep(self, signed: bytes) -> None:
        write_file(self._path, signed, self._path.with_suffix(".tmp"))
        fsync_folder(self._folder)

    def _hold(self, path: Path, how: int) -> None:
        self._held.append(path.open("a"))
        fcntl.flock(self._held[-1], how | fcntl.LOCK_NB)

    def _let_go(self) -> None:
        for file in self._held:
            file.close()


class WitnessedLogs:
    """The logs that one witness serves, each by a `Witness` of its own. Raises BadInput where two are of one origin."""

    def __init__(self, witnesses: Iterable[Witness]) -> None:
        self._of: dict[str, Witness] = {}
        for witness in witnesses:
            if self._of.setdefault(witness.origin, witness) is not witness:
                raise BadInput(f"found two policies for the log {witness.origin}, expected one for each log")

    def add_checkpoint(self, body: bytes) -> Answer:
        """Has the witness of the log that the checkpoint names answer."""
        try:
            request = parse_request(body)
            claimed = parse_checkpoint(parse_note(request.signed)[0])
        except ProofError as error:
            return _refusal(HTTPStatus.BAD_REQUEST, error)
        if (witness := self._of.get(claimed.origin)) is None:
            return Answer(HTTPStatus.NOT_FOUND, f"the log {claimed.origin} is not known here\n")
        return witness.answer(request)


def _refusal(status: HTTPStatus, error: ProofError) -> Answer:
    return Answer(status, f"{error}\n")

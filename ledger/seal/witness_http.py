"""The tlog-witness protocol over HTTP: a witness's server, and the sealer's side of it.

The server takes several clients at once, each with a deadline for its whole request, so that a slow one keeps nobody else
waiting; of one log one request is answered at a time, of several logs all at once.

The sealer asks all witnesses at once for each checkpoint, and waits until all have answered, but not beyond a deadline, and
once the quorum is met only `GRACE_S` longer. It remembers nothing of them: it begins with the size that it tried last,
and a witness that is elsewhere says where (409). What a witness answers is believed only as far as its cosignature
verifies by a key of the policy. One that cannot be reached, or is slow, lacks.

One that says that it has seen another history of the log stops the sealer: then the log was cut, or its key is in the wrong
hands, or the witness lies. Only where the others make a quorum that is more than half of the policy's witnesses it lacks as
well, and is told of: no other history can have such a quorum then, and a single witness stops nobody. (That a folder was put
back to what it was, the memory of the key knows by itself: `signing`.)
"""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from queue import Empty, SimpleQueue
from threading import Thread, Timer
from typing import Any, Final
from urllib.parse import urlsplit

from ledger.errors import BadInput, LedgerError, LogForked, QuorumMissing
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.errors import ProofError
from ledger.proof.log.merkle_tree import HashReader, consistency_proof
from ledger.proof.log.note import Signature, open_note, parse_note
from ledger.proof.log.policy import Policy
from ledger.proof.log.signer import format_note
from ledger.proof.log.strictjson import decimal
from ledger.seal.http_serving import BoundedServer, hang_up
from ledger.seal.witness import REQUEST_MAX_BYTES, SIZE, AddCheckpoint, Answer, Witness, WitnessedLogs

PATH: Final = "/add-checkpoint"
TIMEOUT_S: Final = 10
"""For a whole request, on either side."""
GRACE_S: Final = 1
"""So long the sealer waits for the other witnesses once the quorum is met."""
ANSWER_MAX_BYTES: Final = 100_000
ASKED_MAX: Final = 3
SAID_MAX_CHARS: Final = 2_000
"""Of what a witness, or what stands in its place, answered."""


class WitnessServer(BoundedServer):
    """Serves the logs of one witness to several clients."""

    def __init__(
        self,
        address: tuple[str, int],
        witnesses: Iterable[Witness],
        timeout_s: float = TIMEOUT_S,
        complain: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Each of the witnesses is that of one log; `complain` tells their operator.

        Raises BadInput where two are of one origin.
        """
        self.logs = WitnessedLogs(witnesses)
        self.complain = complain
        super().__init__(address, _Handler)
        self._timeout_s = timeout_s

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves a client until its deadline."""
        deadline = Timer(self._timeout_s, hang_up, (request,))
        deadline.daemon = True
        deadline.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            deadline.cancel()


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    server_version = "csat-witness"
    sys_version = ""

    def do_POST(self) -> None:  # the library's name
        length = self.headers.get("Content-Length", "")
        if not self.path.endswith(PATH):
            self._answer(Answer(HTTPStatus.NOT_FOUND, "expected POST …/add-checkpoint\n"))
        elif not (length.isascii() and length.isdigit()) or int(length) > REQUEST_MAX_BYTES:
            self._answer(Answer(HTTPStatus.BAD_REQUEST, f"expected a Content-Length up to {REQUEST_MAX_BYTES}\n"))
        else:
            self._answer(self._answered(self.rfile.read(int(length))))

    def _answered(self, body: bytes) -> Answer:
        """The witness's answer; one that cannot use its memory (a full disk, a damaged file) says so, and cosigns nothing."""
        try:
            return self.server.logs.add_checkpoint(body)
        except (OSError, LedgerError) as error:
            self.server.complain(f"no checkpoint is cosigned: {error}")
            words = "found no memory that this witness can read and write, expected one: its operator is told what it lacks\n"
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, words)

    def _answer(self, answer: Answer) -> None:
        body = answer.body.encode("utf-8")
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Says nothing: what was cosigned is in the witness's folder."""


class Witnesses:
    """The sealer's side: asks the witnesses at some URLs, by the keys and the quorum of a policy."""

    def __init__(self, urls: Sequence[str], policy: Policy, timeout_s: float = TIMEOUT_S) -> None:
        self._urls = [url.rstrip("/") for url in urls]
        self._policy = policy
        self._timeout_s = timeout_s
        self._sizes = dict.fromkeys(self._urls, 0)
        self.lacking: list[str] = []
        """What went wrong with the witnesses that did not cosign the last checkpoint, a sentence each."""
        for url in self._urls:
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
                raise BadInput(f"found the witness {url!r}, expected an http:// or https:// URL")

    def complete(self, signed: bytes) -> bool:
        """Whether there is a cosignature for each URL."""
        return len(self._cosignatures(signed)) >= len(self._urls)

    def cosign(self, signed: bytes, checkpoint: Checkpoint, read: HashReader) -> bytes:
        """The checkpoint with all cosignatures that could be had in time. Raises QuorumMissing or LogForked."""
        text, signatures = parse_note(signed)
        found = {_identity(signature): signature for signature in self._cosignatures(signed)}
        answers: SimpleQueue[tuple[str, list[Signature] | BaseException]] = SimpleQueue()
        asked = {url: _Asked(self._timeout_s) for url in self._urls}
        for url, one in asked.items():
            Thread(target=self._ask_one, args=(url, one, signed, checkpoint, read, answers), daemon=True).start()
        lacking = dict.fromkeys(self._urls, "no answer in time")
        forked: LogForked | None = None
        end_s = time.monotonic() + self._timeout_s
        while lacking.keys() & asked.keys():
            try:
                url, answer = answers.get(timeout=max(0.0, end_s - time.monotonic()))
            except Empty:
                break
            asked.pop(url)
            if not isinstance(answer, list | Exception):
                raise answer
            if isinstance(answer, Exception):
                forked = forked or (answer if isinstance(answer, LogForked) else None)
                lacking[url] = ascii(answer)[:SAID_MAX_CHARS]
                continue
            del lacking[url]
            found |= {_identity(signature): signature for signature in answer}
            if len(found) >= max(1, self._policy.quorum):
                end_s = min(end_s, time.monotonic() + GRACE_S)
        for one in asked.values():
            one.hang_up()
        self.lacking = [f"{url}: {why}" for url, why in lacking.items()]
        if forked is not None and not self._excludes_others(len(found)):
            raise forked
        if len(found) < self._policy.quorum:
            raise QuorumMissing(
                f"checkpoint of size {checkpoint.size}: found {len(found)} cosignatures, expected "
                f"{self._policy.quorum}; it is published once there are enough ({'; '.join(self.lacking) or 'all asked'})"
            )
        own = [signature for signature in signatures if _identity(signature) not in found]
        return format_note(text, [*own, *found.values()])

    def _excludes_others(self, count: int) -> bool:
        """Whether so many cosignatures are a quorum that no other history can have besides."""
        quorum = self._policy.quorum
        return count >= quorum and 2 * quorum > len(self._policy.witnesses)

    def _cosignatures(self, signed: bytes) -> list[Signature]:
        try:
            note = open_note(signed, self._policy.witnesses)
        except ProofError:
            return []
        return [signature for _, signature in note.verified]

    def _ask_one(
        self,
        url: str,
        asked: _Asked,
        signed: bytes,
        checkpoint: Checkpoint,
        read: HashReader,
        answers: SimpleQueue[tuple[str, list[Signature] | BaseException]],
    ) -> None:
        """Puts what a witness answers, or why it does not, with the others' answers."""
        try:
            answers.put((url, self._ask(url, asked, signed, checkpoint, read)))
        except BaseException as error:  # a thread of its own: whoever asked is to hear of everything
            answers.put((url, error))

    def _ask(self, url: str, asked: _Asked, signed: bytes, checkpoint: Checkpoint, read: HashReader) -> list[Signature]:
        """The witness's cosignatures; each that is returned verifies."""
        for _ in range(ASKED_MAX):
            old = min(self._sizes[url], checkpoint.size)
            proof = tuple(consistency_proof(old, checkpoint.size, read)) if old < checkpoint.size else ()
            status, content_type, body = self._post(url, AddCheckpoint(old, proof, signed).encoded(), asked)
            if status == HTTPStatus.OK:
                cosigned = self._cosignatures(signed + body)
                if not cosigned:
                    raise http.client.HTTPException("found no cosignature by a witness of the policy")
                self._sizes[url] = checkpoint.size
                return cosigned
            says = body.decode("utf-8", "replace").strip()[:200]
            if status == HTTPStatus.CONFLICT and content_type == SIZE:
                size = decimal(says, "size that the witness cosigned")
                if size > checkpoint.size:
                    raise LogForked(
                        f"{url}: found that the witness cosigned size {size} of this log, expected at most "
                        f"{checkpoint.size}, the present size: the log was cut, or its key was used elsewhere"
                    )
                self._sizes[url] = size
                continue
            if status in (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY):
                raise LogForked(f"{url}: found that the witness cosigned another history of this log: {says}")
            raise http.client.HTTPException(f"answer {status}: {says}")
        raise http.client.HTTPException("found other sizes each time it was asked")

    def _post(self, url: str, body: bytes, asked: _Asked) -> tuple[int, str, bytes]:
        return asked.post(url, body)


class _Asked:
    """The connections to one witness, which end at a deadline whatever the witness does."""

    def __init__(self, timeout_s: float) -> None:
        self._end_s = time.monotonic() + timeout_s
        self._socket: socket.socket | None = None

    def hang_up(self) -> None:
        """Ends a request that is under way; whoever waits for its answer gets an error."""
        self._end_s = 0.0
        if self._socket is not None:
            hang_up(self._socket)

    def post(self, url: str, body: bytes) -> tuple[int, str, bytes]:
        """Status, type and body of the answer. Raises OSError or HTTPException."""
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("no time left")
        place = urlsplit(url)
        kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        connection = kind(place.netloc, timeout=left_s)
        try:
            connection.connect()
            self._socket = connection.sock
            connection.request("POST", place.path + PATH, body, {"Content-Type": "text/plain"})
            response = connection.getresponse()
            return response.status, response.headers.get_content_type(), response.read(ANSWER_MAX_BYTES)
        finally:
            connection.close()


def _identity(signature: Signature) -> tuple[str, bytes]:
    """The key of a signature line: four bytes alone may be those of another name's key."""
    return signature.name, signature.key_id

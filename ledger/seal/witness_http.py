"""The tlog-witness protocol over HTTP: a witness's server, and the sealer's side of it.

The sealer asks every witness for each checkpoint. It remembers nothing of them: it begins with the size that it tried
last, and a witness that is elsewhere says where (409). What a witness answers is believed only as far as its
cosignature verifies by a key of the policy. One that cannot be reached, or is slow, lacks; one that has seen another
history of the log stops the sealer, since then either the log or its key is in the wrong hands.
"""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final
from urllib.parse import urlsplit

from ledger.errors import BadInput, LogForked, QuorumMissing
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.errors import ProofError
from ledger.proof.log.merkle_tree import HashReader, consistency_proof
from ledger.proof.log.note import Signature, format_note, open_note, parse_note
from ledger.proof.log.policy import Policy
from ledger.proof.log.strictjson import decimal
from ledger.seal.witness import REQUEST_MAX_BYTES, SIZE, AddCheckpoint, Answer, Witness

PATH: Final = "/add-checkpoint"
TIMEOUT_S: Final = 10
ANSWER_MAX_BYTES: Final = 100_000
ASKED_MAX: Final = 3


class WitnessServer(HTTPServer):
    """Serves one witness, a request at a time: so comparing and keeping cannot be overtaken."""

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        super().__init__(address, _Handler)
        self.witness = witness


class _Handler(BaseHTTPRequestHandler):
    timeout = TIMEOUT_S
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
            self._answer(self.server.witness.add_checkpoint(self.rfile.read(int(length))))

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
        """The checkpoint with all cosignatures that could be had. Raises QuorumMissing or LogForked."""
        self.lacking = []
        text, signatures = parse_note(signed)
        found = {signature.key_id: signature for signature in self._cosignatures(signed)}
        for url in self._urls:
            try:
                for signature in self._ask(url, signed, checkpoint, read):
                    found[signature.key_id] = signature
            except (OSError, http.client.HTTPException, ProofError) as error:
                self.lacking.append(f"{url}: {error!r}")
        if len(found) < self._policy.quorum:
            raise QuorumMissing(
                f"checkpoint of size {checkpoint.size}: found {len(found)} cosignatures, expected "
                f"{self._policy.quorum}; it is published once there are enough ({'; '.join(self.lacking) or 'all asked'})"
            )
        own = [signature for signature in signatures if signature.key_id not in found]
        return format_note(text, [*own, *found.values()])

    def _cosignatures(self, signed: bytes) -> list[Signature]:
        try:
            note = open_note(signed, self._policy.witnesses)
        except ProofError:
            return []
        return [signature for _, signature in note.verified]

    def _ask(self, url: str, signed: bytes, checkpoint: Checkpoint, read: HashReader) -> list[Signature]:
        """The witness's cosignatures; each that is returned verifies."""
        for _ in range(ASKED_MAX):
            old = min(self._sizes[url], checkpoint.size)
            proof = tuple(consistency_proof(old, checkpoint.size, read)) if old < checkpoint.size else ()
            status, content_type, body = self._post(url, AddCheckpoint(old, proof, signed).encoded())
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

    def _post(self, url: str, body: bytes) -> tuple[int, str, bytes]:
        place = urlsplit(url)
        kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        connection = kind(place.netloc, timeout=self._timeout_s)
        try:
            connection.request("POST", place.path + PATH, body, {"Content-Type": "text/plain"})
            response = connection.getresponse()
            return response.status, response.headers.get_content_type(), response.read(ANSWER_MAX_BYTES)
        finally:
            connection.close()

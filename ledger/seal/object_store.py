"""An object store with the S3 API, as far as publishing a log needs it: read, write where nothing is, replace what is known.

    store = ObjectStore("https://s3.example/bucket/log", Credentials(key_id, secret), "eu-central-1")
    store.put_new("tile/0/000", data, FOR_EVER)         False where there is an object already: it is never written over
    store.replace("checkpoint", data, etag, BRIEFLY)    False where the object is another by now (or there is one, for None)

Requests are signed by AWS Signature Version 4 (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html),
the bucket stands in the path. Writes are conditional (`If-None-Match: *`, `If-Match: etag`), so that two publishers never undo
one another: a store that does not know these headers is none for a log, and `require_conditions` finds that out.
"""

from __future__ import annotations

import hmac
import os
import random
import re
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Final, NamedTuple

from ledger.errors import BadInput, LogDamaged, LogDenied, LogUnreachable
from ledger.proof.log.errors import shown
from ledger.seal.http_client import FAILURES, GOOD, Answered, HttpClient, TooLong, parse_url

TIMEOUT_S: Final = 30.0
TRIES_MAX: Final = 5
WAIT_FIRST_S: Final = 0.25
ANSWER_MAX_BYTES: Final = 1 << 20
AGAIN: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)
"""409: another conditional write of the same object was under way."""
NO_TAG: Final = f'"{"0" * 32}"'
"""The tag of no object."""
_PATH: Final = re.compile(r"(/[A-Za-z0-9._-]+)+", re.ASCII)
_CODE: Final = re.compile(rb"<Code>([A-Za-z0-9]{1,60})</Code>")


class Credentials(NamedTuple):
    """Who writes: an access key, its secret, and a session's token where there is one."""

    key_id: str
    secret: str
    session: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.key_id!r})"


class Kept(NamedTuple):
    """An object, and the tag of this content of it."""

    data: bytes
    etag: str


class Stamp(NamedTuple):
    """What is told of an object without its content: its tag, None where there is no object, and its bytes."""

    etag: str | None
    size: int


class Kind(NamedTuple):
    """With which headers an object is served."""

    content_type: str
    cache: str


def credentials_of(environment: Mapping[str, str] = os.environ) -> Credentials:
    """The credentials in the variables that every S3 client takes. Raises BadInput."""
    key_id, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not key_id or not secret:
        raise BadInput("found no AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY, expected both in the environment")
    return Credentials(key_id, secret, environment.get("AWS_SESSION_TOKEN") or None)


class ObjectStore:
    """A bucket, or what lies under a prefix in one. Raises BadInput for what is no URL of one."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        region: str,
        *,
        timeout_s: float = TIMEOUT_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.name = url.rstrip("/")
        self._place = parse_url(self.name, "the object store")
        if not _PATH.fullmatch(self._place.path):
            raise BadInput(
                f"found the object store {url!r}, expected https://HOST/BUCKET or https://HOST/BUCKET/PREFIX"
            )
        if self._place.in_the_open:
            raise BadInput(f"found the object store {url!r}, expected https://: all of it could be changed on the way")
        self._credentials = credentials
        self._region = region
        self._client = HttpClient(self._place, timeout_s, tls)

    def close(self) -> None:
        """Closes the connections that are kept."""
        self._client.close()

    def get(self, path: str, max_bytes: int) -> Kept | None:
        """An object; None where there is none. Raises LogDamaged for more than `max_bytes`, LogUnreachable, LogDenied."""
        answer = self._ask("GET", path, max_bytes=max_bytes)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return Kept(answer.body, answer.headers.get("ETag", ""))

    def look(self, path: str) -> Stamp:
        """The tag and the size of an object's present content, which is not read."""
        answer = self._ask("HEAD", path)
        if answer.status == HTTPStatus.NOT_FOUND:
            return Stamp(None, 0)
        return Stamp(answer.headers.get("ETag", ""), int(answer.headers.get("Content-Length", "")[:20] or -1))

    def put_new(self, path: str, data: bytes, kind: Kind) -> bool:
        """Writes an object where there is none; whether it did. After an answer was lost it may be False all the same."""
        return self._put(path, data, kind, {"If-None-Match": "*"})

    def replace(self, path: str, data: bytes, etag: str | None, kind: Kind) -> bool:
        """Writes an object in the place of the content with this tag, or, for None, where there is none.

        Raises LogUnreachable for an object that was given without a tag: it could be written over whatever it is by now.
        """
        if etag == "":
            raise LogUnreachable(
                f"{self.name}/{path}: found an object without an ETag, expected one by which to replace it"
            )
        return self._put(path, data, kind, {"If-None-Match": "*"} if etag is None else {"If-Match": etag})

    def require_conditions(self, path: str, kind: Kind) -> None:
        """Raises LogUnreachable where the store writes over an object although it is told not to, by either condition."""
        new = {"If-None-Match": "*"}
        written_over = self._put(path, b"", kind, new) and self._put(path, b"", kind, new)
        if written_over or self._put(path, b"", kind, {"If-Match": NO_TAG}):
            raise LogUnreachable(f"{self.name}: found a store that knows no conditional writes, expected one that does")

    def _put(self, path: str, data: bytes, kind: Kind, condition: Mapping[str, str]) -> bool:
        headers = {"Content-Type": kind.content_type, "Cache-Control": kind.cache, **condition}
        answer = self._ask("PUT", path, data, headers)
        if answer.status == HTTPStatus.NOT_FOUND and "If-Match" not in condition:
            raise LogUnreachable(f"{self.name}/{path}: found no such bucket, expected one to write to")
        return answer.status in GOOD

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        max_bytes: int = ANSWER_MAX_BYTES,
    ) -> Answered:
        """An answer of 200, 404 or 412."""
        failed = ""
        for attempt in range(TRIES_MAX):
            if attempt:
                time.sleep(WAIT_FIRST_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))
            target = f"{self._place.path}/{path}"
            signed = self._signed(method, target, body, headers or {}, datetime.now(UTC))
            try:
                answer = self._client.ask(method, target, max_bytes, signed, body if method == "PUT" else None)
            except TooLong:
                raise LogDamaged(f"{self.name}/{path}: found more, expected at most {max_bytes} bytes") from None
            except FAILURES as error:
                failed = f"no whole answer ({shown(error)})"
                continue
            if answer.status in (*GOOD, HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED):
                return answer
            code = _CODE.search(answer.body)
            failed = f"the answer {answer.status} {code[1].decode() if code else ''}".strip()
            if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise LogDenied(f"{self.name}/{path}: found {failed}, expected to be let {method} it")
            if answer.status not in AGAIN and answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                break
        raise LogUnreachable(f"{self.name}/{path}: found {failed}, expected the object store to do a {method}")

    def _signed(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str], now: datetime
    ) -> dict[str, str]:
        """The headers, with the signature over them. Paths hold nothing that would have to be encoded."""
        digest, stamp = sha256(body).hexdigest(), now.strftime("%Y%m%dT%H%M%SZ")
        told = dict(headers) | {"Host": self._place.netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp}
        if self._credentials.session is not None:
            told["x-amz-security-token"] = self._credentials.session
        lines = sorted((name.lower(), " ".join(value.split())) for name, value in told.items())
        names = ";".join(name for name, _ in lines)
        canonical = "\n".join([method, target, "", *(f"{name}:{value}" for name, value in lines), "", names, digest])
        scope = f"{stamp[:8]}/{self._region}/s3/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self._credentials.secret}".encode()
        for part in (*scope.split("/"), to_sign):
            key = hmac.digest(key, part.encode(), "sha256")
        who = f"Credential={self._credentials.key_id}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
        return told | {"Authorization": f"AWS4-HMAC-SHA256 {who}"}

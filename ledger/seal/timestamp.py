"""RFC 3161 timestamps over a checkpoint's body: somebody who is no witness says when the log had this root.

A timestamp is optional and judged by itself: it lies beside the checkpoint as `checkpoint.tsr` (DER, as any other tool
reads it: `openssl ts -verify -in checkpoint.tsr -data body …`) and beside evidence `NAME.json` as `NAME.tsr`. The offline
verifier does not need it, since the cosignatures of witnesses carry times of their own.

Needs rfc3161-client (csat-ledger[timestamps]), which is imported only here.
"""

from __future__ import annotations

import http.client
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from cryptography.x509 import load_pem_x509_certificates
from rfc3161_client import (
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from ledger.errors import BadInput
from ledger.proof.log.errors import MalformedError, TamperedError, Words
from ledger.proof.log.note import parse_note

TIMEOUT_S: Final = 10
ANSWER_MAX_BYTES: Final = 1_000_000


def checkpoint_body(signed: bytes) -> bytes:
    """What is timestamped: the text of the signed checkpoint, without its signatures."""
    return parse_note(signed)[0].encode("utf-8")


def request_timestamp(url: str, body: bytes) -> bytes:
    """The answer of a timestamp authority about these bytes, in DER. Raises OSError or HTTPException, or BadInput."""
    place = urlsplit(url)
    if place.scheme not in ("http", "https") or not place.hostname:
        raise BadInput(f"found the timestamp authority {url!r}, expected an http:// or https:// URL")
    request = TimestampRequestBuilder().data(body).build()
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = kind(place.netloc, timeout=TIMEOUT_S)
    try:
        headers = {"Content-Type": "application/timestamp-query"}
        connection.request("POST", place.path or "/", request.as_bytes(), headers)
        response = connection.getresponse()
        answer = response.read(ANSWER_MAX_BYTES)
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise http.client.HTTPException(f"{url}: answer {response.status}")
    if _decoded(answer).tst_info.nonce != request.nonce:
        raise TamperedError("nonce of the timestamp", found=Words("another"), expected=Words("the one asked with"))
    return answer


def check_timestamp(answer: bytes, body: bytes, roots_pem: bytes) -> datetime:
    """When these bytes were timestamped, if an authority under one of the roots did. Raises ProofError."""
    response = _decoded(answer)
    builder = VerifierBuilder()
    try:
        for root in load_pem_x509_certificates(roots_pem):
            builder = builder.add_root_certificate(root)
        builder.build().verify_message(response, body)
    except (VerificationError, ValueError) as error:
        raise TamperedError("timestamp", found=Words(str(error)), expected=Words("one over this checkpoint")) from None
    return response.tst_info.gen_time


def _decoded(answer: bytes) -> TimeStampResponse:
    try:
        return decode_timestamp_response(answer)
    except ValueError as error:
        raise MalformedError("timestamp", found=Words(str(error)), expected=Words("a response in DER")) from None

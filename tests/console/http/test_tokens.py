"""Tokens that do not hold are 401, whatever is wrong with them; and the files of keys."""

from __future__ import annotations

import base64
import hmac
import json
import os
import stat
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from console.http import tokens
from console.http.dev_key import dev_key, dev_key_path, dev_token
from console.http.jwks import load_jwks
from console.http.problems import Problem
from console.http.tokens import Verifier
from ledger.errors import BadInput
from tests.console.http.support import AUDIENCE, ISSUER, KEY, NOW_US, PATHS, Served, token

NOW_S = NOW_US // 1_000_000
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "exp": NOW_S + 600, "roles": ["auditor"]}
PUBLIC = ECKey.import_key(KEY.as_dict(private=False))


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def part(said: Any) -> str:
    return encoded(json.dumps(said).encode())


def unsigned(algorithm: str) -> str:
    return f"{part({'alg': algorithm, 'kid': 'one'})}.{part(CLAIMS)}."


def with_public_key_as_secret(secret: bytes) -> str:
    """The known attack: the public key is taken for a shared secret."""
    signed = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(CLAIMS)}"
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"


def spoilt(place: int) -> str:
    parts = token("auditor").split(".")
    parts[place] = parts[place][:-4] + ("AAAA" if parts[place][-4:] != "AAAA" else "BBBB")
    return ".".join(parts)


def signed(head: dict[str, Any], key: ECKey = KEY, claims: Any = None) -> str:
    """A token whose signature by a key is right, whatever its header says."""
    content = f"{part({'alg': 'ES256', 'kid': 'one'} | head)}.{part(CLAIMS if claims is None else claims)}"
    r, s = decode_dss_signature(key.get_op_key("sign").sign(content.encode(), ECDSA(SHA256())))
    return f"{content}.{encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


OTHER_KEY = ECKey.generate_key("P-256", {"kid": "one"})
PEM = PUBLIC.get_op_key("verify").public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
BAD = {
    "no algorithm": unsigned("none"),
    "no algorithm, otherwise spelt": unsigned("nOnE"),
    "no algorithm, with a signature": unsigned("none") + "AAAA",
    "the public key as a secret, PEM": with_public_key_as_secret(PEM),
    "the public key as a secret, JSON": with_public_key_as_secret(orjson.dumps(PUBLIC.as_dict(private=False))),
    "a key of another": token("auditor", key=OTHER_KEY),
    "a key that is not there": token("auditor", header={"alg": "ES256", "kid": "two"}),
    "an algorithm of another curve": token("auditor", key=ECKey.generate_key("P-384"), header={"alg": "ES384", "kid": "one"}),
    "an algorithm of another kind": token("auditor", key=RSAKey.generate_key(2048), header={"alg": "RS256", "kid": "one"}),
    "another audience": token("auditor", aud="another"),
    "another audience of several": token("auditor", aud=["another", "third"]),
    "no audience": token("auditor", aud=None),
    "another issuer": token("auditor", iss="https://login.example.evil"),
    "no issuer": token("auditor", iss=None),
    "an issuer that is a list": token("auditor", iss=[ISSUER]),
    "expired": token("auditor", exp=NOW_S - 60),
    "no end": token("auditor", exp=None),
    "an end in words": token("auditor", exp="tomorrow"),
    "not yet valid": token("auditor", nbf=NOW_S + 60),
    "of the future": token("auditor", iat=NOW_S + 60),
    "claims that are spoilt": spoilt(1),
    "a header that is spoilt": spoilt(0),
    "a signature that is spoilt": spoilt(2),
    "what must be understood": signed({"crit": ["x"], "x": 1}),
    "what must be understood, and is no list": signed({"crit": "x", "x": 1}),
    "what must be understood: claims as they are": signed({"crit": ["b64"], "b64": False}),
    "what must be understood, and is not there": signed({"crit": ["exp"]}),
    "a key of its own in its header": signed({"jwk": OTHER_KEY.as_dict(private=False)}, OTHER_KEY),
    "a key of its own beside no name": signed({"kid": None, "jwk": OTHER_KEY.as_dict(private=False)}, OTHER_KEY),
    "keys at a URL": signed({"jku": "https://login.example.evil/keys"}, OTHER_KEY),
    "a certificate at a URL": signed({"x5u": "https://login.example.evil/chain"}, OTHER_KEY),
    "a certificate": signed({"x5c": [encoded(PEM)]}, OTHER_KEY),
    "a key that is a file": signed({"kid": "../../../../dev/null"}, OTHER_KEY),
    "a key that is a statement": signed({"kid": "one' OR '1'='1"}, OTHER_KEY),
    "a key that is a number": signed({"kid": 1}),
    "a key that is a list": signed({"kid": ["one"]}),
    "a key that is an object": signed({"kid": {"one": "one"}}),
    "a key without a name": signed({"kid": ""}),
    "a key with a long name": signed({"kid": "one" * 1_000}, OTHER_KEY),
    "an algorithm that is a list": signed({"alg": ["ES256"]}),
    "an algorithm that is none, though signed": signed({"alg": "none"}),
    "an end beyond all numbers": signed({}, claims=CLAIMS | {"exp": 10**400}),
    "claims that are a list": signed({}, claims=[CLAIMS]),
    "roles and nothing else": signed({}, claims={"roles": ["auditor"]}),
    "no JSON": "AAAA.AAAA.AAAA",
    "nested JSON": f"{encoded(b'[' * 3000)}.AAAA.AAAA",
    "no claims": f"{part({'alg': 'ES256', 'kid': 'one'})}.{part([])}.AAAA",
    "of two parts": ".".join(token("auditor").split(".")[:2]),
    "of five parts": f"{token('auditor')}.AAAA.AAAA",
    "too long": token("auditor", more="x" * 9_000),
    "empty": "",
    "not ASCII": "é.ü.ß",
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_token_that_does_not_hold_is_401_with_what_is_asked_for(served: Served, bad: str) -> None:
    found = served.client.get(PATHS["status"], headers={"Authorization": f"Bearer {bad}".encode()})
    assert found.status_code == 401, found.text
    assert found.headers["www-authenticate"].startswith('Bearer realm="csat-ledger", error="invalid_')
    assert found.json()["code"] == "unauthorized"
    if bad:
        assert bad not in found.text + "".join(served.said)


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Basic YTpi", "Bearer  ", f"Bearer {token('auditor')} x", f"Token {token('auditor')}", b"\xff\xfe"],
    ids=["empty", "alone", "basic", "spaces", "more", "token", "bytes"],
)
def test_a_header_that_is_no_bearer_token_is_401(served: Served, value: str | bytes) -> None:
    assert served.client.get(PATHS["status"], headers={"Authorization": value}).status_code == 401


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (token("auditor", exp=NOW_S - 31), "whose time is over"),
        (token("auditor", nbf=NOW_S + 60), "a claim nbf that"),
        (token("auditor", iss="https://login.example.evil"), "a claim iss that"),
        (token("auditor", aud="another"), "a claim aud that"),
        (token("auditor", aud=None), "without the claim aud"),
        (spoilt(1), "that none of this service's keys has signed"),
        (token("auditor").rpartition(".")[0], "that is no JWT"),
        ("x" * 9_000, "of 9,007 bytes, expected 8,192 at most"),
    ],
    ids=["over", "not yet", "issuer", "audience", "no audience", "spoilt", "cut short", "too long"],
)
def test_who_shows_a_token_that_does_not_hold_is_told_what_is_wrong_with_it(
    served: Served, bad: str, told: str
) -> None:
    found = served.client.get(PATHS["status"], headers={"Authorization": f"Bearer {bad}"})
    assert (found.status_code, told in found.json()["detail"]) == (401, True), found.text


def test_two_tokens_are_none(served: Served) -> None:
    headers = [("Authorization", f"Bearer {token('auditor')}"), ("Authorization", f"Bearer {token('operations')}")]
    assert served.client.get(PATHS["status"], headers=headers).status_code == 401


@pytest.mark.parametrize(
    "good",
    [
        token("auditor"),
        token("auditor", aud=["another", AUDIENCE]),
        token("auditor", nbf=NOW_S - 60, iat=NOW_S - 60),
        token("auditor", exp=NOW_S - 10),  # within the leeway for clocks that are apart
        token("auditor", nbf=NOW_S + 10),
        token("auditor", header={"alg": "ES256"}),  # there is one key only
        token("auditor", more="x" * 3_000),
        signed({}),
        signed({"pi.atm": "1", "nonce": "drawn"}),  # what is not understood, and need not be
        signed({"x5c": ["A" * 2_000]}),
    ],
    ids=[
        "plain", "audiences", "since", "leeway at the end", "leeway at the beginning", "one key", "long", "by hand",
        "members of its own", "a long header",
    ],
)  # fmt: skip
def test_a_token_that_holds_is_taken(served: Served, good: str) -> None:
    assert served.client.get(PATHS["status"], headers={"Authorization": f"bearer {good}"}).status_code == 200


def test_a_token_that_was_taken_is_taken_no_more_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its signature is checked once, its claims each time; and no more tokens are remembered than so many."""
    monkeypatch.setattr(tokens, "CHECKED_MAX", 3)
    now_us = NOW_US
    verifier = Verifier(KeySet([PUBLIC]), ISSUER, AUDIENCE, lambda: now_us)
    made = [f"Bearer {token('owner', number=number)}".encode() for number in range(5)]
    for _ in range(2):
        assert {*verifier.caller([made[0]]).roles} == {"owner"}
    with pytest.raises(Problem):
        verifier.caller([made[0][:-4] + (b"AAAA" if made[0][-4:] != b"AAAA" else b"BBBB")])
    for one in made:
        verifier.caller([one])
    assert len(verifier._checked) == 3
    now_us += 700 * 1_000_000
    for one in made:
        with pytest.raises(Problem):
            verifier.caller([one])


def test_one_token_has_one_place_among_those_that_are_remembered_however_it_is_sent() -> None:
    """Sent with ever more spaces it drove out all others, whose signatures were checked anew each time."""
    verifier = Verifier(KeySet([PUBLIC]), ISSUER, AUDIENCE, lambda: NOW_US)
    one, another = token("owner").encode(), token("auditor").encode()
    assert verifier.caller([b"Bearer " + another]).roles == {"auditor"}
    for spaces in range(1, 40):
        sent = [b"bEaReR" + b" " * spaces + one + b" " * (spaces % 3)]
        assert verifier.caller(sent).roles == {"owner"}
        known = verifier.known(sent)
        assert known is not None
        assert known.roles == {"owner"}
    assert len(verifier._checked) == 2
    for sent in ([b"Basic " + one], [b"Bearer x " + one], [b"Bearer" + one], [one], [b"Bearer\t" + one]):
        assert verifier.known(sent) is None
        with pytest.raises(Problem):
            verifier.caller(sent)


def test_keys_are_rotated_by_their_names(tmp_path: Path) -> None:
    second = OKPKey.generate_key("Ed25519", {"kid": "two"})
    path = tmp_path / "jwks.json"
    path.write_text(
        json.dumps({"keys": [PUBLIC.as_dict(private=False), second.as_dict(private=False), {"kty": "new"}]})
    )
    verifier = Verifier(load_jwks(path), ISSUER, AUDIENCE, lambda: NOW_US)
    for good in (token("owner"), token("owner", key=second, header={"alg": "Ed25519", "kid": "two"})):
        assert verifier.caller([f"Bearer {good}".encode()]).roles == {"owner"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("", "found no JWKS"),
        ("[]", "found no JWKS"),
        ('{"keys":{}}', "found no JWKS"),
        ('{"keys":[1]}', "found no JWKS"),
        ('{"keys":[]}', "found 0 keys"),
        (json.dumps({"keys": [KEY.as_dict(private=True)]}), "found a secret key"),
        (json.dumps({"keys": [OctKey.generate_key(256).as_dict(private=True)]}), "found a secret key"),
        ('{"keys":[{"kty":"EC"}]}', "found a key that cannot be used"),
        ('{"keys":[{"kty":"new"}]}', "found a key that cannot be used"),
        (" " * 300_000, "bytes, expected a JWKS"),
    ],
    ids=[
        "missing", "empty", "array", "object", "number", "none", "secret", "symmetric", "no curve", "another type", "long",
    ],
)  # fmt: skip
def test_a_file_of_keys_that_makes_no_sense_is_an_error_that_says_why(
    tmp_path: Path, content: str | None, said: str
) -> None:
    path = tmp_path / "jwks.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadInput, match=said) as caught:
        load_jwks(path)
    assert str(KEY.as_dict(private=True)["d"]) not in str(caught.value)


def test_the_key_of_ones_own_machine_is_made_once_and_is_for_nobody_else(tmp_path: Path) -> None:
    path = dev_key_path(str(tmp_path / "ledger.db"))
    first = dev_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert dev_key(path).as_dict(private=True) == first.as_dict(private=True)
    assert list(tmp_path.iterdir()) == [path]
    verifier = Verifier(KeySet([first]), "csat-ledger:dev", AUDIENCE, lambda: NOW_US)
    made = dev_token(first, AUDIENCE, ["partner"], ["m-1"], NOW_S, 60)
    caller = verifier.caller([f"Bearer {made}".encode()])
    assert (caller.roles, caller.memberships) == ({"partner"}, {"m-1"})
    path.chmod(0o640)
    with pytest.raises(BadInput, match="found mode 0640"):
        dev_key(path)
    path.chmod(0o600)
    path.write_text("{}")
    with pytest.raises(BadInput, match="found no key"):
        dev_key(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can read what another user keeps to himself")
def test_a_key_that_another_user_put_there_is_not_taken(tmp_path: Path) -> None:
    """Beside a book in /tmp anybody may put one: he knows it, and root could read it."""
    path = dev_key_path(str(tmp_path / "ledger.db"))
    dev_key(path)
    os.chown(path, 65_534, 65_534)
    with pytest.raises(BadInput, match="found a key of user 65534"):
        dev_key(path)


def test_the_key_of_ones_own_machine_has_no_place_beside_a_server_of_databases() -> None:
    with pytest.raises(BadInput, match="PostgreSQL"):
        dev_key_path("postgresql://ledger@db/ledger")

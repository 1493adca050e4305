"""RFC 3161 timestamps, by an authority made for the test out of openssl."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.console.cli import test_proof_commands
from tests.console.cli.test_proof_commands import evidence
from tests.console.support import Program

if os.environ.get("CI", "").lower() != "true":
    pytest.importorskip("rfc3161_client")

from ledger.errors import BadInput
from ledger.proof.log.errors import ProofError
from ledger.seal.timestamp import check_timestamp, request_timestamp

sealed = test_proof_commands.sealed
OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(
    OPENSSL is None and os.environ.get("CI", "").lower() != "true", reason="openssl is not installed"
)
CONFIG = """
[req]
distinguished_name = dn
prompt = no
[dn]
CN = Time of the tests
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[tsa]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa_config]
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
signer_digest = sha256
serial = serial
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class Authority:
    """A timestamp authority in a folder: a root, a certificate under it, and `openssl ts -reply`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "config").write_text(CONFIG)
        (folder / "serial").write_text("01\n")
        self._openssl(
            "req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -config config -extensions root"
        )
        self._openssl("req -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr -config config")
        self._openssl("x509 -req -in tsa.csr -CA root.pem -CAkey root.key -CAcreateserial -out tsa.pem -days 30 "
                      "-extfile config -extensions tsa")  # fmt: skip

    @property
    def root(self) -> bytes:
        return (self.folder / "root.pem").read_bytes()

    def reply(self, query: bytes) -> bytes:
        (self.folder / "query").write_bytes(query)
        self._openssl("ts -reply -queryfile query -signer tsa.pem -inkey tsa.key -config config "
                      "-section tsa_config -out reply")  # fmt: skip
        return (self.folder / "reply").read_bytes()

    def _openssl(self, arguments: str) -> None:
        assert OPENSSL
        subprocess.run([OPENSSL, *arguments.split()], cwd=self.folder, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture
def url(authority: Authority) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            body = authority.reply(query)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/tsa"
        server.shutdown()
        thread.join()


def test_a_timestamp_is_over_its_body_and_by_its_authority(authority: Authority, url: str, tmp_path: Path) -> None:
    answer = request_timestamp(url, b"body\n")
    assert abs(check_timestamp(answer, b"body\n", authority.root) - datetime.now(UTC)) < timedelta(minutes=1)
    with pytest.raises(ProofError, match="timestamp"):
        check_timestamp(answer, b"another\n", authority.root)
    stranger = Authority(tmp_path)
    with pytest.raises(ProofError, match="timestamp"):
        check_timestamp(answer, b"body\n", stranger.root)
    with pytest.raises(ProofError):
        check_timestamp(b"nonsense", b"body\n", authority.root)
    with pytest.raises(BadInput):
        request_timestamp("tsa", b"body\n")


def test_a_checkpoint_is_timestamped_and_evidence_takes_it_along(
    sealed: Program,
    authority: Authority,
    url: str,
) -> None:
    ran = sealed.run("seal", "--key", "keys/log.key", "--tiles", "log", "--timestamp", url)
    assert ran.code == 0
    assert evidence(sealed).code == 0
    (sealed.folder / "roots.pem").write_bytes(authority.root)
    arguments = ["verify", "m-1.json", "--policy", "policy.json", "--timestamp", "m-1.tsr"]
    verified = sealed.run_bare(*arguments, "--roots", "roots.pem")
    assert verified.code == 0
    assert "was timestamped at" in verified.err
    assert sealed.run_bare(*arguments).code == 2
    away = sealed.run("seal", "--key", "keys/log.key", "--tiles", "log", "--timestamp", "http://127.0.0.1:9/")
    assert away.code == 0
    assert "no timestamp" in away.err
    assert not (sealed.folder / "log" / "checkpoint.tsr").exists()

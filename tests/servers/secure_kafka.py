"""A real broker that lets in whom it knows only: TLS with a certificate of its own authority, and name and password.

    with SecureKafkaBroker() as broker:
        ... bootstrap_servers=broker.secure_bootstrap, security_protocol="SASL_SSL", ssl_cafile=broker.authority …

Beside that listener it has the open one of every broker for tests.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from kafka.admin import UserScramCredentialUpsertion

from tests.servers.kafka import SETTINGS, KafkaBroker, free_port

USER = "ledger"
PASSWORD = "pass;w\u00f6rd"
VALID_FROM, VALID_UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
SCRAM_JAAS = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
JAAS = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_{}="{}";'


class SecureKafkaBroker(KafkaBroker):
    """One broker with a second listener, `secure_bootstrap`; the certificate to trust is in the file `authority`."""

    def __init__(self) -> None:
        protocols = SETTINGS["listener.security.protocol.map"]
        password = json.dumps(PASSWORD)[1:-1]  # escaped as a properties file wants it
        super().__init__(
            {
                "listener.security.protocol.map": f"SECURE:SASL_SSL,{protocols}",
                "listener.name.secure.sasl.enabled.mechanisms": ",".join(("PLAIN", *SCRAM)),
                "listener.name.secure.plain.sasl.jaas.config": JAAS.format(USER, password),
                **{f"listener.name.secure.{mechanism.lower()}.sasl.jaas.config": SCRAM_JAAS for mechanism in SCRAM},
                "listener.name.secure.ssl.keystore.type": "PEM",
            }
        )

    def let_in(self, user: str, password: str) -> None:
        """Makes a user known, by every mechanism that asks for more than the password itself."""
        with self._admin() as admin:
            for mechanism in SCRAM:  # a user may occur once in a request
                answer = admin.alter_user_scram_credentials([UserScramCredentialUpsertion(user, mechanism, password)])
                assert answer == {user: None}, answer

    def _choose_ports(self) -> None:
        super()._choose_ports()
        self.secure_bootstrap = f"127.0.0.1:{free_port()}"
        self.authority = self.folder / "authority.pem"
        keystore = self.folder / "broker.pem"
        if not keystore.exists():
            _write_certificates(self.authority, keystore)
        lines = self._properties.read_text().splitlines()
        placed = [
            f"{line},SECURE://{self.secure_bootstrap}" if "listeners=PLAINTEXT" in line else line for line in lines
        ]
        placed.append(f"listener.name.secure.ssl.keystore.location={keystore}")
        self._properties.write_text("".join(f"{line}\n" for line in placed))


def _write_certificates(authority: Path, keystore: Path) -> None:
    """An authority's certificate, and the key and certificate of a broker here that it signed."""
    ca_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    ca = _certificate("authority for tests", ca_key, "authority for tests", ca_key, here=False)
    own = _certificate("broker", key, "authority for tests", ca_key, here=True)
    authority.write_bytes(ca.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    keystore.write_bytes(private + own.public_bytes(Encoding.PEM))


def _certificate(
    name: str, key: EllipticCurvePrivateKey, issuer: str, issuer_key: EllipticCurvePrivateKey, *, here: bool
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_UNTIL)
        .add_extension(x509.BasicConstraints(ca=not here, path_length=None), critical=True)
    )
    if here:
        places = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        builder = builder.add_extension(places, critical=False)
    return builder.sign(issuer_key, SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])

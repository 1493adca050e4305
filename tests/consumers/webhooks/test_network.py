"""One request: to the address that was judged, whatever the name leads to later; bounded in time and size."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpcore")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from consumers.webhooks.addresses import PRIVATE
from consumers.webhooks.delivery import Message, signed_headers
from consumers.webhooks.network import Bounds, Outcome, Receiver, Resolver
from consumers.webhooks.target import target
from tests.consumers.webhooks.support import Inbox, inbox

MESSAGE = Message("membership-m-1/17", b'{"type":"x","timestamp":"y","data":{"membership":"m-1","position":4711}}')
BOUNDS = Bounds(whole_s=1.0, connect_s=0.5)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Inbox]:
    with inbox(tmp_path) as found:
        yield found


class Names:
    """A resolver whose answers change: each look-up takes the next, the last for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def post(
    url: str, secret: str, resolve: Names | Resolver, *, private: bool = True, times: int = 1, bounds: Bounds = BOUNDS
) -> list[Outcome]:
    async def all_of_them() -> list[Outcome]:
        receiver = Receiver(target(url, private=True), PRIVATE if private else (), resolve, bounds, 4)
        headers = signed_headers(MESSAGE, [secret], time.time_ns() // 1_000)
        try:
            return [await receiver.post(headers, MESSAGE.body) for _ in range(times)]
        finally:
            await receiver.close()

    return asyncio.run(all_of_them())


def named(receiver: Inbox, host: str = "crm.example") -> str:
    return receiver.url.replace("127.0.0.1", host)


def test_a_request_goes_to_the_address_that_was_judged_under_the_name_that_was_given(receiver: Inbox) -> None:
    names = Names(["127.0.0.1"])
    assert post(named(receiver), receiver.secret, names) == [Outcome()]
    port = receiver.server.server_address[1]
    assert names.asked == [("crm.example", port)], "looked up once: nobody else looks it up again"
    assert [one.id for one in receiver.got] == [MESSAGE.id]


def test_a_name_that_leads_to_this_machine_is_refused_at_the_connection(receiver: Inbox) -> None:
    (outcome,) = post(named(receiver), receiver.secret, Names(["127.0.0.1", "::1"]), private=False)
    assert "127.0.0.1, which is of the loopback" in outcome.reason
    assert not outcome.alive
    assert not receiver.got
    assert not receiver.wrong


def test_a_name_that_leads_elsewhere_from_one_connection_to_the_next_is_judged_each_time(receiver: Inbox) -> None:
    """As in DNS rebinding: a public address when it is registered, one's own machine when it is used."""
    names = Names(["192.0.2.1"], ["169.254.169.254"], ["127.0.0.1"], ["::ffff:127.0.0.1"])
    outcomes = post(named(receiver), receiver.secret, names, private=False, times=4)
    assert [outcome.reason.split(", which")[0].split(", where")[0] for outcome in outcomes] == [
        "found 192.0.2.1",
        "found 169.254.169.254",
        "found 127.0.0.1",
        "found ::ffff:127.0.0.1",
    ]
    assert len(names.asked) == 4
    assert not receiver.got


def test_of_several_addresses_only_those_that_are_fit_are_tried(receiver: Inbox) -> None:
    outcomes = post(named(receiver), receiver.secret, Names(["169.254.169.254", "0.0.0.0", "127.0.0.1"]))
    assert outcomes == [Outcome()]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"])
def test_this_machine_is_refused_however_it_is_spelt(receiver: Inbox, host: str) -> None:
    resolver = Resolver()
    (outcome,) = post(named(receiver, host), receiver.secret, resolver, private=False)
    resolver.close()
    assert not outcome.taken
    assert not receiver.got


def test_a_name_that_leads_nowhere_is_a_failure_and_no_fault() -> None:
    resolver = Resolver()
    (outcome,) = post("https://nowhere.invalid/", "whsec_" + "a" * 44, resolver)
    resolver.close()
    assert outcome.reason.startswith("found no answer")
    assert not outcome.alive


def test_names_whose_servers_say_nothing_keep_no_other_name_from_being_looked_up() -> None:
    """A subscriber has five webhooks, and twenty deliveries of each under way."""
    let_go, asked = threading.Event(), list[str]()

    def look_up(host: str, port: int) -> list[Any]:
        asked.append(host)
        if host.startswith("slow"):
            let_go.wait(60)
        return [(0, 0, 0, "", ("192.0.2.7", port)), (0, 0, 0, "", ("192.0.2.7", port))]

    async def run() -> tuple[Sequence[str], set[tuple[str, ...]]]:
        hanging = [asyncio.create_task(resolver(f"slow-{n % 5}.example", 443)) for n in range(100)]
        await asyncio.sleep(0)
        hanging[0].cancel()  # whoever gives up takes the look-up from nobody else
        async with asyncio.timeout(20):
            found = await resolver("crm.example", 443)
        let_go.set()
        return found, {tuple(one) for one in await asyncio.gather(*hanging[1:])}

    resolver = Resolver(look_up)
    try:
        assert asyncio.run(run()) == (["192.0.2.7"], {("192.0.2.7",)})
    finally:
        let_go.set()
        resolver.close()
    assert sorted(asked) == ["crm.example", *(f"slow-{n}.example" for n in range(5))]


def test_a_look_up_that_fails_fails_for_all_who_wait_and_is_made_again_for_the_next() -> None:
    asked: list[str] = []

    def look_up(host: str, _port: int) -> list[Any]:
        asked.append(host)
        raise OSError("no such name")

    async def run() -> list[object]:
        found = [*await asyncio.gather(*(resolver("crm.example", 443) for _ in range(3)), return_exceptions=True)]
        return [*found, *await asyncio.gather(resolver("crm.example", 443), return_exceptions=True)]

    resolver = Resolver(look_up)
    assert [str(error) for error in asyncio.run(run())] == ["no such name"] * 4
    resolver.close()
    assert asked == ["crm.example"] * 2


def test_nobody_there_is_a_failure(receiver: Inbox) -> None:
    receiver.close()
    (outcome,) = post(receiver.url, receiver.secret, Names(["127.0.0.1"]))
    assert not outcome.taken
    assert not outcome.alive


@pytest.mark.parametrize("way", ["hang", "drip", "close"])
def test_an_answer_that_does_not_come_whole_in_time_is_a_failure(receiver: Inbox, way: str) -> None:
    receiver.behave = lambda _membership, _position: way
    started = time.monotonic()
    (outcome,) = post(receiver.url, receiver.secret, Names(["127.0.0.1"]))
    assert not outcome.taken
    assert not outcome.alive
    assert time.monotonic() - started < 10 * BOUNDS.whole_s


@pytest.mark.parametrize("way", ["huge", "endless"])
def test_a_body_changes_nothing_and_is_read_up_to_a_bound(receiver: Inbox, way: str) -> None:
    receiver.behave = lambda _membership, _position: way
    started = time.monotonic()
    assert post(receiver.url, receiver.secret, Names(["127.0.0.1"])) == [Outcome()]
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("status", "alive"), [(400, True), (404, True), (410, True), (429, False), (500, False), (503, False)]
)
def test_a_status_says_whether_it_is_the_receiver_or_this_announcement(
    receiver: Inbox, status: int, alive: bool
) -> None:
    receiver.behave = lambda _membership, _position: status
    (outcome,) = post(receiver.url, receiver.secret, Names(["127.0.0.1"]))
    assert outcome == Outcome(f"found status {status}, expected 2xx", alive, gone=status == 410)


@pytest.mark.parametrize(("value", "seconds"), [("7", 7), ("999999", 3_600), ("soon", 0), ("-3", 0), ("\u00b2", 0)])
def test_a_pause_that_a_receiver_asks_for_is_given_up_to_an_hour(receiver: Inbox, value: str, seconds: int) -> None:
    receiver.retry_after = value
    receiver.behave = lambda _membership, _position: 429
    (outcome,) = post(receiver.url, receiver.secret, Names(["127.0.0.1"]))
    assert outcome.retry_after_s == seconds


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("192.0.2.1"))])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private


@pytest.fixture
def secured(receiver: Inbox, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Puts TLS before the receiver, with a certificate for `crm.example`; (host) -> its URL."""
    pem, private = _certificate(tmp_path, "crm.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(pem))
        yield lambda host: named(receiver, host).replace("http://", "https://")


def test_a_certificate_is_checked_against_the_name_and_not_the_address(
    receiver: Inbox, secured: Callable[[str], str]
) -> None:
    names = Names(["127.0.0.1"])
    assert post(secured("crm.example"), receiver.secret, names) == [Outcome()]
    assert len(receiver.got) == 1
    for host in ("other.example", "127.0.0.1"):
        (outcome,) = post(secured(host), receiver.secret, names)
        assert "certificate" in outcome.reason.lower(), outcome
    assert len(receiver.got) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(receiver: Inbox, secured: Callable[[str], str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SSL_CERT_FILE")
        (outcome,) = post(secured("crm.example"), receiver.secret, Names(["127.0.0.1"]))
    assert "certificate" in outcome.reason.lower()
    assert not receiver.got

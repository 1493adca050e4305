"""Addresses that a webhook may be sent to, and those that none may."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from consumers.webhooks.addresses import PRIVATE, read_networks, refusal
from ledger.errors import BadInput

PUBLIC = ("8.8.8.8", "93.184.216.34", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2a00:1450:4001::5")
SPECIAL = {
    "0.0.0.0": "unspecified",
    "0.1.2.3": "unspecified",
    "10.0.0.1": "private",
    "100.64.0.1": "provider",
    "127.0.0.1": "loopback",
    "127.255.0.9": "loopback",
    "169.254.1.1": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarks",
    "203.0.113.9": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::1": "loopback",
    "::ffff:8.8.8.8": "guise",
    "::ffff:127.0.0.1": "guise",
    "::127.0.0.1": "guise",
    "64:ff9b::808:808": "NAT64",
    "64:ff9b::a00:1": "NAT64",
    "64:ff9b:1::1": "NAT64",
    "2002:7f00:1::": "6to4",
    "2001::1": "protocols",
    "2001:db8::1": "documentation",
    "fc00::1": "private",
    "fd12:3456::1": "private",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "2606:4700::1111%eth0": "link-local",
    "fec0::1": "private",
    "ff02::1": "multicast",
    "::ffff:0:8.8.8.8": "guise",
    "4000::1": "reserved",
    "1:2::3": "reserved",
    "localhost": "no address",
    "127.1": "no address",
}
METADATA = (
    "169.254.169.254", "169.254.170.2", "fd00:ec2::254", "168.63.129.16", "100.100.100.200", "192.0.0.192",
    "fd20:ce::254", "169.254.170.23", "fd00:ec2::23", "169.254.42.42", "fd00:42::42",
)  # fmt: skip
EVERYTHING = (ip_network("0.0.0.0/0"), ip_network("::/0"))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_fit(address: str) -> None:
    assert refusal(address, ()) is None


@pytest.mark.parametrize(("address", "what"), SPECIAL.items())
def test_an_address_that_is_not_public_is_refused_and_why_is_said(address: str, what: str) -> None:
    assert what in (refusal(address, ()) or "")


@pytest.mark.parametrize("address", METADATA)
@pytest.mark.parametrize("guise", ["{}", "::ffff:{}", "64:ff9b::{}", "64:ff9b:1::{}", "::ffff:0:{}"])
def test_what_a_cloud_keeps_for_its_machines_is_refused_whatever_is_allowed(address: str, guise: str) -> None:
    if ":" in address and guise != "{}":
        return
    assert "secrets" in (refusal(guise.format(address), EVERYTHING) or "")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.9.8.7", "172.16.0.1", "192.168.0.3", "fd00::1"])
def test_private_networks_may_be_allowed(address: str) -> None:
    assert refusal(address, PRIVATE) is None


@pytest.mark.parametrize(
    "address", ["169.254.1.1", "fe80::1", "224.0.0.1", "0.0.0.0", "::ffff:10.0.0.1", "64:ff9b::a00:1"]
)
def test_what_is_neither_private_nor_public_is_not_allowed_with_them(address: str) -> None:
    assert refusal(address, PRIVATE) is not None


def test_an_address_that_carries_another_is_fit_only_where_both_are() -> None:
    nat64 = read_networks(["64:ff9b::/96"])
    assert refusal("64:ff9b::808:808", nat64) is None
    assert "private" in (refusal("64:ff9b::a00:1", nat64) or "")


@pytest.mark.parametrize("texts", [["10.0.0.1/8"], ["nowhere"], ["10.0.0.0/8"] * 101])
def test_what_is_no_network_is_no_network(texts: list[str]) -> None:
    with pytest.raises(BadInput):
        read_networks(texts)

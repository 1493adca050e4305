"""Which addresses a webhook may be sent to (server-side request forgery: OWASP, RFC 6890).

Whoever may register a URL could else have this process ask machines that only it can reach. So each connection is made to
an address that was judged here, and not to a name that is looked up a second time (`consumers.webhooks.network`).

    refusal("203.0.113.7", ())                      "203.0.113.7, which is for documentation"
    refusal("10.1.2.3", PRIVATE)                    None: allowed
    refusal("169.254.169.254", PRIVATE)             "169.254.169.254, where a cloud tells its machines secrets"

An IPv6 address that carries an IPv4 address (mapped, 6to4, translated) is refused for being one; where its network is
allowed, the address that it carries must be fit too. What a cloud keeps for its machines is never allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from ledger.errors import BadInput

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_METADATA: Final = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254", "fd00:ec2::254", "fd20:ce::254",  # EC2, Compute Engine and most others
            "169.254.170.2", "169.254.170.23", "fd00:ec2::23",  # credentials of containers: ECS, EKS Pod Identity
            "169.254.42.42", "fd00:42::42",  # Scaleway
            "168.63.129.16", "100.100.100.200", "192.0.0.192",  # Azure, Alibaba Cloud, Oracle Cloud
        ),
    )
)  # fmt: skip
_SPECIAL: Final[tuple[tuple[Network, str], ...]] = tuple(
    (ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "of no machine (unspecified)"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "private to a provider"),
        ("127.0.0.0/8", "of the loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "for 6to4 relays"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "of no machine (unspecified)"),
        ("::1/128", "of the loopback"),
        ("::ffff:0:0/96", "IPv4 in the guise of IPv6"),
        ("::/96", "IPv4 in the guise of IPv6"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("100::/64", "for nothing (discard)"),
        ("2001::/23", "for protocols"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "for documentation"),
        ("5f00::/16", "for segment routing"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
        ("::ffff:0:0:0/96", "IPv4 in the guise of IPv6"),
    )
)
PRIVATE: Final[tuple[Network, ...]] = tuple(
    map(
        ip_network,
        ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)
"""What is allowed where a webhook may be sent into one's own network: neither link-local nor multicast."""
_GLOBAL: Final = ip_network("2000::/3")
"""All that is given out of IPv6 for the public (IANA): what is neither in here nor special is nobody's."""
_TRANSLATED: Final = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96")))
"""Whose last 32 bits are an IPv4 address that a translator sends to (RFC 6052, RFC 8215, RFC 7915)."""
_NETWORKS_MAX: Final = 100


def refusal(text: str, allowed: Sequence[Network]) -> str | None:
    """Why nothing is sent to an address; None where it may be. `allowed` are networks that may be, though they are special."""
    try:
        address = ip_address(text)
    except ValueError:
        return f"{text[:60]!r}, which is no address"
    for one in (address, *_carried(address)):
        if one in _METADATA:
            return f"{text}, where a cloud tells its machines secrets"
        if any(one in network for network in allowed):
            continue
        if what := next((what for network, what in _SPECIAL if one in network), None):
            return f"{text}, which is {what}"
        if isinstance(one, IPv6Address) and one.scope_id is not None:
            return f"{text}, which is link-local"
        if isinstance(one, IPv6Address) and one not in _GLOBAL:
            return f"{text}, which is reserved"
    return None


def _carried(address: Address) -> list[Address]:
    """The IPv4 address that an IPv6 address carries, if it does."""
    if isinstance(address, IPv4Address):
        return []
    found = [one for one in (address.ipv4_mapped, address.sixtofour) if one is not None]
    if any(address in network for network in _TRANSLATED) or 1 < int(address) < 1 << 32:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return list(found)


def read_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks such as 10.20.0.0/16. Raises BadInput."""
    if len(texts) > _NETWORKS_MAX:
        raise BadInput(f"found {len(texts)} networks, expected {_NETWORKS_MAX} at most")
    try:
        return tuple(ip_network(text.strip()) for text in texts)
    except ValueError as error:
        raise BadInput(f"found a network that is none ({error}), expected one such as 10.20.0.0/16") from None

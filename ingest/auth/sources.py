"""Where a delivery comes from, and whether that is allowed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from bus.runtime.settings_ingest import Network
from ingest.auth.base import Head

Address = IPv4Address | IPv6Address

# What one customer of a network gets; counted singly, nobody would ever run out of addresses.
_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Sources:
    """
    Tells a delivery's address, and whether it may post; with no list every address may.

    `X-Forwarded-For` is believed as far as it was written by `trusted` proxies.
    """

    allowed: Sequence[Network] = ()
    trusted: Sequence[Network] = ()

    def allows(self, head: Head) -> bool:
        """Tell whether the delivery's address is on the list."""
        if not self.allowed:
            return True
        source = self.address(head)
        return source is not None and _is_in(source, self.allowed)

    def address(self, head: Head) -> Address | None:
        """Return the nearest address that is no trusted proxy's; None where it is unknown."""
        nearest = parse_address(head.peer or "")
        for hop in _forwarded(head):
            if nearest is None or not _is_in(nearest, self.trusted):
                break
            nearest = parse_address(hop)
        return nearest

    def key(self, head: Head) -> str:
        """Return what failures are counted under: the address, for IPv6 its /64."""
        source = self.address(head)
        if isinstance(source, IPv6Address):
            return str(IPv6Network((source, _IPV6_PREFIX), strict=False))
        return str(source)


def parse_address(text: str) -> Address | None:
    """Return an address as proxies write it, with or without a port; None where it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A socket for both protocols shows IPv4 senders as ::ffff:a.b.c.d.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _forwarded(head: Head) -> Iterator[str]:
    """Yield the hops from the nearest to the farthest."""
    for line in reversed(head.headers.getall("X-Forwarded-For", ())):
        yield from reversed(line.split(","))


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)

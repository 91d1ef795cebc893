"""Where a delivery comes from: the connection, and what trusted proxies say of it."""

from ipaddress import ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict

from bus.runtime.settings_ingest import networks
from ingest.auth import Head
from ingest.auth.sources import Sources, parse_address

PROXIES = networks("10.0.0.0/8,2001:db8:f::/48")
BEHIND = Sources(trusted=PROXIES)


def head(peer: str | None, *forwarded: str) -> Head:
    headers = CIMultiDict([("x-forwarded-for", value) for value in forwarded])
    return Head("deepinfra", None, headers, peer)


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        # whoever is no proxy of ours cannot say where it comes from
        ("192.0.2.1", ("198.51.100.7",), "192.0.2.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
        # what the sender wrote itself stands to the left of what our proxies added
        ("10.0.0.1", ("203.0.113.9, 198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("203.0.113.9,10.9.9.9,198.51.100.7, 10.0.0.2",), "198.51.100.7"),
        ("10.0.0.1", ("203.0.113.9", "198.51.100.7", "10.0.0.2"), "198.51.100.7"),
        ("10.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        ("2001:db8:f::1", ("2001:db8::7",), "2001:db8::7"),
        # a socket for both protocols, ports, brackets, a zone
        ("::ffff:10.0.0.1", ("198.51.100.7:4711",), "198.51.100.7"),
        ("10.0.0.1", ("[2001:db8::7]:4711",), "2001:db8::7"),
        ("10.0.0.1", ("::ffff:198.51.100.7",), "198.51.100.7"),
        ("fe80::1%eth0", (), "fe80::1"),
        # unknown is nobody, not the proxy
        ("10.0.0.1", ("unknown",), None),
        ("10.0.0.1", ("198.51.100.7, ",), None),
        ("", (), None),
        (None, ("198.51.100.7",), None),
    ],
)
def test_the_nearest_address_that_is_no_proxy_counts(
    peer: str | None, forwarded: tuple[str, ...], source: str | None
) -> None:
    """Walked from right to left, as far as trusted proxies wrote it."""
    assert BEHIND.address(head(peer, *forwarded)) == (source and ip_address(source))


def test_without_trusted_proxies_the_connection_counts() -> None:
    """A header that anybody can write changes nothing."""
    assert str(Sources().address(head("192.0.2.1", "10.0.0.1"))) == "192.0.2.1"


def test_only_listed_addresses_may_post() -> None:
    """An unknown address is not on any list."""
    listed = Sources(networks("198.51.100.0/24,2001:db8::/64"), PROXIES)

    assert listed.allows(head("198.51.100.7"))
    assert listed.allows(head("::ffff:198.51.100.7"))
    assert listed.allows(head("10.0.0.1", "2001:db8::1"))
    assert not listed.allows(head("198.51.101.1"))
    assert not listed.allows(head("10.0.0.1"))
    assert not listed.allows(head("10.0.0.1", "198.51.100.7, 203.0.113.9"))
    assert not listed.allows(head("203.0.113.9", "198.51.100.7"))
    assert not listed.allows(head(None))
    assert not listed.allows(head("10.0.0.1", "unknown"))


def test_without_a_list_everybody_may() -> None:
    """The list is an extra condition, for those who set it."""
    assert Sources().allows(head(None))


def test_failures_of_one_ipv6_customer_count_together() -> None:
    """A customer has 2^64 addresses, and would never run out of tries."""
    keys = {Sources().key(head(f"2001:db8::{number}")) for number in range(1, 5)}

    assert keys == {"2001:db8::/64"}
    assert Sources().key(head("192.0.2.1")) != Sources().key(head("192.0.2.2"))


@given(st.text(max_size=50), st.lists(st.text(max_size=50), max_size=3))
@example("1.2.3.4%", ["%", "[", "[::1", "::1%25%", "1.2.3.4:x"])
def test_any_text_is_an_address_or_none(peer: str, forwarded: list[str]) -> None:
    """Nothing that stands in a header is a fault."""
    given = Head("deepinfra", None, CIMultiDict([("X-Forwarded-For", v) for v in forwarded]), peer)
    everybody = Sources(trusted=networks("0.0.0.0/0,::/0"))

    assert isinstance(everybody.key(given), str)
    assert everybody.allows(given)


@given(st.ip_addresses())
def test_every_address_is_read_with_and_without_a_port(address: object) -> None:
    """As the many proxies write it."""
    plain = parse_address(str(address))
    bracketed = parse_address(f"[{address}]:443")

    assert plain == bracketed
    assert plain is not None

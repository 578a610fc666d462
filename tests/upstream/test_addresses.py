"""The table of addresses nobody may be sent to, and the operator's exceptions."""

import ipaddress

import pytest
from hypothesis import given, strategies as st

from gateway.errors import ConfigError
from gateway.upstream.addresses import AllowRule, judge_address, judge_trusted_address

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "100.100.100.200",
    "168.63.129.16",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "::169.254.169.254",
    "64:ff9b::a83f:8110",
]

DENIED = [
    *METADATA,
    # C-01, C-02: the host itself
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "::1",
    # C-05: an IPv4 address inside
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::c0a8:101",
    "2001:0:7f00:1::",
    "64:ff9b:1::8.8.8.8",
    # C-06: everything that is not the public internet
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "100::1",
    "2001:db8::1",
    "2001:2::1",
    "2001:10::1",
    "2001::1",
    "3fff::1",
    "5f00::1",
    "4000::1",
    # no addresses at all
    "",
    "localhost",
    "fe80::1%lo",
    "::1%1",
    "8.8.8.8%1",
    "127.1",
    "0177.0.0.1",
    "8.8.8",
    "[::1]",
]

PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0",
    "100.63.255.255", "100.128.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
    "198.20.0.0", "223.255.255.255", "126.255.255.255", "128.0.0.0", "2606:4700::1111",
    "2a00:1450::1", "2001:200::1", "2001:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808",
]  # fmt: skip


@pytest.mark.parametrize("ip", DENIED)
def test_c01_to_c06_an_address_that_is_not_public_is_refused(ip: str) -> None:
    assert judge_address(ip, 443) is False


@pytest.mark.parametrize("ip", PUBLIC)
def test_a_public_address_is_open_on_the_web_ports_only(ip: str) -> None:
    assert judge_address(ip, 443)
    assert judge_address(ip, 80)
    for port in (0, 22, 25, 6379, 8443, 65536, 99999, -1):
        assert not judge_address(ip, port)


EVERYTHING = [AllowRule.parse("0.0.0.0/0:*"), AllowRule.parse("[::/0]:*")]
EXACT = [
    AllowRule.parse(f"{ip}/32:*" if "." in ip and ":" not in ip else f"[{ip}/128]:*")
    for ip in METADATA
]


@pytest.mark.parametrize("ip", METADATA)
def test_c03_no_rule_opens_metadata_not_even_to_the_operator(ip: str) -> None:
    assert not judge_address(ip, 80, [*EVERYTHING, *EXACT])
    assert not judge_trusted_address(ip)


@pytest.mark.parametrize("ip", ["127.0.0.1", "10.1.2.3", "::1", "fd12::1", "8.8.8.8"])
def test_the_operator_may_call_any_other_address(ip: str) -> None:
    assert judge_trusted_address(ip)


@pytest.mark.parametrize(
    ("rule", "ip", "port", "is_open"),
    [
        ("10.0.0.0/8:11434", "10.2.3.4", 11434, True),
        ("10.0.0.0/8:11434", "10.2.3.4", 443, False),
        ("10.0.0.0/8:11434", "11.2.3.4", 11434, False),
        ("10.0.0.0/8:11434", "::ffff:10.2.3.4", 11434, True),
        ("10.0.0.0/8:11434", "64:ff9b::a02:304", 11434, True),
        ("10.0.0.0/8:11434", "::ffff:127.0.0.1", 11434, False),
        ("10.2.3.4/32:*", "10.2.3.4", 22, True),
        ("10.2.3.4/32:*", "10.2.3.5", 22, False),
        ("127.0.0.1/32:*", "127.0.0.1", 8081, True),
        ("[fd00::/8]:443", "fd12::1", 443, True),
        ("[fd00::/8]:443", "fc12::1", 443, False),
        ("[::1/128]:8000", "::1", 8000, True),
        ("0.0.0.0/0:8443", "8.8.8.8", 8443, True),
        ("0.0.0.0/0:8443", "10.0.0.1", 8443, False),
        ("0.0.0.0/0:*", "127.0.0.1", 80, False),
        ("8.0.0.0/5:*", "10.0.0.1", 443, False),
        ("[::/0]:*", "fd12::1", 443, False),
        ("[::/0]:*", "::1", 443, False),
    ],
)  # fmt: skip
def test_a_rule_opens_what_it_names_and_a_private_range_only_from_within(
    rule: str, ip: str, port: int, is_open: bool
) -> None:
    assert judge_address(ip, port, [AllowRule.parse(rule)]) is is_open


@pytest.mark.parametrize(
    "text",
    [
        "", "10.0.0.0/8", "10.0.0.0/8:", "10.0.0.0/8:0", "10.0.0.0/8:65536", "10.0.0.0/33:1",
        "10.0.0.1/8:443", "fd00::/8:443", "[10.0.0.0/8:443", "[fd00::1/8]:443", "host:443",
        "10.0.0.0/8:443 ", "10.0.0.0/8:\u0664", "10.0.0.0/8:-1",
    ],
)  # fmt: skip
def test_a_rule_that_is_not_plain_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        AllowRule.parse(text)


def test_a_rule_without_a_mask_names_one_address() -> None:
    assert AllowRule.parse("10.0.0.1:443").network == ipaddress.ip_network("10.0.0.1/32")


IPV4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)


@given(IPV4)
def test_c05_every_form_with_an_ipv4_address_inside_is_as_denied_as_that(
    inner: ipaddress.IPv4Address,
) -> None:
    number = int(inner)
    for outer in (
        0xFFFF << 32 | number,  # mapped
        number,  # compatible
        0x0064FF9B << 96 | number,  # NAT64
        0x2002 << 112 | number << 80,  # 6to4
        0x20010000 << 96 | number << 64,  # Teredo, the server
        0x20010000 << 96 | number ^ 0xFFFFFFFF,  # Teredo, the client
    ):
        if judge_address(str(ipaddress.IPv6Address(outer)), 443):
            assert judge_address(str(inner), 443)


@given(IPV4)
def test_what_python_calls_private_we_never_open(address: ipaddress.IPv4Address) -> None:
    if address.is_private or address.is_multicast or address.is_reserved:
        assert not judge_address(str(address), 443)

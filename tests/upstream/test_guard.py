"""What a user may save as an endpoint (C-01 to C-06, C-11 to C-14), and its canonical form."""

# ruff: noqa: RUF001  # look-alike characters are what these tests are about

import ipaddress

import pytest
from hypothesis import given, strategies as st

from gateway.errors import InvalidRequest
from gateway.upstream.guard import AllowRule, canonical_origin, check_endpoint
from gateway.upstream.origin import MalformedUrl, canonical_host, split_url

ALLOW_PRIVATE = [AllowRule.parse("10.0.0.0/8:*"), AllowRule.parse("127.0.0.0/8:11434")]

HOSTS = [
    # C-01, C-02
    "127.0.0.1", "127.1", "127.255.255.254", "localhost", "LOCALHOST.", "x.localhost", "[::1]",
    "[::]", "0.0.0.0", "0", "printer.local", "db.internal", "router.lan", "nas.home.arpa", "intra",
    # C-03
    "169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16",
    "metadata.google.internal", "METADATA.google.internal.", "metadata", "x.metadata.goog",
    # C-04
    "2130706433", "0x7f000001", "0177.0.0.1", "017700000001", "①②⑦.0.0.1", "127。0。0。1",
    "%31%32%37.0.0.1", "0x7f.1", "127.0.0.1.", "127.0.0.0x1", "0x", "8.8.8.08", "1.2.3",
    "１２７.0.0.1", "127.0.0.\u0661", "127．0．0．1", "8。8。8。8", "loc\u00adalhost", "\u212aevin.com",
    "ｌocalhost",
    # C-05
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    "[::127.0.0.1]", "[fe80::1%lo]", "[fe80::1%25lo]", "[fe80::1]",
    # C-06
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1",
    "240.0.0.1", "[fc00::1]", "[ff02::1]",
    # no hosts
    "", ".", "..", "a..b", "-a.com", "a-.com", "a" * 64 + ".com", "a." * 130 + "com", "[::1", "::1",
    "[1.2.3.4]", "[1::2::3]", "a_b c.com", "exa mple.com", "xn--0.com", "xn--n3h.net", "ex*mple.com", "[v1.x]",
]  # fmt: skip


def refusal(url: str, **options: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        check_endpoint(url, **options)  # type: ignore[arg-type]
    error = caught.value
    assert (error.status, error.code, error.param) == (
        400,
        "endpoint_not_allowed",
        "settings.endpoint",
    )
    assert error.__cause__ is None
    return error


@pytest.mark.parametrize("host", HOSTS)
def test_c01_to_c06_a_host_that_is_not_public_cannot_be_saved(host: str) -> None:
    for url in (f"https://{host}", f"https://{host}/v1", f"https://{host}:443/v1"):
        assert "https://llm.example.com/v1" in refusal(url).message
    refusal(f"http://{host}/v1", allow_http=True)


@pytest.mark.parametrize(
    "url",
    [
        # C-11
        "https://user:pass@llm.example.com/", "https://user@llm.example.com",
        "https://@llm.example.com/", "https://evil.com\\@127.0.0.1/",
        "https://llm.example.com\\@127.0.0.1/", "https://llm.example.com#@127.0.0.1/",
        "https://127.0.0.1#@llm.example.com/", "https://llm.example.com\t/", "https://llm.exa\tmple.com",
        "https://llm.example.com\r\n/", "https://llm.example.com/\nx", "https://llm.example.com/ ",
        " https://llm.example.com/", "https://llm.example.com/a b", "https://llm.example.com/\x00",
        "https://llm.example.com/" + "a" * 10_000, "https://" + "a." * 5_000 + "com",
        "https://llm.example.com/?x=y", "https://llm.example.com?x", "https://llm.example.com/#x",
        "https://llm.example.com/v1/../admin", "https://llm.example.com/%2e%2e/admin",
        "https://llm.example.com/a%2fb", "https://llm.example.com/./v1", "https://llm.example.com//v1",
        "https://llm.example.com/é", "https://llm.example.com/a;b", "https://llm.example.com/a\\b",
        # C-12
        "file:///etc/passwd", "unix:///run/docker.sock", "gopher://llm.example.com/", "",
        "ftp://llm.example.com/", "ws://llm.example.com/", "wss://llm.example.com/",
        "//llm.example.com/v1", "llm.example.com/v1", "https:/llm.example.com", "https:llm.example.com",
        "://llm.example.com", "HTTP://llm.example.com", "http://llm.example.com", "https//x.com",
        "javascript:alert(1)", "https\uff1a//llm.example.com", "hſttps://llm.example.com",
        # C-13
        "https://llm.example.com:0/", "https://llm.example.com:22/", "https://llm.example.com:25",
        "https://llm.example.com:6379/", "https://llm.example.com:99999/", "https://llm.example.com:80",
        "https://llm.example.com:/", "https://llm.example.com:0443/", "https://llm.example.com:+443/",
        "https://llm.example.com:44\u0663/", "https://llm.example.com:443:443/", "https://8.8.8.8:8443/",
        "https://llm.example.com:-1/", "https://llm.example.com: 443/",
    ],
)  # fmt: skip
def test_c11_to_c13_a_url_that_is_not_plain_cannot_be_saved(url: str) -> None:
    refusal(url)


@pytest.mark.parametrize(
    ("url", "saved", "origin"),
    [
        ("https://llm.example.com", "https://llm.example.com", "https://llm.example.com:443"),
        ("https://llm.example.com/", "https://llm.example.com", "https://llm.example.com:443"),
        ("HTTPS://LLM.Example.COM.:443/V1/", "https://llm.example.com/V1", "https://llm.example.com:443"),
        ("https://bücher.example/v1", "https://xn--bcher-kva.example/v1", "https://xn--bcher-kva.example:443"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example", "https://xn--bcher-kva.example:443"),
        ("https://8.8.8.8/v1", "https://8.8.8.8/v1", "https://8.8.8.8:443"),
        ("https://[2606:4700:0:0::1111]/v1", "https://[2606:4700::1111]/v1", "https://[2606:4700::1111]:443"),
        ("https://a1.b-2.example/api/v1~x/@me", "https://a1.b-2.example/api/v1~x/@me", "https://a1.b-2.example:443"),
    ],
)  # fmt: skip
def test_a_public_endpoint_is_saved_in_one_form(url: str, saved: str, origin: str) -> None:
    endpoint = check_endpoint(url)
    assert (endpoint.url, endpoint.origin) == (saved, origin)
    assert canonical_origin(url) == origin
    assert check_endpoint(endpoint.url) == endpoint


@pytest.mark.parametrize(
    "url",
    [
        "https://10.1.2.3:11434/v1", "https://10.1.2.3", "https://127.0.0.1:11434",
        "https://ollama:11434", "https://ollama.corp.internal:8443/v1", "https://localhost:11434",
        "https://llm.example.com:8443",
    ],
)  # fmt: skip
def test_c06_a_rule_of_the_operator_opens_private_servers(url: str) -> None:
    assert check_endpoint(url, allowed=ALLOW_PRIVATE).url == url
    refusal(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:443", "https://192.168.0.1:11434", "https://169.254.169.254:11434",
        "https://metadata.google.internal:11434", "https://[::ffff:169.254.169.254]:80",
        "https://8.8.8.8:11434",
    ],
)  # fmt: skip
def test_c03_c06_a_rule_opens_nothing_else(url: str) -> None:
    refusal(url, allowed=ALLOW_PRIVATE)


def test_c12_http_is_the_operators_to_allow() -> None:
    assert check_endpoint("http://llm.example.com/v1", allow_http=True).origin == (
        "http://llm.example.com:80"
    )
    refusal("http://llm.example.com:443/v1", allow_http=True)
    refusal("http://llm.example.com:8080/v1", allow_http=True)
    private = check_endpoint("http://10.1.2.3:11434", allow_http=True, allowed=ALLOW_PRIVATE)
    assert private.origin == "http://10.1.2.3:11434"


def test_c14_an_endpoint_that_is_this_gateway_is_refused() -> None:
    own = ["https://gateway.example.com", "http://10.9.9.9:8080/"]
    for url in (
        "https://gateway.example.com/v1",
        "https://GATEWAY.example.com.:443",
        "https://10.9.9.9:8080",
    ):
        refusal(url, own_origins=own, allowed=ALLOW_PRIVATE)
    other = check_endpoint("https://other.example.com", own_origins=own)
    assert other.origin == "https://other.example.com:443"


def test_a_refusal_repeats_nothing_of_the_url() -> None:
    secret = "hunter2"
    for url in (f"https://user:{secret}@llm.example.com/", f"https://x/?key={secret}", secret):
        assert secret not in refusal(url).message


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("http://127.0.0.1:11434/v1/chat?a=b/../c", "http://127.0.0.1:11434", "/v1/chat?a=b/../c"),
        ("https://h.example?x=1", "https://h.example:443", "/?x=1"),
        ("https://my_host/a%2Fb//c;d=e", "https://my_host:443", "/a%2Fb//c;d=e"),
        ("https://[::1]:8443", "https://[::1]:8443", "/"),
        ("https://h.example/...", "https://h.example:443", "/..."),
    ],
)
def test_a_url_of_the_operator_is_split_and_its_target_kept_as_written(
    url: str, origin: str, target: str
) -> None:
    found, kept = split_url(url)
    assert (str(found), kept) == (origin, target)


def test_the_host_header_leaves_out_a_default_port_only() -> None:
    authorities = {
        url: split_url(url)[0].authority
        for url in (
            "https://h.example:443/",
            "http://h.example:443/",
            "http://[::1]/",
            "http://h.example:80",
        )
    }
    assert list(authorities.values()) == ["h.example", "h.example:443", "[::1]", "h.example"]


def _spellings(address: ipaddress.IPv4Address) -> list[str]:
    """Ways to write an IPv4 address that some resolver, browser or library accepts."""
    number, parts = int(address), [int(part) for part in str(address).split(".")]
    wide = str.maketrans("0123456789.", "０１２３４５６７８９．")
    circled = str.maketrans("123456789", "①②③④⑤⑥⑦⑧⑨")
    dotted = str(address)
    return [
        str(number),
        hex(number),
        f"0{number:o}",
        ".".join(f"0{part:o}" for part in parts),
        ".".join(hex(part) for part in parts),
        ".".join(hex(part).upper() for part in parts),
        f"{parts[0]}.{number & 0xFFFFFF}",
        f"{parts[0]}.{parts[1]}.{number & 0xFFFF}",
        ".".join(f"{part:03d}" for part in parts) if min(parts) < 100 else "0" + dotted,
        dotted.translate(wide),
        dotted.replace(".", "。"),
        dotted.translate(circled) if set(dotted) & set("123456789") else "0.0.0.⓪",
        "".join(f"%{ord(char):02x}" for char in dotted),
        f"{dotted}%00.example.com",
        f"[::ffff:{dotted}%1]",
    ]


@given(st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address))
def test_c04_no_odd_spelling_of_any_address_can_be_saved(address: ipaddress.IPv4Address) -> None:
    """Not even of a public one: what two parsers read differently is never judged, only refused."""
    for spelling in _spellings(address):
        if spelling != str(address):
            refusal(f"https://{spelling}/v1")


@given(st.ip_addresses())
def test_a_saved_address_is_the_address_and_stays_the_same(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    literal = f"[{address}]" if address.version == 6 else str(address)
    try:
        endpoint = check_endpoint(f"https://{literal}/v1")
    except InvalidRequest:
        return
    assert ipaddress.ip_address(split_url(endpoint.url)[0].host) == address
    assert check_endpoint(endpoint.url) == endpoint


@given(st.text(max_size=40))
def test_whatever_is_given_is_refused_or_canonical(text: str) -> None:
    try:
        host = canonical_host(text)
    except MalformedUrl:
        return
    assert host.isascii()
    assert host == host.lower()
    assert canonical_host(host) == host
    assert not set(host) & set("/?#@\\%[] \t\r\n")

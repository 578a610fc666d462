"""URLs of the store."""

import pytest
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection

from gateway.errors import ConfigError
from gateway.store.address import read_address


def test_each_scheme_has_its_connection() -> None:
    assert read_address("unix:///run/store.sock").connect is UnixDomainSocketConnection
    assert read_address("redis://cache.internal").connect is Connection
    tls = read_address("rediss://user:pw@cache.internal:6380/2?ssl_ca_certs=/ca.pem")
    assert tls.connect is SSLConnection
    assert tls.arguments["db"] == 2
    assert tls.arguments["ssl_ca_certs"] == "/ca.pem"


def test_another_node_has_the_same_login_and_encryption() -> None:
    one = read_address("rediss://user:secret-word@a.example:6380?ssl_ca_certs=/ca.pem")
    other = one.at("b.example", 7000)
    assert one.host == "a.example"
    assert other.connect is SSLConnection
    assert other.arguments == {**one.arguments, "host": "b.example", "port": 7000}
    assert other.shown == "rediss://b.example:7000"
    assert read_address("redis://x").at("::1", 7000).shown == "redis://[::1]:7000"


def test_a_node_found_by_a_socket_is_dialled_by_its_port() -> None:
    other = read_address("unix://:secret-word@/run/store.sock").at("10.0.0.2", 7000)
    assert other.connect is Connection
    assert other.arguments == {"host": "10.0.0.2", "port": 7000, "password": "secret-word"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("unix:///run/store.sock?db=1", "unix:///run/store.sock"),
        ("redis://me:secret-word@host", "redis://host:6379"),
        ("rediss://:secret-word@[::1]:7000/3", "rediss://[::1]:7000"),
    ],
)
def test_what_is_shown_holds_no_login(url: str, shown: str) -> None:
    address = read_address(url)
    assert address.shown == shown
    assert "secret-word" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://:secret-word@host",
        "unix://",
        "redis://:secret-word@host:notaport",
        "redis://:secret-word@host?no_such_option=1",
        "redis://:secret-word@host?socket_timeout=soon",
        "redis+cluster://:secret-word@host",
        "rediss+sentinel://:secret-word@host/main",
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_address(url)
    assert "secret-word" not in str(caught.value)
    assert caught.value.__cause__ is None

"""Binding the sockets."""

import socket

import pytest

from gateway.errors import ConfigError
from gateway.supervisor.listen import bind
from gateway.supervisor.settings import Listen


def test_bound_sockets_accept_connections() -> None:
    (sock,) = bind([Listen(port=0)])
    with sock, socket.create_connection(sock.getsockname()):
        pass


def test_when_one_address_fails_none_stays_bound() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = Listen(port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match="in use"):
            bind([Listen(port=0), busy])  # an unclosed socket would fail this test


@pytest.mark.parametrize("listen", [Listen(host="no such host", port=0), Listen(port=99999)])
def test_an_address_that_cannot_be_is_refused(listen: Listen) -> None:
    with pytest.raises(ConfigError, match="cannot listen on"):
        bind([listen])


def test_ipv6_is_an_address_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    (sock,) = bind([Listen(host="::1", port=0)])
    with sock:
        assert sock.family is socket.AF_INET6

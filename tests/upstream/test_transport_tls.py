"""The transports' one suite, part six: TLS (C-16), and an environment that has no say (C-15)."""

import datetime
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import Failure, UpstreamError
from gateway.upstream.transport import read_all
from tests.fakes.raw_scenes import answering, chunk, chunked_head, play, reading, reply, sending
from tests.fakes.raw_upstream import serve_raw
from tests.upstream.certificates import PrivateCa
from tests.upstream.conftest import OpenTransport
from tests.upstream.scenes import StubResolver, facts, make_dialer, post, within

NAME = "llm.example"


def resolver() -> StubResolver:
    return StubResolver({NAME: [["127.0.0.1"]]})


async def test_a_private_ca_named_by_the_operator_is_trusted(
    open_transport: OpenTransport, tmp_path: Path
) -> None:
    ca = PrivateCa(tmp_path)
    async with (
        serve_raw(answering(reply(b"ok")), tls=ca.server(NAME)) as upstream,
        open_transport(resolver=resolver(), ca_file=str(ca.file)) as transport,
    ):
        for _ in range(2):
            request = post(f"https://{NAME}:{upstream.port}/v1")
            answer = await transport.send(request, trusted=True, timeouts=within())
            assert await read_all(answer, 10) == b"ok"
    assert (upstream.opened, len(upstream.requests)) == (1, 2)
    assert upstream.requests[0].header("host") == f"{NAME}:{upstream.port}"


async def test_an_address_is_verified_against_the_certificates_addresses(
    open_transport: OpenTransport, tmp_path: Path
) -> None:
    ca = PrivateCa(tmp_path)
    async with (
        serve_raw(answering(reply(b"ok")), tls=ca.server("127.0.0.1")) as upstream,
        open_transport(ca_file=str(ca.file)) as transport,
    ):
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        assert await read_all(answer, 10) == b"ok"


YESTERDAY = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(lambda ca: ca.server(NAME, self_signed=True), id="self-signed"),
        pytest.param(lambda ca: ca.server("other.example"), id="wrong name"),
        pytest.param(lambda ca: ca.server(NAME, expires=YESTERDAY), id="expired"),
        pytest.param(lambda ca: ca.server(NAME, old_protocol=True), id="TLS 1.0"),
    ],
)
async def test_c16_a_server_that_cannot_prove_itself_sees_no_request(
    open_transport: OpenTransport, tmp_path: Path, server: Callable[[PrivateCa], ssl.SSLContext]
) -> None:
    ca = PrivateCa(tmp_path)
    async with (
        serve_raw(answering(reply(b"ok")), tls=server(ca)) as upstream,
        open_transport(resolver=resolver(), ca_file=str(ca.file)) as transport,
    ):
        request = post(f"https://{NAME}:{upstream.port}/v1")
        with pytest.raises(UpstreamError) as caught:
            await transport.send(request, trusted=True, timeouts=within())
    assert facts(caught.value) == (Failure.UNREACHABLE, None, None)
    assert "TLS" in caught.value.message
    assert upstream.requests == []


async def test_c16_an_unknown_ca_is_not_trusted_and_a_plain_server_is_no_tls_server(
    open_transport: OpenTransport, tmp_path: Path
) -> None:
    ca = PrivateCa(tmp_path)
    async with (
        serve_raw(answering(reply(b"ok")), tls=ca.server(NAME)) as unknown,
        serve_raw(play(sending(b"HTTP/1.1 400 plain\r\n\r\n"))) as plain,
        open_transport(resolver=resolver()) as transport,
    ):
        for upstream in (unknown, plain):
            request = post(f"https://{NAME}:{upstream.port}/v1")
            with pytest.raises(UpstreamError) as caught:
                await transport.send(request, trusted=True, timeouts=within())
            assert facts(caught.value) == (Failure.UNREACHABLE, None, None)
            assert upstream.requests == []


async def test_a_handshake_that_hangs_ends_at_the_connect_limit(
    open_transport: OpenTransport,
) -> None:
    async with serve_raw(play()) as upstream, open_transport(resolver=resolver()) as transport:
        request = post(f"https://{NAME}:{upstream.port}/v1")
        with pytest.raises(UpstreamError) as caught:
            await transport.send(request, trusted=True, timeouts=within(connect_s=0.1))
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
    assert facts(caught.value) == (Failure.TIMEOUT, None, None)


async def test_c15_the_environment_neither_reroutes_nor_swaps_cas_nor_writes_keys(
    open_transport: OpenTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = PrivateCa(tmp_path)
    key_log = tmp_path / "keys.log"
    async with (
        serve_raw(answering(reply(b"proxied"))) as decoy,
        serve_raw(answering(reply(b"ok")), tls=ca.server(NAME)) as upstream,
        serve_raw(answering(reply(b"direct"))) as plain,
    ):
        for name in (
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
        ):
            monkeypatch.setenv(name, decoy.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(ca.file))
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
        monkeypatch.setenv("SSLKEYLOGFILE", str(key_log))
        async with open_transport(resolver=resolver()) as transport:
            with pytest.raises(UpstreamError):
                await transport.send(
                    post(f"https://{NAME}:{upstream.port}/"), trusted=True, timeouts=within()
                )
            answer = await transport.send(
                post(f"http://{NAME}:{plain.port}/"), trusted=True, timeouts=within()
            )
            assert await read_all(answer, 10) == b"direct"
    assert (decoy.opened, upstream.requests, key_log.exists()) == (0, [], False)


async def test_a_tls_reply_that_is_left_closes_the_upstream_at_once(
    open_transport: OpenTransport, tmp_path: Path
) -> None:
    ca = PrivateCa(tmp_path)
    scene = play(reading(), sending(chunked_head() + chunk(b"first")))
    async with (
        serve_raw(scene, tls=ca.server(NAME)) as upstream,
        open_transport(resolver=resolver(), ca_file=str(ca.file)) as transport,
    ):
        request = post(f"https://{NAME}:{upstream.port}/v1")
        answer = await transport.send(request, trusted=True, timeouts=within())
        assert await answer.read() == b"first"
        await answer.aclose()
        await upstream.until(lambda: upstream.closed == 1, within_s=1)


async def test_c20_users_endpoints_fail_with_one_text_whatever_is_wrong(
    open_transport: OpenTransport, tmp_path: Path
) -> None:
    """Refused by the guard, closed, silent, unresolved, wrong certificate: no port scanner."""
    ca = PrivateCa(tmp_path)
    names = StubResolver(
        {
            NAME: [["127.0.0.1"]],
            "denied.example": [["10.0.0.1"]],
            "mixed.example": [["1.1.1.1", "::1"]],
        }
    )
    texts = []
    async with (
        serve_raw(answering(reply()), tls=ca.server(NAME)) as wrong,
        serve_raw(play()) as silent,
        open_transport(dialer=make_dialer(names)) as transport,
    ):
        for url in (
            f"https://{NAME}:{wrong.port}/",
            f"https://{NAME}:{silent.port}/",
            "https://denied.example/",
            "https://mixed.example/",
            "https://unknown.example/",
            f"http://{NAME}:1/",
        ):
            for limits in (within(connect_s=0.2), within(0.2)):
                with pytest.raises(UpstreamError) as caught:
                    await transport.send(post(url), trusted=False, timeouts=limits)
                texts.append(caught.value.message)
    assert len(texts) == 12
    assert len(set(texts)) == 1

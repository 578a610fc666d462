"""The httpx transport around a transport of somebody else's: a mock, respx, an egress proxy."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import respx

from gateway.errors import Failure, UpstreamError
from gateway.upstream.httpx_transport import HttpxTransport
from gateway.upstream.transport import read_all
from tests.fakes.raw_scenes import answering, play, reading, reply as raw_reply
from tests.fakes.raw_upstream import serve_raw
from tests.upstream.scenes import SystemClock, facts, post, within

URL = "https://api.example/v1/a%2Fb?x=y"
CANARY = "sk-canary-5b4a39281706"


def around(handle: Callable[[httpx.Request], httpx.Response]) -> HttpxTransport:
    return HttpxTransport(httpx.MockTransport(handle), SystemClock())


async def test_respx_drives_it() -> None:
    router = respx.MockRouter()
    route = router.post("https://api.example/v1/chat").respond(
        200, json={"ok": True}, headers={"set-cookie": "a=b"}
    )
    transport = HttpxTransport(httpx.MockTransport(router.async_handler), SystemClock())
    request = post("https://api.example/v1/chat", b'{"a": 1}', ("authorization", "Bearer k"))
    reply = await transport.send(request, trusted=True, timeouts=within())
    assert (reply.head.status, await read_all(reply, 100)) == (200, b'{"ok":true}')
    assert reply.head.header("set-cookie") is None
    sent = route.calls.last.request
    assert (sent.content, sent.headers["authorization"]) == (b'{"a": 1}', "Bearer k")
    assert sent.headers["accept-encoding"] == "identity"
    assert "user-agent" not in sent.headers
    await transport.aclose()


async def test_a_streamed_mock_is_read_in_its_chunks_and_closed() -> None:
    closed = []

    class Stream(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for part in (b"one", b"", b"two"):
                yield part

        async def aclose(self) -> None:
            closed.append(True)

    transport = around(lambda request: httpx.Response(200, stream=Stream()))
    reply = await transport.send(post(URL), trusted=True, timeouts=within())
    assert [await reply.read(), await reply.read(), await reply.read()] == [b"one", b"two", b""]
    assert closed


@pytest.mark.parametrize(
    ("raised", "failure"),
    [
        (httpx.ConnectError, Failure.UNREACHABLE),
        (httpx.ReadError, Failure.UNREACHABLE),
        (httpx.WriteError, Failure.UNREACHABLE),
        (httpx.ProxyError, Failure.UNREACHABLE),
        (httpx.ConnectTimeout, Failure.TIMEOUT),
        (httpx.ReadTimeout, Failure.TIMEOUT),
        (httpx.PoolTimeout, Failure.TIMEOUT),
        (httpx.RemoteProtocolError, Failure.BAD_REPLY),
        (httpx.LocalProtocolError, Failure.BAD_REQUEST),
        (httpx.UnsupportedProtocol, Failure.BAD_REQUEST),
        (OSError, Failure.UNREACHABLE),
    ],
)
async def test_whatever_it_raises_before_the_reply_becomes_ours_without_its_text(
    raised: Callable[[str], Exception], failure: Failure
) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        raise raised(f"Illegal header value {CANARY}")

    with pytest.raises(UpstreamError) as caught:
        await around(handle).send(post(URL), trusted=True, timeouts=within())
    assert facts(caught.value) == (failure, None, None)
    assert CANARY not in f"{caught.value!r}{caught.value}{caught.value.message}"


@pytest.mark.parametrize(
    ("raised", "failure"),
    [
        (httpx.ReadError, Failure.CUT),
        (httpx.RemoteProtocolError, Failure.CUT),
        (httpx.ReadTimeout, Failure.TIMEOUT),
    ],
)
async def test_whatever_it_raises_in_the_body_becomes_ours_without_its_text(
    raised: Callable[[str], Exception], failure: Failure
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        raise raised(CANARY)

    transport = around(lambda request: httpx.Response(200, content=parts()))
    reply = await transport.send(post(URL), trusted=True, timeouts=within())
    assert await reply.read() == b"one"
    with pytest.raises(UpstreamError) as caught:
        await reply.read()
    assert facts(caught.value) == (failure, None, None)
    assert CANARY not in f"{caught.value!r}{caught.value}{caught.value.message}"


async def test_f22_a_body_that_never_makes_us_wait_still_ends_at_the_deadline() -> None:
    async def parts() -> AsyncIterator[bytes]:
        while True:
            yield b"x"

    transport = around(lambda request: httpx.Response(200, content=parts()))
    reply = await transport.send(post(URL), trusted=True, timeouts=within(0.05))
    with pytest.raises(UpstreamError) as caught:
        await read_all(reply, 200_000)
    assert facts(caught.value) == (Failure.TIMEOUT, None, None)


async def test_httpxs_own_network_may_carry_it_and_the_path_stays_as_written() -> None:
    target = '/v1/models/a%2Fb|{c}?q=["]|'
    async with serve_raw(answering(raw_reply(b"ok"))) as upstream:
        transport = HttpxTransport(httpx.AsyncHTTPTransport(trust_env=False), SystemClock())
        for _ in range(2):
            request = post(upstream.url + target)
            reply = await transport.send(request, trusted=True, timeouts=within())
            assert await read_all(reply, 10) == b"ok"
        await transport.aclose()
    assert [seen.target for seen in upstream.requests] == [target] * 2
    assert upstream.opened == 1


async def test_httpxs_own_network_is_closed_when_nobody_waits_any_more() -> None:
    async with serve_raw(play(reading())) as upstream:
        transport = HttpxTransport(httpx.AsyncHTTPTransport(trust_env=False), SystemClock())
        with pytest.raises(UpstreamError) as caught:
            await transport.send(
                post(upstream.url), trusted=True, timeouts=within(connect_s=0.05, first_byte_s=0.05)
            )
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
        await transport.aclose()
    assert facts(caught.value) == (Failure.TIMEOUT, None, None)


async def test_a_bug_is_not_dressed_up_as_an_upstreams_fault() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await around(handle).send(post(URL), trusted=True, timeouts=within())

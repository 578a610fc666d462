"""The httpx transport around a transport of somebody else's: a mock, respx, an egress proxy."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import respx

from gateway.errors import Failure, UpstreamError
from gateway.upstream.httpx_transport import HttpxTransport
from gateway.upstream.transport import read_all
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


async def test_a_bug_is_not_dressed_up_as_an_upstreams_fault() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await around(handle).send(post(URL), trusted=True, timeouts=within())

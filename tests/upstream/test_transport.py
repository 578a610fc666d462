"""The transports' one suite, part one: requests as they are sent, replies as they come."""

import pytest

from gateway.errors import Failure, UpstreamError
from gateway.types.upstream import UpstreamRequest
from gateway.upstream.transport import read_all
from tests.fakes.raw_scenes import (
    LAST_CHUNK,
    answering,
    chunk,
    chunked_head,
    closing,
    head,
    play,
    reading,
    reply,
    sending,
)
from tests.fakes.raw_upstream import Peer, serve_raw
from tests.upstream.conftest import OpenTransport
from tests.upstream.scenes import facts, post, within

CANARY = "sk-canary-1f0e9d8c7b6a"


async def test_a_request_arrives_byte_for_byte_as_it_was_built(
    open_transport: OpenTransport,
) -> None:
    """C-17: the path as the provider built it, escapes kept; our own framing, no extra headers."""
    target = '/v1/models/a%2Fb%2e|{c}:generate?alt=sse&k=%20&q=["]|'
    body = '{"text": "\u2028é"}'.encode()
    async with serve_raw(answering(reply(b"ok"))) as upstream, open_transport() as transport:
        request = post(upstream.url + target, body, ("authorization", f"Bearer {CANARY}"))
        answer = await transport.send(request, trusted=True, timeouts=within())
        assert await read_all(answer, 10) == b"ok"
    (seen,) = upstream.requests
    assert (seen.method, seen.target, seen.body) == ("POST", target, body)
    assert dict(seen.headers) == {
        "host": f"127.0.0.1:{upstream.port}",
        "content-type": "application/json",
        "authorization": f"Bearer {CANARY}",
        "accept-encoding": "identity",
        "content-length": str(len(body)),
    }
    assert len(seen.headers) == len(dict(seen.headers))


async def test_framing_headers_of_a_request_are_ours_alone(open_transport: OpenTransport) -> None:
    theirs = (
        ("host", "elsewhere.example"),
        ("content-length", "1"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("accept-encoding", "gzip"),
        ("expect", "100-continue"),
    )
    async with serve_raw(answering(reply(b"ok"))) as upstream, open_transport() as transport:
        answer = await transport.send(
            post(upstream.url, b"{}", *theirs), trusted=True, timeouts=within()
        )
        assert await read_all(answer, 10) == b"ok"
    (seen,) = upstream.requests
    assert seen.header("host") == f"127.0.0.1:{upstream.port}"
    assert seen.header("content-length") == "2"
    assert seen.header("accept-encoding") == "identity"
    assert {"transfer-encoding", "connection", "expect"}.isdisjoint(dict(seen.headers))


async def test_an_error_status_is_a_reply_not_a_failure(open_transport: OpenTransport) -> None:
    scene = answering(reply(b"slow down", status=429, headers=[("Retry-After", "7")]))
    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        assert answer.head.status == 429
        assert answer.head.header("retry-after") == "7"
        assert await read_all(answer, 100) == b"slow down"


async def test_chunks_arrive_as_they_are_sent(open_transport: OpenTransport) -> None:
    async def scene(peer: Peer) -> None:
        await peer.read_request()
        peer.send(chunked_head() + chunk(b"one"))
        await peer.upstream.until(lambda: "first read" in marks)
        peer.send(chunk(b"two") + LAST_CHUNK)

    marks: list[str] = []
    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        assert await answer.read() == b"one"
        marks.append("first read")
        upstream.changed()
        assert await answer.read() == b"two"
        assert await answer.read() == b""
        assert await answer.read() == b""


async def test_hop_by_hop_headers_and_cookies_are_not_shown(open_transport: OpenTransport) -> None:
    """F-24, first half: what of the rest is forwarded is the pipeline's allow-list."""
    headers = [
        ("Connection", "keep-alive, X-Hop"),
        ("Keep-Alive", "timeout=5"),
        ("X-Hop", "1"),
        ("Set-Cookie", "a=b"),
        ("Set-Cookie", "c=d"),
        ("Proxy-Authenticate", "Basic"),
        ("Trailer", "x-sum"),
        ("X-Request-Id", "r1"),
        ("X-Many", "1"),
        ("X-Many", "2"),
    ]
    async with (
        serve_raw(answering(reply(b"{}", headers=headers))) as upstream,
        open_transport() as transport,
    ):
        for _ in range(2):
            answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
            await read_all(answer, 100)
            assert answer.head.headers == {
                "x-request-id": "r1",
                "x-many": "1, 2",
                "content-length": "2",
            }
    assert upstream.opened == 1
    assert all(seen.header("cookie") is None for seen in upstream.requests)


async def test_informational_replies_are_passed_over(open_transport: OpenTransport) -> None:
    early = head(103, [("link", "</x>")])
    scene = play(reading(), sending(head(100) + early + reply(b"done")))
    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        assert (answer.head.status, await read_all(answer, 10)) == (200, b"done")


async def test_trailers_end_a_chunked_reply_and_are_dropped(open_transport: OpenTransport) -> None:
    ending = b"0\r\nX-Sum: 1\r\nSet-Cookie: a=b\r\n\r\n"
    scene = answering(chunked_head(("trailer", "x-sum")) + chunk(b"data") + ending)
    async with serve_raw(scene) as upstream, open_transport() as transport:
        for _ in range(2):
            answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
            assert await read_all(answer, 10) == b"data"
            assert "x-sum" not in answer.head.headers
    assert upstream.opened == 1


async def test_a_reply_without_length_ends_with_the_connection(
    open_transport: OpenTransport,
) -> None:
    scene = play(reading(), sending(head() + b"until the end"), closing())
    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        assert await read_all(answer, 100) == b"until the end"


async def test_a_reply_that_comes_before_the_body_is_sent_is_taken(
    open_transport: OpenTransport,
) -> None:
    """A server may refuse a large body unread; its reason must not be lost in our own write."""

    async def scene(peer: Peer) -> None:
        await peer.read_head()
        peer.stop_reading()
        peer.send(reply(b"too large", status=413))
        await peer.hang()

    body = b"x" * 20_000_000
    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url, body), trusted=True, timeouts=within())
        assert (answer.head.status, await read_all(answer, 100)) == (413, b"too large")
        assert upstream.bytes_in < len(body)


async def test_an_informational_reply_does_not_stop_a_body_that_is_being_sent(
    open_transport: OpenTransport,
) -> None:
    async def scene(peer: Peer) -> None:
        await peer.read_head()
        peer.stop_reading()
        peer.send(head(103))
        await peer.pause(0.05)  # the hint arrives while the sender's buffers are full
        peer.resume_reading()
        await peer.read(len(body))
        peer.send(reply(b"whole"))

    body = b"x" * 20_000_000
    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url, body), trusted=True, timeouts=within())
        assert await read_all(answer, 100) == b"whole"


async def test_a_body_larger_than_the_sockets_buffers_arrives_whole(
    open_transport: OpenTransport,
) -> None:
    body = bytes(range(256)) * 20_000
    async with serve_raw(answering(reply(body))) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url, body), trusted=True, timeouts=within())
        assert await read_all(answer, len(body)) == body
    assert upstream.requests[0].body == body


async def test_read_all_refuses_more_than_it_may_take(open_transport: OpenTransport) -> None:
    async with serve_raw(answering(reply(b"x" * 1_000))) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        with pytest.raises(UpstreamError) as caught:
            await read_all(answer, 999)
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        assert len(await read_all(answer, 1_000)) == 1_000
    assert facts(caught.value) == (Failure.BAD_REPLY, None, None)


async def test_a_get_has_no_body_and_no_length(open_transport: OpenTransport) -> None:
    async with serve_raw(answering(reply(b"[]"))) as upstream, open_transport() as transport:
        request = UpstreamRequest("GET", f"{upstream.url}/v1/models", (), b"")
        answer = await transport.send(request, trusted=True, timeouts=within())
        assert await read_all(answer, 10) == b"[]"
    assert upstream.requests[0].header("content-length") is None

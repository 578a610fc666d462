"""The scripted upstream itself: a broken scene must break its test, and counters must be true."""

import asyncio

import pytest

from tests.fakes.raw_scenes import answering, reply
from tests.fakes.raw_upstream import Peer, serve_raw


async def test_a_scene_that_fails_fails_the_test() -> None:
    async def scene(peer: Peer) -> None:
        await peer.read_request()
        raise LookupError("the scene is wrong")

    with pytest.raises(ExceptionGroup) as caught:  # raised when the server stops
        async with serve_raw(scene) as upstream:
            reader, writer = await asyncio.open_connection(upstream.host, upstream.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
    assert caught.group_contains(LookupError)


async def test_it_counts_connections_requests_and_bytes() -> None:
    asked = b"POST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"
    async with serve_raw(answering(reply(b"ok"))) as upstream:
        reader, writer = await asyncio.open_connection(upstream.host, upstream.port)
        for _ in range(2):
            writer.write(asked)
            assert await reader.readexactly(len(reply(b"ok"))) == reply(b"ok")
        assert (upstream.opened, upstream.closed) == (1, 0)
        writer.close()
        await writer.wait_closed()
        await upstream.until(lambda: upstream.closed == 1)
    assert (upstream.bytes_in, upstream.bytes_out) == (2 * len(asked), 2 * len(reply(b"ok")))
    assert [(seen.method, seen.target, seen.body) for seen in upstream.requests] == [
        ("POST", "/x", b"hi")
    ] * 2

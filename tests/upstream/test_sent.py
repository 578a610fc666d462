"""Whether anything of a request can have left: what a user is told of who may have seen it."""

import asyncio
import socket

import pytest

from gateway.errors import Failure, UpstreamError
from gateway.upstream.transport import Transport
from tests.fakes.raw_scenes import closing, play, reading, reply, resetting
from tests.fakes.raw_upstream import Scene, serve_raw
from tests.upstream.conftest import OpenTransport
from tests.upstream.scenes import post, within


async def failure_of(transport: Transport, url: str) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await transport.send(post(url), trusted=True, timeouts=within(first_byte_s=0.2))
    return caught.value


async def test_a_connection_that_never_was_has_carried_nothing(
    open_transport: OpenTransport,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: the port refuses
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        async with open_transport() as transport:
            assert not (await failure_of(transport, url)).sent
            refused = await failure_of(transport, "http://169.254.169.254/")
    assert (refused.failure, refused.sent) == (Failure.ENDPOINT_REFUSED, False)


@pytest.mark.parametrize(
    "scene", [play(reading(), closing()), play(reading(), resetting()), play(reading())]
)
async def test_what_a_server_took_and_did_not_answer_was_sent(
    open_transport: OpenTransport, scene: Scene
) -> None:
    async with serve_raw(scene) as upstream, open_transport() as transport:
        assert (await failure_of(transport, f"{upstream.url}/")).sent


async def test_what_a_kept_connection_took_was_sent_though_no_new_one_could_be_made(
    open_transport: OpenTransport,
) -> None:
    """The keep-alive race, with a server that is gone when it is tried once more."""
    taken = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        while await reader.readuntil(b"{}"):
            taken += 1
            if taken == 2:
                server.close()
                break
            writer.write(reply(b"ok"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with open_transport() as transport:
        answer = await transport.send(post(url), trusted=True, timeouts=within())
        while await answer.read():
            pass
        failure = await failure_of(transport, url)
    assert (failure.failure, failure.sent, taken) == (Failure.UNREACHABLE, True, 2)

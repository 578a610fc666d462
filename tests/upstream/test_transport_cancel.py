"""The transports' one suite, part four: whoever stops waiting closes the upstream at once."""

import asyncio
import random

import pytest

from gateway.errors import UpstreamError
from gateway.upstream.transport import Limits, Transport, read_all
from tests.fakes.raw_scenes import (
    answering,
    chunk,
    chunked_head,
    head,
    play,
    reading,
    reply,
    sending,
)
from tests.fakes.raw_upstream import Peer, RawUpstream, serve_raw
from tests.upstream.conftest import OpenTransport
from tests.upstream.scenes import post, within


async def cancelled(task: asyncio.Task[object]) -> None:
    """Cancel a task and see that it ends as cancelled, not as failed."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelling_while_waiting_for_headers_closes_the_upstream_within_a_second(
    open_transport: OpenTransport,
) -> None:
    async with serve_raw(play(reading())) as upstream, open_transport() as transport:
        task = asyncio.ensure_future(
            transport.send(post(upstream.url), trusted=True, timeouts=within())
        )
        await upstream.until(lambda: len(upstream.requests) == 1)
        await cancelled(task)
        await upstream.until(lambda: upstream.closed == 1, within_s=1)


async def test_cancelling_a_silent_body_closes_the_upstream_within_a_second(
    open_transport: OpenTransport,
) -> None:
    scene = play(reading(), sending(chunked_head() + chunk(b"first")))
    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        assert await answer.read() == b"first"
        task = asyncio.ensure_future(answer.read())
        await asyncio.sleep(0)
        assert upstream.closed == 0
        await cancelled(task)
        await upstream.until(lambda: upstream.closed == 1, within_s=1)


async def test_cancelling_while_the_body_is_being_sent_closes_the_upstream(
    open_transport: OpenTransport,
) -> None:
    async def scene(peer: Peer) -> None:
        await peer.read_head()
        peer.stop_reading()
        marks.append("head")
        peer.upstream.changed()
        async with asyncio.timeout(5):
            await cancelling.wait()
        peer.resume_reading()
        await peer.hang()

    marks: list[str] = []
    cancelling = asyncio.Event()
    async with serve_raw(scene) as upstream, open_transport() as transport:
        request = post(upstream.url, b"x" * 20_000_000)
        task = asyncio.ensure_future(transport.send(request, trusted=True, timeouts=within()))
        await upstream.until(lambda: "head" in marks)
        await cancelled(task)
        cancelling.set()
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
        assert upstream.bytes_in < 20_000_000


async def test_cancelling_while_connecting_opens_nothing(open_transport: OpenTransport) -> None:
    """The resolver hangs; when it is given up nothing may connect afterwards."""

    class SilentResolver:
        async def resolve(self, host: str, *, trusted: bool) -> list[str]:
            asked.set()
            await asyncio.Event().wait()
            return ["127.0.0.1"]

        async def aclose(self) -> None:
            pass

    asked = asyncio.Event()
    async with (
        serve_raw(answering(reply())) as upstream,
        open_transport(resolver=SilentResolver()) as transport,
    ):
        request = post(f"http://slow.example:{upstream.port}/")
        task = asyncio.ensure_future(transport.send(request, trusted=True, timeouts=within()))
        await asked.wait()
        await cancelled(task)
    assert upstream.opened == 0


async def test_closing_a_reply_before_its_end_closes_the_upstream(
    open_transport: OpenTransport,
) -> None:
    scene = play(reading(), sending(chunked_head() + chunk(b"first")))
    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        assert await answer.read() == b"first"
        await answer.aclose()
        await answer.aclose()
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
        with pytest.raises(UpstreamError):
            await answer.read()


async def test_closing_a_reply_wakes_the_one_who_reads_it(open_transport: OpenTransport) -> None:
    scene = play(reading(), sending(chunked_head()))
    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        task = asyncio.ensure_future(answer.read())
        await asyncio.sleep(0)
        await answer.aclose()
        with pytest.raises(UpstreamError):
            await asyncio.wait_for(task, 1)
        await upstream.until(lambda: upstream.closed == 1, within_s=1)


async def test_closing_the_transport_closes_every_connection(open_transport: OpenTransport) -> None:
    async def scene(peer: Peer) -> None:
        request = await peer.read_request()
        # The busy one ends with its connection: our own closing must not look like its end.
        peer.send(reply(b"ok") if request.target == "/idle" else head() + b"x")
        await peer.hang()

    async with serve_raw(scene) as upstream, open_transport() as transport:
        busy = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        assert await busy.read() == b"x"
        idle = await transport.send(post(f"{upstream.url}/idle"), trusted=True, timeouts=within())
        assert await read_all(idle, 10) == b"ok"
        assert (upstream.opened, upstream.closed) == (2, 0)
        await transport.aclose()
        await upstream.until(lambda: upstream.closed == 2, within_s=1)
        with pytest.raises(UpstreamError):
            await busy.read()


async def test_f09_cancelled_requests_never_leave_their_reply_to_another(
    open_transport: OpenTransport,
) -> None:
    """Cancels at random points; every survivor reads its own marker, and no slot is lost."""

    async def scene(peer: Peer) -> None:
        while True:
            seen = await peer.read_request()
            await peer.pause(rng.random() * 0.004)
            peer.send(chunked_head() + chunk(seen.body))
            await peer.pause(rng.random() * 0.004)
            peer.send(chunk(seen.body) + b"0\r\n\r\n")

    async def ask(transport: Transport, upstream: RawUpstream, marker: bytes) -> None:
        answer = await transport.send(
            post(upstream.url, marker), trusted=True, timeouts=within(20, connect_s=20)
        )
        assert await read_all(answer, 100) == marker * 2

    rng = random.Random(20261123)
    limits = Limits(max_connections=5)
    async with serve_raw(scene) as upstream, open_transport(limits=limits) as transport:
        tasks = []
        for number in range(300):
            task = asyncio.ensure_future(ask(transport, upstream, b"<%d>" % number))
            if number % 3:
                asyncio.get_running_loop().call_later(rng.random() * 0.4, task.cancel)
            tasks.append(task)
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(result is None for result in done[::3])
        assert {type(result) for result in done} == {type(None), asyncio.CancelledError}
        for number in range(10):
            await ask(transport, upstream, b"after %d" % number)
        assert upstream.opened - upstream.closed <= 5

"""The transports' one suite, part five: which connections are used again, and which never."""

import asyncio

import pytest

from gateway.errors import Failure, UpstreamError
from gateway.upstream.addresses import AllowRule
from gateway.upstream.transport import Limits, Transport, read_all
from tests.fakes.raw_scenes import LAST_CHUNK, answering, chunk, chunked_head, head, reply
from tests.fakes.raw_upstream import Peer, RawUpstream, serve_raw
from tests.upstream.conftest import OpenTransport
from tests.upstream.scenes import StubResolver, facts, make_dialer, post, within


async def ask(
    transport: Transport, upstream: RawUpstream, body: bytes = b"{}", *, trusted: bool = True
) -> bytes:
    answer = await transport.send(
        post(f"{upstream.url}/v1", body), trusted=trusted, timeouts=within()
    )
    return await read_all(answer, 1_000)


@pytest.mark.parametrize(
    "answer", [reply(b"ok"), chunked_head() + chunk(b"ok") + LAST_CHUNK, head(204)]
)
async def test_a_complete_reply_leaves_its_connection_for_the_next(
    open_transport: OpenTransport, answer: bytes
) -> None:
    async with serve_raw(answering(answer)) as upstream, open_transport() as transport:
        for _ in range(3):
            await ask(transport, upstream)
    assert (upstream.opened, len(upstream.requests)) == (1, 3)


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"ok", headers=[("connection", "close")]),
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
)
async def test_a_server_that_will_close_is_not_asked_again(
    open_transport: OpenTransport, answer: bytes
) -> None:
    async with serve_raw(answering(answer)) as upstream, open_transport() as transport:
        for _ in range(2):
            assert await ask(transport, upstream) == b"ok"
        await upstream.until(lambda: upstream.closed == 2, within_s=1)
    assert upstream.opened == 2


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_f11_bytes_beyond_a_reply_are_never_the_next_ones_reply(
    open_transport: OpenTransport, framing: str
) -> None:
    """Longer than its Content-Length: the rest would answer another user's request."""
    poison = reply(b"poison")
    whole = {
        "length": reply(b"ok") + poison,
        "chunks": chunked_head() + chunk(b"ok") + LAST_CHUNK + poison,
    }

    async def scene(peer: Peer) -> None:
        await peer.read_request()
        peer.send(whole[framing] if peer.number == 0 else reply(b"true"))
        await peer.hang()

    async with serve_raw(scene) as upstream, open_transport() as transport:
        assert await ask(transport, upstream) == b"ok"
        assert await ask(transport, upstream) == b"true"
    assert upstream.opened == 2


async def test_bytes_that_come_while_a_connection_is_idle_end_it(
    open_transport: OpenTransport,
) -> None:
    async def scene(peer: Peer) -> None:
        await peer.read_request()
        peer.send(reply(b"ok" if peer.number == 0 else b"true"))
        if peer.number == 0:
            await peer.upstream.until(lambda: "read" in marks)
            peer.send(reply(b"poison"))
        await peer.hang()

    marks: list[str] = []
    async with serve_raw(scene) as upstream, open_transport() as transport:
        assert await ask(transport, upstream) == b"ok"
        marks.append("read")
        sent = upstream.bytes_out
        upstream.changed()
        await upstream.until(lambda: upstream.bytes_out > sent)
        await settle()
        assert await ask(transport, upstream) == b"true"
    assert upstream.opened == 2


async def test_a_connection_closed_while_idle_is_not_used(open_transport: OpenTransport) -> None:
    async def scene(peer: Peer) -> None:
        await peer.read_request()
        peer.send(reply(b"ok"))
        peer.close()

    async with serve_raw(scene) as upstream, open_transport() as transport:
        for count in range(1, 4):
            assert await ask(transport, upstream) == b"ok"
            await upstream.until(lambda count=count: upstream.closed == count)  # type: ignore[misc]
            await settle()
    assert len(upstream.requests) == 3


@pytest.mark.parametrize("how", ["FIN", "RST"])
async def test_a_kept_connection_that_closes_unread_costs_one_fresh_try(
    open_transport: OpenTransport, how: str
) -> None:
    """The keep-alive race: the server closes in the moment in which we send."""

    async def scene(peer: Peer) -> None:
        await peer.read_request()
        peer.send(reply(b"%d" % peer.number))
        await peer.read_request()
        if peer.number == 0:
            peer.close() if how == "FIN" else peer.reset()
        else:
            peer.send(reply(b"again"))

    async with serve_raw(scene) as upstream, open_transport() as transport:
        assert await ask(transport, upstream, b"first") == b"0"
        assert await ask(transport, upstream, b"second") == b"1"
    assert [seen.body for seen in upstream.requests] == [b"first", b"second", b"second"]
    assert upstream.opened == 2


async def test_the_fresh_try_is_the_only_one(open_transport: OpenTransport) -> None:
    async def scene(peer: Peer) -> None:
        await peer.read_request()
        if peer.number == 0:
            peer.send(reply(b"ok"))
            await peer.read_request()
        peer.close()

    async with serve_raw(scene) as upstream, open_transport() as transport:
        assert await ask(transport, upstream) == b"ok"
        with pytest.raises(UpstreamError) as caught:
            await ask(transport, upstream)
    assert facts(caught.value) == (Failure.UNREACHABLE, None, None)
    assert (upstream.opened, len(upstream.requests)) == (2, 3)


async def test_a_kept_connection_that_has_begun_to_answer_is_not_tried_again(
    open_transport: OpenTransport,
) -> None:
    async def scene(peer: Peer) -> None:
        await peer.read_request()
        peer.send(reply(b"ok"))
        await peer.read_request()
        peer.send(b"HTTP/1.1 2")
        peer.close()

    async with serve_raw(scene) as upstream, open_transport() as transport:
        assert await ask(transport, upstream) == b"ok"
        with pytest.raises(UpstreamError) as caught:
            await ask(transport, upstream)
    assert caught.value.failure in {Failure.UNREACHABLE, Failure.BAD_REPLY, Failure.CUT}
    assert facts(caught.value)[1:] == (None, None)
    assert (upstream.opened, len(upstream.requests)) == (1, 2)


async def test_a_kept_connection_that_times_out_is_not_tried_again(
    open_transport: OpenTransport,
) -> None:
    async def scene(peer: Peer) -> None:
        await peer.read_request()
        peer.send(reply(b"ok"))
        await peer.read_request()
        await peer.hang()

    async with serve_raw(scene) as upstream, open_transport() as transport:
        assert await ask(transport, upstream) == b"ok"
        with pytest.raises(UpstreamError) as caught:
            await transport.send(
                post(upstream.url), trusted=True, timeouts=within(first_byte_s=0.1)
            )
    assert facts(caught.value) == (Failure.TIMEOUT, None, None)
    assert (upstream.opened, len(upstream.requests)) == (1, 2)


async def test_c09_trusted_and_untrusted_requests_share_no_connection(
    open_transport: OpenTransport,
) -> None:
    async with serve_raw(answering(reply(b"ok"))) as upstream, open_transport() as transport:
        for trusted in (True, False, True, False):
            assert await ask(transport, upstream, trusted=trusted) == b"ok"
    assert (upstream.opened, len(upstream.requests)) == (2, 4)


async def test_c09_a_kept_connection_is_judged_by_the_rules_of_now(
    open_transport: OpenTransport,
) -> None:
    dialer = make_dialer()
    async with (
        serve_raw(answering(reply(b"ok"))) as upstream,
        open_transport(dialer=dialer) as transport,
    ):
        assert await ask(transport, upstream, trusted=False) == b"ok"
        dialer.allow([AllowRule.parse("127.0.0.1/32:1")])
        with pytest.raises(UpstreamError) as caught:
            await ask(transport, upstream, trusted=False)
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
    assert facts(caught.value) == (Failure.ENDPOINT_REFUSED, None, None)
    assert (upstream.opened, len(upstream.requests)) == (1, 1)


async def test_origins_share_no_connection(open_transport: OpenTransport) -> None:
    """The same address under two names: a name is part of the origin."""
    resolver = StubResolver({"a.example": [["127.0.0.1"]], "b.example": [["127.0.0.1"]]})
    async with (
        serve_raw(answering(reply(b"ok"))) as upstream,
        open_transport(resolver=resolver) as transport,
    ):
        for name in ("a.example", "b.example", "A.example"):
            request = post(f"http://{name}:{upstream.port}/")
            answer = await transport.send(request, trusted=True, timeouts=within())
            assert await read_all(answer, 10) == b"ok"
    assert upstream.opened == 2
    assert resolver.asked == ["a.example", "b.example"]


async def test_no_more_connections_than_allowed_are_opened_to_an_origin(
    open_transport: OpenTransport,
) -> None:
    async def scene(peer: Peer) -> None:
        while True:
            await peer.read_request()
            peer.send(chunked_head())
            await peer.upstream.until(lambda: "go" in marks)
            peer.send(chunk(b"ok") + LAST_CHUNK)

    marks: list[str] = []
    limits = Limits(max_connections=2)
    async with serve_raw(scene) as upstream, open_transport(limits=limits) as transport:
        tasks = [asyncio.ensure_future(ask(transport, upstream)) for _ in range(6)]
        await upstream.until(lambda: len(upstream.requests) == 2)
        with pytest.raises(UpstreamError) as caught:
            await transport.send(post(upstream.url), trusted=True, timeouts=within(connect_s=0.05))
        marks.append("go")
        upstream.changed()
        assert await asyncio.gather(*tasks) == [b"ok"] * 6
    assert facts(caught.value) == (Failure.TIMEOUT, None, None)
    assert upstream.opened == 2


async def test_no_more_idle_connections_than_allowed_are_kept(
    open_transport: OpenTransport,
) -> None:
    limits = Limits(max_idle=1)
    async with (
        serve_raw(answering(reply(b"ok"))) as upstream,
        open_transport(limits=limits) as transport,
    ):
        answers = [
            await transport.send(post(upstream.url), trusted=True, timeouts=within())
            for _ in range(3)
        ]
        for answer in answers:
            assert await read_all(answer, 10) == b"ok"
        await upstream.until(lambda: upstream.closed == 2, within_s=1)
        assert upstream.opened == 3


async def test_an_idle_connection_is_closed_when_its_time_is_over(
    open_transport: OpenTransport,
) -> None:
    """Also when no further request comes: a forgotten origin must not hold a socket."""
    limits = Limits(keepalive_s=0.05)
    async with (
        serve_raw(answering(reply(b"ok"))) as upstream,
        open_transport(limits=limits) as transport,
    ):
        assert await ask(transport, upstream) == b"ok"
        await upstream.until(lambda: upstream.closed == 1, within_s=2)


async def settle() -> None:
    """Let the loop hand over what has already arrived on loopback."""
    for _ in range(3):
        await asyncio.sleep(0.001)

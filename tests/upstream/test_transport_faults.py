"""The transports' one suite, part two: what upstreams do wrong (catalogue F)."""

import socket
from collections.abc import Callable, Iterator

import pytest

from gateway.errors import Failure, UpstreamError
from gateway.upstream.transport import Reply, read_all
from tests.fakes.raw_scenes import (
    answering,
    chunk,
    chunked_head,
    closing,
    head,
    play,
    reading,
    reply,
    resetting,
    sending,
    trickling,
)
from tests.fakes.raw_upstream import Peer, Scene, serve_raw
from tests.upstream.conftest import OpenTransport
from tests.upstream.scenes import facts, post, within


async def discard_all(answer: Reply) -> None:
    while await answer.read():
        pass


async def test_f01_a_refused_connection_is_unreachable_at_once(
    open_transport: OpenTransport,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: the port refuses
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        async with open_transport() as transport:
            with pytest.raises(UpstreamError) as caught:
                await transport.send(post(url), trusted=True, timeouts=within())
    assert facts(caught.value) == (Failure.UNREACHABLE, None, None)


@pytest.fixture
def black_hole() -> Iterator[str]:
    """The URL of a port that answers no SYN: its accept queue is full and nobody accepts."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}/"
        for filler in fillers:
            filler.close()


async def test_f02_a_black_hole_is_given_up_after_the_connect_limit(
    open_transport: OpenTransport, black_hole: str
) -> None:
    async with open_transport() as transport:
        with pytest.raises(UpstreamError) as caught:
            await transport.send(post(black_hole), trusted=True, timeouts=within(connect_s=0.1))
    assert facts(caught.value) == (Failure.TIMEOUT, None, None)
    assert "reached" in caught.value.message


async def test_f04_silence_before_the_headers_ends_at_the_first_byte_limit(
    open_transport: OpenTransport,
) -> None:
    async with serve_raw(play(reading())) as upstream, open_transport() as transport:
        with pytest.raises(UpstreamError) as caught:
            await transport.send(
                post(upstream.url), trusted=True, timeouts=within(first_byte_s=0.1)
            )
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
    assert facts(caught.value) == (Failure.TIMEOUT, None, None)


async def test_f04_headers_that_trickle_do_not_move_the_first_byte_limit(
    open_transport: OpenTransport,
) -> None:
    scene = play(reading(), trickling(reply(b"ok"), every_s=0.02))
    async with serve_raw(scene) as upstream, open_transport() as transport:
        with pytest.raises(UpstreamError) as caught:
            await transport.send(
                post(upstream.url), trusted=True, timeouts=within(first_byte_s=0.2)
            )
    assert facts(caught.value) == (Failure.TIMEOUT, None, None)


@pytest.mark.parametrize("sent", [b"", chunk(b"first")], ids=["F-05", "F-06"])
async def test_silence_in_the_body_ends_at_the_gap_limit(
    open_transport: OpenTransport, sent: bytes
) -> None:
    scene = play(reading(), sending(chunked_head() + sent))
    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within(gap_s=0.1))
        if sent:
            assert await answer.read() == b"first"
        with pytest.raises(UpstreamError) as caught:
            await answer.read()
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
    assert facts(caught.value) == (Failure.TIMEOUT, None, None)


@pytest.mark.parametrize("ending", [closing, resetting], ids=["FIN", "RST"])
@pytest.mark.parametrize(
    "half",
    [reply(b"half", length=10), chunked_head() + b"a\r\nhalf", chunked_head() + chunk(b"half")],
)
async def test_f07_f11_a_reply_that_is_cut_is_never_a_short_reply(
    open_transport: OpenTransport, half: bytes, ending: Callable[[], Scene]
) -> None:
    async def scene(peer: Peer) -> None:
        await peer.read_request()
        peer.send(half)
        await peer.upstream.until(lambda: "read" in marks)
        await ending()(peer)

    marks: list[str] = []
    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        assert await answer.read() == b"half"
        marks.append("read")
        upstream.changed()
        with pytest.raises(UpstreamError) as caught:
            await answer.read()
        with pytest.raises(UpstreamError):
            await answer.read()
    assert facts(caught.value) == (Failure.CUT, None, None)


async def test_f08_a_trickle_without_end_is_cut_by_the_deadline(
    open_transport: OpenTransport,
) -> None:
    scene = play(
        reading(), sending(chunked_head()), trickling(chunk(b"x") * 500, every_s=0.02, size=6)
    )
    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(
            post(upstream.url), trusted=True, timeouts=within(0.3, gap_s=5)
        )
        with pytest.raises(UpstreamError) as caught:
            await read_all(answer, 10_000)
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
    assert facts(caught.value) == (Failure.TIMEOUT, None, None)


async def test_f22_a_flood_without_end_is_cut_by_the_deadline_too(
    open_transport: OpenTransport,
) -> None:
    """Bytes that are always there leave a timer no moment to fire."""

    async def scene(peer: Peer) -> None:
        await peer.read_request()
        peer.send(chunked_head())
        while True:
            peer.send(chunk(b"x" * 100_000))
            await peer.pause(0.001)

    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within(0.3))
        with pytest.raises(UpstreamError) as caught:
            await discard_all(answer)
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
    assert facts(caught.value) == (Failure.TIMEOUT, None, None)


async def test_a_slow_reader_holds_the_upstream_back(open_transport: OpenTransport) -> None:
    """F-22: memory is bounded by buffers, not by what the upstream can send."""
    sent = 0

    async def scene(peer: Peer) -> None:
        nonlocal sent
        await peer.read_request()
        peer.send(chunked_head())
        while True:
            peer.send(chunk(b"x" * 100_000))
            sent += 1
            await peer.drained()

    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        await upstream.until(lambda: upstream.stalled)
        assert sent < 300
        assert await answer.read()
        await answer.aclose()


@pytest.mark.parametrize(
    "nonsense",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"<html>hello</html>\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\x00b\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: \x1b[31mred\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: y\r\n" % i for i in range(300)) + b"\r\n",
    ],
)
async def test_f23_a_head_that_is_nonsense_or_huge_is_a_bad_reply(
    open_transport: OpenTransport, nonsense: bytes
) -> None:
    scene = play(reading(), sending(nonsense))
    async with serve_raw(scene) as upstream, open_transport() as transport:
        with pytest.raises(UpstreamError) as caught:
            await transport.send(post(upstream.url), trusted=True, timeouts=within())
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
    assert facts(caught.value) == (Failure.BAD_REPLY, None, None)


async def test_f23_a_flood_of_1xx_is_bounded_in_bytes(open_transport: OpenTransport) -> None:
    async def scene(peer: Peer) -> None:
        await peer.read_request()
        while True:
            peer.send(head(103, [("link", "x" * 1_000)]) * 20)
            await peer.drained()

    async with serve_raw(scene) as upstream, open_transport() as transport:
        with pytest.raises(UpstreamError) as caught:
            await transport.send(post(upstream.url), trusted=True, timeouts=within())
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
    assert facts(caught.value) == (Failure.BAD_REPLY, None, None)


async def test_a_body_that_breaks_off_into_nonsense_is_a_bad_reply(
    open_transport: OpenTransport,
) -> None:
    scene = play(reading(), sending(chunked_head() + chunk(b"fine") + b"zz\r\nnot a chunk"))
    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        with pytest.raises(UpstreamError) as caught:
            await read_all(answer, 1_000)
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
    assert facts(caught.value) == (Failure.BAD_REPLY, None, None)


@pytest.mark.parametrize("ending", [closing, resetting], ids=["FIN", "RST"])
async def test_an_upstream_that_closes_without_a_word_is_unreachable(
    open_transport: OpenTransport, ending: Callable[[], Scene]
) -> None:
    """F-07 on a new connection: no second send, since the first may have done its work."""
    async with serve_raw(play(reading(), ending())) as upstream, open_transport() as transport:
        with pytest.raises(UpstreamError) as caught:
            await transport.send(post(upstream.url), trusted=True, timeouts=within())
    assert facts(caught.value) == (Failure.UNREACHABLE, None, None)
    assert (upstream.opened, len(upstream.requests)) == (1, 1)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "gzip, identity"])
async def test_f16_a_compressed_reply_is_refused_unread(
    open_transport: OpenTransport, encoding: str
) -> None:
    bomb = reply(b"\x1f\x8b", headers=[("content-encoding", encoding)], length=50_000_000)
    scene = play(reading(), sending(bomb))
    async with serve_raw(scene) as upstream, open_transport() as transport:
        with pytest.raises(UpstreamError) as caught:
            await transport.send(post(upstream.url), trusted=True, timeouts=within())
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
    assert facts(caught.value) == (Failure.BAD_REPLY, None, None)
    assert upstream.requests[0].header("accept-encoding") == "identity"


async def test_an_identity_encoding_that_is_named_is_fine(open_transport: OpenTransport) -> None:
    scene = answering(reply(b"ok", headers=[("Content-Encoding", "Identity")]))
    async with serve_raw(scene) as upstream, open_transport() as transport:
        answer = await transport.send(post(upstream.url), trusted=True, timeouts=within())
        assert await read_all(answer, 10) == b"ok"


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("trusted", [True, False])
async def test_c10_f21_a_redirect_is_neither_followed_nor_shown(
    open_transport: OpenTransport, status: int, trusted: bool
) -> None:
    async with serve_raw(answering(reply(b"internal"))) as decoy:
        location = [("location", f"{decoy.url}/latest/meta-data")]
        async with (
            serve_raw(answering(reply(status=status, headers=location))) as upstream,
            open_transport() as transport,
        ):
            with pytest.raises(UpstreamError) as caught:
                await transport.send(post(upstream.url), trusted=trusted, timeouts=within())
    assert facts(caught.value) == (Failure.BAD_REPLY, None, None)
    assert (caught.value.status, "redirect" in caught.value.message) == (status, True)
    assert str(decoy.port) not in f"{caught.value.message}{caught.value!r}{caught.value}"
    assert decoy.opened == 0


async def test_a_switch_of_protocols_is_refused(open_transport: OpenTransport) -> None:
    scene = play(
        reading(), sending(head(101, [("upgrade", "websocket"), ("connection", "upgrade")]))
    )
    async with serve_raw(scene) as upstream, open_transport() as transport:
        with pytest.raises(UpstreamError) as caught:
            await transport.send(post(upstream.url), trusted=True, timeouts=within())
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
    assert facts(caught.value) == (Failure.BAD_REPLY, None, None)

"""Guarded fetching of URLs in messages, over real sockets."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.config.schema import MediaConfig
from gateway.errors import InvalidRequest, Overloaded
from gateway.types.upstream import MediaRef
from gateway.upstream.addresses import AllowRule
from gateway.upstream.dial import Dialer
from gateway.upstream.media import MediaFetcher, refuse_media, sendable_url
from tests.canary import Canaries
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
    trickling,
)
from tests.fakes.raw_upstream import Peer, Scene, serve_raw
from tests.upstream.certificates import PrivateCa
from tests.upstream.scenes import FOR_LOOPBACK, StubResolver, SystemClock, make_dialer

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
PNG_URI = "data:image/png;base64," + base64.b64encode(PNG).decode()
OVER_HTTP = MediaConfig(fetch=True, allow_http=True)


def picture(url: str, place: int = 0) -> MediaRef:
    return MediaRef(url, f"messages[0].content[{place}].image_url.url")


def document(url: str) -> MediaRef:
    return MediaRef(url, "messages[0].content[0].file.file_data")


def served(body: bytes = PNG, kind: str = "image/png") -> bytes:
    return reply(body, headers=[("content-type", kind)])


def redirect(location: str, status: int = 302) -> bytes:
    return reply(status=status, headers=[("location", location)])


def by_path(pages: dict[str, bytes]) -> Scene:
    """Make the scene of a server with several pages."""

    async def scene(peer: Peer) -> None:
        while True:
            request = await peer.read_request()
            peer.send(pages.get(request.target, reply(status=404)))

    return scene


@asynccontextmanager
async def fetching(
    dialer: Dialer | None = None, *, most_at_once: int = 16
) -> AsyncIterator[MediaFetcher]:
    dialer = dialer or make_dialer()
    fetcher = MediaFetcher(dialer, SystemClock(), most_at_once=most_at_once)
    try:
        yield fetcher
    finally:
        await fetcher.aclose()
        await dialer.aclose()


async def refusal(
    fetcher: MediaFetcher, refs: Sequence[MediaRef], limits: MediaConfig = OVER_HTTP
) -> InvalidRequest:
    """Fetch what must be refused, and check what every refusal has."""
    with pytest.raises(InvalidRequest) as caught:
        await fetcher.fetch(refs, limits)
    error = caught.value
    assert (error.status, error.code) == (400, "invalid_image_url")
    assert (error.__cause__, error.__context__) == (None, None)
    assert error.param in [ref.param for ref in refs]
    assert not any(ref.url in error.message for ref in refs)
    return error


async def test_a_picture_becomes_a_data_uri(tmp_path: Path) -> None:
    ca = PrivateCa(tmp_path)
    dialer = make_dialer(StubResolver({"img.example": [["127.0.0.1"]]}), ca_file=str(ca.file))
    async with (
        serve_raw(answering(served()), tls=ca.server("img.example")) as upstream,
        fetching(dialer) as fetcher,
    ):
        url = f"https://img.example:{upstream.port}/a/b.png?size=2&x=%20"
        assert await fetcher.fetch([picture(url)], MediaConfig(fetch=True)) == {url: PNG_URI}
        await upstream.until(lambda: upstream.closed == upstream.opened == 1)
    (request,) = upstream.requests
    assert (request.method, request.target) == ("GET", "/a/b.png?size=2&x=%20")
    assert request.body == b""
    assert request.header("host") == f"img.example:{upstream.port}"
    assert request.header("accept-encoding") == "identity"
    agent = request.header("user-agent") or ""
    assert agent.startswith("ai-gateway/")
    assert {name for name, _ in request.headers} == {
        "host", "user-agent", "accept", "accept-encoding",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "said", "kind"),
    [
        (PNG, "image/jpeg", "image/png"),
        (PNG, "text/html", "image/png"),
        (PNG, "", "image/png"),
        (b"%PDF-1.7", "image/png", "application/pdf"),
        (b"RIFF....WAVEfmt ", "application/octet-stream", "audio/wav"),
        (b"heic....", "image/heic", "image/heic"),
        (b"heic....", "Image/HEIC; x=y", "image/heic"),
        (b"....ftypmp42", "video/mp4", "video/mp4"),
        (b"%%junk%PDF", "application/pdf", "application/pdf"),
    ],
)
async def test_the_type_that_the_bytes_show_wins(body: bytes, said: str, kind: str) -> None:
    async with serve_raw(answering(served(body, said))) as upstream, fetching() as fetcher:
        fetched = await fetcher.fetch([picture(upstream.url)], OVER_HTTP)
    expected = f"data:{kind};base64,{base64.b64encode(body).decode()}"
    assert fetched == {upstream.url: expected}


@pytest.mark.parametrize(
    ("body", "said", "kind"),
    [
        (b"a,b\n", "text/csv; charset=utf-8", "text/csv"),
        (b"<html>", "text/html", "text/html"),
        (b"PK\x03\x04", "application/octet-stream", "application/octet-stream"),
        (b"\x00", "nonsense", "application/octet-stream"),
        (b"\x00", 'a/b,c"', "application/octet-stream"),
    ],
)
async def test_a_document_is_called_what_its_server_calls_it(
    body: bytes, said: str, kind: str
) -> None:
    async with serve_raw(answering(served(body, said))) as upstream, fetching() as fetcher:
        fetched = await fetcher.fetch([document(upstream.url)], OVER_HTTP)
    assert fetched[upstream.url].startswith(f"data:{kind};base64,")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>login</html>", "text/html"),
        (b'{"error": 1}', "application/json"),
        (b"\x00\x01", "application/octet-stream"),
        (b"\x00\x01", ""),
        (b"<html>", "image/png"),
        (b"<html>", "image/jpg"),
        (b"", "image/png"),
    ],
)
async def test_what_is_no_picture_is_not_passed_off_as_one(body: bytes, said: str) -> None:
    async with serve_raw(answering(served(body, said))) as upstream, fetching() as fetcher:
        await refusal(fetcher, [picture(upstream.url)])
    assert len(upstream.requests) == 1


async def test_an_empty_document_is_refused() -> None:
    async with serve_raw(answering(served(b"", "text/csv"))) as upstream, fetching() as fetcher:
        await refusal(fetcher, [document(upstream.url)])


async def test_nothing_is_fetched_unless_the_operator_allows_it() -> None:
    async with serve_raw(answering(served())) as upstream, fetching() as fetcher:
        error = await refusal(fetcher, [picture(upstream.url)], MediaConfig(allow_http=True))
        assert "media.fetch" in error.message
        assert await fetcher.fetch([], MediaConfig()) == {}
    assert upstream.opened == 0


def test_a_refused_url_names_its_part_and_the_cure() -> None:
    refuse_media([])
    with pytest.raises(InvalidRequest) as caught:
        refuse_media([picture("https://a/?sig=hush", 3), picture("https://b/")])
    error = caught.value
    assert (error.code, error.param) == (
        "invalid_image_url", "messages[0].content[3].image_url.url",
    )  # fmt: skip
    assert "data:" in error.message
    assert "hush" not in error.message


async def test_http_is_refused_unless_the_operator_allows_it() -> None:
    async with serve_raw(answering(served())) as upstream, fetching() as fetcher:
        error = await refusal(fetcher, [picture(upstream.url)], MediaConfig(fetch=True))
    assert "https://" in error.message
    assert upstream.opened == 0


@pytest.mark.parametrize(
    "url",
    [
        "gs://bucket/cat.png",
        "file:///etc/passwd",
        "ftp://127.0.0.1/cat.png",
        "//127.0.0.1/cat.png",
        "https://",
        "https:///cat.png",
        "https://user:hush@127.0.0.1/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://127.0.0.1:0/",
        "https://127.0.0.1:99999/",
        "https://a\\@127.0.0.1/",
        "https://a.example/b\\c",
        "https://a.example/b\nc",
        "https://a.example/../b",
        "https://a.example\n/",
        "https://\ud800.example/",
        "https://a.example/" + "x" * 9_000,
        "https://a.example/" + "é" * 3_000,
        "data:image/png;base64,AAAA",
    ],
)
async def test_what_is_no_plain_web_address_is_refused_unresolved(url: str) -> None:
    resolver = StubResolver({})
    async with fetching(make_dialer(resolver)) as fetcher:
        await refusal(fetcher, [picture(url)])
    assert resolver.asked == []


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://a.example", "https://a.example"),
        ("https://a.example/b c?d e", "https://a.example/b%20c?d%20e"),
        ("https://a.example/café.png#top", "https://a.example/caf%C3%A9.png"),
        ("https://bücher.example?ü", "https://bücher.example?%C3%BC"),
        (" https://a.example/%20%2F+&=~!*'()[] ", "https://a.example/%20%2F+&=~!*'()[]"),
        ("https://a.example/\ud800", "https://a.example/?"),
    ],
)
def test_a_url_is_escaped_as_a_browser_would(url: str, sent: str) -> None:
    assert sendable_url(url) == sent


INTERNAL = [
    ["10.0.0.1"],
    ["127.0.0.1"],
    ["::1"],
    ["169.254.169.254"],
    ["fd00:ec2::254"],
    ["64:ff9b::7f00:1"],
    ["::ffff:127.0.0.1"],
    ["93.184.215.14", "127.0.0.1"],  # one public and one private address
]


@pytest.mark.parametrize("addresses", INTERNAL)
async def test_c19_a_name_that_leads_inside_is_refused_without_a_connection(
    addresses: list[str],
) -> None:
    resolver = StubResolver({"evil.example": [addresses]})
    async with (
        serve_raw(answering(served())) as upstream,
        fetching(make_dialer(resolver, allowed=())) as fetcher,
    ):
        await refusal(fetcher, [picture(f"http://evil.example:{upstream.port}/")])
        await refusal(fetcher, [picture("http://evil.example/")])
        await refusal(fetcher, [picture("https://evil.example/")])
    assert upstream.opened == 0
    assert resolver.asked == ["evil.example"] * 3


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"])
async def test_c19_an_address_inside_is_refused_without_a_connection(host: str) -> None:
    async with (
        serve_raw(answering(served())) as upstream,
        fetching(make_dialer(allowed=())) as fetcher,
    ):
        await refusal(fetcher, [picture(f"http://{host}:{upstream.port}/")])
        await refusal(fetcher, [picture(f"https://{host}/")])
    assert upstream.opened == 0


async def test_closed_silent_and_forbidden_addresses_are_told_with_one_text() -> None:
    """C-20: a URL in a message is no port scanner."""
    resolver = StubResolver({"inside.example": [["10.0.0.1"]]})
    async with serve_raw(play(reading())) as upstream:
        closed = upstream.url  # nobody listens once the block is over
    async with (
        serve_raw(play()) as silent,
        serve_raw(play(closing())) as rude,
        fetching(make_dialer(resolver)) as fetcher,
    ):
        quick = replace(OVER_HTTP, timeout_s=0.1)
        urls = [
            closed, silent.url, rude.url, "http://inside.example/", "http://nowhere.example/",
            f"https://127.0.0.1:{silent.port}/",
        ]  # fmt: skip
        said = {(await refusal(fetcher, [picture(url)], quick)).message for url in urls}
    assert len(said) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_and_its_target_judged_like_the_first(status: int) -> None:
    resolver = StubResolver({"one.example": [["127.0.0.1"]], "two.example": [["127.0.0.1"]]})
    cookie = ("set-cookie", "session=hush")
    async with (
        serve_raw(answering(served())) as second,
        serve_raw(
            answering(
                reply(
                    b"moved",
                    status=status,
                    headers=[("location", f"http://two.example:{second.port}/cat"), cookie],
                )
            )
        ) as first,
        fetching(make_dialer(resolver)) as fetcher,
    ):
        url = f"http://one.example:{first.port}/"
        assert await fetcher.fetch([picture(url)], OVER_HTTP) == {url: PNG_URI}
        await first.until(lambda: first.closed == 1)
    assert resolver.asked == ["one.example", "two.example"]
    (request,) = second.requests
    assert (request.method, request.target) == ("GET", "/cat")
    assert request.header("host") == f"two.example:{second.port}"
    assert {name for name, _ in request.headers} == {
        "host", "user-agent", "accept", "accept-encoding",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/cat.png", "/cat.png"),
        ("cat.png?x=1", "/deep/cat.png?x=1"),
        ("../cat.png#frag", "/cat.png"),
        ("?page=2", "/deep/start?page=2"),
        ("/a b", "/a%20b"),
        ("/caf\u00c3\u00a9", "/caf%C3%A9"),  # raw UTF-8, as it is on the wire
    ],
)
async def test_a_relative_redirect_leads_from_where_it_stands(location: str, target: str) -> None:
    pages = {"/deep/start": redirect(location), target: served()}
    async with serve_raw(by_path(pages)) as upstream, fetching() as fetcher:
        url = f"{upstream.url}/deep/start"
        assert await fetcher.fetch([picture(url)], OVER_HTTP) == {url: PNG_URI}
    assert [each.target for each in upstream.requests] == ["/deep/start", target]


async def test_three_redirects_are_followed_and_a_fourth_is_not() -> None:
    pages = {f"/{n}": redirect(f"/{n - 1}") for n in range(1, 5)} | {"/0": served()}
    async with serve_raw(by_path(pages)) as upstream, fetching() as fetcher:
        url = f"{upstream.url}/3"
        assert await fetcher.fetch([picture(url)], OVER_HTTP) == {url: PNG_URI}
        upstream.requests.clear()
        error = await refusal(fetcher, [picture(f"{upstream.url}/4")])
    assert "3 times" in error.message
    assert [each.target for each in upstream.requests] == ["/4", "/3", "/2", "/1"]


async def test_c10_a_redirect_inside_is_not_followed() -> None:
    """The first server is an allowed exception, to that port alone: the second is inside."""
    async with serve_raw(answering(served())) as inside:
        for location in (inside.url, f"http://inside.example:{inside.port}/"):
            async with serve_raw(answering(redirect(location))) as outside:
                rule = AllowRule.parse(f"127.0.0.1/32:{outside.port}")
                resolver = StubResolver({"inside.example": [["127.0.0.1"]]})
                async with fetching(make_dialer(resolver, allowed=[rule])) as fetcher:
                    await refusal(fetcher, [picture(outside.url)])
                assert len(outside.requests) == 1
    assert inside.opened == 0


async def test_c08_a_name_is_resolved_and_judged_for_every_hop() -> None:
    resolver = StubResolver({"turn.example": [["127.0.0.1"], ["10.0.0.1"]]})
    async with (
        serve_raw(answering(redirect("/again"))) as upstream,
        fetching(make_dialer(resolver)) as fetcher,
    ):
        await refusal(fetcher, [picture(f"http://turn.example:{upstream.port}/")])
    assert resolver.asked == ["turn.example"] * 2
    assert len(upstream.requests) == 1


async def test_a_redirect_from_https_to_http_is_not_followed(tmp_path: Path) -> None:
    ca = PrivateCa(tmp_path)
    async with (
        serve_raw(answering(served())) as plain,
        serve_raw(answering(redirect(plain.url)), tls=ca.server("127.0.0.1")) as secure,
        fetching(make_dialer(ca_file=str(ca.file))) as fetcher,
    ):
        await refusal(fetcher, [picture(secure.url)], MediaConfig(fetch=True))
        assert plain.opened == 0
        assert await fetcher.fetch([picture(secure.url)], OVER_HTTP) == {secure.url: PNG_URI}


@pytest.mark.parametrize(
    "answer",
    [
        reply(status=302),
        reply(status=302, headers=[("location", "/a"), ("location", "/b")]),
        redirect("http://user:hush@127.0.0.1/"),
        redirect("http://[::1"),
        redirect("\\\\127.0.0.1\\a"),
        redirect("file:///etc/passwd"),
        redirect("javascript:alert(1)"),
        redirect("/" + "x" * 9_000),
        redirect("/a", status=300),
        redirect("/a", status=304),
    ],
)
async def test_a_redirect_to_nowhere_is_refused(answer: bytes) -> None:
    async with serve_raw(answering(answer)) as upstream, fetching() as fetcher:
        await refusal(fetcher, [picture(upstream.url)])
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("status", [201, 204, 206, 401, 403, 404, 410, 429, 500, 503])
async def test_a_reply_that_is_not_200_is_refused_with_its_status(status: int) -> None:
    answer = reply(PNG if status != 204 else b"", status=status)
    async with serve_raw(answering(answer)) as upstream, fetching() as fetcher:
        error = await refusal(fetcher, [picture(upstream.url)])
    assert f"status {status}" in error.message
    assert len(upstream.requests) == 1


SMALL = replace(OVER_HTTP, max_bytes=2_000, max_total_bytes=5_000)
_BIG = PNG + bytes(2_000)


@pytest.mark.parametrize(
    "answer",
    [
        head(200, [("content-length", "2001")]),  # the claim is enough
        head(200, [("content-length", "9" * 20)]),
        head(200) + _BIG,  # until the connection closes
        chunked_head() + chunk(_BIG),
        chunked_head() + b"".join(chunk(_BIG[at : at + 1]) for at in range(len(_BIG))),
    ],
)
async def test_an_item_that_is_too_large_is_given_up_at_once(answer: bytes) -> None:
    async with serve_raw(play(reading(), sending(answer))) as upstream, fetching() as fetcher:
        error = await refusal(fetcher, [picture(upstream.url)], SMALL)
        assert "2000 bytes" in error.message
        await upstream.until(lambda: upstream.closed == 1, within_s=1)


async def test_an_endless_body_is_cut_at_the_limit() -> None:
    async def scene(peer: Peer) -> None:
        await peer.read_request()
        peer.send(chunked_head(("content-type", "image/png")) + chunk(PNG))
        while True:
            peer.send(chunk(bytes(50_000)))
            await peer.drained()

    limits = replace(OVER_HTTP, max_bytes=1_000_000, timeout_s=5)
    async with serve_raw(scene) as upstream, fetching() as fetcher:
        error = await refusal(fetcher, [picture(upstream.url)], limits)
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
    assert "1000000 bytes" in error.message


async def test_an_item_of_just_the_limit_is_taken() -> None:
    body = PNG.ljust(2_000, b"\x00")
    async with serve_raw(answering(served(body))) as upstream, fetching() as fetcher:
        fetched = await fetcher.fetch([picture(upstream.url)], SMALL)
    assert fetched[upstream.url].endswith(base64.b64encode(body).decode())


async def test_all_items_together_have_a_limit_and_every_copy_counts() -> None:
    body = PNG.ljust(2_000, b"\x00")
    async with serve_raw(answering(served(body))) as upstream, fetching() as fetcher:
        two = [picture(upstream.url, place) for place in range(2)]
        assert len(await fetcher.fetch(two, SMALL)) == 1  # named twice, fetched once
        assert len(upstream.requests) == 1
        three = [picture(upstream.url, place) for place in range(3)]
        error = await refusal(fetcher, three, SMALL)
        assert "5000 bytes" in error.message
        apart = [picture(f"{upstream.url}/{place}", place) for place in range(3)]
        assert "5000 bytes" in (await refusal(fetcher, apart, SMALL)).message


async def test_a_request_has_so_many_items_and_no_more() -> None:
    limits = replace(OVER_HTTP, max_items=3)
    async with serve_raw(answering(served())) as upstream, fetching() as fetcher:
        refs = [picture(f"{upstream.url}/{place}", place) for place in range(4)]
        assert len(await fetcher.fetch(refs[:3], limits)) == 3
        upstream.requests.clear()
        error = await refusal(fetcher, refs, limits)
        same = [picture(upstream.url, place) for place in range(4)]
        await refusal(fetcher, same, limits)
    assert error.param == "messages[0].content[3].image_url.url"
    assert upstream.requests == []


@pytest.mark.parametrize(
    "scene",
    [
        play(reading()),
        play(reading(), sending(chunked_head() + chunk(PNG))),
        play(reading(), trickling(served(), every_s=0.02)),
        play(
            reading(), sending(chunked_head()), trickling(chunk(b"x") * 500, every_s=0.02, size=6)
        ),
        play(
            reading(),
            sending(head(200, [("content-length", "1000")])),
            trickling(PNG, every_s=0.02),
        ),
    ],
)
async def test_the_time_limit_holds_whatever_the_server_does(scene: Scene) -> None:
    async with serve_raw(scene) as upstream, fetching() as fetcher:
        async with asyncio.timeout(3):
            await refusal(fetcher, [picture(upstream.url)], replace(OVER_HTTP, timeout_s=0.2))
        await upstream.until(lambda: upstream.closed == 1, within_s=1)


async def test_the_time_limit_is_for_redirects_and_items_together() -> None:
    async def scene(peer: Peer) -> None:
        await peer.read_request()
        await peer.pause(0.2)
        peer.send(redirect("/next"))
        await peer.hang()

    async with serve_raw(scene) as upstream, fetching() as fetcher:
        refs = [picture(f"{upstream.url}/{place}", place) for place in range(20)]
        async with asyncio.timeout(3):
            error = await refusal(fetcher, refs, replace(OVER_HTTP, timeout_s=0.3))
        await upstream.until(lambda: upstream.closed == upstream.opened, within_s=1)
    assert "in time" in error.message


async def test_one_request_has_four_connections_at_a_time() -> None:
    go = asyncio.Event()

    async def scene(peer: Peer) -> None:
        await peer.read_request()
        await go.wait()
        peer.send(served())
        await peer.hang()

    async with serve_raw(scene) as upstream, fetching() as fetcher:
        refs = [picture(f"{upstream.url}/{place}", place) for place in range(10)]
        asked = asyncio.create_task(fetcher.fetch(refs, OVER_HTTP))
        await upstream.until(lambda: len(upstream.requests) == 4)
        with pytest.raises(TimeoutError):
            await upstream.until(lambda: upstream.opened > 4, within_s=0.1)
        go.set()
        assert list(await asked) == [ref.url for ref in refs]
    assert upstream.opened == 10


async def test_when_every_turn_is_taken_the_client_is_told_to_come_again() -> None:
    async with serve_raw(play(reading())) as upstream, fetching(most_at_once=1) as fetcher:
        first = asyncio.create_task(fetcher.fetch([picture(upstream.url)], OVER_HTTP))
        await upstream.until(lambda: len(upstream.requests) == 1)
        with pytest.raises(Overloaded) as caught:
            await fetcher.fetch([picture(f"{upstream.url}/2")], replace(OVER_HTTP, timeout_s=0.1))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await upstream.until(lambda: upstream.closed == 1, within_s=1)
        second = asyncio.create_task(fetcher.fetch([picture(upstream.url)], OVER_HTTP))
        await upstream.until(lambda: len(upstream.requests) == 2)  # the turn was given back
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
    assert caught.value.retry_after_s == 1.0
    assert upstream.opened == 2


async def test_one_failure_ends_the_others() -> None:
    async def scene(peer: Peer) -> None:
        request = await peer.read_request()
        if request.target == "/bad":
            await peer.upstream.until(lambda: len(peer.upstream.requests) == 3)
            peer.send(reply(status=404))
        await peer.hang()

    async with serve_raw(scene) as upstream, fetching() as fetcher:
        refs = [picture(f"{upstream.url}/{name}", n) for n, name in enumerate(("a", "bad", "c"))]
        async with asyncio.timeout(3):
            error = await refusal(fetcher, refs)
        await upstream.until(lambda: upstream.closed == 3, within_s=1)
    assert error.param == refs[1].param


async def test_a_cancelled_request_closes_its_connections_at_once() -> None:
    sent = chunked_head() + chunk(PNG)
    async with serve_raw(play(reading(), sending(sent))) as upstream, fetching() as fetcher:
        refs = [picture(f"{upstream.url}/{place}", place) for place in range(3)]
        asked = asyncio.create_task(fetcher.fetch(refs, OVER_HTTP))
        await upstream.until(lambda: upstream.bytes_out == 3 * len(sent))
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await upstream.until(lambda: upstream.closed == 3, within_s=1)


@pytest.mark.parametrize(
    "answer",
    [
        reply(PNG, headers=[("content-encoding", "gzip")]),
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        chunked_head() + chunk(PNG) + b"zz\r\nnonsense",
    ],
)
async def test_a_reply_that_cannot_be_used_is_refused(answer: bytes) -> None:
    async with serve_raw(play(reading(), sending(answer))) as upstream, fetching() as fetcher:
        await refusal(fetcher, [picture(upstream.url)])
        await upstream.until(lambda: upstream.closed == 1, within_s=1)


@pytest.mark.parametrize("half", [reply(PNG, length=5_000), chunked_head() + chunk(PNG)])
async def test_half_a_picture_is_never_sent_on(half: bytes) -> None:
    async with (
        serve_raw(play(reading(), sending(half), closing())) as upstream,
        fetching() as fetcher,
    ):
        await refusal(fetcher, [picture(upstream.url)])


async def test_a_picture_in_many_chunks_arrives_whole() -> None:
    pieces = b"".join(chunk(PNG[at : at + 7]) for at in range(0, len(PNG), 7))
    answer = chunked_head() + pieces + LAST_CHUNK
    async with serve_raw(answering(answer)) as upstream, fetching() as fetcher:
        assert await fetcher.fetch([picture(upstream.url)], OVER_HTTP) == {upstream.url: PNG_URI}


async def test_c16_a_server_that_cannot_prove_itself_sees_no_request(tmp_path: Path) -> None:
    ca = PrivateCa(tmp_path)
    async with (
        serve_raw(answering(served()), tls=ca.server("other.example")) as upstream,
        fetching(make_dialer(ca_file=str(ca.file), allowed=FOR_LOOPBACK)) as fetcher,
    ):
        await refusal(fetcher, [picture(upstream.url)])
    assert upstream.requests == []


async def test_an_error_repeats_nothing_of_the_url(canary: Canaries) -> None:
    """A signed URL opens what it points at."""
    secret = canary.mint("sig")
    pages = {
        f"/moved?{secret}": redirect(f"/gone?{secret}"),
        f"/page?{secret}": served(b"<html>", f"text/html; x={secret}"),
    }
    async with serve_raw(by_path(pages)) as upstream, fetching() as fetcher:
        for path in ("moved", "page", "gone"):
            error = await refusal(fetcher, [picture(f"{upstream.url}/{path}?{secret}")])
            assert secret not in error.message + str(error) + repr(error)

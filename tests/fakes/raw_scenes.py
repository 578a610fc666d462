"""Scenes for `raw_upstream.py` made from steps, and the bytes of replies, well-formed or not."""

from collections.abc import Awaitable, Callable, Sequence

from tests.fakes.raw_upstream import Peer, Scene

Step = Callable[[Peer], Awaitable[None]]

LAST_CHUNK = b"0\r\n\r\n"


def play(*steps: Step) -> Scene:
    """Make a scene from steps, played once in order; then the connection stays open and silent."""

    async def scene(peer: Peer) -> None:
        for step in steps:
            await step(peer)
        await peer.hang()

    return scene


def reading() -> Step:
    """Make the step that reads one request."""

    async def step(peer: Peer) -> None:
        await peer.read_request()

    return step


def sending(data: bytes) -> Step:
    """Make the step that sends bytes."""

    async def step(peer: Peer) -> None:
        peer.send(data)

    return step


def trickling(data: bytes, *, every_s: float, size: int = 1) -> Step:
    """Make the step that sends bytes slowly."""

    async def step(peer: Peer) -> None:
        await peer.trickle(data, every_s=every_s, size=size)

    return step


def closing() -> Step:
    """Make the step that closes with FIN."""

    async def step(peer: Peer) -> None:
        peer.close()

    return step


def resetting() -> Step:
    """Make the step that closes with RST."""

    async def step(peer: Peer) -> None:
        peer.reset()

    return step


def answering(data: bytes) -> Scene:
    """Make the scene of a well-behaved server: the same bytes for every request, kept alive."""

    async def scene(peer: Peer) -> None:
        while True:
            await peer.read_request()
            peer.send(data)

    return scene


def reply(
    body: bytes = b"",
    *,
    status: int = 200,
    headers: Sequence[tuple[str, str]] = (),
    length: int | None = None,
) -> bytes:
    """Write a whole reply; `length` is the Content-Length to claim, the true one by default."""
    claimed = len(body) if length is None else length
    return head(status, [*headers, ("content-length", str(claimed))]) + body


def head(status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """Write a reply's head, with the headers given and no others."""
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def chunked_head(*headers: tuple[str, str], status: int = 200) -> bytes:
    """Write the head of a reply in chunks."""
    return head(status, [*headers, ("transfer-encoding", "chunked")])


def chunk(data: bytes) -> bytes:
    """Frame one chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)

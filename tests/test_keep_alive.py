"""Silence in a streamed answer: the head goes out after a while, then comments; errors are events."""

from collections.abc import Mapping

import pytest

from gateway.config.schema import Stream
from gateway.errors import UpstreamFailed
from gateway.keep_alive import KeepAlive
from tests.waiting import async_wait_until

SOON = Stream(commit_after_s=0.01, keepalive_s=0.01)
NEVER = Stream(commit_after_s=3600, keepalive_s=3600)


class Recorder:
    """A downstream that keeps what it gets."""

    def __init__(self) -> None:
        self.heads: list[tuple[int, dict[str, str]]] = []
        self.body = b""
        self.ended = False
        self.is_event_stream = True
        self.outlives_client = False
        self.is_muted = False

    def outlive_client(self) -> None:
        self.outlives_client = True

    def mute(self) -> None:
        self.is_muted = True

    @property
    def started(self) -> bool:
        return bool(self.heads)

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.heads.append((status, dict(headers)))

    async def write(self, data: bytes, *, more: bool) -> None:
        self.body += data
        self.ended = not more


async def test_a_silent_stream_gets_its_head_once_and_comments() -> None:
    caller = Recorder()
    with KeepAlive(caller, SOON, enabled=True):
        await async_wait_until(lambda: caller.body.count(b": keep-alive\n\n") >= 3)
    assert len(caller.heads) == 1
    status, headers = caller.heads[0]
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert not any(name.startswith("x-gateway") for name in headers)


async def test_nothing_is_said_before_the_time_or_for_whole_answers() -> None:
    for timing, enabled in ((NEVER, True), (SOON, False)):
        caller = Recorder()
        with KeepAlive(caller, timing, enabled=enabled) as alive:
            await alive.fail(UpstreamFailed("x"))
        assert caller.heads == []
        assert caller.body == b""


async def test_a_failure_after_the_head_is_an_error_event_that_ends_the_answer() -> None:
    caller = Recorder()
    with KeepAlive(caller, SOON, enabled=True) as alive:
        await async_wait_until(lambda: caller.started)
        await alive.fail(UpstreamFailed("The provider is unreachable."))
    assert caller.ended
    last = caller.body.strip().split(b"\n\n")[-1]
    assert last.startswith(b'data: {"error":')
    assert b"upstream_error" in last


@pytest.mark.parametrize("count", [1, 3])
async def test_speaking_stops_with_the_answer(count: int) -> None:
    caller = Recorder()
    with KeepAlive(caller, SOON, enabled=True) as alive:
        await async_wait_until(lambda: caller.body.count(b"keep-alive") >= count)
        await alive.write(b"data: x\n\n", more=False)
    body = caller.body
    assert body.endswith(b"data: x\n\n")
    assert caller.body == body

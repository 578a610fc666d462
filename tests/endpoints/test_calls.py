"""How a call ends: by its answer, by its client, or by somebody's decision from outside."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

import orjson
import pytest

from gateway.endpoints.calls import run_call
from gateway.endpoints.requests import ClientGone, IncomingRequest
from gateway.errors import AuthenticationFailed, Overloaded, UpstreamFailed
from gateway.exchange import JSON_HEADERS, STREAM_HEADERS
from gateway.identity.account import Account
from gateway.identity.accounts import Caller
from gateway.identity.open_calls import OpenCalls
from gateway.types.account import TokenInfo, UserRecord
from gateway.vault.vault import DataKeys

TOKEN = TokenInfo("t_1", "app", "abcd", 1, ())
ACCOUNT = Account(UserRecord("u_1", 1), {}, {}, {}, DataKeys("u_1", {}), 1)
CALLER = Caller("u_1", TOKEN, ACCOUNT)


class Client:
    """A client that listens, and hangs up when told."""

    def __init__(self) -> None:
        self.heads: list[int] = []
        self.body = b""
        self.ended = False
        self.is_event_stream = False
        self.hung_up = asyncio.Event()
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
        self.heads.append(status)
        self.is_event_stream = headers["content-type"].startswith("text/event-stream")

    async def write(self, data: bytes, *, more: bool) -> None:
        self.body += data
        self.ended = not more

    async def receive(self) -> dict[str, Any]:
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    def request(self) -> IncomingRequest:
        scope = {"type": "http", "method": "POST", "path": "/x", "headers": []}
        return IncomingRequest(
            scope,
            self.receive,
            downstream=self,
            request_id="req_1",
            received=0.0,
            started=0.0,
            max_body=1,
            summary={},
        )


class Work:
    """A call that begins its answer, or not, and then waits; it notes how it ended."""

    def __init__(self, client: Client, headers: Mapping[str, str] | None) -> None:
        self.begun = asyncio.Event()
        self.cancelled = False
        self._client = client
        self._headers = headers

    async def run(self) -> None:
        try:
            if self._headers is not None:
                await self._client.start(200, self._headers)
                await self._client.write(b"data: 1\n\n", more=True)
            self.begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def interrupted(client: Client, work: Work, error: Exception) -> IncomingRequest:
    """Run a call and interrupt it once it waits; return the request when it is over."""
    calls, request = OpenCalls(), client.request()
    running = asyncio.create_task(run_call(calls, request, CALLER, work.run()))
    await work.begun.wait()
    [call] = calls.of("u_1")
    assert isinstance(error, AuthenticationFailed | Overloaded)
    call.interrupt(error)
    try:
        await running
    finally:
        assert work.cancelled
        assert calls.users == ()
    return request


async def test_before_an_answer_has_begun_the_error_is_the_answer() -> None:
    client = Client()

    with pytest.raises(AuthenticationFailed):
        await interrupted(client, Work(client, None), AuthenticationFailed())

    assert not client.started


@pytest.mark.parametrize("error", [AuthenticationFailed(), Overloaded("The gateway is stopping.")])
async def test_a_stream_that_has_begun_ends_with_an_event_that_sdks_raise(
    error: AuthenticationFailed | Overloaded,
) -> None:
    client = Client()

    request = await interrupted(client, Work(client, STREAM_HEADERS), error)

    first, last = client.body.removesuffix(b"\n\n").split(b"\n\n")
    assert first == b"data: 1"
    shown = orjson.loads(last.removeprefix(b"data: "))["error"]
    assert (shown["code"], shown["type"]) == (error.code, error.type)
    assert client.ended
    assert request.summary == {"code": error.code, "origin": error.origin.value}


async def test_an_answer_of_another_kind_stays_without_its_end() -> None:
    client = Client()

    await interrupted(client, Work(client, JSON_HEADERS), AuthenticationFailed())

    assert client.body == b"data: 1\n\n"
    assert not client.ended


async def test_a_client_that_hangs_up_ends_its_call() -> None:
    client, calls = Client(), OpenCalls()
    work = Work(client, STREAM_HEADERS)
    running = asyncio.create_task(run_call(calls, client.request(), CALLER, work.run()))
    await work.begun.wait()

    client.hung_up.set()

    with pytest.raises(ClientGone):
        await running
    assert work.cancelled
    assert client.body == b"data: 1\n\n"


async def test_a_request_that_is_cancelled_itself_is_not_taken_for_interrupted() -> None:
    client, calls = Client(), OpenCalls()
    work = Work(client, STREAM_HEADERS)
    running = asyncio.create_task(run_call(calls, client.request(), CALLER, work.run()))
    await work.begun.wait()

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert work.cancelled
    assert client.body == b"data: 1\n\n"


async def done(client: Client) -> None:
    await client.start(200, JSON_HEADERS)
    await client.write(b"{}", more=False)


async def failed() -> None:
    raise UpstreamFailed("broken")


async def test_an_answer_and_an_error_pass_as_they_are() -> None:
    client, calls = Client(), OpenCalls()
    works: list[Coroutine[Any, Any, None]] = [done(client), failed()]

    await run_call(calls, client.request(), CALLER, works[0])
    with pytest.raises(UpstreamFailed):
        await run_call(calls, client.request(), CALLER, works[1])

    assert client.body == b"{}"

"""One attempt: what is read before the answer is certain, and what an error may say."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.attempt import OpenedReply, open_attempt, scrubbed
from gateway.config.system_clock import SystemClock
from gateway.errors import Failure, UpstreamError
from gateway.providers.fates import UnsupportedPolicy
from gateway.types import events as ev
from gateway.types.chat import ChatRequest, Message, Role
from gateway.types.models import ModelInfo
from gateway.types.secret import Secret
from gateway.types.upstream import Credential, KeySource, ReplyHead, Target, UpstreamRequest
from gateway.upstream.transport import Reply, Timeouts

TARGET = Target(
    provider="openai",
    type="openai",
    model="gpt-4o-mini",
    base_url="https://api.openai.com/v1",
    key_source=KeySource.OWN,
    key_name="openai",
    audience="openai",
    settings={},
    info=ModelInfo("openai", "gpt-4o-mini"),
)
KEY = Credential(Secret("sk-the-users-own-key"))
CHAT = ChatRequest("gpt-4o-mini", (Message(Role.USER, "Hi"),), stream=True)


class ScriptedReply:
    """A reply whose chunks are given."""

    def __init__(self, status: int, chunks: Sequence[bytes | BaseException]) -> None:
        kind = "text/event-stream" if status == 200 else "application/json"
        self.head = ReplyHead(status, {"content-type": kind})
        self.closed = False
        self._chunks = list(chunks)

    async def read(self) -> bytes:
        if not self._chunks:
            return b""
        chunk = self._chunks.pop(0)
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk

    async def aclose(self) -> None:
        self.closed = True


class ScriptedTransport:
    """A transport that keeps what it was asked and gives one reply."""

    def __init__(self, reply: ScriptedReply) -> None:
        self.reply = reply
        self.sent: list[UpstreamRequest] = []

    async def send(self, request: UpstreamRequest, *, trusted: bool, timeouts: Timeouts) -> Reply:
        self.sent.append(request)
        return self.reply

    async def aclose(self) -> None:
        await self.reply.aclose()


def frame(delta: str, finish: str = "null") -> bytes:
    return (
        b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",'
        b'"choices":[{"index":0,"delta":' + delta.encode() + b',"finish_reason":'
        + finish.encode() + b"}]}\n\n"
    )  # fmt: skip


ROLE = frame('{"role":"assistant","content":""}')
ERROR = b'data: {"error":{"message":"overloaded","type":"server_error","code":"overloaded"}}\n\n'


async def attempt(transport: ScriptedTransport) -> OpenedReply:
    return await open_attempt(
        transport=transport,
        clock=SystemClock(),
        chat=CHAT,
        target=TARGET,
        credential=KEY,
        policy=UnsupportedPolicy.LENIENT,
        timeouts=Timeouts(1, 1, 1, 1e12),
        headers=(("x-client-request-id", "req_1"),),
    )


async def collect(opened: OpenedReply) -> list[ev.Event]:
    return [event async for events in opened.events() for event in events]


async def test_an_error_before_anything_meaningful_is_an_error_of_the_attempt() -> None:
    reply = ScriptedReply(200, [ROLE, ERROR])
    with pytest.raises(UpstreamError):
        await attempt(ScriptedTransport(reply))
    assert reply.closed


async def test_what_came_before_a_later_error_is_passed_on() -> None:
    reply = ScriptedReply(
        200, [ROLE + frame('{"content":"Hel"}'), frame('{"content":"lo"}') + ERROR]
    )
    opened = await attempt(ScriptedTransport(reply))
    seen: list[ev.Event] = []
    with pytest.raises(UpstreamError):
        async for events in opened.events():
            seen += events
    text = b"".join(e.data for e in seen if isinstance(e, ev.Verbatim))
    assert b'"Hel"' in text
    assert b'"lo"' in text


async def test_a_reply_in_one_piece_is_finished_once() -> None:
    end = frame("{}", '"stop"') + b"data: [DONE]\n\n"
    reply = ScriptedReply(200, [ROLE + frame('{"content":"Hello"}') + end])
    events = await collect(await attempt(ScriptedTransport(reply)))
    assert sum(isinstance(event, ev.End) for event in events) == 1


async def test_an_answer_without_content_is_no_answer() -> None:
    reply = ScriptedReply(200, [b": comment\n\n"])
    with pytest.raises(UpstreamError):
        await attempt(ScriptedTransport(reply))
    assert reply.closed


async def test_the_key_goes_into_the_request_and_out_of_the_error() -> None:
    """F-26: some providers repeat the key they refuse."""
    body = b'{"error":{"message":"Incorrect API key sk-the-users-own-key provided"}}'
    transport = ScriptedTransport(ScriptedReply(401, [body]))
    with pytest.raises(UpstreamError) as raised:
        await attempt(transport)
    headers = dict(transport.sent[0].headers)
    assert headers["authorization"] == "Bearer sk-the-users-own-key"
    assert headers["x-client-request-id"] == "req_1"
    assert raised.value.failure is Failure.KEY_REJECTED
    assert "sk-the-users-own-key" not in raised.value.message
    assert "[secret]" in raised.value.message
    assert "sk-the" not in repr(transport.sent[0])


async def test_a_cancelled_attempt_closes_its_reply() -> None:
    reply = ScriptedReply(200, [ROLE, asyncio.CancelledError()])
    with pytest.raises(asyncio.CancelledError):
        await attempt(ScriptedTransport(reply))
    assert reply.closed


def test_scrubbing_without_a_credential_changes_nothing() -> None:
    error = UpstreamError(Failure.SERVER, "as it is")
    assert scrubbed(error, None).message == "as it is"


async def test_an_error_in_the_middle_says_no_key_either() -> None:
    echo = b'data: {"error":{"message":"key sk-the-users-own-key is spent"}}\n\n'
    opened = await attempt(
        ScriptedTransport(ScriptedReply(200, [ROLE + frame('{"content":"Hel"}'), echo]))
    )
    with pytest.raises(UpstreamError) as raised:
        await collect(opened)
    assert "sk-the" not in raised.value.message


def test_members_of_a_json_secret_are_scrubbed_one_by_one() -> None:
    key = Credential(
        Secret('{"access_key_id":"AKIAEXAMPLE12345","secret_access_key":"s3cr3t/key+value"}')
    )
    error = scrubbed(UpstreamError(Failure.SERVER, "bad s3cr3t/key+value of AKIAEXAMPLE12345"), key)
    assert error.message == "bad [secret] of [secret]"

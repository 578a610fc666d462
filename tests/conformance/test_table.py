"""Every recorded exchange whose API we speak, in one table: provider by feature and outcome.

What each answer must say is checked beside, by readings of each format that share nothing with the
gateway. Here is what holds for all of them: a real answer is never an error, whole and stream give
a shape the official client takes, and a stream cut anywhere is an error, never a made-up finish.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TypeVar

import orjson
import pytest
from openai._models import construct_type
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.errors import UpstreamError
from gateway.providers.registry import PROVIDERS
from gateway.types import events as ev
from gateway.types.chat import ChatRequest, Message, Role
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, ReplyHead, Target
from gateway.wire.chat_write import CompletionWriter, StreamWriter
from tests.conformance.recordings import Exchange, load, recorded_dir

APIS = {
    "chat": None,  # by provider: OpenAI's format unless a format of its own has that name
    "messages": "anthropic",
    "generateContent": "gemini",
    "converse": "bedrock",
}
SPOKEN_AS = {"azure": "azure", "cohere": "cohere", "mistral": "mistral", "vertex": "vertex"}
OTHER_ROUTES = ("/api/chat", "cohere.com/v1/chat", "cohere.ai/v1/chat")
"""Ollama's native route and Cohere's first version: formats we do not speak."""
CUTS = (0.2, 0.6)
T = TypeVar("T")


def type_of(exchange: Exchange) -> str | None:
    """Return the provider type that speaks an exchange, None where none does."""
    if exchange.api not in APIS or any(path in exchange.url for path in OTHER_ROUTES):
        return None
    wanted = SPOKEN_AS.get(exchange.provider) or APIS[exchange.api]
    if exchange.api == "chat" and exchange.provider in ("bedrock", "gemini"):
        wanted = "openai_compatible"
    if wanted is None:
        wanted = exchange.provider if exchange.provider in PROVIDERS else "openai_compatible"
    return wanted if wanted in PROVIDERS else None


@cache
def spoken() -> tuple[Exchange, ...]:
    if recorded_dir() is None:
        pytest.skip("no recordings: GATEWAY_RECORDED_DIR names no folder that holds any")
    return tuple(e for api in APIS for e in load(api) if type_of(e) is not None)


def features_of(exchange: Exchange) -> tuple[str, ...]:
    kind = "stream" if exchange.stream else "whole"
    return (kind, *exchange.features) if exchange.status == 200 else ("error reply",)


def chat_of(exchange: Exchange, *, stream: bool) -> ChatRequest:
    """A request the reply could be an answer to; replies hardly depend on it."""
    return ChatRequest("m", (Message(Role.USER, "Hi"),), stream=stream, include_usage=stream)


def target_of(exchange: Exchange) -> Target:
    kind = type_of(exchange) or ""
    model = str(exchange.request.get("model") or "model")
    return Target(
        provider=kind,
        type=kind,
        model=model,
        base_url="https://upstream.example/v1",
        key_source=KeySource.OWN,
        key_name=None,
        audience="",
        settings={"region": "us-east-1", "project": "p", "azure_resource": "r"},
        info=ModelInfo(kind, model),
    )


def parse(exchange: Exchange, pieces: Iterable[bytes], *, stream: bool) -> list[ev.Event]:
    target = target_of(exchange)
    head = ReplyHead(exchange.status, exchange.headers)
    parser = PROVIDERS[target.type].open_reply(chat_of(exchange, stream=stream), target, head)
    events: list[ev.Event] = []
    for piece in pieces:
        events += parser.feed(piece)
    return events + parser.finish()


def completed(exchange: Exchange) -> ChatCompletion:
    writer = CompletionWriter(
        chat_of(exchange, stream=False), id="req_1", created=1_700_000_000, model="m"
    )
    for event in parse(exchange, [exchange.body], stream=False):
        writer.add(event)
    return as_client(ChatCompletion, writer.body())


def as_client(kind: type[T], data: bytes) -> T:
    """Read a body as the official client does: it checks no values, so enums of vendors pass."""
    made = construct_type(type_=kind, value=orjson.loads(data))
    assert isinstance(made, kind)
    return made


def accumulated(exchange: Exchange) -> ChatCompletion:
    writer = StreamWriter(
        chat_of(exchange, stream=True),
        id="req_1",
        created=1_700_000_000,
        model="m",
        usage_wanted=True,
    )
    data = b"".join(
        writer.usage_chunk(event) if isinstance(event, ev.Usage) else writer.write(event)
        for event in parse(exchange, [exchange.body], stream=True)
    )
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for line in data.split(b"\n"):
        if line.startswith(b"data: {"):
            state.handle_chunk(as_client(ChatCompletionChunk, line[6:]))
    return state.current_completion_snapshot


def check(exchange: Exchange) -> None:
    """Assert what holds for every exchange."""
    if exchange.status != 200:
        target = target_of(exchange)
        head = ReplyHead(exchange.status, exchange.headers)
        error = PROVIDERS[target.type].parse_error(head, exchange.body, 1_700_000_000.0)
        assert error.message
        assert error.status == exchange.status
        return
    if is_told_error(exchange):
        with pytest.raises(UpstreamError):
            raise_told(parse(exchange, [exchange.body], stream=exchange.stream))
        return
    whole = completed(exchange)
    assert whole.choices
    assert all(choice.finish_reason for choice in whole.choices)
    if exchange.stream:
        streamed = accumulated(exchange)
        for one, other in zip(whole.choices, streamed.choices, strict=True):
            assert (one.message.content or "") == (other.message.content or "")
            assert one.finish_reason == other.finish_reason
            assert len(one.message.tool_calls or ()) == len(other.message.tool_calls or ())


def is_told_error(exchange: Exchange) -> bool:
    """Whether the provider itself reports an error inside a 200."""
    try:
        raise_told(parse(exchange, [exchange.body], stream=exchange.stream))
    except UpstreamError:
        return b"error" in exchange.body or b"xception" in exchange.body
    return False


def raise_told(events: Iterable[ev.Event]) -> None:
    for event in events:
        if isinstance(event, ev.Error):
            raise event.error


def cut_points(body: bytes) -> Iterator[int]:
    """Yield 20 %, 60 %, and the beginning of the last event."""
    yield from (int(len(body) * part) for part in CUTS)
    trimmed = body.rstrip().removesuffix(b"data: [DONE]").rstrip()
    last = max(trimmed.rfind(b"\n\n"), trimmed.rfind(b"\r\n\r\n"), trimmed.rfind(b"\r\r"))
    if last > 0:
        yield last


def test_every_exchange(terminal_table: dict[str, list[str]]) -> None:
    passed: dict[str, Counter[str]] = defaultdict(Counter)
    failed: dict[str, Counter[str]] = defaultdict(Counter)
    faults = []
    for exchange in spoken():
        try:
            check(exchange)
            tally = passed
        except Exception as error:  # noqa: BLE001  # counted, and shown below
            tally = failed
            faults.append(f"{exchange.id}: {type(error).__name__}: {str(error)[:200]}")
        for feature in features_of(exchange):
            tally[exchange.provider][feature] += 1
    rows = terminal_table["provider by feature: passed / failed"]
    for provider in sorted({*passed, *failed}):
        features = sorted({*passed[provider], *failed[provider]})
        cells = (f"{f} {passed[provider][f]}/{failed[provider][f]}" for f in features)
        rows.append(f"{provider}: {', '.join(cells)}")
    assert not faults, "\n".join(faults[:40])


def test_every_stream_cut_early_is_an_error() -> None:
    faults = []
    streams = [e for e in spoken() if e.stream and e.status == 200 and not is_told_error(e)]
    for exchange in streams:
        for cut in cut_points(exchange.body):
            try:
                raise_told(parse(exchange, [exchange.body[:cut]], stream=True))
            except UpstreamError:
                continue
            faults.append(f"{exchange.id} cut at {cut} of {len(exchange.body)}")
    assert len(streams) > 50
    assert not faults, f"{len(faults)} of {len(streams)}:\n" + "\n".join(faults[:40])


def test_every_skip_is_explained(terminal_table: dict[str, list[str]]) -> None:
    """What is recorded but not spoken: other APIs, and Ollama's native route."""
    if recorded_dir() is None:
        pytest.skip("no recordings: GATEWAY_RECORDED_DIR names no folder that holds any")
    unspoken = Counter(
        f"{e.provider} {e.api}" for api in APIS for e in load(api) if type_of(e) is None
    )
    terminal_table["recorded, not spoken"] += [f"{what}: {n}" for what, n in unspoken.items()]
    assert set(unspoken) <= {"ollama chat", "cohere chat"}, unspoken

"""The provider before the sandbox: two readings of one API, written apart."""

import itertools
import ssl
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.providers.fates import apply_fates
from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.base import Refused
from gateway.sandbox.formats.bedrock.converse import Converse
from gateway.sandbox.formats.bedrock.signature import secret_of
from gateway.sandbox.server import start_sandbox
from gateway.types import events as ev
from gateway.types.account import UnsupportedPolicy
from gateway.types.embeddings import EmbeddingJob
from gateway.types.models import ModelInfo
from gateway.types.secret import Secret
from gateway.types.upstream import Credential, KeySource, ReplyHead, Target, UpstreamRequest
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter
from tests.conformance.bedrock_exchange import HI, PROVIDER, answered, each, model_of, target
from tests.conformance.bedrock_requests import NotExpressible, to_openai
from tests.conformance.recordings import Exchange

SANDBOX = Converse(lambda _block, _family, _place: None)  # recorded signatures are not its own
F = {"type": "function", "function": {"name": "f"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
CALLED = [
    HI,
    {
        "role": "assistant",
        "content": "x",
        "tool_calls": [
            {"id": "a b", "type": "function", "function": {"name": "f", "arguments": ""}}
        ],
    },
    {"role": "tool", "tool_call_id": "a b", "content": ""},
]
WISHES: tuple[tuple[dict[str, Any], ...], ...] = (
    ({}, *({"reasoning_effort": effort} for effort in ("none", "low", "xhigh", "max"))),
    ({}, {"temperature": 1.5, "top_p": 0.5, "top_k": 4, "stop": ["\n", "x"]}),
    ({}, {"max_tokens": 1500}),
    ({}, *({"tools": [F], "tool_choice": choice} for choice in ("auto", "required", "none", F))),
    ({}, {"response_format": {"type": "json_object"}}, {"response_format": JSON_SCHEMA}),
    ({}, {"messages": CALLED}),
    ({}, {"parallel_tool_calls": False, "cache_control": {"type": "ephemeral", "ttl": "1h"}}),
)
NEWER = ("temperature", "top_p", "top_k")  # what the catalogue says that newer models refuse
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def complaint(request: UpstreamRequest) -> str | None:
    path = urlsplit(request.url).path
    try:
        SANDBOX.read(Call("POST", path, "", dict(request.headers), request.body, "/bedrock" + path))
    except Refused as refused:
        return str(refused.error["message"])
    return None


@pytest.mark.parametrize(
    ("model", "refuses"),
    [
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", ()),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", ()),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", ()),
        ("us.anthropic.claude-opus-4-6-v1:0", ()),
        ("us.anthropic.claude-opus-4-8-v1:0", NEWER),
        ("us.anthropic.claude-sonnet-5", NEWER),
        ("us.anthropic.claude-opus-5-5", NEWER),
        ("us.amazon.nova-micro-v1:0", ()),
        ("us.amazon.nova-2-lite-v1:0", ()),
        ("us.meta.llama4-maverick-17b-instruct-v1:0", ()),
        ("openai.gpt-oss-120b-1:0", ()),
    ],
)
def test_every_combination_of_wishes_is_a_legal_request(
    model: str, refuses: tuple[str, ...]
) -> None:
    complaints = {}
    for wishes in itertools.product(*WISHES):
        body = {name: value for wish in wishes for name, value in wish.items()}
        chat = read_chat({"model": "m", "messages": [HI], **body})
        chat, _ = apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.LENIENT, refuses)
        said = complaint(PROVIDER.build_chat(chat, target(model)))
        if said is not None:
            complaints[said] = body

    assert not complaints


def test_every_recorded_request_is_legal_after_the_round_trip() -> None:
    # Real ones that this reading refuses: Claude 4.5 took a turn of the assistant first.
    lenient = "A conversation must start with a user message."

    def check(exchange: Exchange) -> None:
        model = model_of(exchange)
        try:
            chat = read_chat(to_openai(exchange.request, model))
        except NotExpressible:
            return
        said = complaint(PROVIDER.build_chat(chat, target(model)))
        assert said is None or said.startswith(lenient)

    each(answered(), check)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A client of a running sandbox, whose certificates nobody checks: it speaks plain HTTP."""
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with start_sandbox() as running, httpx.Client(base_url=running.url, verify=no_tls) as found:
        yield found


def at(client: httpx.Client, model: str, region: str = "us-east-1") -> Target:
    """A target at the sandbox, in a region."""
    return Target(
        provider="bedrock",
        type="bedrock",
        model=model,
        base_url=f"{str(client.base_url).rstrip('/')}/bedrock/{{region}}",
        key_source=KeySource.OWN,
        key_name=None,
        audience="",
        settings={"region": region},
        info=ModelInfo("bedrock", model, known=False),
    )


def aws_key(key_id: str = "AKIASANDBOX1", token: str | None = None) -> Credential:
    keys = {"access_key_id": key_id, "secret_access_key": secret_of(key_id)}
    return Credential(
        Secret(orjson.dumps({**keys, **({"session_token": token} if token else {})}).decode())
    )


def send(client: httpx.Client, request: UpstreamRequest, credential: Credential) -> httpx.Response:
    signed = PROVIDER.authorize(request, credential, time.time())  # a real signature's
    return client.request(
        signed.method, signed.url, headers=dict(signed.headers), content=signed.body
    )


def ask(
    client: httpx.Client,
    body: dict[str, Any],
    model: str = "sandbox-echo",
    credential: Credential | None = None,
) -> dict[str, Any]:
    """Ask the sandbox and write its answer as one completion."""
    chat = read_chat({"model": "m", "messages": [HI], **body})
    where = at(client, model)
    reply = send(client, PROVIDER.build_chat(chat, where), credential or aws_key())
    head = ReplyHead(reply.status_code, dict(reply.headers))
    if reply.status_code != 200:
        raise PROVIDER.parse_error(head, reply.content, 0.0)
    parser = PROVIDER.open_reply(chat, where, head)
    writer = CompletionWriter(chat, id="own", created=0, model="m")
    for event in [*parser.feed(reply.content), *parser.finish()]:
        if isinstance(event, ev.Error):
            raise event.error
        writer.add(event)
    written: dict[str, Any] = orjson.loads(writer.body())
    return written


@pytest.mark.parametrize("model", ["sandbox-echo", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"])
@pytest.mark.parametrize(
    "credential",
    [aws_key(), aws_key("ASIASANDBOX2", "t0ken+/="), Credential(Secret("bedrock-api-key-x"))],
)
def test_what_we_sign_the_other_side_takes(
    client: httpx.Client, model: str, credential: Credential
) -> None:
    found = ask(client, {"messages": [{"role": "user", "content": "gr\u00fcn"}]}, model, credential)

    assert found["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_the_probe_is_answered_in_every_region(client: httpx.Client, region: str) -> None:
    probe = PROVIDER.build_probe(at(client, "", region))

    assert "modelSummaries" in send(client, probe, aws_key()).json()


@pytest.mark.parametrize(
    "credential",
    [
        aws_key("AKIASANDBOXBAD"),
        aws_key("ASIASANDBOX2", "expired1"),
        Credential(Secret("bad-key")),
        Credential(Secret('{"access_key_id": "AKIASANDBOX1", "secret_access_key": "wrong"}')),
    ],
)
def test_a_refused_key_is_a_refused_key(client: httpx.Client, credential: Credential) -> None:
    with pytest.raises(UpstreamError) as refusal:
        ask(client, {}, credential=credential)

    assert refusal.value.failure is Failure.KEY_REJECTED
    assert "canonical" not in refusal.value.message.lower()


@pytest.mark.parametrize(
    "model",
    [
        "sandbox-echo",
        "sandbox-unicode",
        "sandbox-tool",
        "sandbox-parallel-tools",
        "sandbox-reasoning",
        "sandbox-reasoning-redacted",
        "sandbox-reasoning-tool",
        "sandbox-length",
        "sandbox-content-filter",
        "sandbox-json",
    ],
)
def test_a_stream_says_what_one_piece_says(client: httpx.Client, model: str) -> None:
    tools = [
        {"type": "function", "function": {"name": name, "parameters": WEATHER}}
        for name in ("weather", "news")
    ]
    body: dict[str, Any] = {"tools": tools} if "tool" in model else {}
    if "json" in model:
        body = {"response_format": JSON_SCHEMA}
    streamed, at_once = (ask(client, {**body, "stream": stream}, model) for stream in (True, False))

    assert _comparable(streamed) == _comparable(at_once)
    assert streamed["usage"]["prompt_tokens"] > 0


def _comparable(body: dict[str, Any]) -> Any:
    message = body["choices"][0]["message"]
    for call in message.get("tool_calls", ()):
        call["id"], call["function"] = "", orjson.loads(call["function"]["arguments"])
    for detail in message.get("reasoning_details", ()):
        detail.pop("signature", None)
    return body["choices"], body["usage"]


def test_a_conversation_with_tools_and_signed_thinking_goes_on(client: httpx.Client) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
    model = "sandbox-reasoning-tool"
    first = ask(client, {"tools": [tool]}, model)["choices"][0]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
        for call in first["message"]["tool_calls"]
    ]
    history = [HI, first["message"], *results]
    second = ask(client, {"tools": [tool], "messages": history, "stream": True}, model)

    assert first["finish_reason"] == "tool_calls"
    assert first["message"]["reasoning_details"][0]["signature"]
    assert second["choices"][0]["finish_reason"] in ("stop", "tool_calls")


@pytest.mark.parametrize(
    ("scene", "failure"),
    [
        ("400", Failure.BAD_REQUEST),
        ("403", Failure.KEY_REJECTED),
        ("404", Failure.NOT_FOUND),
        ("408", Failure.TIMEOUT),
        ("429", Failure.RATE_LIMITED),
        ("quota", Failure.QUOTA),
        ("context-length", Failure.CONTEXT_LENGTH),
        ("500", Failure.SERVER),
        ("503", Failure.OVERLOADED),
        ("malformed-2", Failure.BAD_REPLY),
        ("error-mid-stream-2", Failure.SERVER),
        ("html-200", Failure.BAD_REPLY),
    ],
)
def test_every_failure_has_its_class(client: httpx.Client, scene: str, failure: Failure) -> None:
    with pytest.raises(UpstreamError) as refusal:
        ask(client, {"stream": True}, f"sandbox-{scene}")

    assert refusal.value.failure is failure


@pytest.mark.parametrize(
    "model",
    [
        "amazon.titan-embed-text-v1",
        "amazon.titan-embed-text-v2:0",
        "cohere.embed-english-v3",
        "cohere.embed-v4:0",
        "amazon.nova-2-multimodal-embeddings-v1:0",
    ],
)
def test_embeddings_are_answered(client: httpx.Client, model: str) -> None:
    job = EmbeddingJob(model, ("one", "two"))
    where = at(client, model)
    replies = [send(client, call, aws_key()) for call in PROVIDER.build_embeddings(job, where)]
    found = PROVIDER.parse_embeddings(job, where, [reply.content for reply in replies])

    assert [reply.status_code for reply in replies] == [200] * len(replies)
    assert len(found.vectors) == 2
    assert found.vectors[0] != found.vectors[1]

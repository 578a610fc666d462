"""Scenes in Bedrock's format: replies, streams, failures, caches, embeddings and lists."""

import base64
import json
from typing import Any

import httpx
import pytest

from gateway.sandbox.acts import THOUGHT
from gateway.sandbox.tokens import count_tokens, split_words
from tests.sandbox.dialects import block, converse, read_frames, read_framing, said, spec
from tests.sandbox.talking import PNG, WEATHER, row

THOUGHT_TOKENS = sum(count_tokens(word) for word in split_words(THOUGHT))
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SEEN = base64.b64encode(PNG).decode()


def request_for(text: str = "hello there", **more: Any) -> dict[str, Any]:
    return {"messages": [said("user", block(text))], **more}


def ask(http: httpx.Client, model: str, **more: Any) -> dict[str, Any]:
    """Return a whole reply; the text is `text`."""
    reply = http.post(converse(model), json=request_for(**more))
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


def content(reply: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = reply["output"]["message"]["content"]
    return found


def stream(http: httpx.Client, model: str, **more: Any) -> list[tuple[str, Any]]:
    """Return the events of a stream."""
    reply = http.post(converse(model, stream=True), json=request_for(**more))
    assert reply.status_code == 200, reply.text
    return read_frames(reply.content)


def offer(*names: str, **more: Any) -> dict[str, Any]:
    """Return a tool configuration."""
    return {"tools": [spec(name, WEATHER) for name in names], **more}


def test_an_echo_is_a_reply_with_its_usage(http: httpx.Client) -> None:
    reply = ask(http, "amazon.nova-lite-v1:0")
    assert reply["output"] == {
        "message": {"role": "assistant", "content": [{"text": "Echo: hello there"}]}
    }
    assert reply["stopReason"] == "end_turn"
    assert reply["metrics"]["latencyMs"] >= 0
    usage, prompt = reply["usage"], count_tokens("user: hello there")
    assert (usage["inputTokens"], usage["outputTokens"]) == (prompt, 6)
    assert usage["totalTokens"] == prompt + 6
    assert (usage["cacheReadInputTokens"], usage["cacheWriteInputTokens"]) == (0, 0)


def test_frames_come_as_bedrock_sends_them(http: httpx.Client) -> None:
    reply = http.post(converse("sandbox-echo", stream=True), json=request_for())
    assert reply.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert len(reply.headers["x-amzn-requestid"]) == 36
    frames = read_framing(reply.content)
    assert [kind for kind, _, _ in frames] == [
        "messageStart",
        *["contentBlockDelta"] * 3,
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    for kind, payload, headers in frames:
        assert list(headers.items()) == [
            (":event-type", kind),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ]
        assert payload.pop("p").startswith("ab")
    payloads = [payload for _, payload, _ in frames]
    assert payloads[0] == {"role": "assistant"}
    assert payloads[1] == {"contentBlockIndex": 0, "delta": {"text": "Echo:"}}
    assert payloads[4] == {"contentBlockIndex": 0}
    assert payloads[5] == {"stopReason": "end_turn"}
    assert payloads[6]["usage"]["outputTokens"] == 6
    assert "cacheReadInputTokens" not in payloads[6]["usage"]


def test_an_exception_frame_says_which_one_it_is(http: httpx.Client) -> None:
    reply = http.post(converse("sandbox-error-mid-stream-1", stream=True), json=request_for())
    _, (kind, payload, headers) = read_framing(reply.content)
    assert kind == headers[":exception-type"] == "internalServerException"
    assert headers[":message-type"] == "exception"
    assert list(payload) == ["message"]


def test_padding_hides_how_long_a_piece_is(http: httpx.Client) -> None:
    lengths = {len(data["p"]) for _, data in stream(http, "sandbox-long")}
    assert len(lengths) > 3


def test_an_echo_tells_how_much_system_text_it_saw(http: httpx.Client) -> None:
    reply = ask(http, "sandbox-echo", system=[block("Be kind."), block("Be brief.")])
    assert content(reply) == [{"text": "Echo: hello there\n[system: 2 texts, 17 bytes]"}]


def test_a_tool_is_called_and_its_result_used(http: httpx.Client) -> None:
    tools = offer("get_weather", "other")
    first = ask(http, "sandbox-tool", toolConfig=tools)
    assert first["stopReason"] == "tool_use"
    call = content(first)[0]["toolUse"]
    assert (call["name"], call["input"]) == ("get_weather", {"city": "some city", "days": 1})
    assert call["toolUseId"].startswith("tooluse_")
    answer = {"toolUseId": call["toolUseId"], "content": [{"text": "sunny"}, {"json": {"a": 1}}]}
    made = {key: value for key, value in call.items() if key != "type"}
    messages = [
        said("user", block()),
        said("assistant", {"toolUse": made}),
        said("user", {"toolResult": answer}),
    ]
    request = {"messages": messages, "toolConfig": tools}
    last = http.post(converse("sandbox-tool"), json=request).json()
    assert content(last) == [{"text": 'The tool get_weather said: sunny\n{"a":1}'}]


@pytest.mark.parametrize("model", ["sandbox-tool", "sandbox-parallel-tools"])
def test_streamed_calls_assemble_to_whole_ones(http: httpx.Client, model: str) -> None:
    tools = offer("one", "two")
    whole = [one["toolUse"] for one in content(ask(http, model, toolConfig=tools))]
    calls: dict[int, list[str]] = {}
    for kind, data in stream(http, model, toolConfig=tools):
        if kind == "contentBlockStart":
            calls[data["contentBlockIndex"]] = [data["start"]["toolUse"]["name"], ""]
        elif kind == "contentBlockDelta":
            calls[data["contentBlockIndex"]][1] += data["delta"]["toolUse"]["input"]
    assembled = [(name, json.loads(text)) for name, text in calls.values()]
    assert assembled == [(one["name"], one["input"]) for one in whole]
    assert len(whole) == (2 if "parallel" in model else 1)


def test_a_call_without_arguments_streams_an_empty_piece(http: httpx.Client) -> None:
    tools = {"tools": [spec("f", {"type": "object"})]}
    events = stream(http, "sandbox-tool", toolConfig=tools)
    pieces = [data["delta"]["toolUse"] for kind, data in events if kind == "contentBlockDelta"]
    assert pieces == [{"input": ""}]
    assert content(ask(http, "sandbox-tool", toolConfig=tools))[0]["toolUse"]["input"] == {}
    usage = events[-1][1]["usage"]
    assert row(http)["output"] == usage["outputTokens"]


def test_tool_choice_demands_a_call(http: httpx.Client) -> None:
    any_tool = ask(http, "sandbox-echo", toolConfig=offer("one", "two", toolChoice={"any": {}}))
    assert content(any_tool)[0]["toolUse"]["name"] == "one"
    named = offer("one", "two", toolChoice={"tool": {"name": "two"}})
    assert content(ask(http, "sandbox-echo", toolConfig=named))[0]["toolUse"]["name"] == "two"
    extra = {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    single = ask(
        http, "sandbox-parallel-tools", toolConfig=offer("f"), additionalModelRequestFields=extra
    )
    assert len(content(single)) == 1


def test_reasoning_is_signed_and_its_signature_checked(http: httpx.Client) -> None:
    reply = ask(http, "sandbox-reasoning")
    thought, text = content(reply)
    said_ = thought["reasoningContent"]["reasoningText"]
    assert said_["text"] == THOUGHT
    assert text == {"text": "Echo: hello there"}
    assert reply["usage"]["outputTokens"] == THOUGHT_TOKENS + 6
    assert row(http)["reasoning"] == THOUGHT_TOKENS

    def replay(**changed: Any) -> httpx.Response:
        shown = {"reasoningContent": {"reasoningText": {**said_, **changed}}}
        messages = [said("user", block()), said("assistant", shown, text), said("user", block())]
        return http.post(converse("sandbox-echo"), json={"messages": messages})

    assert replay().status_code == 200
    for changed in ({"text": "something else"}, {"signature": "c2ln"}):
        refused = replay(**changed)
        assert refused.status_code == 400
        assert "Invalid `signature` in `thinking` block" in refused.json()["message"]
    assert "signature: Field required" in replay(signature=None).json()["message"]


def test_streamed_reasoning_ends_with_its_signature(http: httpx.Client) -> None:
    events = stream(http, "sandbox-reasoning")
    pieces = [
        data["delta"]["reasoningContent"]
        for kind, data in events
        if kind == "contentBlockDelta" and "reasoningContent" in data["delta"]
    ]
    assert "".join(piece.get("text", "") for piece in pieces) == THOUGHT
    assert list(pieces[-1]) == ["signature"]
    whole = content(ask(http, "sandbox-reasoning"))[0]["reasoningContent"]["reasoningText"]
    assert pieces[-1]["signature"] == whole["signature"]
    starts = [data for kind, data in events if kind == "contentBlockStart"]
    assert starts == []


def test_redacted_reasoning_is_opaque_and_can_be_sent_back(http: httpx.Client) -> None:
    reply = ask(http, "sandbox-reasoning-redacted")
    redacted, thought, text = content(reply)
    assert base64.b64decode(redacted["reasoningContent"]["redactedContent"])
    assert "not for everybody" not in json.dumps(reply)
    messages = [
        said("user", block()),
        said("assistant", redacted, thought, text),
        said("user", block()),
    ]
    assert http.post(converse("sandbox-echo"), json={"messages": messages}).status_code == 200
    (first, *_) = [
        data for kind, data in stream(http, "sandbox-reasoning-redacted")
        if kind == "contentBlockDelta"
    ]  # fmt: skip
    assert list(first["delta"]["reasoningContent"]) == ["redactedContent"]


def test_claude_thinks_only_when_asked_to(http: httpx.Client) -> None:
    scene = f"{CLAUDE}+slow-0"
    assert len(content(ask(http, scene))) == 1
    fields = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    limits = {"maxTokens": 4000}
    shown = ask(
        http, "sandbox-reasoning", additionalModelRequestFields=fields, inferenceConfig=limits
    )
    assert "reasoningContent" in content(shown)[0]
    off = {"thinking": {"type": "disabled"}}
    silent = ask(http, "sandbox-reasoning", additionalModelRequestFields=off)
    assert [list(one) for one in content(silent)] == [["text"]]


def test_thinking_may_be_left_out_of_what_is_shown(http: httpx.Client) -> None:
    fields = {"thinking": {"type": "adaptive", "display": "omitted"}}
    reply = ask(http, "sandbox-reasoning", additionalModelRequestFields=fields)
    said_ = content(reply)[0]["reasoningContent"]["reasoningText"]
    assert said_["text"] == ""
    assert said_["signature"]
    assert reply["usage"]["outputTokens"] == THOUGHT_TOKENS + 6
    events = stream(http, "sandbox-reasoning", additionalModelRequestFields=fields)
    assert row(http)["reasoning"] == THOUGHT_TOKENS
    deltas = [data["delta"] for kind, data in events if kind == "contentBlockDelta"]
    assert list(deltas[0]["reasoningContent"]) == ["signature"]


@pytest.mark.parametrize(
    ("scene", "text", "reason"),
    [
        ("refusal", "I cannot help with that request.", "guardrail_intervened"),
        ("content-filter", "This answer was going to", "content_filtered"),
        ("empty-answer", "", "end_turn"),
    ],
)
def test_endings_have_bedrocks_names(
    http: httpx.Client, scene: str, text: str, reason: str
) -> None:
    reply = ask(http, f"sandbox-{scene}")
    assert "".join(one["text"] for one in content(reply)) == text
    assert reply["stopReason"] == reason
    assert dict(stream(http, f"sandbox-{scene}"))["messageStop"]["stopReason"] == reason


def test_an_answer_is_cut_at_the_maximum_and_at_stop_sequences(http: httpx.Client) -> None:
    short = ask(http, "sandbox-long", inferenceConfig={"maxTokens": 3})
    assert (content(short), short["stopReason"]) == ([{"text": "1 2 3"}], "max_tokens")
    stopped = ask(http, "sandbox-long", inferenceConfig={"stopSequences": ["9", "4"]})
    assert (content(stopped), stopped["stopReason"]) == ([{"text": "1 2 3 "}], "stop_sequence")


def test_json_obeys_a_schema_that_comes_as_text(http: httpx.Client) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    wanted = {
        "type": "json_schema",
        "structure": {"jsonSchema": {"schema": json.dumps(schema), "name": "x"}},
    }
    reply = ask(http, "sandbox-json", outputConfig={"textFormat": wanted})
    assert isinstance(json.loads(content(reply)[0]["text"])["n"], int)


def test_media_are_seen_and_counted(http: httpx.Client) -> None:
    blocks = [
        block("look"),
        {"image": {"format": "png", "source": {"bytes": SEEN}}},
        {"document": {"format": "pdf", "name": "a b", "source": {"bytes": "JVBERi0xLjQ="}}},
        {"document": {"format": "txt", "name": "notes", "source": {"text": "read me"}}},
        {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://films/a.mp4"}}}},
    ]
    reply = http.post(converse("sandbox-vision"), json={"messages": [said("user", *blocks)]}).json()
    assert content(reply)[0]["text"].split("\n") == [
        f"1. image image/png, 3x2 pixels, {len(PNG)} bytes",
        "2. document application/pdf, 8 bytes",
        "3. video of unknown type at s3://films/a.mp4",
    ]
    counted = count_tokens("user: look") + count_tokens("user: read me") + 3 * 85
    assert reply["usage"]["inputTokens"] == counted


LONG = "word " * 1200  # 1,500 tokens and the role


def test_cache_points_write_and_read(http: httpx.Client) -> None:
    point = {"cachePoint": {"type": "default"}}
    request = {"messages": [said("user", block())], "system": [block(LONG), point]}
    first = http.post(converse("sandbox-echo"), json=request).json()["usage"]
    second = http.post(converse("sandbox-echo"), json=request).json()["usage"]
    cached, rest = count_tokens(f"system: {LONG}"), count_tokens("user: hello there")
    assert (first["inputTokens"], first["cacheWriteInputTokens"]) == (rest, cached)
    assert first["cacheDetails"] == [{"inputTokens": cached, "ttl": "5m"}]
    assert (second["inputTokens"], second["cacheReadInputTokens"]) == (rest, cached)
    assert "cacheDetails" not in second
    assert first["totalTokens"] == second["totalTokens"] == rest + cached + first["outputTokens"]
    booked = row(http)
    assert (booked["input"], booked["cache_read"]) == (rest, cached)
    streamed = http.post(converse("sandbox-echo", stream=True), json=request)
    assert read_frames(streamed.content)[-1][1]["usage"]["cacheReadInputTokens"] == cached


def test_cache_points_live_in_tools_and_messages_and_for_an_hour(http: httpx.Client) -> None:
    hour = {"cachePoint": {"type": "default", "ttl": "1h"}}
    tools = {"tools": [spec("f", WEATHER | {"description": LONG}), hour]}
    messages = [said("user", block(LONG), {"cachePoint": {"type": "default"}}, block("and?"))]
    reply = http.post(
        converse("sandbox-echo"), json={"messages": messages, "toolConfig": tools}
    ).json()
    usage = reply["usage"]
    assert [one["ttl"] for one in usage["cacheDetails"]] == ["5m", "1h"]
    written = sum(one["inputTokens"] for one in usage["cacheDetails"])
    assert usage["cacheWriteInputTokens"] == written > 3000
    booked = row(http)
    assert booked["cache_write"] + booked["cache_write_1h"] == written
    assert booked["input"] == usage["inputTokens"] == count_tokens("user: and?")


@pytest.mark.parametrize(
    ("scene", "status", "kind"),
    [
        ("400", 400, "ValidationException"),
        ("401", 403, "UnrecognizedClientException"),
        ("403", 403, "AccessDeniedException"),
        ("404", 404, "ResourceNotFoundException"),
        ("408", 408, "ModelTimeoutException"),
        ("409", 400, "ConflictException"),
        ("413", 413, "RequestEntityTooLargeException"),
        ("429", 429, "ThrottlingException"),
        ("429-9", 429, "ThrottlingException"),
        ("429-no-wait", 429, "ThrottlingException"),
        ("quota", 429, "ThrottlingException"),
        ("billing", 403, "AccessDeniedException"),
        ("context-length", 400, "ValidationException"),
        ("prompt-filter", 400, "ValidationException"),
        ("500", 500, "InternalServerException"),
        ("502", 424, "ModelErrorException"),
        ("503", 503, "ServiceUnavailableException"),
        ("504", 504, "GatewayTimeoutException"),
        ("529", 503, "ServiceUnavailableException"),
        ("overloaded", 503, "ServiceUnavailableException"),
    ],
)
def test_failures_name_their_kind_in_a_header_and_no_wait(
    http: httpx.Client, scene: str, status: int, kind: str
) -> None:
    reply = http.post(converse(f"sandbox-{scene}"), json=request_for())
    assert reply.status_code == status
    assert reply.headers["x-amzn-errortype"].partition(":")[0] == kind
    assert reply.json()["message"]
    assert "retry-after" not in reply.headers
    assert reply.headers["x-amzn-requestid"]


def test_a_day_is_told_from_a_minute_by_words_alone(http: httpx.Client) -> None:
    day = http.post(converse("sandbox-quota"), json=request_for()).json()["message"]
    minute = http.post(converse("sandbox-429"), json=request_for()).json()["message"]
    assert "per day" in day
    assert "per day" not in minute


def test_a_models_own_error_names_the_model(http: httpx.Client) -> None:
    body = http.post(converse("sandbox-502"), json=request_for()).json()
    assert (body["originalStatusCode"], body["resourceName"]) == (502, "sandbox-502")


def invoke(http: httpx.Client, model: str, **body: Any) -> httpx.Response:
    """Send a request to InvokeModel."""
    return http.post(f"/bedrock/model/{model}/invoke", json=body)


def test_titan_embeds_one_text(http: httpx.Client) -> None:
    reply = invoke(http, "amazon.titan-embed-text-v2:0", inputText="12345678", dimensions=256)
    body = reply.json()
    assert len(body["embedding"]) == 256
    assert body["embeddingsByType"] == {"float": body["embedding"]}
    assert sum(one * one for one in body["embedding"]) == pytest.approx(1, abs=1e-5)
    assert body["inputTextTokenCount"] == 2
    assert reply.headers["x-amzn-bedrock-input-token-count"] == "2"
    booked = row(http)
    assert (booked["operation"], booked["input"], booked["output"]) == ("embeddings", 2, 0)
    raw = invoke(
        http, "amazon.titan-embed-text-v2:0", inputText="12345678", dimensions=256, normalize=False
    ).json()["embedding"]
    assert raw == pytest.approx([3 * one for one in body["embedding"]])
    first = invoke(http, "amazon.titan-embed-text-v1", inputText="x").json()
    assert len(first["embedding"]) == 1536
    assert "embeddingsByType" not in first


def test_cohere_embeds_many_texts(http: httpx.Client) -> None:
    body = invoke(
        http, "cohere.embed-english-v3", texts=["a", "b", "a"], input_type="search_document"
    ).json()
    first, second, third = body["embeddings"]
    assert first == third != second
    assert (len(first), body["response_type"]) == (1024, "embeddings_floats")
    fourth = invoke(
        http, "cohere.embed-v4:0", texts=["a"], input_type="search_query", output_dimension=512,
        embedding_types=["float"],
    ).json()  # fmt: skip
    assert len(fourth["embeddings"]["float"][0]) == 512
    assert fourth["response_type"] == "embeddings_by_type"


def test_nova_embeds_one_text(http: httpx.Client) -> None:
    params = {
        "embeddingPurpose": "GENERIC_INDEX",
        "embeddingDimension": 384,
        "text": {"value": "hi", "truncationMode": "NONE"},
    }
    body = invoke(
        http, "amazon.nova-2-multimodal-embeddings-v1:0", taskType="SINGLE_EMBEDDING",
        singleEmbeddingParams=params,
    ).json()  # fmt: skip
    assert len(body["embeddings"][0]["embedding"]) == 384


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [
        ("amazon.titan-embed-text-v2:0", {}, "required key [inputText] not found"),
        ("amazon.titan-embed-text-v2:0", {"inputText": ""}, "expected minLength: 1"),
        ("amazon.titan-embed-text-v2:0", {"inputText": ["a"]}, "expected type: String"),
        ("amazon.titan-embed-text-v2:0", {"inputText": "a", "dimensions": 300},
         "not a valid enum value"),
        ("amazon.titan-embed-text-v1", {"inputText": "a", "dimensions": 256},
         "extraneous key [dimensions] is not permitted"),
        ("cohere.embed-english-v3", {"texts": ["a"]}, "required key [input_type] not found"),
        ("cohere.embed-english-v3", {"texts": [], "input_type": "search_query"},
         "required key [texts] not found"),
        ("cohere.embed-english-v3", {"texts": ["a"] * 97, "input_type": "search_query"},
         "maximum item count: 96, found: 97"),
        ("cohere.embed-english-v3", {"texts": ["a"], "input_type": "query"}, "valid enum value"),
        ("amazon.nova-lite-v1:0", {"messages": []}, "models that embed"),
        ("missing-model", {"inputText": "a"}, "The provided model identifier is invalid."),
    ],
)  # fmt: skip
def test_bad_embedding_requests_are_refused(
    http: httpx.Client, model: str, body: dict[str, Any], words: str
) -> None:
    reply = invoke(http, model, **body)
    assert reply.status_code == 400
    assert words in reply.json()["message"]


def test_models_and_profiles_are_listed(http: httpx.Client) -> None:
    listed = http.get("/bedrock/foundation-models").json()["modelSummaries"]
    names = [one["modelId"] for one in listed]
    assert len(set(names)) == len(names)
    assert {"sandbox-echo", "amazon.nova-lite-v1:0", "cohere.embed-v4:0"} <= set(names)
    query = {"byOutputModality": "EMBEDDING", "byProvider": "Amazon"}
    narrowed = http.get("/bedrock/foundation-models", params=query).json()["modelSummaries"]
    assert {one["providerName"] for one in narrowed} == {"Amazon"}
    assert 0 < len(narrowed) < len(listed)
    shown = http.get("/bedrock/foundation-models/amazon.nova-lite-v1:0").json()
    assert shown["modelDetails"]["modelId"] == "amazon.nova-lite-v1:0"
    assert http.get("/bedrock/foundation-models/nobody").status_code == 400
    profiles = http.get("/bedrock/inference-profiles").json()["inferenceProfileSummaries"]
    assert CLAUDE in [one["inferenceProfileId"] for one in profiles]


def test_an_operation_nobody_knows_is_a_404(http: httpx.Client) -> None:
    for path in ("/bedrock/model/m/chat", "/bedrock/nothing", "/bedrock/model/converse"):
        reply = http.post(path, json=request_for())
        assert reply.status_code == 404
        assert reply.headers["x-amzn-errortype"].startswith("UnknownOperationException")

"""What Bedrock refuses, and in which words."""

import base64
from typing import Any

import httpx
import pytest

from tests.sandbox.dialects import block, converse, said, spec
from tests.sandbox.talking import PNG, WEATHER

NOVA = "amazon.nova-lite-v1:0"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
USER = said("user", block())
SEEN = base64.b64encode(PNG).decode()
IMAGE = {"image": {"format": "png", "source": {"bytes": SEEN}}}
POINT = {"cachePoint": {"type": "default"}}
TOOLS = {"toolConfig": {"tools": [spec("f", WEATHER)]}}


def call(identity: str = "t1", **more: Any) -> dict[str, Any]:
    """Return a block that calls a tool."""
    return {"toolUse": {"toolUseId": identity, "name": "f", "input": {}, **more}}


def result(identity: str = "t1", **more: Any) -> dict[str, Any]:
    """Return a block that holds a tool's result."""
    return {"toolResult": {"toolUseId": identity, "content": [{"text": "done"}], **more}}


def paper(name: str = "notes", **more: Any) -> dict[str, Any]:
    """Return a document's block."""
    return {"document": {"name": name, "format": "txt", "source": {"text": "x"}, **more}}


def post(http: httpx.Client, request: Any, model: str = NOVA, stream: bool = False) -> Any:
    """Send a request as it is."""
    return http.post(converse(model, stream=stream), json=request)


def refused(
    http: httpx.Client, request: Any, model: str = NOVA, kind: str = "ValidationException"
) -> str:
    """Return the message of a refusal; streamed requests are refused alike."""
    reply = post(http, request, model)
    assert reply.status_code == 400, reply.text
    assert reply.headers["x-amzn-errortype"].startswith(f"{kind}:")
    message: str = reply.json()["message"]
    streamed = post(http, request, model, stream=True)
    assert (streamed.status_code, streamed.json()["message"]) == (400, message)
    return message


def talk(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "must start with a user message"),
        ([said("assistant", block()), USER], "must start with a user message"),
        ([USER, USER], "must alternate between user and assistant roles"),
        ([USER, said("assistant", block()), said("assistant", block()), USER], "must alternate"),
        ([USER, said("system", block()), USER], "system role"),
        ([said("user")], "content field in the Message object at messages.0 is empty"),
        ([said("user", block(""))], "ContentBlock object at messages.0.content.0 is blank"),
        ([said("user", block("  "))], "must contain non-whitespace text"),
        ([said("user", call())], "toolUse block at messages.0.content.0 is not allowed in user"),
        ([USER, said("assistant", IMAGE), USER], "image block at messages.1.content.0 is not"),
        ([said("user", {})], "ContentBlock object at messages.0.content.0 must set one of"),
        ([said("user", {"text": "x", **IMAGE})], "must set one of the following keys: text, image"),
    ],
)  # fmt: skip
def test_turns_and_blocks_have_an_order(
    http: httpx.Client, messages: list[Any], words: str
) -> None:
    assert words in refused(http, talk(*messages))


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([USER, said("assistant", call()), said("user", block())],
         "Expected toolResult blocks at messages.2.content for the following Ids: t1"),
        ([USER, said("assistant", call(), call("t2")), said("user", result())],
         "for the following Ids: t2"),
        ([USER, said("assistant", call()), said("user", result(), result("t2"))],
         "exceeds the number of toolUse blocks of previous turn"),
        ([USER, said("assistant", call(), call("t2")), said("user", result(), result())],
         "contain duplicate Ids"),
        ([USER, said("assistant", call(), call()), said("user", result())], "duplicate Ids"),
        ([said("user", result())], "exceeds the number of toolUse blocks"),
        ([USER, said("assistant", call())], "Expected toolResult blocks at messages.2.content"),
        ([USER, said("assistant", call(input=[])), said("user", result())],
         "The format of the value at messages.1.content.0.toolUse.input is invalid"),
        ([USER, said("assistant", call()), said("user", result(content=[{"json": [1]}]))],
         "messages.2.content.0.toolResult.content.0.json is invalid"),
        ([USER, said("assistant", call()), said("user", result(content=[], status="error"))],
         "cannot be empty when status value is error"),
    ],
)  # fmt: skip
def test_calls_are_answered_and_nothing_else_is(
    http: httpx.Client, messages: list[Any], words: str
) -> None:
    assert words in refused(http, talk(*messages, **TOOLS))


def test_a_history_of_tools_needs_the_tools(http: httpx.Client) -> None:
    messages = [USER, said("assistant", call()), said("user", result())]
    assert "toolConfig field must be defined" in refused(http, talk(*messages))
    assert post(http, talk(*messages, **TOOLS)).status_code == 200


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (talk(said("user", result("a b"))),
         "Value at 'messages.1.member.content.1.member.toolResult.toolUseId' failed to satisfy "
         "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+"),
        (talk(said("user", result("x" * 65))), "Member must have length less than or equal to 64"),
        (talk(USER, toolConfig={"tools": [spec("get weather", WEATHER)]}),
         "Value 'get weather' at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy"),
        (talk(USER, toolConfig={"tools": []}), "length greater than or equal to 1"),
        (talk(USER, inferenceConfig={"temperature": 1.5}), "value less than or equal to 1"),
        (talk(USER, inferenceConfig={"maxTokens": 0}), "value greater than or equal to 1"),
        (talk(said("tool", block())), "enum value set: [user, assistant, system]"),
        (talk({"role": "user"}), "'messages.1.member.content' failed to satisfy constraint: "
         "Member must not be null"),
        (talk(said("user", {"image": {"format": "bmp", "source": {"bytes": SEEN}}})),
         "enum value set: [png, jpeg, gif, webp]"),
        (talk(USER, requestMetadata={"k": "v" * 257}), "length less than or equal to 256"),
        (talk(USER, system=[block("")]), "system.1.member.text"),
    ],
)  # fmt: skip
def test_constraints_are_named_with_their_place(
    http: httpx.Client, request_: dict[str, Any], words: str
) -> None:
    message = refused(http, request_)
    assert message.startswith("1 validation error detected: ")
    assert words in message


def test_all_broken_constraints_are_found_at_once(http: httpx.Client) -> None:
    message = refused(http, talk(USER, inferenceConfig={"temperature": 2, "topP": 2}))
    assert message.startswith("2 validation errors detected: ")


@pytest.mark.parametrize(
    "request_",
    [
        talk(USER, inferenceConfig={"maxTokens": "many"}),
        talk(USER, inferenceConfig={"maxTokens": True}),
        talk(USER, system="be kind"),
        {"messages": {}},
        talk("hello"),
        talk(said("user", {"image": {"format": "png", "source": {"bytes": "%"}}})),
    ],
)
def test_values_of_the_wrong_type_cannot_be_read(
    http: httpx.Client, request_: dict[str, Any]
) -> None:
    refused(http, request_, kind="SerializationException")


def test_a_body_that_is_no_json_cannot_be_read(http: httpx.Client) -> None:
    for body in (b"", b"{", b"[]"):
        reply = http.post(converse(NOVA), content=body)
        assert reply.headers["x-amzn-errortype"].startswith("SerializationException")
        assert reply.status_code == 400


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        (talk(USER, stream=True), "#/: extraneous key [stream]"),
        (talk(USER, max_tokens=3), "#/: extraneous key [max_tokens]"),
        (talk({**USER, "name": "Ann"}), "#/messages/0: extraneous key [name]"),
        (talk(USER, inferenceConfig={"topK": 3}), "#/inferenceConfig: extraneous key [topK]"),
    ],
)
def test_a_member_that_leaked_shows(
    http: httpx.Client, request_: dict[str, Any], place: str
) -> None:
    assert f"{place} is not permitted" in refused(http, request_)


@pytest.mark.parametrize("name", ["a.b", "a/b", "two  spaces", "tab\there", "ä", "comma,"])
def test_documents_have_plain_names(http: httpx.Client, name: str) -> None:
    message = refused(http, talk(said("user", block(), paper(name))))
    assert message.startswith("The document file name can only contain alphanumeric characters")


@pytest.mark.parametrize("name", ["report 2026", "a-b (1) [draft]", "A"])
def test_plain_names_are_taken(http: httpx.Client, name: str) -> None:
    assert post(http, talk(said("user", block(), paper(name)))).status_code == 200


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([paper()], "A text block must be included when using documents."),
        ([block(), paper(), paper()], "duplicate document names"),
        ([block(), *(paper(f"d{at}") for at in range(6))], "more than 5 documents"),
        ([block(), paper(format="pdf", source={"bytes": "aGk="})], "The PDF specified was not valid"),
        ([{"image": {"format": "png", "source": {"bytes": "aGk="}}}], "Could not process image"),
        ([{"image": {"format": "jpeg", "source": {"bytes": SEEN}}}],
         "specified using the image/jpeg media type, but the image appears to be a image/png"),
    ],
)  # fmt: skip
def test_documents_and_pictures_are_looked_at(
    http: httpx.Client, blocks: list[Any], words: str
) -> None:
    assert words in refused(http, talk(said("user", *blocks)))


@pytest.mark.parametrize(
    ("model", "request_", "words"),
    [
        ("amazon.nova-micro-v1:0", talk(said("user", block(), IMAGE)), "the image content block"),
        ("meta.llama3-1-70b-instruct-v1:0", talk(USER, toolConfig={
            "tools": [spec("f", WEATHER)], "toolChoice": {"any": {}}}), "toolConfig.toolChoice.any"),
        ("amazon.titan-text-express-v1", talk(USER, **TOOLS), "doesn't support tool use"),
        (NOVA, talk(USER, inferenceConfig={"maxTokens": 20_000}), "model limit of 10000"),
        (NOVA, talk(USER, additionalModelRequestFields={"thinking": {"type": "enabled"}}),
         "thinking: Extra inputs are not permitted"),
        (CLAUDE, talk(USER, inferenceConfig={"temperature": 1, "topP": 1}), "cannot both be"),
        (CLAUDE, talk(USER, additionalModelRequestFields={
            "thinking": {"type": "enabled", "budget_tokens": 10}}), "greater than or equal to 1024"),
        (CLAUDE, talk(USER, inferenceConfig={"maxTokens": 1024}, additionalModelRequestFields={
            "thinking": {"type": "enabled", "budget_tokens": 1024}}), "must be greater than"),
        (CLAUDE, talk(USER, inferenceConfig={"temperature": 0.5}, additionalModelRequestFields={
            "thinking": {"type": "enabled", "budget_tokens": 1024}}), "may only be set to 1"),
        (CLAUDE, talk(USER, said("assistant", block("so "))), "cannot end with trailing whitespace"),
        (CLAUDE, talk(USER, said("assistant", call()), said("user", result()), **TOOLS,
            additionalModelRequestFields={"thinking": {"type": "enabled", "budget_tokens": 1024}}),
         "Expected `thinking` or `redacted_thinking`, but found `tool_use`"),
        (CLAUDE, talk(said("user", {"image": {"format": "png", "source": {
            "s3Location": {"uri": "s3://bucket/a.png"}}}})), "doesn't support the s3Uri field"),
        (CLAUDE, talk(said("user", *[one for at in range(5) for one in (block(str(at)), POINT)])),
         "A maximum of 4 blocks with cache_control"),
        (CLAUDE, talk(USER, system=[block("x"), POINT], toolConfig={"tools": [spec("f", WEATHER),
            POINT]}, messages=[said("user", block(), {"cachePoint": {"type": "default",
            "ttl": "1h"}})]), "must not come after a ttl='5m'"),
    ],
)  # fmt: skip
def test_models_have_their_own_limits(
    http: httpx.Client, model: str, request_: dict[str, Any], words: str
) -> None:
    if model.startswith("meta.llama3"):
        reply = post(http, request_, model)
        assert (reply.status_code, words in reply.json()["message"]) == (400, True)
        return
    assert words in refused(http, request_, model)


@pytest.mark.parametrize(
    ("tools", "words"),
    [
        ({"tools": [spec("f", WEATHER), spec("f", WEATHER)]}, "duplicate tool names"),
        ({"tools": [spec("f", {"type": "string"})]}, "inputSchema.json.type must be one of"),
        ({"tools": [spec("f", {})]}, "inputSchema.json.type must be one of"),
        ({"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": []}}}]}, "is invalid"),
        ({"tools": [spec("f", WEATHER)], "toolChoice": {"tool": {"name": "g"}}}, "not in"),
        ({"tools": [spec("f", {"type": "object", "properties": {"a": {"type": "x"}}})]},
         "JSON schema is invalid"),
    ],
)  # fmt: skip
def test_tools_are_looked_at(http: httpx.Client, tools: dict[str, Any], words: str) -> None:
    assert words in refused(http, talk(USER, toolConfig=tools))


def test_a_schema_for_the_answer_is_json_as_text(http: httpx.Client) -> None:
    for schema in ("{", "[]", '{"type": "x"}'):
        wanted = {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema}}}
        assert "outputConfig" in refused(http, talk(USER, outputConfig={"textFormat": wanted}))


def test_caching_where_there_is_none_is_denied(http: httpx.Client) -> None:
    request = talk(said("user", block(), POINT))
    reply = post(http, request, "meta.llama3-1-70b-instruct-v1:0")
    assert reply.status_code == 403
    assert reply.headers["x-amzn-errortype"].startswith("AccessDeniedException")


def test_some_models_answer_only_through_a_profile(http: httpx.Client) -> None:
    bare = CLAUDE.removeprefix("us.")
    message = refused(http, talk(USER), bare)
    assert "on-demand throughput isn\u2019t supported" in message
    assert post(http, talk(USER), CLAUDE).status_code == 200
    assert post(http, talk(USER), f"global.{bare}").status_code == 200


def test_no_model_is_an_invalid_identifier(http: httpx.Client) -> None:
    for model in ("missing-model", "sandbox-ecko", "x" * 2049):
        assert refused(http, talk(USER), model) == "The provided model identifier is invalid."

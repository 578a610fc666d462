"""What Google refuses, the sandbox refuses: names, values, turns, schemas, settings, signatures."""

import base64
from typing import Any

import httpx
import pytest

from tests.sandbox.google_talk import (
    GEMINI,
    VERTEX,
    VERTEX_BETA,
    ask,
    call,
    force,
    functions,
    model,
    parts_of,
    refused,
    response,
    text,
    user,
)
from tests.sandbox.talking import PNG

STAND_IN = base64.b64encode(b"skip_thought_signature_validator").decode()
PIXELS = base64.b64encode(PNG).decode()
COUNT = "number of function response parts is equal to the number of function call parts"


def refusal(
    http: httpx.Client, request: Any, name: str = "gemini-2.5-flash", at: str = GEMINI
) -> str:
    """Return why a request is refused."""
    return refused(http.post(f"{at}{name}:generateContent", json=request))


def taken(
    http: httpx.Client, request: Any, name: str = "gemini-2.5-flash", at: str = GEMINI
) -> bool:
    """Whether a request is taken."""
    return http.post(f"{at}{name}:generateContent", json=request).status_code == 200


def config(**members: Any) -> dict[str, Any]:
    """Return a request with a generation configuration."""
    return ask(generationConfig=members)


def turns(*contents: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a request with these contents."""
    return {"contents": list(contents), **more}


Q = user(text("q"))


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (ask(messages=[]), 'Unknown name "messages": Cannot find field.'),
        (ask(gateway={}), 'Unknown name "gateway": Cannot find field.'),
        (ask(stream=True), 'Unknown name "stream": Cannot find field.'),
        (ask(labels={"a": "b"}), 'Unknown name "labels": Cannot find field.'),
        (ask(Contents=[]), 'Unknown name "Contents": Cannot find field.'),
        (config(max_tokens=5), "Unknown name \"max_tokens\" at 'generation_config': Cannot find field."),
        (config(temperature="hot"), "Invalid value at 'generation_config.temperature' (TYPE_FLOAT), \"hot\""),
        (config(maxOutputTokens=1.5), "'generation_config.max_output_tokens' (TYPE_INT32), 1.5"),
        (config(maxOutputTokens=2**31), "'generation_config.max_output_tokens' (TYPE_INT32), 2147483648"),
        (config(seed=True), "'generation_config.seed' (TYPE_INT32), true"),
        (config(stopSequences=[1]), "'generation_config.stop_sequences[0]' (TYPE_STRING), 1"),
        (config(temperature=[1]), "Unknown name \"temperature\" at 'generation_config': Proto field is not repeating, cannot start list."),
        (config(temperature={}), "(TYPE_FLOAT), Starting an object on a scalar field"),
        (config(responseLogprobs=1), "(TYPE_BOOL), 1"),
        (config(thinkingConfig=5), "'generation_config.thinking_config' (type.googleapis.com/google.ai.generativelanguage.v1beta.ThinkingConfig), 5"),
        (config(responseModalities=["SMELL"]), "(type.googleapis.com/google.ai.generativelanguage.v1beta.Modality), \"SMELL\""),
        (ask(systemInstruction="Be kind."), "'system_instruction' (type.googleapis.com/google.ai.generativelanguage.v1beta.Content), \"Be kind.\""),
        (ask(systemInstruction=[text("x")]), "Unknown name \"systemInstruction\": Proto field is not repeating"),
        (turns({"role": "user", "content": "hi"}), "Unknown name \"content\" at 'contents[0]': Cannot find field."),
        (turns(user({"type": "text", "text": "hi"})), "Unknown name \"type\" at 'contents[0].parts[0]'"),
        (turns(user({"text": 5})), "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 5"),
        (turns(user({"text": "a", "inlineData": {}})), "oneof field 'data' is already set"),
        (turns(user({"inlineData": {"mimeType": "image/png", "data": "?!"}})), "(TYPE_BYTES), Base64 decoding failed"),
        (turns(Q, model({"functionCall": {"name": "f", "args": "{}"}})), "'contents[1].parts[0].function_call.args' (type.googleapis.com/google.protobuf.Struct), \"{}\""),
        (turns(Q, model({"functionCall": {"name": "f", "args": [1]}})), "Unknown name \"args\" at 'contents[1].parts[0].function_call': Proto field is not repeating"),
    ],
)  # fmt: skip
def test_names_and_values_are_checked_with_their_paths(
    gemini: httpx.Client, request_: dict[str, Any], complaint: str
) -> None:
    assert complaint in refusal(gemini, request_)


def test_all_violations_are_reported_together(gemini: httpx.Client) -> None:
    request = {**config(foo=1, bar=2), "tools": functions("f", schema={"const": 1})}
    reply = gemini.post(f"{GEMINI}gemini-2.5-flash:generateContent", json=request)
    assert refused(reply).count("Cannot find field.") == 3
    (detail,) = reply.json()["error"]["details"]
    assert detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert [one["field"] for one in detail["fieldViolations"]] == [
        "generation_config",
        "generation_config",
        "tools[0].function_declarations[0].parameters",
    ]


@pytest.mark.parametrize(
    "request_",
    [
        {"contents": user(text("one content is as good as a list"))},
        {"contents": [{"parts": {"text": "and so is one part"}}]},
        config(max_output_tokens="50", top_k=40.0, top_p=None),
        ask(tools={"function_declarations": [{"name": "f", "parameters": {"type": "object"}}]}),
        ask(tools=functions("f", schema={"type": 6, "properties": {"a": {"type": "string"}}})),
        ask(tools=functions("f"), toolConfig={"function_calling_config": {"mode": "any"}}),
        ask(safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]),
        turns(user(text(""))),
    ],
)  # fmt: skip
def test_other_spellings_of_the_same_are_taken(
    gemini: httpx.Client, request_: dict[str, Any]
) -> None:
    assert taken(gemini, request_)


@pytest.mark.parametrize("body", [b"not json", b"[1]", b'"x"', b"{", b"\xff"])
def test_what_is_no_object_is_refused(gemini: httpx.Client, body: bytes) -> None:
    reply = gemini.post(f"{GEMINI}gemini-2.5-flash:generateContent", content=body)
    assert "Invalid JSON payload received." in refused(reply)


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({}, "contents is not specified"),
        (turns(), "contents is not specified"),
        (turns(user()), "contents[0].parts: contents.parts must not be empty."),
        (turns(user({})), "parts[0].data: required oneof field 'data' must have one initialized field"),
        (turns(user({"thought": True})), "required oneof field 'data'"),
        (turns({"role": "assistant", "parts": [text("x")]}), "Please use a valid role: user, model."),
        (turns({"role": "function", "parts": [response("f")]}), "Please use a valid role: user, model."),
        (turns({"role": "system", "parts": [text("x")]}), "Please use a valid role: user, model."),
        (turns(model(call("f")), user(response("f"))), "function call turn comes immediately after a user turn"),
        (turns(Q, user(call("f"))), "function call turn comes immediately after a user turn"),
        (turns(Q, user(response("f"))), "function response turn comes immediately after a function call turn"),
        (turns(Q, model(text("x")), user(response("f"))), "function response turn comes immediately after a function call turn"),
        (turns(Q, model(call("f"))), COUNT),
        (turns(Q, model(call("f")), user(text("never mind"))), COUNT),
        (turns(Q, model(call("f"), call("g")), user(response("f"))), COUNT),
        (turns(Q, model(call("f")), user(response("f"), response("f"))), COUNT),
        (turns(Q, model(call("f")), user(response("f")), model(text("x")), user(response("f"))), "comes immediately after a function call turn"),
        (turns(Q, model(call("f")), user(response("g"))), "`g` does not match any function call"),
        (turns(Q, model(call("f", id="a")), user(response("f", id="b"))), "id `b` does not match any function call"),
        (turns(Q, model(call("f")), user({"functionResponse": {"name": "f"}})), "response must be specified"),
        (turns(Q, model({"functionCall": {}})), "Name cannot be empty."),
        (ask(systemInstruction={"parts": []}), "system_instruction.parts must not be empty."),
        (ask(cachedContent="cachedContents/x"), "CachedContent not found"),
    ],
)  # fmt: skip
def test_turns_are_checked(gemini: httpx.Client, request_: dict[str, Any], complaint: str) -> None:
    reply = gemini.post(f"{GEMINI}gemini-2.5-flash:generateContent", json=request_)
    assert complaint in refused(reply, 403 if "cachedContent" in request_ else 400)


@pytest.mark.parametrize(
    "contents",
    [
        [Q, model(call("f"), call("g")), user(response("f")), user(response("g"))],
        [Q, model(call("f")), model(call("g")), user(response("f"), response("g"))],
        [Q, model(text("let me see"), call("f")), user(response("f"), text("go on"))],
        [Q, model(call("f")), user(response("f")), user(text("and this picture?"))],
        [Q, model(call("f")), user(response("f")), model(call("f")), user(response("f"))],
        [Q, Q, model(text("a")), model(text("b")), Q],
        [Q, model(text("a prefix"))],
        [model(text("hello, I begin")), Q],
        [Q, model({"thought": True, "thoughtSignature": STAND_IN}, text("x")), Q],
    ],
)  # fmt: skip
def test_neighbours_of_one_role_count_as_one_turn(
    gemini: httpx.Client, contents: list[Any]
) -> None:
    assert taken(gemini, turns(*contents))


def test_vertex_demands_a_role(http: httpx.Client) -> None:
    request = {"contents": [{"parts": [text("hi")]}]}
    assert "valid role" in refusal(http, request, at=VERTEX)
    assert http.post(f"{VERTEX}m:generateContent", json=turns(user(text("hi")))).status_code == 200


def test_ids_of_calls_are_unknown_to_vertex_but_in_its_beta(http: httpx.Client) -> None:
    contents = [Q, model(call("f", id="c1")), user(response("f", id="c1"))]
    said = refusal(http, turns(*contents), at=VERTEX)
    assert "Unknown name \"id\" at 'contents[1].parts[0].function_call'" in said
    assert "Unknown name \"id\" at 'contents[2].parts[0].function_response'" in said
    assert taken(http, turns(*contents), at=VERTEX_BETA)


@pytest.mark.parametrize(
    ("more", "vertex_takes"),
    [
        ({"labels": {"team": "a"}}, True),
        ({"modelArmorConfig": {"promptTemplateName": "t"}}, True),
        ({"serviceTier": "flex"}, False),
        ({"toolConfig": {"includeServerSideToolInvocations": True}}, False),
        ({"tools": functions("f", schema={"type": "OBJECT", "additionalProperties": False})}, True),
        ({"tools": [{"fileSearch": {}}]}, False),
        ({"tools": [{"enterpriseWebSearch": {}}]}, True),
    ],
)
def test_the_surfaces_know_different_names(
    http: httpx.Client, key: str, more: dict[str, Any], vertex_takes: bool
) -> None:
    vertex = http.post(f"{VERTEX}m:generateContent", json=ask(**more))
    del http.headers["authorization"]
    headers = {"x-goog-api-key": key}
    gemini = http.post(f"{GEMINI}m:generateContent", json=ask(**more), headers=headers)
    assert (vertex.status_code == 200, gemini.status_code == 200) == (
        vertex_takes,
        not vertex_takes,
    )


def schema_of(**members: Any) -> dict[str, Any]:
    """Return a request whose one function has one parameter of this schema."""
    return ask(tools=functions("f", schema={"type": "OBJECT", "properties": {"x": members}}))


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (schema_of(type="STRING", const="a"), 'Unknown name "const"'),
        (schema_of(**{"$ref": "#/x"}), 'Unknown name "$ref"'),
        (schema_of(type="OBJECT", oneOf=[]), 'Unknown name "oneOf"'),
        (schema_of(type="NUMBER", exclusiveMinimum=0), 'Unknown name "exclusiveMinimum"'),
        (schema_of(type="STRING", additionalProperties=False), 'Unknown name "additionalProperties"'),
        (schema_of(type=["STRING", "NULL"]), "Proto field is not repeating, cannot start list."),
        (schema_of(type="text"), "(type.googleapis.com/google.ai.generativelanguage.v1beta.Type), \"text\""),
        (schema_of(type="STRING", enum=[1]), "parameters.properties[0].value.enum[0]' (TYPE_STRING), 1"),
        (schema_of(type="INTEGER", enum=["1"]), "parameters.properties[x].enum: only allowed for STRING type"),
        (schema_of(type="STRING", enum=["a", ""]), "enum[1]: cannot be empty"),
        (schema_of(type="ARRAY"), "parameters.properties[x].items: missing field."),
        (schema_of(type="OBJECT"), "properties[x].properties: should be non-empty for OBJECT type"),
        (schema_of(type="STRING", format="uri"), "format: only 'enum' and 'date-time' are supported for STRING type"),
        (schema_of(type="OBJECT", properties={"a": {"type": "STRING"}}, required=["b"]), "required[0]: property is not defined"),
        (schema_of(type="INTEGER", minimum="NaN"), "parameters: a bound of the schema is out of range"),
        (schema_of(type="ARRAY", minItems=-1, items={"type": "STRING"}), "out of range"),
        (schema_of(type="ARRAY", items={"type": "ARRAY"}), "properties[x].items.items: missing field."),
        (schema_of(anyOf=[{"type": "ARRAY"}]), "any_of[0].items: missing field."),
        (config(responseMimeType="application/json", responseSchema={"type": "ARRAY"}), "generation_config.response_schema.items: missing field."),
    ],
)  # fmt: skip
def test_schemas_keep_to_the_subset(
    gemini: httpx.Client, request_: dict[str, Any], complaint: str
) -> None:
    assert complaint in refusal(gemini, request_)


@pytest.mark.parametrize(
    ("declaration", "complaint"),
    [
        ({}, "Invalid function name"),
        ({"name": "1st"}, "Invalid function name"),
        ({"name": "a b"}, "Invalid function name"),
        ({"name": "n" * 65}, "Invalid function name"),
        ({"name": "f", "strict": True}, 'Unknown name "strict"'),
        ({"name": "f", "parametersJsonSchema": {"type": "thing"}}, "not a valid JSON schema"),
        ({"name": "f", "parametersJsonSchema": [1]}, "not a valid JSON schema"),
        ({"name": "f", "parametersJsonSchema": {}, "parameters": {"type": "OBJECT"}}, "cannot be set together"),
    ],
)  # fmt: skip
def test_functions_are_checked(
    gemini: httpx.Client, declaration: dict[str, Any], complaint: str
) -> None:
    request = ask(tools=[{"functionDeclarations": [declaration]}])
    assert complaint in refusal(gemini, request)


def test_full_json_schemas_are_taken_where_they_may_be(gemini: httpx.Client) -> None:
    schema = {
        "type": "object",
        "properties": {"x": {"const": 7}},
        "additionalProperties": False,
        "$schema": "https://json-schema.org/draft/2020-12/schema",
    }
    tools = [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}]
    reply = gemini.post(
        f"{GEMINI}gemini-2.5-flash:generateContent", json=ask(tools=tools, toolConfig=force())
    )
    assert parts_of(reply.json())[0]["functionCall"]["args"] == {"x": 7}


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"tools": [{}]}, "tools[0].tool_type: required one_of 'tool_type'"),
        ({"tools": functions("f", "f")}, "Duplicate function declaration found: f"),
        ({"toolConfig": force()}, "Function calling config is set without function_declarations."),
        ({"tools": functions("f"), "toolConfig": force("g")}, "`g` is not in the function declarations"),
        ({"tools": functions("f"), "toolConfig": {"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["f"]}}}, "only when function calling mode is ANY"),
        ({"tools": functions("f"), "toolConfig": {"functionCallingConfig": {"mode": "REQUIRED"}}}, "(type.googleapis.com/google.ai.generativelanguage.v1beta.Mode), \"REQUIRED\""),
        ({"tools": functions("f"), "generationConfig": {"responseMimeType": "application/json"}}, "Function calling with a response mime type: 'application/json' is unsupported"),
        ({"tools": [*functions("f"), {"googleSearch": {}}]}, "Tool use with function calling is unsupported"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(
    gemini: httpx.Client, more: dict[str, Any], complaint: str
) -> None:
    assert complaint in refusal(gemini, ask(**more))


def test_newer_models_combine_more_but_want_to_be_told(gemini: httpx.Client) -> None:
    newer = "gemini-3-flash-preview"
    mixed = ask(tools=[*functions("f"), {"googleSearch": {}}])
    assert "include_server_side_tool_invocations" in refusal(gemini, mixed, newer)
    mixed["toolConfig"] = {"includeServerSideToolInvocations": True}
    assert taken(gemini, mixed, newer)
    plan = ask(tools=functions("f"), generationConfig={"responseMimeType": "application/json"})
    assert taken(gemini, plan, newer)


def test_vertex_has_no_such_switch_and_needs_none(http: httpx.Client) -> None:
    mixed = ask(tools=[*functions("f"), {"googleSearch": {}}])
    assert taken(http, mixed, "gemini-3-flash-preview", VERTEX)


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"temperature": 2.5}, "temperature must be in the range [0.0, 2.0]"),
        ({"temperature": -1}, "temperature must be in the range"),
        ({"topP": 1.5}, "top_p must be in the range"),
        ({"topK": 0}, "top_k must be positive"),
        ({"maxOutputTokens": 0}, "max_output_tokens must be positive"),
        ({"candidateCount": 9}, "candidate_count must be in the range [1, 8]"),
        ({"frequencyPenalty": 3}, "frequency_penalty must be in the range"),
        ({"stopSequences": list("abcdef")}, "maximum number of stop sequences is 5"),
        ({"logprobs": 3}, "response_logprobs must be true"),
        ({"responseSchema": {"type": "STRING"}}, "only allowed when `response_mime_type` is"),
        ({"responseJsonSchema": {}}, "only allowed when `response_mime_type` is"),
        ({"responseMimeType": "text/html"}, "allowed mimetypes are"),
        ({"responseMimeType": "application/json", "responseSchema": {"type": "STRING"}, "responseJsonSchema": {}}, "cannot be set together"),
        ({"thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 5}}, "only one of thinking budget and thinking level"),
        ({"thinkingConfig": {"thinkingLevel": "LOW"}}, "Thinking level is not supported for this model."),
        ({"thinkingConfig": {"thinkingBudget": 30_000}}, "choose a value between 1 and 24576"),
        ({"thinkingConfig": {"thinkingBudget": -2}}, "thinking budget -2 is invalid"),
    ],
)  # fmt: skip
def test_settings_keep_their_bounds(
    gemini: httpx.Client, members: dict[str, Any], complaint: str
) -> None:
    assert complaint in refusal(gemini, config(**members))


@pytest.mark.parametrize(
    ("name", "thinking", "complaint"),
    [
        ("gemini-2.5-pro", {"thinkingBudget": 0}, "only works in thinking mode"),
        ("gemini-2.5-pro", {"thinkingBudget": 100}, "between 128 and 32768"),
        ("gemini-2.5-flash-lite", {"thinkingBudget": 100}, "between 512 and 24576"),
        ("gemini-2.0-flash", {"thinkingBudget": 100}, "Thinking is not enabled"),
        ("gemini-2.0-flash", {"includeThoughts": True}, "Thinking is not enabled"),
        ("gemini-3.1-pro-preview", {"thinkingLevel": "MINIMAL"}, "level MINIMAL is not supported"),
        ("gemini-3.1-pro-preview", {"thinkingBudget": 0}, "only works in thinking mode"),
        ("gemini-pro-latest", {"thinkingLevel": "MINIMAL"}, "level MINIMAL is not supported"),
    ],
)
def test_generations_think_differently(
    gemini: httpx.Client, name: str, thinking: dict[str, Any], complaint: str
) -> None:
    assert complaint in refusal(gemini, config(thinkingConfig=thinking), name)


@pytest.mark.parametrize(
    ("name", "thinking"),
    [
        ("gemini-2.5-flash", {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"thinkingBudget": -1, "includeThoughts": True}),
        ("gemini-2.0-flash", {"thinkingBudget": 0}),
        ("gemini-3-flash-preview", {"thinkingLevel": "minimal"}),
        ("gemini-3.5-flash", {"thinkingBudget": 512}),
        ("gemini-4-argon", {"thinkingLevel": "HIGH"}),
    ],
)
def test_what_a_generation_takes_is_taken(
    gemini: httpx.Client, name: str, thinking: dict[str, Any]
) -> None:
    assert taken(gemini, config(thinkingConfig=thinking), name)


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        ({"inlineData": {"mimeType": "image/gif", "data": PIXELS}}, "Unsupported MIME type: image/gif"),
        ({"inlineData": {"mimeType": "application/octet-stream", "data": PIXELS}}, "Unsupported MIME type"),
        ({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, "Unable to process input image"),
        ({"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}}, "The document has no pages."),
        ({"inlineData": {"data": PIXELS}}, "mime type must be specified"),
        ({"inlineData": {"mimeType": "image/png"}}, "the data must not be empty"),
        ({"fileData": {"fileUri": "gs://bucket/x.png"}}, "Invalid or unsupported file uri"),
        ({"fileData": {"fileUri": "/etc/passwd"}}, "Invalid or unsupported file uri"),
        ({"image_url": {"url": "https://x"}}, 'Unknown name "image_url"'),
    ],
)  # fmt: skip
def test_media_are_checked(gemini: httpx.Client, part: dict[str, Any], complaint: str) -> None:
    assert complaint in refusal(gemini, turns(user(part)))


def test_vertex_reads_buckets(http: httpx.Client) -> None:
    part = {"fileData": {"fileUri": "gs://bucket/x.png", "mimeType": "image/png"}}
    assert taken(http, turns(user(part)), at=VERTEX)


NEWER = "gemini-3-flash-preview"
TOOLS = functions("f", "g")


def called(gemini: httpx.Client, name: str = NEWER) -> dict[str, Any]:
    """Return the part of a call the model made."""
    request = ask(tools=TOOLS, toolConfig=force("f"))
    reply = gemini.post(f"{GEMINI}{name}:generateContent", json=request)
    return parts_of(reply.json())[0]


def test_newer_models_demand_the_signature_of_a_step_s_first_call(gemini: httpx.Client) -> None:
    part = called(gemini)
    bare = {"functionCall": part["functionCall"]}
    answered = user(response("f"))
    assert taken(gemini, turns(Q, model(part), answered), NEWER)
    said = refusal(gemini, turns(Q, model(bare), answered), NEWER)
    assert "missing a thought_signature" in said
    assert "`default_api:f` , position 2" in said
    second = turns(Q, model(part), answered, model(bare), answered)
    assert "position 4" in refusal(gemini, second, NEWER)
    # Only the first of calls made at once is signed, and only the current turn is looked at.
    pair = model(part, call("g"))
    assert taken(gemini, turns(Q, pair, user(response("f"), response("g"))), NEWER)
    assert taken(gemini, turns(Q, model(bare), answered, model(text("so")), Q), NEWER)


def test_neighbouring_contents_of_calls_are_one_step(gemini: httpx.Client) -> None:
    part = called(gemini)
    answers = user(response("f"), response("g"))
    assert taken(gemini, turns(Q, model(part), model(call("g")), answers), NEWER)
    assert "position 2" in refusal(gemini, turns(Q, model(call("g")), model(part), answers), NEWER)


@pytest.mark.parametrize("name", ["gemini-2.5-flash", "sandbox-echo", "gemini-3-pro-image-preview"])
def test_other_models_miss_no_signature(gemini: httpx.Client, name: str) -> None:
    assert taken(gemini, turns(Q, model(call("f")), user(response("f"))), name)


@pytest.mark.parametrize("signature", [STAND_IN, "skip_thought_signature_validator"])
def test_the_documented_stand_in_is_taken(gemini: httpx.Client, signature: str) -> None:
    contents = [Q, model(call("f", sig=signature)), user(response("f"))]
    assert taken(gemini, turns(*contents), NEWER)


def test_a_signature_belongs_to_its_own_call(gemini: httpx.Client) -> None:
    part = called(gemini)
    answered, forged = user(response("f")), base64.b64encode(b"made up").decode()
    swapped = {**part, "functionCall": {"name": "f", "args": {"city": "elsewhere"}}}
    for wrong in (swapped, {**part, "thoughtSignature": forged}):
        for name in (NEWER, "gemini-2.5-flash"):
            assert "Corrupted" in refusal(gemini, turns(Q, model(wrong), answered), name)
    stray = model({"text": "x", "thoughtSignature": part["thoughtSignature"]})
    assert "Corrupted" in refusal(gemini, turns(Q, stray, Q))


def test_a_signature_survives_another_alphabet_and_another_order(gemini: httpx.Client) -> None:
    part = called(gemini)
    url_safe = part["thoughtSignature"].replace("+", "-").replace("/", "_").rstrip("=")
    args = dict(reversed(part["functionCall"]["args"].items()))
    rewritten = {
        "functionCall": {**part["functionCall"], "args": {**args, "days": 1.0}},
        "thoughtSignature": url_safe,
    }
    assert taken(gemini, turns(Q, model(rewritten), user(response("f"))), NEWER)


def test_a_text_s_signature_goes_with_the_text_it_ended(gemini: httpx.Client) -> None:
    shown = {"thinkingConfig": {"includeThoughts": True}}
    url = f"{GEMINI}sandbox-reasoning:generateContent"
    content = gemini.post(url, json=ask(generationConfig=shown)).json()["candidates"][0]["content"]
    assert taken(gemini, turns(Q, content, Q), "sandbox-echo")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/gemini/v1beta/models/m:answer"),
        ("POST", "/gemini/v1/models/m:generateContent"),
        ("PUT", "/gemini/v1beta/models/m:generateContent"),
        ("POST", "/gemini/v1beta/openai/chat/completions"),
        ("POST", "/vertex/v1/projects/p/locations/r/publishers/meta/models/m:generateContent"),
        ("GET", "/vertex/v1/publishers/google/models/m:generateContent"),
        ("POST", "/vertex/"),
    ],
)
def test_unknown_paths_get_the_vendor_s_error(http: httpx.Client, method: str, path: str) -> None:
    reply = http.request(method, path)
    assert (reply.status_code, reply.json()["error"]["status"]) == (404, "NOT_FOUND")


def test_a_body_that_is_too_large_is_refused(gemini: httpx.Client) -> None:
    url = f"{GEMINI}sandbox-echo:generateContent"
    assert "payload size exceeds" in refused(
        gemini.post(url, content=b"x" * (32 * 1024 * 1024 + 1))
    )

"""What Mistral refuses, and in which words."""

from typing import Any

import httpx
import pytest

from tests.sandbox.dialects import MISTRAL
from tests.sandbox.talking import chat, function

USER = {"role": "user", "content": "hi"}
SYSTEM = {"role": "system", "content": "be kind"}
ANSWER = {"role": "assistant", "content": "well"}
ORDER = ("invalid_request_message_order", "3230")
CALL = ("invalid_function_call", "3280")
INVALID = ("invalid_request_error", None)


def calling(*ids: str, name: str = "f") -> dict[str, Any]:
    """Return an assistant's message that calls a tool."""
    calls = [{"id": one, "function": {"name": name, "arguments": "{}"}} for one in ids]
    return {"role": "assistant", "tool_calls": calls}


def result(identity: str | None = "abcdefghi", **more: Any) -> dict[str, Any]:
    """Return a tool's message."""
    return {"role": "tool", "tool_call_id": identity, "content": "done", **more}


def talk(http: httpx.Client, *messages: dict[str, Any], **more: Any) -> httpx.Response:
    """Send a conversation."""
    request = {"model": "mistral-large-2512", "messages": list(messages), **more}
    return http.post(MISTRAL, json=request)


@pytest.mark.parametrize(
    ("more", "kind", "loc"),
    [
        ({"logit_bias": {}}, "extra_forbidden", ["body", "logit_bias"]),
        ({"seed": 1}, "extra_forbidden", ["body", "seed"]),
        ({"user": "me"}, "extra_forbidden", ["body", "user"]),
        ({"stream_options": {"include_usage": True}}, "extra_forbidden", ["body", "stream_options"]),
        ({"max_completion_tokens": 3}, "extra_forbidden", ["body", "max_completion_tokens"]),
        ({"temperature": 1.6}, "less_than_equal", ["body", "temperature"]),
        ({"temperature": "warm"}, "float_type", ["body", "temperature"]),
        ({"top_p": -1}, "greater_than_equal", ["body", "top_p"]),
        ({"random_seed": 1.5}, "int_type", ["body", "random_seed"]),
        ({"stream": "yes"}, "bool_type", ["body", "stream"]),
        ({"stop": [1]}, "string_type", ["body", "stop", 0]),
        ({"tool_choice": "sometimes"}, "literal_error", ["body", "tool_choice"]),
        ({"n": 0}, "greater_than_equal", ["body", "n"]),
        ({"response_format": {"type": "xml"}}, "literal_error", ["body", "response_format", "type"]),
        ({"tools": [{"type": "function"}]}, "missing", ["body", "tools", 0, "function"]),
        ({"tools": "f"}, "list_type", ["body", "tools"]),
        ({"metadata": []}, "dict_type", ["body", "metadata"]),
    ],
)  # fmt: skip
def test_faulty_members_are_listed_in_a_422(
    http: httpx.Client, more: dict[str, Any], kind: str, loc: list[Any]
) -> None:
    reply = http.post(MISTRAL, json=chat("mistral-large-2512", **more))
    assert reply.status_code == 422
    (fault,) = reply.json()["detail"]
    assert (fault["type"], fault["loc"]) == (kind, loc)
    assert fault["msg"]
    assert "input" in fault


@pytest.mark.parametrize(
    ("message", "kind", "loc"),
    [
        ({**USER, "name": "Ann"}, "extra_forbidden", ["user", "name"]),
        ({**ANSWER, "refusal": None}, "extra_forbidden", ["assistant", "refusal"]),
        ({**ANSWER, "reasoning_content": "x"}, "extra_forbidden", ["assistant", "reasoning_content"]),
        ({"role": "developer", "content": "x"}, "union_tag_invalid", []),
        ({"content": "x"}, "union_tag_not_found", []),
        ({"role": "system"}, "missing", ["system", "content"]),
        ({"role": "user", "content": [{"type": "input_text", "text": "x"}]}, "union_tag_invalid",
         ["user", "content", 0]),
        ({"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]},
         "extra_forbidden", ["user", "content", 0, "text", "cache_control"]),
        ({**result(), "tool_calls": []}, "extra_forbidden", ["tool", "tool_calls"]),
    ],
)  # fmt: skip
def test_faulty_messages_are_listed_with_their_place(
    http: httpx.Client, message: dict[str, Any], kind: str, loc: list[Any]
) -> None:
    reply = talk(http, USER, message)
    assert reply.status_code == 422
    (fault,) = reply.json()["detail"]
    assert fault["type"] == kind
    assert fault["loc"] == ["body", "messages", 1, *loc]


def test_all_faults_are_found_at_once(http: httpx.Client) -> None:
    reply = http.post(MISTRAL, json={"messages": [{**USER, "x": 1}], "y": 2, "temperature": 9})
    found = {(one["type"], one["loc"][-1]) for one in reply.json()["detail"]}
    assert found == {
        ("missing", "model"),
        ("extra_forbidden", "x"),
        ("extra_forbidden", "y"),
        ("less_than_equal", "temperature"),
    }


def test_a_body_that_is_no_json_is_a_422(http: httpx.Client) -> None:
    for body in (b"", b"{", b"[]", b'"x"'):
        reply = http.post(MISTRAL, content=body)
        assert reply.status_code == 422
        assert reply.json()["detail"][0]["type"] == "json_invalid"


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "at least one message"),
        ([ANSWER], "must start with a user message or system message"),
        ([result()], "must start with a user message or system message"),
        ([USER, ANSWER], "but got assistant"),
        ([USER, SYSTEM], "but got system"),
        ([USER, result(), USER], "Unexpected role 'tool' after role 'user'"),
        ([USER, calling("abcdefghi"), result(), USER], "Unexpected role 'user' after role 'tool'"),
        ([USER, calling("abcdefghi"), result(), SYSTEM, USER], "Unexpected role 'system' after"),
        ([USER, ANSWER, SYSTEM, USER], "Unexpected role 'system' after role 'assistant'"),
        ([USER, calling("abcdefghi", "abcdefghj"), result()], "Not the same number"),
        ([USER, calling("abcdefghi"), result("abcdefghx")], "Unexpected tool call id abcdefghx"),
        ([USER, calling("abcdefghi"), result(), result()], "Duplicate tool call id"),
        ([USER, calling("abcdefghi", "abcdefghi"), result()], "Duplicate tool call id"),
    ],
)
def test_a_wrong_order_is_code_3230(
    http: httpx.Client, messages: list[dict[str, Any]], words: str
) -> None:
    reply = talk(http, *messages)
    assert reply.status_code == 400
    body = reply.json()
    assert (body["type"], body["code"]) == ORDER
    assert words in body["message"]


@pytest.mark.parametrize(
    "identity", ["call_abcdefghijklmnop", "abc", "abcdefgh-", "abcdefghij", ""]
)
def test_tool_ids_have_nine_letters_or_digits(http: httpx.Client, identity: str) -> None:
    reply = talk(http, USER, calling(identity), result(identity))
    assert reply.status_code == 400
    body = reply.json()
    assert (body["type"], body["code"]) == CALL
    wanted = f"Tool call id was {identity} but must be a-z, A-Z, 0-9, with a length of 9."
    assert body["message"] == wanted


def test_a_result_names_its_call(http: httpx.Client) -> None:
    reply = talk(http, USER, calling("abcdefghi"), result(None))
    assert (reply.json()["message"], reply.json()["code"]) == (
        "Tool call id has to be defined.",
        "3280",
    )
    bad = talk(http, USER, calling("abcdefghi", name="get weather"), result())
    assert bad.json()["message"].startswith("Function name was get weather but")


@pytest.mark.parametrize(
    "messages",
    [
        [SYSTEM, USER],
        [USER, USER],
        [USER, SYSTEM, USER],
        [SYSTEM, SYSTEM, ANSWER, USER],
        [USER, {**ANSWER, "prefix": True}],
        [USER, calling("abcdefghi"), result(), ANSWER, USER],
        [USER, calling("abcdefghi", "abcdefghj"), result("abcdefghj"), result()],
    ],
)
def test_a_right_order_is_taken(http: httpx.Client, messages: list[dict[str, Any]]) -> None:
    assert talk(http, *messages).status_code == 200


def test_newer_models_let_the_user_speak_after_a_tool(http: httpx.Client) -> None:
    messages = [USER, calling("abcdefghi"), result(), USER]
    assert talk(http, *messages, model="mistral-small-latest").status_code == 200


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([USER, {"role": "assistant", "content": ""}, USER], "either content or tool_calls"),
        ([USER, {**ANSWER, "prefix": True}, USER], "must be last message"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "file:///x"}]}],
         "neither a web address"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "data:image/png;base64,%"}]}],
         "Failed to decode image"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "data:image/png;base64,aGk="}]}],
         "could not be loaded"),
        ([{"role": "system", "content": [{"type": "image_url", "image_url": "https://x"}]}, USER],
         "Unexpected content chunk types in system message"),
        ([{"role": "user", "content": [{"type": "thinking", "thinking": []}]}],
         "Unexpected content chunk types in user message"),
    ],
)  # fmt: skip
def test_bad_content_is_a_400(
    http: httpx.Client, messages: list[dict[str, Any]], words: str
) -> None:
    reply = talk(http, *messages)
    assert reply.status_code == 400
    assert words in reply.json()["message"]
    assert (reply.json()["type"], reply.json()["code"]) == INVALID


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"tools": [function("get weather")]}, "Function name was get weather"),
        ({"tools": [function("f", {"type": "nonsense"})]}, "Invalid tool schema"),
        ({"tool_choice": "any"}, "tools must be set"),
        ({"tools": [function("f")], "tool_choice": {"function": {"name": "g"}}},
         "not one of the tools"),
        ({"response_format": {"type": "json_schema"}}, "json_schema must be set"),
        ({"reasoning_effort": "high"}, "not supported for this model"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_a_400(
    http: httpx.Client, more: dict[str, Any], words: str
) -> None:
    reply = http.post(MISTRAL, json=chat("mistral-large-2512", **more))
    assert reply.status_code == 400
    assert words in reply.json()["message"]


def test_an_unknown_model_is_code_1500(http: httpx.Client) -> None:
    for model in ("missing-model", "sandbox-ecko"):
        reply = http.post(MISTRAL, json=chat(model))
        assert reply.status_code == 400
        body = reply.json()
        assert body["message"] == f"Invalid model: {model}"
        assert (body["type"], body["code"]) == ("invalid_model", "1500")

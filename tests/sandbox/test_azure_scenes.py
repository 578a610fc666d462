"""Scenes in Azure's format, through the official client and over raw HTTP."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from gateway.sandbox.server import RunningSandbox
from gateway.sandbox.tokens import count_tokens
from tests.sandbox.azure_talk import HELLO, V1, at, body
from tests.sandbox.talking import chat, chat_text, function, read_sse, row

FILTERS = {"hate", "self_harm", "sexual", "violence"}
BLANK = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}


@pytest.fixture
def sdk(sandbox: RunningSandbox, key: str, no_tls: Any) -> Iterator[openai.AzureOpenAI]:
    """The official client for Azure, without retries of its own."""
    with openai.AzureOpenAI(
        azure_endpoint=f"{sandbox.url}/azure",
        api_key=key,
        api_version="2024-10-21",
        max_retries=0,
        http_client=openai.DefaultHttpxClient(verify=no_tls, timeout=20),
    ) as client:
        yield client


def test_the_official_client_is_answered(sdk: openai.AzureOpenAI) -> None:
    reply = sdk.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert reply.choices[0].message.content == "Echo: hello there"
    assert reply.model == "gpt-4o-mini-2024-07-18"
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == count_tokens("user: hello there")
    stream = sdk.chat.completions.create(model="sandbox-long-40", messages=HELLO, stream=True)
    text = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
    assert text == " ".join(str(number) for number in range(1, 41))


def test_the_deployment_decides_whatever_the_body_says(azure: httpx.Client) -> None:
    reply = azure.post(at("sandbox-echo"), json=body(model="sandbox-500"))
    assert reply.status_code == 200
    assert row(azure)["model"] == "sandbox-echo"
    assert row(azure)["format"] == "azure"


def test_without_a_deployment_in_the_path_the_body_names_it(azure: httpx.Client) -> None:
    for query in ("", "?api-version=preview", "?api-version=v1"):
        reply = azure.post(V1 + query, json=chat("gpt-4o"))
        assert reply.json()["model"] == "gpt-4o-2024-08-06"


def test_whole_replies_carry_what_the_filters_found(azure: httpx.Client) -> None:
    reply = azure.post(at("gpt-4o"), json=body()).json()
    (found,) = reply["prompt_filter_results"]
    assert set(found["content_filter_results"]) == FILTERS | {"jailbreak"}
    results = reply["choices"][0]["content_filter_results"]
    assert results["hate"] == {"filtered": False, "severity": "safe"}
    assert results["protected_material_text"] == {"filtered": False, "detected": False}
    called = azure.post(at("sandbox-tool"), json=body(tools=[function("f")])).json()
    assert called["choices"][0]["content_filter_results"] == {}
    assert called["choices"][0]["finish_reason"] == "tool_calls"


def test_a_stream_opens_with_a_chunk_of_nobodys(azure: httpx.Client) -> None:
    request = body(stream=True, stream_options={"include_usage": True})
    reply = azure.post(at("gpt-4o"), json=request)
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = [data for _, data in read_sse(reply.text)]
    results = events[0].pop("prompt_filter_results")
    assert events[0] == BLANK
    assert set(results[0]["content_filter_results"]) == FILTERS | {"jailbreak"}
    assert events[1]["choices"][0]["delta"]["role"] == "assistant"
    assert events[1]["choices"][0]["content_filter_results"] == {}
    assert set(events[2]["choices"][0]["content_filter_results"]) == FILTERS
    assert events[-3]["choices"][0]["finish_reason"] == "stop"
    assert events[-2]["choices"] == []
    assert events[-2]["usage"]["total_tokens"] > 0
    assert events[-1] == "[DONE]"
    assert chat_text([("", one) for one in events]) == "Echo: hello there"


def test_an_answer_that_was_filtered_has_no_message(azure: httpx.Client) -> None:
    (choice,) = azure.post(at("sandbox-content-filter"), json=body()).json()["choices"]
    assert choice["finish_reason"] == "content_filter"
    assert "message" not in choice
    assert choice["content_filter_results"]["violence"] == {"filtered": True, "severity": "high"}


def test_a_filter_ends_a_stream_and_tells_no_usage(azure: httpx.Client) -> None:
    request = body(stream=True, stream_options={"include_usage": True})
    events = [
        data for _, data in read_sse(azure.post(at("sandbox-content-filter"), json=request).text)
    ]
    assert chat_text([("", one) for one in events]) == "This answer was going to"
    last = events[-2]["choices"][0]
    assert (last["finish_reason"], last["delta"]) == ("content_filter", {})
    assert last["content_filter_results"]["violence"]["filtered"] is True
    assert events[-1] == "[DONE]"
    assert row(azure)["output"] > 0


def test_the_asynchronous_filter_reports_beside_the_answer(azure: httpx.Client) -> None:
    request = body(stream=True, stream_options={"include_usage": True})
    events = [data for _, data in read_sse(azure.post(at("my-async-filter"), json=request).text)]
    reports = [
        one["choices"][0]
        for one in events[1:-1]
        if one["choices"] and "content_filter_offsets" in one["choices"][0]
    ]
    assert len(reports) == 2
    assert not any("delta" in one for one in reports)
    assert all(one["finish_reason"] is None for one in reports)
    ends = [one["content_filter_offsets"]["end_offset"] for one in reports]
    assert ends[-1] - reports[0]["content_filter_offsets"]["start_offset"] == len(
        "Echo: hello there"
    )
    said = "".join(
        one["choices"][0].get("delta", {}).get("content") or ""
        for one in events[:-1]
        if one["choices"]
    )
    assert said == "Echo: hello there"
    finish = [one["choices"][0].get("finish_reason") for one in events[1:-2]]
    assert finish.index("stop") == len(finish) - 2, "the last report comes behind the end"


def test_a_prompt_that_was_filtered_is_a_400_with_the_verdict(azure: httpx.Client) -> None:
    reply = azure.post(at("sandbox-prompt-filter"), json=body(stream=True))
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert (error["code"], error["type"], error["param"]) == ("content_filter", None, "prompt")
    assert error["innererror"]["code"] == "ResponsibleAIPolicyViolation"
    assert error["innererror"]["content_filter_result"]["violence"]["filtered"] is True


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("sandbox-400", 400, None),
        ("sandbox-context-length", 400, "context_length_exceeded"),
        ("sandbox-401", 401, "401"),
        ("sandbox-403", 403, "403"),
        ("sandbox-billing", 403, "403"),
        ("sandbox-404", 404, "DeploymentNotFound"),
        ("missing-model", 404, "DeploymentNotFound"),
        ("sandbox-no-such-scene", 404, "DeploymentNotFound"),
        ("sandbox-408", 408, "Timeout"),
        ("sandbox-409", 409, None),
        ("sandbox-413", 413, "413"),
        ("sandbox-429", 429, "429"),
        ("sandbox-429-no-wait", 429, "429"),
        ("sandbox-quota", 429, "429"),
        ("sandbox-500", 500, None),
        ("sandbox-502", 502, "502"),
        ("sandbox-503", 503, "ServiceUnavailable"),
        ("sandbox-504", 504, "GatewayTimeout"),
        ("sandbox-529", 429, "EngineOverloaded"),
        ("sandbox-overloaded", 429, "EngineOverloaded"),
    ],
)
def test_failures_come_in_azures_words(
    azure: httpx.Client, name: str, status: int, code: str | None
) -> None:
    reply = azure.post(at(name), json=body())
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert reply.json()["error"]["message"]


def test_what_stands_before_the_model_names_no_type_and_no_param(azure: httpx.Client) -> None:
    assert set(azure.post(at("sandbox-401"), json=body()).json()["error"]) == {"code", "message"}
    missing = azure.post(at("missing-model"), json=body()).json()["error"]
    assert list(missing) == ["type", "code", "message"]


def test_a_rate_limit_names_its_wait(azure: httpx.Client) -> None:
    reply = azure.post(at("sandbox-429-7"), json=body())
    assert (reply.headers["retry-after"], reply.headers["retry-after-ms"]) == ("7", "7000")
    assert "Please retry after 7 seconds." in reply.json()["error"]["message"]
    assert "retry-after" not in azure.post(at("sandbox-429-no-wait"), json=body()).headers
    assert azure.post(at("sandbox-quota"), json=body()).headers["retry-after"] == "86400"


def test_failures_in_turn_are_counted(azure: httpx.Client) -> None:
    found = [azure.post(at("sandbox-500-twice"), json=body()).status_code for _ in range(4)]
    assert found == [500, 500, 200, 500]


def test_a_reply_has_the_headers_of_the_vendor(azure: httpx.Client) -> None:
    headers = azure.post(at("gpt-4o"), json=body()).headers
    assert len(headers["apim-request-id"]) == 36
    assert headers["x-ratelimit-reset-requests"].isdecimal()
    assert headers["x-ms-region"]


def test_embeddings_are_made_for_a_deployment(sdk: openai.AzureOpenAI, azure: httpx.Client) -> None:
    ours = sdk.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    assert len(ours.data) == 2
    assert ours.usage.prompt_tokens == 2
    request = {"model": "text-embedding-3-small", "input": "one"}
    plain = azure.post("/azure/openai/v1/embeddings", json=request)
    assert plain.json()["data"][0]["embedding"] == pytest.approx(ours.data[0].embedding, abs=1e-6)
    assert row(azure)["operation"] == "embeddings"
    missing = "/azure/openai/deployments/missing-model/embeddings?api-version=2024-10-21"
    assert azure.post(missing, json={"input": "x"}).json()["error"]["code"] == "DeploymentNotFound"


def test_lists_of_models_are_no_deployments_but_there(azure: httpx.Client) -> None:
    dated = azure.get("/azure/openai/models?api-version=2024-10-21").json()
    assert azure.get("/azure/openai/v1/models").json() == dated
    assert azure.get("/azure/openai/v1/models/gpt-4o").json()["id"] == "gpt-4o"
    assert azure.get("/azure/openai/v1/models/missing-model").status_code == 404


def test_a_cut_counts_the_opening_chunk(azure: httpx.Client) -> None:
    found = b""
    with azure.stream("POST", at("sandbox-cut-4"), json=body(stream=True)) as reply:
        pieces = reply.iter_raw()
        with pytest.raises(httpx.RemoteProtocolError):
            while True:
                found += next(pieces)
    assert len(read_sse(found.decode())) == 4
    assert (row(azure)["chunks"], row(azure)["output"]) == (4, 2)


def test_faults_come_in_azures_shape(azure: httpx.Client) -> None:
    events = read_sse(azure.post(at("sandbox-malformed"), json=body(stream=True)).text)
    assert next(number for number, (_, data) in enumerate(events) if isinstance(data, str)) == 5
    broken = read_sse(azure.post(at("sandbox-error-mid-stream"), json=body(stream=True)).text)
    assert broken[-1][1]["error"]["message"]
    quiet = azure.post(at("sandbox-no-usage"), json=body())
    assert '"usage"' not in quiet.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["sandbox-echo", "sandbox-reasoning", "sandbox-parallel-tools"])
def test_the_books_agree_with_the_usage_that_was_reported(
    azure: httpx.Client, name: str, stream: bool
) -> None:
    request = body(tools=[function("f")], stream=stream)
    if stream:
        request["stream_options"] = {"include_usage": True}
    reply = azure.post(at(name), json=request)
    usage = read_sse(reply.text)[-2][1]["usage"] if stream else reply.json()["usage"]
    booked = row(azure)
    assert booked["input"] == usage["prompt_tokens"]
    assert booked["output"] + booked["reasoning"] == usage["completion_tokens"]

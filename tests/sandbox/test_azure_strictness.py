"""What Azure refuses, the sandbox refuses: keys, versions, paths, and what OpenAI refuses too."""

from typing import Any

import httpx
import pytest

from tests.sandbox.azure_talk import HELLO, V1, at, body
from tests.sandbox.talking import chat

SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "n", "schema": {"type": "object", "properties": {}}},
}


@pytest.mark.parametrize("headers", [{}, {"api-key": "bad-key"}, {"authorization": "Basic x"}])
def test_a_key_is_demanded(azure: httpx.Client, headers: dict[str, str]) -> None:
    del azure.headers["api-key"]
    reply = azure.post(at("gpt-4o"), json=body(), headers=headers)
    assert reply.status_code == 401
    assert reply.json()["error"]["code"] == "401"
    assert "Access denied due to invalid subscription key" in reply.json()["error"]["message"]


def test_a_bearer_token_will_do(azure: httpx.Client, key: str) -> None:
    del azure.headers["api-key"]
    headers = {"authorization": f"Bearer {key}"}
    assert azure.post(V1, json=chat("gpt-4o"), headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/azure/openai/deployments/gpt-4o/chat/completions", 404, "404"),
        (at("gpt-4o", "soon"), 400, "BadRequest"),
        (at("gpt-4o", "v1"), 400, "BadRequest"),
        (f"{V1}?api-version=2024-10-21", 400, "BadRequest"),
        (f"{V1}?api-version=x", 400, "BadRequest"),
        ("/azure/chat/completions", 404, "404"),
        ("/azure/openai/deployments/gpt-4o/v1/chat/completions?api-version=2024-10-21", 404, "404"),
        ("/azure/v1/chat/completions", 404, "404"),
    ],
)
def test_paths_and_versions_are_checked(
    azure: httpx.Client, path: str, status: int, code: str
) -> None:
    reply = azure.post(path, json=chat("gpt-4o"))
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


def test_a_list_of_models_wants_a_version_too(azure: httpx.Client) -> None:
    assert azure.get("/azure/openai/models").status_code == 404
    assert azure.get("/azure/openai/v1/models?api-version=2024-10-21").status_code == 400


def test_older_versions_know_no_schemas(azure: httpx.Client) -> None:
    old = azure.post(at("gpt-4o", "2024-06-01"), json=body(response_format=SCHEMA))
    assert old.status_code == 400
    assert "2024-08-01-preview and later" in old.json()["error"]["message"]
    newer = azure.post(at("gpt-4o", "2024-08-01-preview"), json=body(response_format=SCHEMA))
    assert newer.status_code == 200


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"gateway": {}}, "gateway", "unknown_parameter"),
        ({"top_k": 5}, "top_k", "unknown_parameter"),
        ({"temperature": 3}, "temperature", "decimal_above_max_value"),
        ({"messages": []}, "messages", "empty_array"),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
    ],
)
def test_the_body_is_checked_as_openai_does(
    azure: httpx.Client, more: dict[str, Any], param: str, code: str | None
) -> None:
    reply = azure.post(at("gpt-4o"), json={"messages": HELLO, **more})
    error = reply.json()["error"]
    assert (reply.status_code, error["param"], error["code"]) == (400, param, code)


def test_a_model_is_demanded_where_the_path_names_none(azure: httpx.Client) -> None:
    error = azure.post(V1, json=body()).json()["error"]
    assert (error["param"], error["code"]) == ("model", "missing_required_parameter")


def test_azures_own_members_are_taken(azure: httpx.Client) -> None:
    extra = {"data_sources": [{"type": "azure_search", "parameters": {}}]}
    assert azure.post(at("gpt-4o"), json=body(**extra)).status_code == 200
    url = "/azure/openai/deployments/text-embedding-3-small/embeddings?api-version=2024-10-21"
    assert azure.post(url, json={"input": "x", **extra}).status_code == 400


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 400), (b"not json", 400), (b"[1]", 400), (b"x" * (32 * 1024 * 1024 + 1), 413)],
)
def test_garbage_gets_an_error(azure: httpx.Client, content: bytes, status: int) -> None:
    reply = azure.post(at("gpt-4o"), content=content)
    assert (reply.status_code, "error" in reply.json()) == (status, True)

import json
from typing import Any

import pytest

from gateway.providers.fates import UnsupportedPolicy, apply_fates
from gateway.types.models import ReasoningStyle
from gateway.types.secret import Secret
from gateway.types.upstream import Credential, UpstreamRequest
from gateway.wire.chat_read import read_chat
from gateway.wire.embeddings_read import read_embeddings
from tests.providers.azure_scene import HI, PROVIDER, request, sent, target

JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2NvZ25pdGl2ZXNlcnZpY2VzIn0.c2ln"
OLD = {"azure_resource": "res", "api_version": "2024-06-01"}


def authorized(secret: str) -> tuple[tuple[str, str], ...]:
    bare = UpstreamRequest("POST", "https://h", (("x-a", "1"),), b"")
    return PROVIDER.authorize(bare, Credential(Secret(secret)), 0.0).headers


def test_a_key_goes_as_api_key_and_nowhere_else() -> None:
    key = "4f8a0d9e5c7b4e1fa2c3d4e5f6a7b8c9"
    assert authorized(key) == (("x-a", "1"), ("api-key", key))


def test_an_access_token_goes_as_bearer_and_nowhere_else() -> None:
    assert authorized(JWT) == (("x-a", "1"), ("authorization", f"Bearer {JWT}"))


@pytest.mark.parametrize("secret", ["eyJ.short", "a.b.c", "eyJhbGci", "xeyJa.b.c"])
def test_what_only_looks_a_little_like_a_token_is_a_key(secret: str) -> None:
    assert authorized(secret)[-1] == ("api-key", secret)


def test_without_a_credential_nothing_is_added() -> None:
    bare = UpstreamRequest("POST", "https://h", (), b"")
    assert PROVIDER.authorize(bare, None, 0.0) is bare


def test_the_body_names_the_deployment() -> None:
    settings = {"azure_resource": "res", "azure_deployment": "dep"}
    assert sent(target(settings=settings), model="gpt-4o")["model"] == "dep"
    assert sent(target())["model"] == "gpt-4o"


def test_everything_else_is_openais_own_body() -> None:
    members: dict[str, Any] = {
        "temperature": 0.5,
        "max_completion_tokens": 9,
        "parallel_tool_calls": False,
        "metadata": {"a": "b"},
        "data_sources": [{"type": "azure_search"}],
        "user_security_context": {"application_name": "x"},
    }
    developer = {"role": "developer", "content": "be brief"}
    body = sent(messages=[developer, HI], **members)
    assert body == {"model": "gpt-4o", "messages": [developer, HI], **members}


def test_a_stream_asks_for_usage() -> None:
    built = request(stream=True)
    assert built.stream
    assert json.loads(built.body)["stream_options"] == {"include_usage": True}


def test_an_old_version_is_not_sent_what_came_later_and_changes_nothing() -> None:
    body = sent(
        target(settings=OLD),
        stream=True,
        parallel_tool_calls=True,
        metadata={"a": "b"},
        store=False,
        prediction={"type": "content", "content": "x"},
        temperature=0.5,
        seed=1,
    )
    assert body.keys() == {"model", "messages", "stream", "temperature", "seed"}


def test_the_client_is_told_what_an_old_version_does_not_know() -> None:
    old = target(settings=OLD)
    given: dict[str, Any] = {"stream": True, "metadata": {"a": "b"}, "temperature": 0.5}
    assert request(old, **given).warnings == ("dropped: metadata",)
    assert request(**given).warnings == ()
    assert request(old, store=False, parallel_tool_calls=True).warnings == ()
    spoken = request(old, store=True, parallel_tool_calls=False).warnings
    assert sorted(spoken) == ["dropped: parallel_tool_calls", "dropped: store"]


def test_an_old_version_is_sent_what_the_answer_depends_on() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    body = sent(
        target(settings=OLD), reasoning_effort="low", response_format=schema, max_tokens=5, n=2
    )
    assert body["reasoning_effort"] == "low"
    assert body["response_format"] == schema
    assert (body["max_tokens"], body["n"]) == (5, 2)


@pytest.mark.parametrize(
    ("version", "member", "known"),
    [
        ("2024-08-01-preview", "stream_options", False),
        ("2024-09-01-preview", "stream_options", True),
        ("2024-10-21", "stream_options", True),
        ("2024-10-21", "metadata", False),
        ("2024-12-01-preview", "metadata", True),
        ("2024-12-01-preview", "prediction", False),
        ("2025-01-01-preview", "prediction", True),
    ],
)
def test_each_member_is_sent_from_its_version_on(version: str, member: str, known: bool) -> None:
    dated = target(settings={"azure_resource": "res", "api_version": version})
    prediction = {"type": "content", "content": "x"}
    body = sent(dated, stream=True, metadata={"a": "b"}, prediction=prediction)
    assert (member in body) == known


def test_the_developer_role_becomes_system_where_it_is_not_known() -> None:
    developer = {"role": "developer", "content": "be brief"}
    [first, _] = sent(target(settings=OLD), messages=[developer, HI])["messages"]
    assert first["role"] == "system"


def test_models_that_think_are_told_their_limit_in_the_new_spelling() -> None:
    for settings in (None, OLD):
        thinking = target(settings=settings, reasoning=ReasoningStyle.EFFORT)
        assert sent(thinking, max_tokens=5)["max_completion_tokens"] == 5


def test_foundrys_own_api_is_told_to_pass_unknown_members_on() -> None:
    foundry = request(target("https://r.services.ai.azure.com/models", {}), reasoning_effort="low")
    assert ("extra-parameters", "pass-through") in foundry.headers
    assert json.loads(foundry.body)["reasoning_effort"] == "low"
    assert [name for name, _ in request().headers] == ["content-type"]


def test_a_probe_by_chat_is_a_few_tokens() -> None:
    probe = PROVIDER.build_probe(target("https://r.services.ai.azure.com/models", {}))
    body = json.loads(probe.body)
    assert body["messages"] == [{"role": "user", "content": "Hi"}]
    assert body["max_tokens"] == 16
    assert "stream" not in body


def test_nothing_is_refused_here_that_azure_may_take() -> None:
    chat = read_chat({"messages": [HI], "logit_bias": {"1": 2}, "n": 2, "data_sources": []})
    fitted, warnings = apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.STRICT)
    assert (fitted, warnings) == (chat, ())


def test_embeddings_go_to_the_deployment_too() -> None:
    job = read_embeddings({"model": "m", "input": [[1, 2]], "encoding_format": "base64"})
    [built] = PROVIDER.build_embeddings(job, target(settings=OLD, model="emb"))
    url = "https://res.openai.azure.com/openai/deployments/emb/embeddings?api-version=2024-06-01"
    assert built.url == url
    body = json.loads(built.body)
    assert body == {"model": "emb", "input": [1, 2], "encoding_format": "base64"}
    reply = {"data": [{"index": 0, "embedding": [1.0]}], "model": "text-embedding-3"}
    assert PROVIDER.parse_embeddings(job, target(), [json.dumps(reply).encode()]).model == (
        "text-embedding-3"
    )


def test_azure_fetches_images_itself() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://e.org/a.png"}}
    chat = read_chat({"messages": [{"role": "user", "content": [image]}]})
    assert PROVIDER.media(chat, target()) == ()

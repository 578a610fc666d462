"""Providers' own lists of models: the request for one, and every shape it comes back in."""

from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from gateway.providers.listing import (
    MOST_MODELS,
    ListedModel,
    list_request,
    read_list,
    whole_list,
)
from gateway.types.upstream import UpstreamRequest


def ids(reply: Any) -> list[str]:
    return [model.id for model in read_list(orjson.dumps(reply))]


def get(url: str) -> UpstreamRequest:
    return UpstreamRequest("GET", url, (), b"")


def list_url(kind: str, url: str) -> str | None:
    request = list_request(kind, get(url))
    return None if request is None else request.url


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({"object": "list", "data": [{"id": "a"}, {"id": "b"}]}, ["a", "b"]),
        ([{"id": "together/a"}, {"id": "b"}], ["together/a", "b"]),
        ({"models": [{"name": "models/gemini-x"}]}, ["gemini-x"]),
        ({"models": [{"name": "llama3:latest", "model": "llama3:latest"}]}, ["llama3:latest"]),
        ({"models": [{"name": "command-a", "endpoints": ["chat"]}]}, ["command-a"]),
        ({"modelSummaries": [{"modelId": "amazon.nova-v1:0", "modelName": "x"}]}, ["amazon.nova-v1:0"]),
        ({"models": [{"name": "no"}], "data": [{"id": "data-wins"}]}, ["data-wins"]),
        ({"data": [{"id": "twice"}, {"id": "twice"}]}, ["twice"]),
        ({"data": [{"id": "name-is-no-id", "name": "A Model"}]}, ["name-is-no-id"]),
    ],
)  # fmt: skip
def test_every_vendors_shape_is_read(reply: Any, expected: list[str]) -> None:
    assert ids(reply) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>sign in</html>",
        b"null",
        b'"gpt"',
        b"7",
        b"{}",
        b'{"data": {"id": "a"}}',
        b'{"data": "a"}',
        b'{"data": ["a", 1, null, [], {}]}',
        b'{"data": [{"id": 5}, {"id": ""}, {"id": null}]}',
        b'{"data": [{"id": "a b"}, {"id": "a\\nb"}, {"id": "\\u202e"}]}',
        b'{"data": [{"id": "' + b"x" * 201 + b'"}]}',
        b'{"data": [{"id": "cut',
        b"\xff\xfe",
    ],
)
def test_anything_else_is_an_empty_list(body: bytes) -> None:
    assert read_list(body) == ()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ("data", "models", "id", "name", "created", "created_at", "type", "endpoints")
            )
            | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)  # fmt: skip


@given(_JSON)
def test_no_json_breaks_the_reader_and_every_id_can_be_sent(reply: Any) -> None:
    models = read_list(orjson.dumps(reply))
    assert len({model.id for model in models}) == len(models)
    for model in models:
        assert model.id.isprintable()
        assert " " not in model.id
        assert 0 < len(model.id) <= 200
        assert model.created >= 0


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    assert isinstance(read_list(body), tuple)


def test_a_list_without_end_is_cut() -> None:
    endless = {"data": [{"id": f"m{number}"} for number in range(MOST_MODELS + 50)]}
    assert len(ids(endless)) == MOST_MODELS


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"created": 1_700_000_000}, ListedModel("m", 1_700_000_000)),
        ({"created_at": "2025-09-29T00:00:00Z"}, ListedModel("m", 1_759_104_000)),
        ({"created_at": "2025-09-29T02:00:00+02:00"}, ListedModel("m", 1_759_104_000)),
        ({"created_at": "2025-09-29"}, ListedModel("m", 1_759_104_000)),
        ({"created": -1, "created_at": "soon"}, ListedModel("m")),
        ({"created": 1e300, "created_at": "0001-01-01T00:00:00+14:00"}, ListedModel("m")),
        ({"context_window": 131_072, "max_completion_tokens": 8_192}, ListedModel("m", 0, 131_072, 8_192)),
        ({"max_input_tokens": 200_000, "max_tokens": 64_000}, ListedModel("m", 0, 200_000, 64_000)),
        ({"inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536}, ListedModel("m", 0, 1_048_576, 65_536)),
        ({"max_model_len": 4_096}, ListedModel("m", 0, 4_096)),
        ({"context_length": 0, "max_context_length": True}, ListedModel("m")),
    ],
)  # fmt: skip
def test_what_a_row_says_of_its_model_is_kept(row: dict[str, Any], expected: ListedModel) -> None:
    assert read_list(orjson.dumps([{"id": "m", **row}])) == (expected,)


@pytest.mark.parametrize(
    ("row", "is_for_us"),
    [
        ({"name": "models/a", "supportedGenerationMethods": ["generateContent"]}, True),
        ({"name": "models/a", "supportedGenerationMethods": ["embedContent"]}, True),
        ({"name": "models/a", "supportedGenerationMethods": ["predictLongRunning"]}, False),
        ({"name": "a", "endpoints": ["rerank"]}, False),
        ({"name": "a", "endpoints": ["embed", "classify"]}, True),
        ({"name": "a", "endpoints": []}, True),
        ({"name": "a", "endpoints": [{"not": "text"}]}, False),
        ({"id": "a", "type": "image"}, False),
        ({"id": "a", "type": "chat"}, True),
        ({"id": "a", "type": "model"}, True),
        ({"id": "a", "type": ["image"]}, True),
        ({"modelId": "a", "inferenceTypesSupported": ["ON_DEMAND"]}, True),
        ({"modelId": "a", "inferenceTypesSupported": ["PROVISIONED"]}, False),
    ],
)
def test_a_model_for_other_work_is_left_out(row: dict[str, Any], is_for_us: bool) -> None:
    assert bool(ids([row])) is is_for_us


@pytest.mark.parametrize(
    ("name", "is_for_us"),
    [
        ("gpt-4o", True),
        ("gpt-4o-audio-preview", True),
        ("text-embedding-3-small", True),
        ("gpt-3.5-turbo", True),
        ("davinci-002", False),
        ("whisper-1", False),
        ("whisper-large-v3-turbo", False),
        ("tts-1-hd", False),
        ("gpt-4o-mini-tts", False),
        ("gpt-4o-transcribe", False),
        ("gpt-4o-realtime-preview", False),
        ("gpt-realtime-mini", False),
        ("dall-e-3", False),
        ("gpt-image-1", False),
        ("sora-2", False),
        ("omni-moderation-latest", False),
        ("gpt-3.5-turbo-instruct", False),
        ("llama-3.3-70b-instruct", True),
    ],
)
def test_openais_list_is_of_all_its_apis_and_names_tell_them_apart(
    name: str, is_for_us: bool
) -> None:
    assert bool(ids({"data": [{"id": name}]})) is is_for_us


@pytest.mark.parametrize(
    ("kind", "probe", "expected"),
    [
        ("openai", "https://api.openai.com/v1/models", "https://api.openai.com/v1/models"),
        ("anthropic", "https://a.test/v1/models?limit=1", "https://a.test/v1/models?limit=1000"),
        ("gemini", "https://g.test/v1beta/models?pageSize=1&x=%2F", "https://g.test/v1beta/models?pageSize=1000&x=%2F"),
        ("cohere", "https://c.test/v1/models?page_size=1", "https://c.test/v1/models?page_size=1000"),
        ("bedrock", "https://b.test/foundation-models?byProvider=amazon", "https://b.test/foundation-models"),
        ("openrouter", "https://openrouter.ai/api/v1/key", "https://openrouter.ai/api/v1/models"),
        ("openrouter", "https://proxy.test/v1/other", "https://proxy.test/v1/other"),
        ("openai_compatible", "https://own.test/v1/models?key=a%20b", "https://own.test/v1/models?key=a%20b"),
        ("azure", "https://r.openai.azure.com/openai/v1/models", None),
    ],
)  # fmt: skip
def test_the_list_is_asked_for_whole(kind: str, probe: str, expected: str | None) -> None:
    assert list_url(kind, probe) == expected


def test_a_probe_that_is_a_chat_is_no_list() -> None:
    chat = UpstreamRequest("POST", "https://api.perplexity.ai/chat/completions", (), b"{}")
    assert list_request("perplexity", chat) is None
    assert whole_list(chat) is chat


def test_a_probe_with_its_page_made_whole_keeps_its_headers() -> None:
    probe = UpstreamRequest("GET", "https://a.test/v1/models?limit=1", (("a", "b"),), b"")
    whole = whole_list(probe)
    assert (whole.method, whole.headers) == ("GET", (("a", "b"),))

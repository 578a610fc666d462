"""What every provider makes of a request, found out by asking: the tables of the docs.

Each feature is a sample request, put through the same functions as a real one. Nothing here is
written by hand but the samples, so the tables cannot say what the code does not do.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from gateway.errors import GatewayError
from gateway.providers.base import Fate, Provider
from gateway.providers.fates import UnsupportedPolicy, apply_fates
from gateway.providers.registry import PROVIDERS
from gateway.types.embeddings import EmbeddingJob
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, Target
from gateway.wire.chat_read import read_chat

YES, DROPPED, FETCHED, NO = "yes", "dropped", "if fetched", "no"

_MODELS: Mapping[str, str] = {
    "anthropic": "claude-sonnet-4-5",
    "azure": "gpt-4o",
    "bedrock": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cohere": "command-a-03-2025",
    "gemini": "gemini-2.5-flash",
    "mistral": "mistral-large-latest",
    "openai": "gpt-4o",
    "openai_compatible": "some-model",
    "vertex": "gemini-2.5-flash",
}
"""The columns, and the model each is asked with."""

_SETTINGS: Mapping[str, str] = {
    "azure_resource": "resource",
    "azure_deployment": "deployment",
    "project": "project",
    "region": "us-east-1",
}
_PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChw"
    "GA60e6kgAAAABJRU5ErkJggg=="
)
_PDF = "data:application/pdf;base64,JVBERi0xLjQKJSVFT0YK"
_TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def _user(*parts: Mapping[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, *parts]}]}


FEATURES: Mapping[str, Mapping[str, Any]] = {
    "streaming": {"stream": True},
    "system messages": {
        "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "Hi"}]
    },
    "tools": {"tools": [_TOOL]},
    "a tool demanded": {"tools": [_TOOL], "tool_choice": "required"},
    "one tool named": {
        "tools": [_TOOL],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
    },
    "no parallel calls": {"tools": [_TOOL], "parallel_tool_calls": False},
    "JSON mode": {"response_format": {"type": "json_object"}},
    "JSON schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "schema": _SCHEMA, "strict": True},
        }
    },
    "reasoning effort": {"reasoning_effort": "low"},
    "image as data": _user({"type": "image_url", "image_url": {"url": _PNG}}),
    "image by URL": _user({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}),
    "PDF as data": _user({"type": "file", "file": {"file_data": _PDF, "filename": "a.pdf"}}),
    "audio input": _user(
        {"type": "input_audio", "input_audio": {"data": "UklGRiQAAABXQVZF", "format": "wav"}}
    ),
    "stop sequences": {"stop": ["\n"]},
    "temperature": {"temperature": 0.5},
    "top_k": {"top_k": 5},
    "seed": {"seed": 1},
    "penalties": {"frequency_penalty": 0.5},
    "several choices (n)": {"n": 2},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "logit bias": {"logit_bias": {"50256": -100}},
    "audio output": {
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
    },
    "web search": {"web_search_options": {}},
    "prediction": {"prediction": {"type": "content", "content": "x"}},
    "end user's id": {"user": "u-1"},
}


def columns() -> tuple[str, ...]:
    """Return the providers that the tables show: one for each wire format."""
    return tuple(name for name in sorted(_MODELS) if name in PROVIDERS)


def render_features() -> str:
    """Return the table of features by provider, as Markdown."""
    rows = [[name, *(try_feature(column, body) for column in columns())] for name, body in _all()]
    rows.append(["embeddings", *(_has_embeddings(column) for column in columns())])
    return _table(("feature", *columns()), rows)


def render_fates() -> str:
    """Return the table of request fields by provider: the union of every provider's row."""
    providers = [PROVIDERS[name] for name in columns()]
    fields = sorted({field for provider in providers for field in provider.fates} - {"*"})
    rows = [
        [f"`{field}`", *(_fate(provider, field).value for provider in providers)]
        for field in fields
    ]
    rows.append(["any other", *(_fate(provider, "*").value for provider in providers)])
    return _table(("field", *columns()), rows)


def try_feature(provider_type: str, members: Mapping[str, Any]) -> str:
    """Return what a provider makes of a request with these members, under the lenient policy."""
    provider, target = PROVIDERS[provider_type], sample_target(provider_type)
    body = {"model": target.model, "messages": [{"role": "user", "content": "Hi"}], **members}
    chat = read_chat(body)
    try:
        fitted, warnings = apply_fates(chat, provider.fates, UnsupportedPolicy.LENIENT)
        if provider.media(fitted, target):
            return FETCHED
        request = provider.build_chat(fitted, target)
    except GatewayError:
        return NO
    return DROPPED if (*warnings, *request.warnings) else YES


def _all() -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from FEATURES.items()


def _has_embeddings(provider_type: str) -> str:
    model = _EMBEDDING_MODELS.get(provider_type, "some-model")
    job, target = EmbeddingJob(model, ("Hi",)), replace(sample_target(provider_type), model=model)
    try:
        return YES if PROVIDERS[provider_type].build_embeddings(job, target) else NO
    except GatewayError:
        return NO


_EMBEDDING_MODELS: Mapping[str, str] = {
    "bedrock": "amazon.titan-embed-text-v2:0",
    "cohere": "embed-v4.0",
    "gemini": "gemini-embedding-001",
    "mistral": "mistral-embed",
    "openai": "text-embedding-3-small",
    "vertex": "text-embedding-005",
}


def _fate(provider: Provider, field: str) -> Fate:
    return provider.fates.get(field) or provider.fates.get("*", Fate.CARRIED)


def sample_target(provider_type: str) -> Target:
    """Return a target of a wire format, with every setting a provider may want."""
    model = _MODELS[provider_type]
    return Target(
        provider=provider_type,
        type=provider_type,
        model=model,
        base_url="https://provider.example/v1",
        key_source=KeySource.OWN,
        key_name=provider_type,
        audience=provider_type,
        settings=_SETTINGS,
        info=ModelInfo(provider_type, model),
    )


def _table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"

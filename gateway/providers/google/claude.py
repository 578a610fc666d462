"""Anthropic's models on Vertex: Anthropic's format, at Google's addresses.

The body is that of the Messages API without `model`, which is in the address, and with
`anthropic_version`, which is no header here ("Claude on Vertex AI", platform.claude.com, 2026-11).
URLs of media are not fetched there (400 "URL sources are not supported").
"""

from collections.abc import Sequence

import orjson
from msgspec.structs import replace

from gateway.errors import InvalidRequest
from gateway.providers.anthropic import AnthropicProvider
from gateway.providers.base import ReplyParser
from gateway.providers.fates import UnsupportedPolicy, apply_fates
from gateway.providers.google.addresses import VertexModel, vertex_model, vertex_url
from gateway.providers.google.build import JSON
from gateway.providers.media_refs import find_media
from gateway.types.chat import ChatRequest
from gateway.types.upstream import MediaRef, ReplyHead, Target, UpstreamRequest

VERSION = "vertex-2023-10-16"
ANTHROPIC = AnthropicProvider()
_OF_THE_BODY = "anthropic-version"
_COUNTING = VertexModel("anthropic", "count-tokens")


def find_claude_media(chat: ChatRequest) -> Sequence[MediaRef]:
    """Return the URLs of a request, all of which the gateway has to fetch."""
    return find_media(chat, bool)


def build_claude(chat: ChatRequest, target: Target) -> UpstreamRequest:
    """Write the request to `rawPredict`, without credentials.

    What Anthropic does with a field is applied here once more: whoever called this may have judged
    by Google's fates. Raises InvalidRequest for what Anthropic cannot express.
    """
    for media in find_claude_media(chat):
        raise InvalidRequest(
            "Claude on Vertex does not fetch addresses. Send the data itself as a data: URI.",
            param=media.param,
            code="invalid_image_url",
        )
    fitted, dropped = apply_fates(chat, ANTHROPIC.fates, UnsupportedPolicy.LENIENT)
    native = ANTHROPIC.build_chat(fitted, _as_anthropic(target))
    method = "streamRawPredict" if native.stream else "rawPredict"
    return replace(
        native,
        url=vertex_url(target, method),
        headers=tuple(header for header in native.headers if header[0] != _OF_THE_BODY),
        body=_with_version(native.body, vertex_model(target).name),
        warnings=(*dropped, *native.warnings),
    )


def build_claude_probe(target: Target) -> UpstreamRequest:
    """Write the cheapest call that proves a key: a count of tokens, which costs none."""
    messages = [{"role": "user", "content": "Hi"}]
    body = {"model": vertex_model(target).name, "messages": messages}
    url = vertex_url(target, "rawPredict", _COUNTING)
    return UpstreamRequest("POST", url, JSON, orjson.dumps(body))


def open_claude_reply(chat: ChatRequest, target: Target, head: ReplyHead) -> ReplyParser:
    """Return a parser for a 2xx reply."""
    fitted, _ = apply_fates(chat, ANTHROPIC.fates, UnsupportedPolicy.LENIENT)
    return ANTHROPIC.open_reply(fitted, _as_anthropic(target), head)


def _as_anthropic(target: Target) -> Target:
    return replace(target, model=vertex_model(target).name, settings={})


def _with_version(body: bytes, model: str) -> bytes:
    """Put `anthropic_version` in the place of `model`, which Anthropic's builder writes first.

    The bytes after it stay as they are: numbers that a second reading would round are in them.
    """
    head = b'{"model":' + orjson.dumps(model) + b","
    if body.startswith(head):
        return b'{"anthropic_version":' + orjson.dumps(VERSION) + b"," + body[len(head) :]
    members = orjson.loads(body)
    members.pop("model", None)
    return orjson.dumps({"anthropic_version": VERSION, **members})

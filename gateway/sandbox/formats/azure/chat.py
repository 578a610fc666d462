"""Azure OpenAI: `/openai/deployments/{deployment}/…?api-version=…` and `/openai/v1/…`.

The body is OpenAI's, and checked as OpenAI checks it. Source: learn.microsoft.com, "Azure OpenAI
REST API" and "API version lifecycle" (2026).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import orjson
from msgspec import Struct, structs

from gateway.sandbox.asgi import Call, Header
from gateway.sandbox.cache import PromptCache, PromptCounts
from gateway.sandbox.formats.azure import refusals
from gateway.sandbox.formats.azure.filters import stream_filtered, write_filtered
from gateway.sandbox.formats.base import (
    CHAT,
    Answer,
    Frame,
    Refused,
    Reply,
    bearer_token,
    encode_headers,
    parse_object,
)
from gateway.sandbox.formats.openai import refusals as openai
from gateway.sandbox.formats.openai.chat import Chat
from gateway.sandbox.formats.openai.writing import write_event
from gateway.sandbox.ids import make_hex_id
from gateway.sandbox.journal import fingerprint
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.script import Failure

_DEPLOYED = re.compile(r"/openai/deployments/([^/]+)/(chat/completions|embeddings)")
_PLAIN = re.compile(r"/openai/v1/(chat/completions|embeddings)")
_MODELS = re.compile(r"/openai/(v1/)?models(?:/([^/]+))?")
_VERSION = re.compile(r"\d{4}-\d\d-\d\d(-preview)?")
_UNDATED = ("", "v1", "latest", "preview")
_SCHEMAS_SINCE = "2024-08-01"
_OPERATIONS = {"chat/completions": CHAT, "embeddings": "embeddings"}
_EXTRAS = ("data_sources", "user_security_context")
_NOT_FOUND = 404
_LIMIT_REQUESTS = 2500
_LIMIT_TOKENS = 250_000


class Target(Struct, frozen=True):
    """What a path asks for. `deployment` is "" where the body names it; `version` may be ""."""

    operation: str
    deployment: str
    version: str


class Azure:
    """See `gateway.sandbox.formats.base.Format`."""

    name = "azure"
    stream_type = "text/event-stream; charset=utf-8"

    def __init__(self) -> None:
        self._chat = Chat()

    def make_request_id(self) -> str:
        """Return a UUID."""
        digits = make_hex_id("", 32)
        cuts = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
        return "-".join(digits[start:end] for start, end in cuts)

    def route(self, call: Call) -> str:
        """Know both families of paths, and the model list; versions are checked here too."""
        return _find(call).operation

    def identify(self, call: Call) -> str:
        """Take `api-key`, or a bearer token; one that begins with `bad` is refused."""
        key = call.header("api-key") or bearer_token(call)
        if not key or key.startswith("bad"):
            raise refusals.refuse_key()
        return key

    def read(self, call: Call) -> Prompt:
        """Read and check a chat request."""
        target = _find(call)
        request = _parse(call, target)
        wanted = request.get("response_format")
        old = target.version and target.version < _SCHEMAS_SINCE and target.version[0].isdigit()
        if old and isinstance(wanted, dict) and wanted.get("type") == "json_schema":
            text = (
                "response_format value as json_schema is enabled only for api versions "
                "2024-08-01-preview and later"
            )
            raise Refused(400, refusals.error("BadRequest", text))
        with _in_azures_words():
            return self._chat.read(_plain(call, request))

    def answer(self, operation: str, call: Call) -> Answer:
        """Answer embeddings, and lists of models (which are no deployments)."""
        target = _find(call)
        if operation in ("models", "model"):
            path = f"/v1/models/{target.deployment}".removesuffix("/")
            with _in_azures_words():
                return self._chat.answer(operation, structs.replace(call, path=path))
        request = _parse(call, target)
        with _in_azures_words():
            return self._chat.answer(operation, _plain(call, request))

    def count(self, prompt: Prompt, key: str, cache: PromptCache, now: float) -> PromptCounts:
        """Cache prefixes unasked."""
        account = f"azure/{fingerprint(key)}/{prompt.model}"
        return cache.settle_automatic(account, prompt.units, now)

    def render(self, reply: Reply) -> bytes:
        """Write a chat completion."""
        return write_filtered(reply)

    def stream(self, reply: Reply) -> Iterator[Frame]:
        """Write the chunks of a chat completion."""
        return stream_filtered(reply)

    def break_event(self) -> bytes:
        """Return a chunk whose JSON stops in the middle."""
        return b'data: {"choices":[{"content_filter_results":{},"delta":{"con\n\n'

    def error_event(self, request_id: str) -> bytes:
        """Return a data line with an error instead of choices."""
        del request_id
        return write_event({"error": openai.stream_error()})

    def refuse(self, failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
        """Put a failure into Azure's words."""
        return refusals.put(failure, prompt, retry_after)

    def render_error(self, refused: Refused, request_id: str) -> bytes:
        """Write an error body."""
        del request_id
        return orjson.dumps({"error": refused.error})

    def headers(self, request_id: str, counts: PromptCounts, now: float) -> list[Header]:
        """Return ids, region and rate limits; the resets are plain seconds here."""
        del now
        pairs = [
            ("apim-request-id", request_id),
            ("x-request-id", request_id),
            ("x-ms-region", "East US 2"),
            ("x-ms-rai-invoked", "true"),
            ("x-ratelimit-abusepenalty-active", "False"),
            ("x-ratelimit-limit-requests", str(_LIMIT_REQUESTS)),
            ("x-ratelimit-limit-tokens", str(_LIMIT_TOKENS)),
            ("x-ratelimit-remaining-requests", str(_LIMIT_REQUESTS - 1)),
            ("x-ratelimit-remaining-tokens", str(max(0, _LIMIT_TOKENS - counts.total))),
            ("x-ratelimit-renewalperiod-requests", "60"),
            ("x-ratelimit-renewalperiod-tokens", "60"),
            ("x-ratelimit-reset-requests", "0"),
            ("x-ratelimit-reset-tokens", str(counts.total * 60 // _LIMIT_TOKENS)),
        ]
        return encode_headers(pairs)


def _find(call: Call) -> Target:
    """Return what a path asks for. Raises Refused where it or its version does not exist."""
    version = parse_qs(call.query).get("api-version", [""])[-1]
    found = _DEPLOYED.fullmatch(call.path)
    if found is not None and call.method == "POST":
        _check_version(version)
        return Target(_OPERATIONS[found[2]], found[1], version)
    found = _PLAIN.fullmatch(call.path)
    if found is not None and call.method == "POST":
        _check_undated(version)
        return Target(_OPERATIONS[found[1]], "", version)
    found = _MODELS.fullmatch(call.path)
    if found is None or call.method != "GET":
        raise refusals.refuse_path()
    (_check_undated if found[1] else _check_version)(version)
    return Target("model" if found[2] else "models", found[2] or "", version)


def _check_version(version: str) -> None:
    if not version:
        raise refusals.refuse_path()
    if not _VERSION.fullmatch(version):
        raise refusals.refuse_version()


def _check_undated(version: str) -> None:
    if _VERSION.fullmatch(version):
        raise refusals.refuse_dated_version()
    if version not in _UNDATED:
        raise refusals.refuse_version()


def _parse(call: Call, target: Target) -> dict[str, Any]:
    """Return the body with its model, and without what only Azure has in it. Raises Refused."""
    request = parse_object(call.body)
    if request is None:
        raise openai.refuse("We could not parse the JSON body of your request.")
    for name in _EXTRAS:
        if request.pop(name, None) is not None and target.operation != CHAT:
            raise openai.refuse(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    # The deployment in the path decides; whatever the body calls it is ignored.
    return {**request, "model": target.deployment} if target.deployment else request


def _plain(call: Call, request: dict[str, Any]) -> Call:
    """Return the request as OpenAI's own API would get it."""
    return structs.replace(call, body=orjson.dumps(request))


@contextmanager
def _in_azures_words() -> Iterator[None]:
    """Turn OpenAI's word for an unknown model into Azure's for an unknown deployment."""
    try:
        yield
    except Refused as refused:
        if refused.status == _NOT_FOUND:
            raise refusals.refuse_deployment() from refused
        raise

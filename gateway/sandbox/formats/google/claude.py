"""Anthropic's models on Vertex: `publishers/anthropic/models/{model}:rawPredict|streamRawPredict`.

The body is that of Anthropic's Messages API, with the model in the path and the version in the
body; refusals of keys, models and rates are Google's. Source: docs.cloud.google.com, "Claude models";
platform.claude.com, "Claude on Vertex AI" (2026).
"""

import re
from typing import Any, Protocol

import orjson
from msgspec import structs

from gateway.sandbox.asgi import Call, Header
from gateway.sandbox.cache import PromptCounts
from gateway.sandbox.formats.anthropic import refusals as anthropic
from gateway.sandbox.formats.anthropic.messages import Messages
from gateway.sandbox.formats.base import CHAT, Answer, Refused, encode_headers, parse_object
from gateway.sandbox.formats.google import refusals
from gateway.sandbox.ids import make_id
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.scenes import is_playable
from gateway.sandbox.script import Failure

_PATH = re.compile(
    r"/(?:v1|v1beta1)/(projects/[^/]+/locations/[^/]+/publishers/anthropic/models/)"
    r"([^/]+):(rawPredict|streamRawPredict)"
)
_VERSION = "vertex-2023-10-16"
_PLAIN_VERSION = "2023-06-01"
_COUNTER = "count-tokens"
_GOOGLES = (
    Failure.AUTH,
    Failure.FORBIDDEN,
    Failure.BILLING,
    Failure.QUOTA,
    Failure.RATE_LIMIT,
    Failure.MODEL_NOT_FOUND,
)
"""Failures that never reach Anthropic's part."""


class Doorkeeper(Protocol):
    """What Google decides before a request gets through: who asks, and whether they may."""

    def identify(self, call: Call) -> str:
        """Return whose token it is. Raises Refused."""
        ...

    def refuse(self, failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
        """Put a failure into Google's words."""
        ...


class Claude(Messages):
    """See `gateway.sandbox.formats.base.Format`."""

    name = "vertex"

    def __init__(self, doorkeeper: Doorkeeper) -> None:
        super().__init__()
        self._doorkeeper = doorkeeper

    def make_request_id(self) -> str:
        """Return an id like `req_vrtx_011C` and 20 letters and digits."""
        return make_id("req_vrtx_011C", 20)

    def route(self, call: Call) -> str:
        """Know messages and the counting of tokens, which is a model's name here."""
        found = _PATH.fullmatch(call.path)
        if found is None or call.method != "POST":
            raise refusals.refuse_path()
        return "count_tokens" if found[2] == _COUNTER else CHAT

    def identify(self, call: Call) -> str:
        """Take what Google takes."""
        return self._doorkeeper.identify(call)

    def read(self, call: Call) -> Prompt:
        """Read a Messages request whose model is in the path."""
        request = _parse(call)
        found = _PATH.fullmatch(call.path)
        if found is None:
            raise refusals.refuse_path()
        if "model" in request:
            raise anthropic.refuse_extra("model")
        if not is_playable(found[2]):
            raise refusals.refuse(f"Publisher Model `{found[1]}{found[2]}` not found.", 404)
        return super().read(_plain(call, {"model": found[2].replace("@", "-"), **request}))

    def answer(self, operation: str, call: Call) -> Answer:
        """Count tokens; there the model is in the body."""
        return super().answer(operation, _plain(call, _parse(call)))

    def refuse(self, failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
        """Put a failure into the words of whoever reports it."""
        if failure in _GOOGLES:
            return self._doorkeeper.refuse(failure, prompt, retry_after)
        return super().refuse(failure, prompt, retry_after)

    def render_error(self, refused: Refused, request_id: str) -> bytes:
        """Write an error body in the shape of whoever reports it."""
        if "status" in refused.error:
            return orjson.dumps({"error": refused.error}, option=orjson.OPT_INDENT_2)
        return super().render_error(refused, request_id)

    def headers(self, request_id: str, counts: PromptCounts, now: float) -> list[Header]:
        """Return the request id; Google passes no rate limits on."""
        del counts, now
        return encode_headers((("request-id", request_id), ("x-vertex-ai-internal", "sandbox")))


def _parse(call: Call) -> dict[str, Any]:
    """Return the body without what only Vertex has in it. Raises Refused."""
    request = parse_object(call.body)
    if request is None:
        raise anthropic.refuse("The request body is not valid JSON")
    if "anthropic_version" not in request:
        raise anthropic.refuse_missing("anthropic_version")
    if request["anthropic_version"] != _VERSION:
        raise anthropic.refuse(f"anthropic_version: Input should be '{_VERSION}'")
    betas = request.get("anthropic_beta", [])
    if not isinstance(betas, list) or not all(isinstance(one, str) for one in betas):
        raise anthropic.refuse("anthropic_beta: Input should be a valid list")
    ours = ("anthropic_version", "anthropic_beta")
    return {name: value for name, value in request.items() if name not in ours}


def _plain(call: Call, request: dict[str, Any]) -> Call:
    """Return the request as Anthropic's own API would get it."""
    headers = {**call.headers, "anthropic-version": _PLAIN_VERSION}
    return structs.replace(call, headers=headers, body=orjson.dumps(request))

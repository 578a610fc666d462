"""Gemini's own API: `/v1beta/models/{model}:{method}` and `/v1beta/models`."""

import re
from typing import Any
from urllib.parse import parse_qs

import orjson

from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.base import CHAT, Answer, Format, Refused, bearer_token
from gateway.sandbox.formats.google import refusals
from gateway.sandbox.formats.google.embeddings import embed_batch, embed_one, is_embedder
from gateway.sandbox.formats.google.generate import STREAM, Surface, Target
from gateway.sandbox.formats.google.models import describe, list_models
from gateway.sandbox.formats.google.parsing import parse_message
from gateway.sandbox.formats.google.protos import GEMINI
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.scenes import MISSING, is_playable
from gateway.sandbox.script import Failure
from gateway.sandbox.world import World

_MODELS = "/v1beta/models"
_METHOD = re.compile(r"/v1beta/models/([^/]+):([a-zA-Z]+)")
_SERVICE = "generativelanguage.googleapis.com"
_OPERATIONS = {
    "generateContent": CHAT,
    STREAM: CHAT,
    "embedContent": "embeddings",
    "batchEmbedContents": "embeddings",
    "countTokens": "count_tokens",
}
_BAD_KEY = "API key not valid. Please pass a valid API key."
_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more "
    "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. "
)
_METRIC = f"{_SERVICE}/generate_content_free_tier_requests"
_HELP = {
    "@type": "type.googleapis.com/google.rpc.Help",
    "links": [
        {
            "description": "Learn more about Gemini API quotas",
            "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
        }
    ],
}


class Gemini(Surface):
    """See `gateway.sandbox.formats.base.Format`."""

    name = "gemini"

    def face(self, call: Call, world: World) -> Format:
        """Return this format, set to the way streams are written for this request."""
        del world
        is_stream = call.path.endswith(f":{STREAM}")
        sse = is_stream and parse_qs(call.query).get("alt", [""])[-1] == "sse"
        return Gemini(self._reader.check_signature, array=is_stream and not sse, sse=sse)

    def find(self, call: Call) -> Target:
        """Know the methods of a model."""
        found = _METHOD.fullmatch(call.path)
        if found is None or found[2] not in _OPERATIONS:
            raise refusals.refuse_path()
        return Target(found[1], found[2], GEMINI)

    def route(self, call: Call) -> str:
        """Know the methods of a model, and the model list."""
        if call.method == "POST":
            return _OPERATIONS[self.find(call).method]
        if call.method == "GET" and call.path == _MODELS:
            return "models"
        if call.method == "GET" and call.path.startswith(f"{_MODELS}/"):
            return "model"
        raise refusals.refuse_path()

    def identify(self, call: Call) -> str:
        """Take `x-goog-api-key` or `?key=`; a bearer token would have to be an OAuth token.

        A key that begins with `bad` is refused, with the 400 Google has for it.
        """
        key = call.header("x-goog-api-key") or parse_qs(call.query).get("key", [""])[-1]
        bearer = bearer_token(call)
        if key and bearer:
            text = "Multiple authentication credentials received. Please pass only one."
            raise refusals.refuse(text, 400)
        if bearer:
            raise _refuse_bearer()
        if not key:
            raise refusals.refuse(
                "Method doesn't allow unregistered callers (callers without established identity). "
                "Please use API Key or other form of API consumer identity to call this API.",
                403,
            )
        if key.startswith("bad"):
            raise _refuse_key(_BAD_KEY)
        return key

    def answer(self, operation: str, call: Call) -> Answer:
        """Answer embeddings, token counts and model lists."""
        if operation == "models":
            return Answer(orjson.dumps(list_models(call.query), option=orjson.OPT_INDENT_2))
        if operation == "model":
            name = call.path.removeprefix(f"{_MODELS}/")
            if not is_playable(name) or name.startswith(MISSING):
                raise self.refuse_model(Target(name, "generateContent", GEMINI))
            return Answer(orjson.dumps(describe(name), option=orjson.OPT_INDENT_2))
        target = self.find(call)
        if operation == "count_tokens":
            return self._count_tokens(call, target)
        if not is_embedder(target.model) or target.model.startswith(MISSING):
            raise self.refuse_model(target)
        if target.method == "batchEmbedContents":
            request = parse_message(GEMINI, "BatchEmbedContentsRequest", call.body)
            return embed_batch(request, target.model, self._reader)
        request = parse_message(GEMINI, "EmbedContentRequest", call.body)
        return embed_one(request, target.model, self._reader, vertex=False)

    def _count_tokens(self, call: Call, target: Target) -> Answer:
        request = parse_message(GEMINI, "CountTokensRequest", call.body)
        tokens = self.read_count(request, target)
        body: dict[str, Any] = {
            "totalTokens": tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}],
        }
        return Answer(orjson.dumps(body, option=orjson.OPT_INDENT_2), target.model)

    def refuse_model(self, target: Target) -> Refused:
        """Return the 404 of a model that does not exist, or does not do this."""
        text = (
            f"models/{target.model} is not found for API version v1beta, or is not supported for "
            f"{target.method}. Call ModelService.ListModels to see the list of available models "
            "and their supported methods."
        )
        return refusals.refuse(text, 404)

    def refuse(self, failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
        """Put a failure into the words of Gemini's API."""
        match failure:
            case Failure.AUTH:
                return _refuse_key("API key expired. Please renew the API key.")
            case Failure.MODEL_NOT_FOUND:
                return self.refuse_model(Target(prompt.model, "generateContent", GEMINI))
            case Failure.RATE_LIMIT:
                return _refuse_rate(prompt.model, retry_after)
            case Failure.QUOTA:
                return _refuse_quota(prompt.model)
            case _:
                return refusals.put(failure, prompt.tokens)


def _refuse_key(text: str) -> Refused:
    localized = {
        "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
        "locale": "en-US",
        "message": text,
    }
    return refusals.refuse(text, 400, [refusals.reason("API_KEY_INVALID", _SERVICE), localized])


def _refuse_bearer() -> Refused:
    text = (
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
        "cookie or other valid authentication credential. See "
        "https://developers.google.com/identity/sign-in/web/devconsole-project."
    )
    return refusals.refuse(text, 401, [refusals.reason("ACCESS_TOKEN_TYPE_UNSUPPORTED", _SERVICE)])


def _refuse_rate(model: str, retry_after: float | None) -> Refused:
    if retry_after is None:
        return refusals.refuse("Resource has been exhausted (e.g. check quota).", 429)
    quota_id = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
    text = (
        f"{_QUOTA}\n* Quota exceeded for metric: {_METRIC}, limit: 15, model: {model}\n"
        f"Please retry in {retry_after:g}s."
    )
    limit = refusals.quota(_METRIC, quota_id, "15", model=model, location="global")
    return refusals.refuse(text, 429, [_HELP, limit, refusals.retry_info(retry_after)])


def _refuse_quota(model: str) -> Refused:
    quota_id = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
    text = f"{_QUOTA}\n* Quota exceeded for metric: {_METRIC}, limit: 1500, model: {model}"
    limit = refusals.quota(_METRIC, quota_id, "1500", model=model, location="global")
    return refusals.refuse(text, 429, [_HELP, limit])

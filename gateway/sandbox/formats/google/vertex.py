"""Vertex AI: `/v1/projects/{p}/locations/{r}/publishers/{google|anthropic}/models/{model}:{method}`.

Also without project and location ("express mode"), where an API key will do; and under `/v1beta1`,
which differs from `/v1` in small ways. Sources: docs.cloud.google.com (2026).
"""

import re
from typing import Any
from urllib.parse import parse_qs

import orjson

from gateway.sandbox.accounts import TOKEN_START
from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.base import CHAT, Answer, Format, Refused, bearer_token
from gateway.sandbox.formats.google import refusals
from gateway.sandbox.formats.google.claude import Claude
from gateway.sandbox.formats.google.embeddings import embed_one, is_embedder, predict
from gateway.sandbox.formats.google.generate import STREAM, Surface, Target
from gateway.sandbox.formats.google.parsing import parse_message
from gateway.sandbox.formats.google.parts import CheckSignature
from gateway.sandbox.formats.google.protos import VERTEX, VERTEX_BETA
from gateway.sandbox.formats.google.signatures import is_signed
from gateway.sandbox.formats.google.token_desk import TOKEN_PATH, TokenDesk
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.scenes import MISSING
from gateway.sandbox.script import Failure
from gateway.sandbox.world import World

_PATH = re.compile(
    r"/(v1|v1beta1)/((?:projects/[^/]+/locations/[^/]+/)?publishers/google/models/)"
    r"([^/]+):([a-zA-Z]+)"
)
_CLAUDE = "/publishers/anthropic/"
_SERVICE = "aiplatform.googleapis.com"
_OPERATIONS = {
    "generateContent": CHAT,
    STREAM: CHAT,
    "embedContent": "embeddings",
    "predict": "embeddings",
    "countTokens": "count_tokens",
}
_EXHAUSTED = (
    "Resource exhausted. Please try again later. Please refer to "
    "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details."
)


class Vertex(Surface):
    """See `gateway.sandbox.formats.base.Format`.

    `world` holds the access tokens that were issued; without one only pasted tokens are known.
    """

    name = "vertex"
    vertex = True

    def __init__(
        self, check_signature: CheckSignature = is_signed, *, array: bool = False,
        sse: bool = False, world: World | None = None,
    ) -> None:  # fmt: skip
        super().__init__(check_signature, array=array, sse=sse)
        self._world = world

    def face(self, call: Call, world: World) -> Format:
        """Return the format of a path: Google's models, Anthropic's, or the token desk."""
        if call.path == TOKEN_PATH:
            return TokenDesk(world)
        is_stream = call.path.endswith(f":{STREAM}")
        sse = is_stream and parse_qs(call.query).get("alt", [""])[-1] == "sse"
        surface = Vertex(
            self._reader.check_signature, array=is_stream and not sse, sse=sse, world=world
        )
        return Claude(surface) if _CLAUDE in call.path else surface

    def find(self, call: Call) -> Target:
        """Know the methods of Google's models."""
        found = _PATH.fullmatch(call.path)
        if found is None or found[4] not in _OPERATIONS:
            raise refusals.refuse_path()
        protos = VERTEX if found[1] == "v1" else VERTEX_BETA
        return Target(found[3], found[4], protos, found[2])

    def route(self, call: Call) -> str:
        """Know the methods of Google's models."""
        if call.method != "POST":
            raise refusals.refuse_path()
        return _OPERATIONS[self.find(call).method]

    def identify(self, call: Call) -> str:
        """Take a bearer token; in express mode an API key will do.

        One that begins with `bad` is refused, and so is one that looks like ours but is not, or
        has expired.
        """
        token = bearer_token(call)
        key = call.header("x-goog-api-key") or parse_qs(call.query).get("key", [""])[-1]
        if token.startswith(TOKEN_START) and self._world is not None:
            account = self._world.accounts.use(token, call.received)
            if account is None:
                raise _refuse_token("ACCESS_TOKEN_EXPIRED")
            return f"service-account:{account.client_email}"
        if token:
            if token.startswith("bad"):
                raise _refuse_token("ACCESS_TOKEN_TYPE_UNSUPPORTED")
            return token
        if key and not call.path.endswith(":predict") and "/projects/" not in call.path:
            if key.startswith("bad"):
                reason = refusals.reason("API_KEY_INVALID", _SERVICE)
                raise refusals.refuse(
                    "API key not valid. Please pass a valid API key.", 400, [reason]
                )
            return key
        raise _refuse_stranger(is_key=bool(key))

    def answer(self, operation: str, call: Call) -> Answer:
        """Answer embeddings and token counts."""
        target = self.find(call)
        if operation == "count_tokens":
            return self._count_tokens(call, target)
        if not is_embedder(target.model) or target.model.startswith(MISSING):
            raise self.refuse_model(target)
        if target.method == "predict":
            return predict(call.body, target.model)
        request = parse_message(target.protos, "EmbedContentRequest", call.body)
        return embed_one(request, target.model, self._reader, vertex=True)

    def _count_tokens(self, call: Call, target: Target) -> Answer:
        request = parse_message(target.protos, "CountTokensRequest", call.body)
        tokens = self.read_count(request, target)
        body: dict[str, Any] = {
            "totalTokens": tokens,
            "totalBillableCharacters": tokens * 4,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}],
        }
        return Answer(orjson.dumps(body, option=orjson.OPT_INDENT_2), target.model)

    def refuse_model(self, target: Target) -> Refused:
        """Return the 404 of a model that does not exist, or does not do this."""
        return refusals.refuse(f"Publisher Model `{target.place}{target.model}` not found.", 404)

    def refuse(self, failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
        """Put a failure into the words of Vertex."""
        match failure:
            case Failure.AUTH:
                return _refuse_token("ACCESS_TOKEN_EXPIRED")
            case Failure.FORBIDDEN | Failure.BILLING:
                return _refuse_project(failure)
            case Failure.MODEL_NOT_FOUND:
                place = "projects/sandbox/locations/global/publishers/google/models/"
                return self.refuse_model(Target(prompt.model, "generateContent", VERTEX, place))
            case Failure.RATE_LIMIT:
                details = [refusals.retry_info(retry_after)] if retry_after is not None else []
                return refusals.refuse(_EXHAUSTED, 429, details)
            case Failure.QUOTA:
                return _refuse_quota(prompt.model)
            case _:
                return refusals.put(failure, prompt.tokens)


def _refuse_stranger(*, is_key: bool) -> Refused:
    text = (
        "API keys are not supported by this API. Expected OAuth2 access token or other "
        "authentication credentials that assert a principal. See "
        "https://cloud.google.com/docs/authentication"
    )
    if not is_key:
        text = (
            "Request is missing required authentication credential. Expected OAuth 2 access token, "
            "login cookie or other valid authentication credential. See "
            "https://developers.google.com/identity/sign-in/web/devconsole-project."
        )
    return refusals.refuse(text, 401, [refusals.reason("CREDENTIALS_MISSING", _SERVICE)])


def _refuse_token(reason: str) -> Refused:
    text = (
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
        "cookie or other valid authentication credential. See "
        "https://developers.google.com/identity/sign-in/web/devconsole-project."
    )
    return refusals.refuse(text, 401, [refusals.reason(reason, _SERVICE)])


def _refuse_project(failure: Failure) -> Refused:
    if failure is Failure.BILLING:
        text = (
            "This API method requires billing to be enabled. Please enable billing on project "
            "#sandbox by visiting https://console.developers.google.com/billing."
        )
        return refusals.refuse(text, 403, [refusals.reason("BILLING_DISABLED", _SERVICE)])
    permission = "aiplatform.endpoints.predict"
    text = (
        f"Permission '{permission}' denied on resource "
        "'//aiplatform.googleapis.com/projects/sandbox/locations/global' (or it may not exist)."
    )
    detail = refusals.reason("IAM_PERMISSION_DENIED", _SERVICE, permission=permission)
    return refusals.refuse(text, 403, [detail])


def _refuse_quota(model: str) -> Refused:
    metric = f"{_SERVICE}/generate_content_requests_per_day_per_project_per_base_model"
    text = (
        f"Quota exceeded for {metric} with base model: {model}. Please submit a quota increase "
        "request. https://cloud.google.com/vertex-ai/docs/generative-ai/quotas-genai."
    )
    quota_id = "GenerateContentRequestsPerDayPerProjectPerBaseModel"
    return refusals.refuse(text, 429, [refusals.quota(metric, quota_id, "1000", base_model=model)])

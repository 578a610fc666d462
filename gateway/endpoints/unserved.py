"""Paths that are not served: an answer that tells an SDK's user what is."""

from starlette.types import Receive, Scope, Send

from gateway.errors import NotFound, UnsupportedEndpoint

# OpenAI's and Anthropic's public paths that clients commonly try (API references, 2026-11).
KNOWN_ELSEWHERE = (
    "/v1/responses",
    "/v1/messages",
    "/v1/completions",
    "/v1/moderations",
    "/v1/images",
    "/v1/audio",
    "/v1/files",
    "/v1/uploads",
    "/v1/batches",
    "/v1/fine_tuning",
    "/v1/assistants",
    "/v1/threads",
    "/v1/vector_stores",
    "/v1/realtime",
    "/v1/conversations",
    "/v1/containers",
    "/v1/videos",
    "/v1/evals",
    "/v1/complete",
    "/v1/organization",
)
SERVED = "POST /v1/chat/completions, POST /v1/embeddings and GET /v1/models"


async def refuse_path(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001  # ASGI
    """Raise UnsupportedEndpoint for a path known elsewhere, NotFound for any other."""
    path = scope["path"]
    for known in KNOWN_ELSEWHERE:
        if path == known or path.startswith(known + "/"):
            raise UnsupportedEndpoint(
                f"This gateway does not serve {known}. For model calls it serves {SERVED}."
            )
    raise NotFound("No such path. See the README for the routes; /v1 is the base URL for SDKs.")

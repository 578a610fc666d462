"""`POST /v1/chat/completions`, the main job, and `POST /v1/embeddings`."""

from gateway.embed import answer_embeddings
from gateway.endpoints.calls import run_call
from gateway.endpoints.requests import IncomingRequest
from gateway.endpoints.services import Services
from gateway.exchange import Call
from gateway.identity.accounts import Caller
from gateway.pipeline import answer_chat, timed


async def create_completion(services: Services, request: IncomingRequest, caller: Caller) -> None:
    """Run the chat pipeline; a client that hangs up cancels it, unless the user has it drained."""
    call = await _open_call(services, request)
    work = answer_chat(services.chat, call, caller, request.downstream)
    await run_call(services.open_calls, request, caller, work, services.drains)


async def create_embeddings(services: Services, request: IncomingRequest, caller: Caller) -> None:
    """Run the embeddings pipeline, likewise."""
    call = await _open_call(services, request)
    work = answer_embeddings(services.chat, call, caller, request.downstream)
    await run_call(services.open_calls, request, caller, work)


async def _open_call(services: Services, request: IncomingRequest) -> Call:
    with timed(request.timing, "body", services.clock):
        body = await request.read_body()
    return Call(
        request_id=request.request_id,
        received=request.received,
        started=request.started,
        headers=request.headers,
        body=body,
        timing=request.timing,
        summary=request.summary,
    )

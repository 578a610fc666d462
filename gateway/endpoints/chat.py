"""`POST /v1/chat/completions`, the main job, and `POST /v1/embeddings`."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from gateway.embed import answer_embeddings
from gateway.endpoints.requests import ClientGone, IncomingRequest
from gateway.endpoints.services import Services
from gateway.exchange import Call
from gateway.identity.accounts import Caller
from gateway.pipeline import answer_chat


async def create_completion(services: Services, request: IncomingRequest, caller: Caller) -> None:
    """Run the chat pipeline; a client that hangs up cancels it, and with it the upstream call."""
    call = await _open_call(request)
    await _until_gone(request, answer_chat(services.chat, call, caller, request.downstream))


async def create_embeddings(services: Services, request: IncomingRequest, caller: Caller) -> None:
    """Run the embeddings pipeline, likewise."""
    call = await _open_call(request)
    await _until_gone(request, answer_embeddings(services.chat, call, caller, request.downstream))


async def _open_call(request: IncomingRequest) -> Call:
    return Call(
        request_id=request.request_id,
        received=request.received,
        started=request.started,
        headers=request.headers,
        body=await request.read_body(),
        timing=request.timing,
        summary=request.summary,
    )


async def _until_gone(request: IncomingRequest, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` in a task of its own, which outlives neither the client nor this request."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(request.wait_disconnect())
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and not request.downstream.ended:
            raise ClientGone
        await task  # a client that hangs up after its answer takes nothing back
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))

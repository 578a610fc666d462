"""`POST /v1/chat/completions`: the main job."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from gateway.endpoints.requests import ClientGone, IncomingRequest
from gateway.endpoints.services import Services
from gateway.exchange import Call
from gateway.identity.accounts import Caller
from gateway.pipeline import answer_chat


async def create_completion(services: Services, request: IncomingRequest, caller: Caller) -> None:
    """Run the pipeline; a client that hangs up cancels it, and with it the upstream call."""
    body = await request.read_body()
    call = Call(
        request_id=request.request_id,
        received=request.received,
        started=request.started,
        headers=request.headers,
        body=body,
        timing=request.timing,
        summary=request.summary,
    )
    await _until_gone(request, answer_chat(services.chat, call, caller, request.downstream))


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

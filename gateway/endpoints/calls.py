"""Runs a call to its end: the answer's, the client's, or one that somebody decides from outside."""

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack, suppress
from typing import Any, Final

from gateway.endpoints.drains import Drains
from gateway.endpoints.requests import ClientGone, IncomingRequest
from gateway.errors import GatewayError
from gateway.identity.accounts import Caller
from gateway.identity.open_calls import OpenCalls
from gateway.wire.errors import error_body
from gateway.wire.sse import encode_event

_LAST_WORD_S: Final = 2.0


async def run_call(
    calls: OpenCalls,
    request: IncomingRequest,
    caller: Caller,
    work: Coroutine[Any, Any, None],
    drains: Drains | None = None,
) -> None:
    """Run `work` in a task of its own, which outlives neither the client nor this request.

    The exception: where the downstream says so and `drains` have room, the answer is read to its
    end after the client has hung up.

    A call that is interrupted (`identity/open_calls.py`) raises the error it is ended with, or
    writes it as the last event of a stream that has begun.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(request.wait_disconnect())
    downstream, held = request.downstream, ExitStack()
    with held:
        call = held.enter_context(calls.enter(caller, task))
        held.callback(gone.cancel)
        try:
            await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
            if not task.done() and not downstream.ended:
                if downstream.outlives_client and drains and drains.has_room(len(calls)):
                    downstream.mute()
                    drains.take(task, held.pop_all())
                raise ClientGone
            if not (task.cancelled() and call.error is not None):
                await task  # a client that hangs up after its answer takes nothing back
                return
        finally:
            if not task.done() and not downstream.is_muted:
                task.cancel()
                await asyncio.wait((task,))
    await _end_with(request, call.error)


async def _end_with(request: IncomingRequest, error: GatewayError) -> None:
    downstream = request.downstream
    if not downstream.started:
        raise error
    request.summary.update(code=error.code, origin=error.origin.value)
    if downstream.is_event_stream and not downstream.ended:
        with suppress(TimeoutError):  # a client that does not read holds up nothing
            async with asyncio.timeout(_LAST_WORD_S):
                await downstream.write(encode_event(error_body(error)), more=False)
    # else: nothing can be said inside a body of another kind; it stays without its end.

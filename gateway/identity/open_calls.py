"""The calls that a worker is answering, and how one of them is ended from outside.

An authenticated call may go on for minutes, and much may happen meanwhile: its token is revoked, its
user erased, the worker told to stop. Whoever decides that a call must end gives it the error that
its caller is to get; the call is cancelled where it stands, and whoever runs it writes the error, as
an answer or as the last event of a stream that has begun.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gateway import metrics
from gateway.errors import GatewayError
from gateway.identity.accounts import Caller


class OpenCall:
    """One call. `error` is what its caller is to be told, once somebody has interrupted it."""

    def __init__(self, caller: Caller, task: "asyncio.Task[Any]") -> None:
        self.caller = caller
        self.error: GatewayError | None = None
        self._task = task

    def interrupt(self, error: GatewayError) -> None:
        """End the call with this error; the first one counts. Too late for a call that is done."""
        if self.error is None and not self._task.done():
            self.error = error
            metrics.CALLS_INTERRUPTED.labels(error.code).inc()
            self._task.cancel()


class OpenCalls:
    """The calls of one worker, by user."""

    def __init__(self) -> None:
        self._of: dict[str, set[OpenCall]] = {}

    def __len__(self) -> int:
        """How many calls there are."""
        return sum(len(calls) for calls in self._of.values())

    @property
    def users(self) -> tuple[str, ...]:
        """Whose calls are being answered."""
        return tuple(self._of)

    def of(self, user_id: str) -> tuple[OpenCall, ...]:
        """Return the calls of a user."""
        return tuple(self._of.get(user_id, ()))

    @contextmanager
    def enter(self, caller: Caller, task: "asyncio.Task[Any]") -> Iterator[OpenCall]:
        """Keep a call in the list while `task` answers it."""
        call = OpenCall(caller, task)
        calls = self._of.setdefault(caller.user_id, set())
        calls.add(call)
        try:
            yield call
        finally:
            calls.discard(call)
            if not calls and self._of.get(caller.user_id) is calls:
                del self._of[caller.user_id]

    def interrupt_all(self, error: GatewayError) -> None:
        """End every call with this error."""
        for user_id in self.users:
            for call in self.of(user_id):
                call.interrupt(error)

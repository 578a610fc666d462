"""Answers that are read to their end though nobody listens any more: `on_disconnect: drain`.

A user may want an answer to be finished, and counted exactly, when their client hangs up. It is
bounded: `LIMIT_S` seconds and, where it is written, some tokens; it keeps its place among the
user's concurrent requests; and drained answers are at most `SHARE` of what a worker answers.
"""

import asyncio
from contextlib import ExitStack, suppress
from typing import Any, Final

LIMIT_S: Final = 30.0
SHARE: Final = 0.05


class Drains:
    """The drained answers of one worker."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._tasks: dict[asyncio.Task[Any], asyncio.Task[None]] = {}

    def has_room(self, open_calls: int) -> bool:
        """Whether one more may be drained beside this many calls; a single one always may."""
        return len(self._tasks) < max(1, int(open_calls * SHARE))

    def take(self, work: "asyncio.Task[Any]", held: ExitStack) -> None:
        """See an answer to its end, and then let go of what is held for it."""
        self._tasks[work] = asyncio.ensure_future(self._see_out(work, held))

    def cut(self) -> None:
        """End all of them: others need the time that is left. Each is booked as far as it came."""
        for work in self._tasks:
            work.cancel()

    async def aclose(self) -> None:
        """End all of them, and wait until they are booked."""
        self.cut()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _see_out(self, work: "asyncio.Task[Any]", held: ExitStack) -> None:
        with held:
            await asyncio.wait((work,), timeout=self._limit_s)
            work.cancel()
            # What comes of it is in the ledger and the log; there is nobody to tell.
            with suppress(BaseException):
                await work
        del self._tasks[work]

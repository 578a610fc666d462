"""What a worker does beside its requests: jobs that begin with it and end with it."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Jobs:
    """Tasks that have an owner: none is left behind."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, job: Coroutine[Any, Any, None]) -> None:
        """Begin a job that runs until it is cancelled."""
        self._tasks.append(asyncio.get_running_loop().create_task(job, name=name))

    async def aclose(self) -> None:
        """End every job."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

"""Replaces a data key before it has sealed so much that two records could share a nonce.

Nonces are 96 random bits: NIST SP 800-38D allows 2**32 records under one key. Writers count what a
data key has sealed; at a quarter of that, it is replaced.
"""

import asyncio
import logging
from typing import Final

from gateway.errors import GatewayError
from gateway.rotation.dek import DekRotation

WORN_AT: Final = 1 << 30

log = logging.getLogger("gateway.rotation")


class WearWatch:
    """Told after each write how many records the user's data key has sealed. One per worker.

    Two workers that find the same key worn finish one rotation together.
    """

    def __init__(self, rotation: DekRotation, worn_at: int = WORN_AT) -> None:
        self._rotation = rotation
        self._worn_at = worn_at
        self._running: dict[str, asyncio.Task[None]] = {}

    @property
    def busy(self) -> bool:
        """Whether a data key is being replaced."""
        return bool(self._running)

    def note(self, user_id: str, seals: int) -> None:
        """Note the count that a write came back with; a worn key is replaced in the background."""
        if seals < self._worn_at or user_id in self._running:
            return
        task = asyncio.create_task(self._replace(user_id), name="replace-worn-key")
        self._running[user_id] = task
        task.add_done_callback(lambda _: self._running.pop(user_id, None))

    async def aclose(self) -> None:
        """Stop what is under way; the next write that finds the key worn goes on with it."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _replace(self, user_id: str) -> None:
        try:
            done = await self._rotation.rotate(user_id, why="worn")
        except GatewayError as error:  # the next write finds the key worn still
            log.warning("a worn data key of %s stays for now: %s", user_id, type(error).__name__)
        else:
            log.info("data key of %s replaced: number %d", user_id, done.number)

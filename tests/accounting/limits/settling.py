"""A worker's spool and the drainer that settles requests from it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.accounting.spool.drain import Drainer
from gateway.accounting.spool.writer import SpoolWriter
from gateway.config.system_clock import SystemClock
from gateway.store.base import Store
from tests.accounting.spool.scene import spool
from tests.waiting import async_wait_until


@asynccontextmanager
async def settling(
    store: Store, root: Path, name: str = "w0-1", life: Sequence[int] = (0,)
) -> AsyncIterator[tuple[SpoolWriter, Drainer]]:
    """A writer and a drainer at work. `life` holds the number of the store's present life."""
    own = spool(root, name)
    writer = SpoolWriter(own)
    drainer = Drainer(store, SystemClock(), root, own, writer, lambda: life[0])
    task = asyncio.create_task(drainer.run())
    try:
        yield writer, drainer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        writer.aclose()
        own.release()


async def take_over(store: Store, root: Path, dead: str) -> None:
    """Let another worker apply everything in the spool of a dead one."""
    note = root / dead / "drained"
    note.unlink(missing_ok=True)
    async with settling(store, root, "w0-heir"):
        await async_wait_until(note.exists)

"""The store for a local command: beside a running gateway, or started for the command alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.errors import StoreAway
from gateway.store.client import RedisStore, connect
from gateway.store.embedded import use_embedded
from gateway.store.schema import ensure_schema

COMMAND_TIMEOUT_S = 10.0
"""A person at a terminal waits rather than being told that the store is slow."""


@asynccontextmanager
async def open_local_store(data_dir: Path, url: str | None = None) -> AsyncIterator[RedisStore]:
    """Yield a connected store with the right schema: the one at `url`, else the directory's own.

    The embedded server is the running one, or is started for the duration; the last user stops it.
    Raises ConfigError (no server, wrong schema, bad URL) or StoreAway.
    """
    # In threads, because starting and stopping block; a running loop may have other work.
    embedded = None if url else await asyncio.to_thread(use_embedded, data_dir)
    try:
        address = embedded.url if embedded else str(url)
        async with await connect(address, timeout_s=COMMAND_TIMEOUT_S) as store:
            if not store.healthy:
                raise StoreAway(f"nothing answers at {store.address.shown}")
            await ensure_schema(store)
            yield store
    finally:
        if embedded:
            await asyncio.to_thread(embedded.release)

"""A server of a test's own, whose files it may look into."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.store.client import RedisStore, connect
from gateway.store.embedded import EmbeddedStore, use_embedded


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedStore]:
    """Yield an embedded server in `tmp_path / "data"`."""
    server = use_embedded(tmp_path / "data")
    yield server
    server.release()


@pytest.fixture
async def own_store(own_server: EmbeddedStore) -> AsyncIterator[RedisStore]:
    """A connection to it."""
    async with await connect(own_server.url, timeout_s=5.0) as connected:
        yield connected

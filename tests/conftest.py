"""Fixtures every test may use. Nothing else is global."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from gateway.store.client import RedisStore, connect
from gateway.store.embedded import EmbeddedStore, use_embedded


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedStore]:
    """A real server process on a unix socket (`.url`, `.socket`), shared by the whole run."""
    home = Path(tempfile.mkdtemp(prefix="gwtest-"))
    server = use_embedded(home)
    yield server
    server.release()
    shutil.rmtree(home)


@pytest.fixture
async def store(redis_server: EmbeddedStore) -> AsyncIterator[RedisStore]:
    """A connected store on an empty database."""
    # Tests share two cores with everything else: a slow machine must not look like a dead store.
    async with await connect(redis_server.url, timeout_s=5.0) as connected:
        await connected.run("FLUSHALL")
        yield connected


# No test is timed: the machines that run them are shared.
settings.register_profile("gateway", deadline=None)
settings.load_profile("gateway")

pytest_plugins = ["tests.canary", "tests.store.cluster_scene"]

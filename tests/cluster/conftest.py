"""Everything below this folder stores in a real Cluster of three masters."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.store.address import read_address
from gateway.store.base import Argument
from gateway.store.client import RedisStore
from tests.store.cluster_scene import RunningCluster


class WholeStore(RedisStore):
    """Does on every master what tests ask about the whole keyspace, and the gateway never does."""

    async def run(self, *command: Argument) -> Any:
        if command[0] not in ("KEYS", "DBSIZE", "FLUSHALL"):
            return await super().run(*command)
        replies = [await server.run(*command) for server in await self.servers()]
        return replies[0] if command[0] == "FLUSHALL" else sum(replies[1:], replies[0])


@pytest.fixture(scope="session")
def redis_server(cluster: RunningCluster) -> RunningCluster:
    """The Cluster, for tests that want the URL of a server."""
    return cluster


@pytest.fixture
async def store(cluster: RunningCluster) -> AsyncIterator[RedisStore]:
    """A connected store on an empty Cluster."""
    cluster.flush()
    async with WholeStore(read_address(cluster.url), timeout_s=5.0) as connected:
        await connected.settled()
        yield connected

"""One sandbox and one gateway with two workers, shared by the journeys."""

from collections.abc import Iterator

import pytest

from gateway.sandbox.server import RunningSandbox, start_sandbox
from tests.journeys.running import RunningGateway, start_gateway


@pytest.fixture(scope="session")
def sandbox() -> Iterator[RunningSandbox]:
    """A sandbox on a free port."""
    with start_sandbox() as running:
        yield running


@pytest.fixture(scope="session")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, sandbox: RunningSandbox
) -> Iterator[RunningGateway]:
    """A gateway whose providers `openai`, `anthropic` and `groq` are the sandbox."""
    home = tmp_path_factory.mktemp("gateway")
    with start_gateway(home, sandbox.url, workers=2) as running:
        yield running

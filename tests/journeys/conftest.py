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
    # Whether a Bedrock model takes schemas depends on whose it is; the sandbox's are nobody's.
    more = 'models: {overrides: {bedrock: {"sandbox-*": {json_schema: true}}}}'
    with start_gateway(home, sandbox.url, workers=2, more=more) as running:
        yield running

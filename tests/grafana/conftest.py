"""A gateway with two workers that has met something of everything."""

from collections.abc import Iterator

import pytest

from gateway.sandbox.server import start_sandbox
from tests.grafana.traffic import send_traffic
from tests.journeys.running import RunningGateway, start_gateway


@pytest.fixture(scope="session")
def busy_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway after a first round of traffic; Prometheus may read its metrics."""
    home = tmp_path_factory.mktemp("busy")
    more = 'metrics: {allow: ["127.0.0.0/8"]}'
    with (
        start_sandbox() as sandbox,
        start_gateway(home, sandbox.url, workers=2, more=more) as gateway,
    ):
        send_traffic(gateway)
        yield gateway

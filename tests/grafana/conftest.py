"""A gateway with two workers that has met something of everything."""

from collections.abc import Iterator

import pytest

from gateway.sandbox.server import start_sandbox
from tests.grafana.traffic import HEALTHY, send_traffic, send_well
from tests.journeys.running import RunningGateway, start_gateway


@pytest.fixture(scope="session")
def busy_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway after a first round of traffic; Prometheus may read its metrics.

    What they were before any trouble lies in its home, as `HEALTHY`.
    """
    home = tmp_path_factory.mktemp("busy")
    more = 'metrics: {allow: ["127.0.0.0/8"]}'
    with (
        start_sandbox() as sandbox,
        start_gateway(home, sandbox.url, workers=2, more=more) as gateway,
    ):
        send_well(gateway)
        healthy = gateway.call("GET", "/metrics", None).text
        (home / HEALTHY).write_text(healthy, encoding="utf-8")
        send_traffic(gateway)
        yield gateway

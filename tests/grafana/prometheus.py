"""A real Prometheus that scrapes a gateway, where one is installed."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.grafana.expressions import ALERTS, RECORDING
from tests.waiting import wait_until

REQUIRED = "GATEWAY_REQUIRE_PROMETHEUS"


def tool(name: str) -> str:
    """Return where `prometheus` or `promtool` is; skip the test, or fail it if one is required."""
    found = shutil.which(name)
    if found is None:
        assert not os.environ.get(REQUIRED), f"{REQUIRED} is set and there is no {name} on the PATH"
        pytest.skip(f"no {name} on the PATH (Debian: apt-get install prometheus)")
    return found


@dataclass
class Prometheus:
    """A running Prometheus."""

    url: str

    def query(self, promql: str) -> list[dict[str, Any]]:
        """Return the series of an instant query."""
        answer = httpx.post(
            f"{self.url}/api/v1/query", data={"query": promql}, timeout=10, trust_env=False
        ).json()
        assert answer["status"] == "success", f"{answer.get('error')}: {promql}"
        result: Any = answer["data"]["result"]
        if answer["data"]["resultType"] == "scalar":
            return [{"metric": {}, "value": result}]
        return list(result)

    def number(self, promql: str) -> float:
        """Return the one number of a query; 0 where there is no series."""
        found = self.query(promql)
        return float(found[0]["value"][1]) if found else 0.0

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule with its health."""
        answer = httpx.get(f"{self.url}/api/v1/rules", timeout=10, trust_env=False).json()
        return [rule for group in answer["data"]["groups"] for rule in group["rules"]]

    def await_scrapes(self, more: int) -> None:
        """Wait until the gateway was scraped so many times more."""
        count = "sum(count_over_time(gateway_workers[10m]))"
        before = self.number(count)
        wait_until(lambda: self.number(count) >= before + more, 30)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _write_config(home: Path, target: str) -> Path:
    # Rules at a pace that a test can wait for; everything else of them as it is shipped.
    for source in (RECORDING, ALERTS):
        shipped = yaml.safe_load(source.read_text(encoding="utf-8"))
        for group in shipped["groups"]:
            group["interval"] = "1s"
        (home / source.name).write_text(yaml.safe_dump(shipped), encoding="utf-8")
    config: Mapping[str, Any] = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(home / RECORDING.name), str(home / ALERTS.name)],
        "scrape_configs": [{"job_name": "gateway", "static_configs": [{"targets": [target]}]}],
    }
    path = home / "prometheus.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@contextmanager
def scraping(home: Path, gateway_url: str) -> Iterator[Prometheus]:
    """Run Prometheus on a gateway every second until the end of the `with`."""
    program = tool("prometheus")
    config = _write_config(home, gateway_url.removeprefix("http://"))
    port = _free_port()
    with (home / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={home / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    prometheus = Prometheus(f"http://127.0.0.1:{port}")

    def is_ready() -> bool:
        assert process.poll() is None, (home / "prometheus.log").read_text()
        try:
            return httpx.get(f"{prometheus.url}/-/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(is_ready, 30)
        yield prometheus
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)

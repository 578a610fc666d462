"""Writes every dashboard anew."""

from pathlib import Path

from grafana.panels.context import CONTEXT
from grafana.panels.health import HEALTH
from grafana.panels.keys import KEYS
from grafana.panels.latency import LATENCY
from grafana.panels.money import MONEY
from grafana.panels.reliability import RELIABILITY

PLACE = Path(__file__).parents[1] / "dashboards"
DASHBOARDS = (MONEY, RELIABILITY, LATENCY, CONTEXT, KEYS, HEALTH)


def main() -> None:
    """Write `grafana/dashboards/*.json`."""
    for dashboard in DASHBOARDS:
        (PLACE / f"{dashboard.name}.json").write_text(dashboard.to_json(), encoding="utf-8")


if __name__ == "__main__":
    main()

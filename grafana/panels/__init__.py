"""Makes `grafana/dashboards/*.json`: `python -m grafana.panels`, or `make dashboards`."""

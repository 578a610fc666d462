"""Dashboards, alert rules and how Grafana finds them."""

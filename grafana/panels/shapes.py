"""What a dashboard is made of, and how Grafana writes it down (dashboard JSON, schema 39)."""

import json
from typing import Any

from msgspec import Struct

RATE = "$__rate_interval"
"""Grafana's window for `rate`: a few scrapes, wider when zoomed out."""
RANGE = "$__range"
"""What the dashboard shows from its left to its right edge."""

_COLUMNS = 24
_STAT_HEIGHT = 4
_PANEL_HEIGHT = 8
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


class Query(Struct, frozen=True):
    """One PromQL expression and the legend of its series; a label's name stands in `{{…}}`."""

    expr: str
    legend: str = ""


class Panel(Struct, frozen=True):
    """One panel. `unit` is Grafana's id of a unit; `warn` and `bad` colour a stat from there on."""

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str
    kind: str = "timeseries"
    stacked: bool = False
    highest: float | None = None
    warn: float | None = None
    bad: float | None = None

    @property
    def height(self) -> int:
        """How many grid units it is high."""
        return _STAT_HEIGHT if self.kind == "stat" else _PANEL_HEIGHT

    def to_json(self, number: int, x: int, y: int, width: int) -> dict[str, Any]:
        """Return the panel as Grafana stores it, at a place of the grid."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": _DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": width, "h": self.height},
            "targets": [self._target(place, query) for place, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": _OPTIONS[self.kind],
        }

    def _target(self, place: int, query: Query) -> dict[str, Any]:
        is_instant = RANGE in query.expr
        target: dict[str, Any] = {
            "refId": "ABCDEFGH"[place],
            "datasource": _DATASOURCE,
            "expr": query.expr,
            "instant": is_instant,
            "range": not is_instant,
            "legendFormat": query.legend,
        }
        if self.kind in ("table", "heatmap"):
            target["format"] = self.kind
        return target

    def _defaults(self) -> dict[str, Any]:
        defaults: dict[str, Any] = {"unit": self.unit, "min": 0}
        if self.highest is not None:
            defaults["max"] = self.highest
        if self.kind == "timeseries":
            mode = {"group": "A", "mode": "normal" if self.stacked else "none"}
            fill = 25 if self.stacked else 5
            defaults["custom"] = {"fillOpacity": fill, "showPoints": "never", "stacking": mode}
        if self.kind == "stat":
            defaults |= {"color": {"mode": "thresholds"}, "thresholds": self._thresholds()}
        return defaults

    def _thresholds(self) -> dict[str, Any]:
        steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
        if self.warn is not None:
            steps.append({"color": "orange", "value": self.warn})
        if self.bad is not None:
            steps.append({"color": "red", "value": self.bad})
        return {"mode": "absolute", "steps": steps}


class Dashboard(Struct, frozen=True):
    """One dashboard: lines of panels that share the width evenly."""

    name: str
    title: str
    description: str
    lines: tuple[tuple[Panel, ...], ...]
    by_provider: bool = False

    def to_json(self) -> str:
        """Return the file that Grafana reads."""
        variables = [_DATASOURCE_VARIABLE, *([_PROVIDER_VARIABLE] if self.by_provider else [])]
        whole = {
            "uid": f"gateway-{self.name}",
            "title": self.title,
            "description": self.description,
            "tags": ["gateway"],
            "schemaVersion": 39,
            "editable": True,
            "graphTooltip": 1,
            "time": {"from": "now-6h", "to": "now"},
            "refresh": "1m",
            "timezone": "browser",
            "templating": {"list": variables},
            "links": [_LINKS],
            "panels": self._panels(),
        }
        return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"

    def _panels(self) -> list[dict[str, Any]]:
        placed: list[dict[str, Any]] = []
        y = 0
        for line in self.lines:
            width = _COLUMNS // len(line)
            for place, panel in enumerate(line):
                placed.append(panel.to_json(len(placed) + 1, place * width, y, width))
            y += max(panel.height for panel in line)
        return placed


def stat(
    title: str,
    description: str,
    expr: str,
    unit: str,
    *,
    warn: float | None = None,
    bad: float | None = None,
) -> Panel:
    """Return one number, over the range of the dashboard or as it is now."""
    return Panel(title, description, (Query(expr),), unit, "stat", warn=warn, bad=bad)


def graph(  # its parts, all but the first four by name
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    stacked: bool = False,
    highest: float | None = None,
) -> Panel:
    """Return lines over time."""
    return Panel(title, description, queries, unit, stacked=stacked, highest=highest)


def quantile(q: float, metric: str, by: str = "", where: str = "") -> str:
    """Return the expression of a histogram's quantile, for each value of the label `by`."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket{where}[{RATE}])))"


_LIST = {"displayMode": "list", "placement": "bottom", "showLegend": True}
_REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {"legend": _LIST, "tooltip": {"mode": "multi", "sort": "desc"}},
    "stat": {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": _REDUCE,
        "textMode": "value",
    },
    "bargauge": {
        "displayMode": "basic",
        "orientation": "horizontal",
        "reduceOptions": _REDUCE,
        "showUnfilled": True,
    },
    "table": {"showHeader": True, "sortBy": [{"desc": True, "displayName": "Value"}]},
    "heatmap": {
        "calculate": False,
        "cellGap": 1,
        "color": {"exponent": 0.5, "mode": "scheme", "scheme": "Oranges", "steps": 64},
        "legend": {"show": True},
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
        "yAxis": {"unit": "s"},
    },
}
_DATASOURCE_VARIABLE = {
    "name": "datasource",
    "label": "Data source",
    "type": "datasource",
    "query": "prometheus",
}
_PROVIDER_VARIABLE = {
    "name": "provider",
    "label": "Provider",
    "type": "query",
    "datasource": _DATASOURCE,
    "query": {
        "query": "label_values(gateway_attempts_total, provider)",
        "refId": "provider",
    },
    "definition": "label_values(gateway_attempts_total, provider)",
    "multi": True,
    "includeAll": True,
    "allValue": ".*",
    "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    "refresh": 2,
    "sort": 1,
}
_LINKS = {
    "title": "Gateway",
    "type": "dashboards",
    "tags": ["gateway"],
    "asDropdown": True,
    "includeVars": True,
    "keepTime": True,
    "icon": "external link",
    "targetBlank": False,
}

"""Every PromQL expression that the project ships, and what can be told of one without Prometheus."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
ALERTS = GRAFANA / "rules" / "alerts.yaml"
RECORDING = GRAFANA / "rules" / "recording.yaml"

_VARIABLES = {
    "$__rate_interval": "30s",
    "$__range": "2m",
    "$provider": ".*",
}
_NAME = re.compile(r"(?<![\w:])(gateway_[a-z0-9_]+)(?![\w:])(?:\{([^}]*)\})?")
_RECORDED = re.compile(r"\b\w+(?::\w+)+\b")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on|without)\s*\(([^)]*)\)")
_STAND_IN = re.compile(r"\s+or (?=vector\(0\)|0 \* )")
_COMPARISON = re.compile(r" (>|<|==|!=|>=|<=) ")


class Expression(Struct, frozen=True):
    """One expression, and where it stands."""

    place: str
    promql: str

    def __str__(self) -> str:
        return self.place


class Selector(Struct, frozen=True):
    """A metric that an expression reads, with its matchers: (label, operator, value)."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]


def dashboards() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the dashboards as Grafana reads them."""
    for path in DASHBOARDS:
        yield path, json.loads(path.read_text(encoding="utf-8"))


def rules(path: Path) -> list[dict[str, Any]]:
    """Return the rules of a file, in order."""
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def of_panels() -> list[Expression]:
    """Return what the panels ask, Grafana's variables filled in."""
    return [
        Expression(f"{path.stem} / {panel['title']} / {target['refId']}", fill(target["expr"]))
        for path, dashboard in dashboards()
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]


def of_rules() -> list[Expression]:
    """Return what the rules ask."""
    return [
        Expression(f"rules / {rule.get('alert') or rule['record']}", rule["expr"])
        for path in (RECORDING, ALERTS)
        for rule in rules(path)
    ]


def fill(promql: str) -> str:
    """Return an expression as Grafana would send it for a short look at everything."""
    for name, value in _VARIABLES.items():
        promql = promql.replace(name, value)
    assert "$" not in promql, f"a variable that nobody fills: {promql}"
    return promql


def without_threshold(promql: str) -> str:
    """Return what an alert looks at, also while it is silent.

    A comparison answers 0 or 1 instead of leaving series out; `absent` is what must be there.
    """
    promql = re.sub(r"^absent\((.*)\)$", r"\1", promql.strip())
    return _COMPARISON.sub(r" \1 bool ", promql)


def without_stand_ins(promql: str) -> str:
    """Return an expression without the zeros that hide what is missing."""
    while (start := _STAND_IN.search(promql)) is not None:
        depth, end = 0, start.end()
        while end < len(promql) and depth >= 0:
            depth += {"(": 1, ")": -1}.get(promql[end], 0)
            end += 1
        # The parenthesis that closes what the stand-in stood in stays.
        promql = promql[: start.start()] + promql[end - 1 if depth < 0 else end :]
    return promql


def selectors(promql: str) -> list[Selector]:
    """Return the metrics of ours that an expression reads."""
    return [
        Selector(name, tuple(_MATCHER.findall(matchers)))
        for name, matchers in _NAME.findall(_GROUPING.sub("", promql))
    ]


def recorded_names(promql: str) -> set[str]:
    """Return the recorded series that an expression reads."""
    return set(_RECORDED.findall(re.sub(r'"[^"]*"', "", promql)))


def grouping_labels(promql: str) -> set[str]:
    """Return the labels that an expression groups or joins by."""
    lists = _GROUPING.findall(promql)
    return {label.strip() for each in lists for label in each.split(",")} - {""}

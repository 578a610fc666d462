"""The dashboards are what the generator writes, and every panel says what it shows."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from grafana.panels.__main__ import DASHBOARDS, PLACE
from grafana.panels.shapes import Dashboard
from tests.grafana import expressions
from tests.grafana.expressions import GRAFANA

# Units of Grafana that the metrics can have; one more is added here on purpose only.
UNITS = {"short", "none", "s", "reqps", "percentunit", "currencyUSD"}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, dashboard in expressions.dashboards():
        for panel in dashboard["panels"]:
            yield f"{path.stem} / {panel['title']}", panel


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: str(each.name))
def test_the_committed_file_is_what_the_generator_writes(dashboard: Dashboard) -> None:
    committed = (PLACE / f"{dashboard.name}.json").read_text(encoding="utf-8")
    assert committed == dashboard.to_json(), "run `make dashboards`"


def test_no_file_lies_there_that_nobody_writes() -> None:
    assert {path.stem for path in expressions.DASHBOARDS} == {each.name for each in DASHBOARDS}


def test_every_panel_has_a_title_a_description_a_unit_and_the_chosen_data_source() -> None:
    for place, panel in panels():
        assert panel["title"], place
        assert len(panel["description"]) > 15, place
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, place
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert {source["uid"] for source in sources} == {"${datasource}"}, place


def test_ids_are_unique_and_panels_do_not_overlap() -> None:
    uids = [dashboard["uid"] for _, dashboard in expressions.dashboards()]
    assert len(set(uids)) == len(uids)
    for path, dashboard in expressions.dashboards():
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(ids)) == len(ids), path
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            at = panel["gridPos"]
            assert at["x"] + at["w"] <= 24, panel["title"]
            cells = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            assert not cells & taken, f"{path.stem} / {panel['title']}"
            taken |= cells


def test_a_variable_is_there_where_an_expression_uses_it_and_nowhere_else() -> None:
    for path, dashboard in expressions.dashboards():
        declared = {variable["name"] for variable in dashboard["templating"]["list"]}
        asked = " ".join(t["expr"] for p in dashboard["panels"] for t in p["targets"])
        used = set(re.findall(r"\$(\w+)", asked)) - {"__rate_interval", "__range"}
        assert used | {"datasource"} == declared, path


def test_legends_name_labels_that_their_expression_keeps() -> None:
    for place, panel in panels():
        for target in panel["targets"]:
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                grouped = expressions.grouping_labels(target["expr"])
                assert not grouped or label in grouped, f"{place}: {label}"


def test_every_rate_goes_over_counters_and_every_counter_through_a_rate() -> None:
    for expression in (*expressions.of_panels(), *expressions.of_rules()):
        bare = re.sub(
            r"\b(?:rate|increase)\(gateway_\w+(?:\{[^}]*\})?\[\w+\]\)", "", expression.promql
        )
        assert not re.search(r"gateway_\w+_(?:total|bucket|sum|count)\b", bare), expression
        rated = re.findall(r"\b(?:rate|increase)\((gateway_\w+)", expression.promql)
        assert all(re.search(r"_(?:total|bucket|sum|count)$", name) for name in rated), expression


def test_provisioning_points_at_the_dashboards_and_at_one_data_source() -> None:
    home = GRAFANA / "provisioning"
    [provider] = yaml.safe_load((home / "dashboards" / "gateway.yaml").read_text())["providers"]
    [source] = yaml.safe_load((home / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert provider["type"] == "file"
    assert provider["options"]["path"] == "/etc/grafana/gateway-dashboards"
    assert source["type"] == "prometheus"
    assert source["isDefault"] is True

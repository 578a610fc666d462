"""Every expression of every panel and rule answers: asked of a real Prometheus, if there is one.

Without one, the names, labels and values in the expressions are held against a real scrape.
"""

import math
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.grafana import expressions
from tests.grafana.expressions import Expression
from tests.grafana.prometheus import Prometheus, scraping, tool
from tests.grafana.traffic import HEALTHY, send_more
from tests.journeys.running import RunningGateway

FROM_SCRAPING = {"job", "instance"}
RECORDED = {rule["record"] for rule in expressions.rules(expressions.RECORDING)}

Labels = dict[str, str]


@pytest.fixture(scope="module")
def prometheus(
    tmp_path_factory: pytest.TempPathFactory, busy_gateway: RunningGateway
) -> Iterator[Prometheus]:
    """A Prometheus that has seen a second round of traffic, between its scrapes."""
    with scraping(tmp_path_factory.mktemp("prometheus"), busy_gateway.url) as running:
        running.await_scrapes(2)
        send_more(busy_gateway)
        running.await_scrapes(3)
        yield running


def test_every_query_of_every_panel_has_series(prometheus: Prometheus) -> None:
    empty, no_number = [], []
    for expression in expressions.of_panels():
        series = prometheus.query(expressions.without_stand_ins(expression.promql))
        values = [float(each["value"][1]) for each in series]
        if not values:
            empty.append(expression)
        elif all(math.isnan(value) for value in values):
            no_number.append(expression)
    assert [str(each) for each in empty] == []
    assert [str(each) for each in no_number] == []


def test_what_is_counted_shows_in_the_numbers(prometheus: Prometheus) -> None:
    """Not only is there a series: what the traffic brought about is in it."""
    for counted in (
        "gateway_cost_dollars_total",
        'gateway_ledger_rows_total{certainty="estimated"}',
        'gateway_unpriced_requests_total{price_state="unknown"}',
        'gateway_tokens_total{bucket="cache_read"}',
        'gateway_limit_refusals_total{measure="requests", subject_kind="user"}',
        "gateway_requests_rescued_total",
        "gateway_chunk_gap_seconds_count",
        "gateway_context_tokens_total",
        "gateway_store_failures_total",
        "gateway_config_reloads_total",
        "gateway_config_reload_failures_total",
        'gateway_erasures_total{state="erased_live"}',
        "gateway_calls_interrupted_total",
        'gateway_dek_rotations_total{why="asked", outcome="done"}',
        'gateway_attempts_total{outcome="key_rejected"}',
    ):
        assert prometheus.number(f"sum({counted})") > 0, counted
    assert prometheus.number("gateway_workers") == 2
    assert prometheus.number("gateway_worker_starts_total") == 2


def test_every_panel_shows_what_its_stand_ins_are_for(prometheus: Prometheus) -> None:
    for expression in expressions.of_panels():
        assert prometheus.query(expression.promql), expression


def test_every_rule_looks_at_something_also_while_it_is_silent(prometheus: Prometheus) -> None:
    prometheus.await_scrapes(2)  # recording rules follow by a step
    empty = [
        str(expression)
        for expression in expressions.of_rules()
        if not prometheus.query(expressions.without_threshold(expression.promql))
    ]
    assert empty == []


def test_every_rule_is_evaluated_without_an_error(prometheus: Prometheus) -> None:
    rules = prometheus.rules()
    shipped = len(expressions.of_rules())
    assert len(rules) == shipped
    assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []


def test_the_provider_variable_has_values(prometheus: Prometheus) -> None:
    for path, dashboard in expressions.dashboards():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] != "query":
                continue
            asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
            assert asked is not None, path
            found = prometheus.query(f"count by ({asked[2]}) ({asked[1]})")
            assert {each["metric"][asked[2]] for each in found} >= {"openai", "anthropic"}


def scraped(gateway: RunningGateway) -> dict[str, list[Labels]]:
    """The label sets of every sample name of a scrape."""
    return samples_of(gateway.call("GET", "/metrics", None).text)


def samples_of(text: str) -> dict[str, list[Labels]]:
    found: dict[str, list[Labels]] = defaultdict(list)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name].append(sample.labels)
    return found


def matches(labels: Labels, label: str, operator: str, value: str) -> bool:
    """Whether labels satisfy one matcher of PromQL."""
    has = labels.get(label, "")
    equal = re.fullmatch(value, has) is not None if "~" in operator else has == value
    return equal is not operator.startswith("!")


def faults_of(expression: Expression, samples: dict[str, list[Labels]]) -> Iterator[str]:
    """Say what an expression names that no scrape has."""
    known: set[str] = set(FROM_SCRAPING)
    for selector in expressions.selectors(expression.promql):
        sets = samples.get(selector.metric)
        if sets is None:
            yield f"{expression}: no metric {selector.metric}"
            continue
        labels = set(chain.from_iterable(sets))
        known |= labels
        yield from (
            f"{expression}: {selector.metric} has no label {label}"
            for label, _, _ in selector.matchers
            if label not in labels | FROM_SCRAPING
        )
        if not any(all(matches(each, *matcher) for matcher in selector.matchers) for each in sets):
            yield f"{expression}: nothing matches {selector}"
    recorded = expressions.recorded_names(expression.promql)
    yield from (f"{expression}: nobody records {name}" for name in sorted(recorded - RECORDED))
    if not recorded:
        missing = expressions.grouping_labels(expression.promql) - known
        yield from (f"{expression}: nobody has the label {label}" for label in sorted(missing))


def test_names_labels_and_values_are_those_of_a_real_scrape(busy_gateway: RunningGateway) -> None:
    samples = scraped(busy_gateway)
    asked = [*expressions.of_panels(), *expressions.of_rules()]

    faults = [fault for expression in asked for fault in faults_of(expression, samples)]

    assert faults == []


def test_a_panel_that_is_empty_in_health_says_so(busy_gateway: RunningGateway) -> None:
    healthy = samples_of((busy_gateway.home / HEALTHY).read_text(encoding="utf-8"))
    empty = {
        panel["title"]: panel["description"]
        for _, dashboard in expressions.dashboards()
        for panel in dashboard["panels"]
        if all(is_empty(target["expr"], healthy) for target in panel["targets"])
    }
    silent = [title for title, description in empty.items() if "Empty " not in description]
    assert empty
    assert silent == []


def is_empty(promql: str, samples: dict[str, list[Labels]]) -> bool:
    """Whether an expression has nothing to show for these samples."""
    filled = expressions.fill(promql)
    stands_in = expressions.without_stand_ins(filled) != filled
    return not stands_in and bool(list(faults_of(Expression("", filled), samples)))


def test_promtool_finds_no_fault_in_a_real_scrape(busy_gateway: RunningGateway) -> None:
    text = busy_gateway.call("GET", "/metrics", None).text
    checked = subprocess.run(
        [tool("promtool"), "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_real_scrape_says_the_same_in_both_formats(busy_gateway: RunningGateway) -> None:
    plain = busy_gateway.call("GET", "/metrics", None)
    headers = {"accept": "application/openmetrics-text; version=1.0.0"}
    strict = busy_gateway.call("GET", "/metrics", None, headers=headers)
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert strict.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    read: Any = openmetrics.text_string_to_metric_families
    families = list(read(strict.text))  # raises for what the standard forbids
    own = "gateway_requests_total", "gateway_request_duration_seconds"  # the scrapes themselves
    named = {s.name for family in families for s in family.samples if not s.name.startswith(own)}
    assert named == {name for name in scraped(busy_gateway) if not name.startswith(own)}


def test_the_check_of_names_sees_what_is_wrong(busy_gateway: RunningGateway) -> None:
    samples = scraped(busy_gateway)
    wrong = [
        "sum(rate(gateway_requets_total[5m]))",
        'gateway_attempts_total{vendor="openai"}',
        'gateway_attempts_total{outcome="okay"}',
        "sum by (user) (gateway_attempts_total)",
        "gateway:attempts:rate5m",
    ]
    assert all(list(faults_of(Expression("here", each), samples)) for each in wrong)

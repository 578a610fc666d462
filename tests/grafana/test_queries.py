"""Every expression of every panel and rule answers: asked of a real Prometheus, if there is one.

Without one, the names, labels and values in the expressions are held against a real scrape.
"""

import math
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.grafana import expressions
from tests.grafana.expressions import Expression
from tests.grafana.prometheus import REQUIRED, Prometheus, scraping
from tests.grafana.traffic import send_more
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
    found: dict[str, list[Labels]] = defaultdict(list)
    text = gateway.call("GET", "/metrics", None).text
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
    if shutil.which("prometheus") is None:
        print(f"skipped: asking a real Prometheus {len(asked)} expressions (see {REQUIRED})")


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

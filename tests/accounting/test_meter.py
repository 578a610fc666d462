"""What is counted of a reply: the provider's word where it covers all, else the rest is estimated."""

from gateway.accounting.meter import Meter
from gateway.types import events as ev
from gateway.types.usage import Usage


def metered(*events: ev.Event) -> Meter:
    meter = Meter()
    for event in events:
        meter.add(event, 1.0)
    return meter


START, END = ev.Start("m"), ev.End()
FIRST_WORD = ev.Usage(Usage(input=40, cache_read=5, output=1))  # Anthropic's, before any content
LAST_WORD = ev.Usage(Usage(input=40, cache_read=5, output=90))


def test_a_whole_reply_is_measured_wherever_its_usage_stands() -> None:
    for events in (
        (START, ev.Text(0, "Hi"), LAST_WORD, END),
        (START, LAST_WORD, ev.Text(0, "Hi"), END),
    ):
        meter = metered(*events)
        assert meter.is_measured
        assert meter.usage(1_000) == LAST_WORD.usage


def test_a_count_from_before_the_answer_does_not_measure_an_answer_that_was_cut() -> None:
    meter = metered(START, FIRST_WORD, ev.Text(0, "x" * 350))
    assert not meter.is_measured
    assert meter.usage(1_000) == Usage(input=40, cache_read=5, output=100)


def test_a_running_total_that_covers_what_came_measures_it() -> None:
    assert metered(START, ev.Text(0, "x" * 350), LAST_WORD).is_measured


def test_without_a_word_from_the_provider_everything_is_estimated() -> None:
    meter = metered(START, ev.Text(0, "x" * 35), END)
    assert not meter.is_measured
    assert meter.usage(70) == Usage(input=20, output=10)


def test_an_estimate_never_falls_below_what_was_reported() -> None:
    meter = metered(START, LAST_WORD, ev.Text(0, "x"))
    assert meter.usage(1) == LAST_WORD.usage


def test_what_is_charged_for_may_differ_from_what_was_read() -> None:
    billed = Usage(input=6, output=3)
    meter = metered(START, ev.Usage(Usage(input=501, output=3), billed=billed), END)
    assert meter.usage(0).input == 501
    assert meter.billable(meter.usage(0)) == billed


def test_the_way_it_was_served_is_heard_early_late_and_with_the_usage() -> None:
    assert metered(START).service is None
    assert metered(ev.Start("m", extra={"service_tier": "flex"})).service == "flex"
    assert metered(START, ev.Extra(None, {"service_tier": "priority"})).service == "priority"
    fast = ev.Usage(Usage(), service="fast")
    assert metered(ev.Start("m", extra={"service_tier": "default"}), fast).service == "fast"
    assert metered(START, ev.Extra(0, {"service_tier": "flex"})).service is None

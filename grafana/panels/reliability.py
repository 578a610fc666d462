"""Reliability: which provider fails, how, and what retries and fallbacks save."""

from grafana.panels.shapes import RANGE, RATE, Dashboard, Panel, Query, graph, quantile, stat

_P = '{provider=~"$provider"}'
_FAILED = '{provider=~"$provider", outcome!~"ok|cancelled"}'

RELIABILITY = Dashboard(
    name="reliability",
    title="Gateway: reliability of providers",
    description="Which provider fails and how, and what retries and fallbacks save.",
    by_provider=True,
    lines=(
        (
            stat(
                "Attempts that failed",
                "Share of the sends that ended without an answer, whoever is to blame. Sends that "
                "the client cancelled count as attempts, not as failures.",
                f"(sum(increase(gateway_attempts_total{_FAILED}[{RANGE}])) or vector(0)) "
                f"/ sum(increase(gateway_attempts_total{_P}[{RANGE}]))",
                "percentunit",
                warn=0.02,
                bad=0.1,
            ),
            stat(
                "Attempts a request",
                "Sends for each request that reached the sending. 1 is perfect; every retry and "
                "every fallback adds.",
                f"sum(increase(gateway_attempts_total[{RANGE}])) "
                f"/ sum(increase(gateway_overhead_seconds_count[{RANGE}]))",
                "short",
                warn=1.1,
                bad=1.5,
            ),
            stat(
                "Requests rescued",
                "Requests that were answered although their first attempt had failed.",
                f"sum(increase(gateway_requests_rescued_total{_P}[{RANGE}])) or vector(0)",
                "short",
            ),
            stat(
                "Errors passed on",
                "Requests that ended with an error for which a provider is to blame: neither a "
                "retry nor a fallback helped, or none was allowed.",
                f'sum(increase(gateway_requests_total{{origin="provider"}}[{RANGE}])) or vector(0)',
                "short",
                warn=1,
            ),
        ),
        (
            graph(
                "Attempts",
                "Sends a second, by provider.",
                "reqps",
                Query(
                    f"sum by (provider) (rate(gateway_attempts_total{_P}[{RATE}]))", "{{provider}}"
                ),
                stacked=True,
            ),
            graph(
                "Share that failed",
                "Failed sends over all sends, by provider.",
                "percentunit",
                Query(
                    f"(sum by (provider) (rate(gateway_attempts_total{_FAILED}[{RATE}])) "
                    f"or 0 * sum by (provider) (rate(gateway_attempts_total{_P}[{RATE}]))) "
                    f"/ sum by (provider) (rate(gateway_attempts_total{_P}[{RATE}]))",
                    "{{provider}}",
                ),
                highest=1,
            ),
        ),
        (
            graph(
                "Failures by what they were",
                "Failed sends a second. `rate_limited` and `overloaded` pass by themselves; `quota` "
                "and `key_rejected` need somebody; `cut` and `bad_reply` are faults of an answer. Empty "
                "while nothing fails.",
                "reqps",
                Query(
                    f"sum by (outcome) (rate(gateway_attempts_total{_FAILED}[{RATE}]))",
                    "{{outcome}}",
                ),
                stacked=True,
            ),
            Panel(
                "Failures in the time shown",
                "Failed sends by provider and by what they met. Empty while nothing fails.",
                (
                    Query(
                        f"sum by (provider, outcome) "
                        f"(increase(gateway_attempts_total{_FAILED}[{RANGE}]))",
                    ),
                ),
                "short",
                "table",
            ),
        ),
        (
            graph(
                "Rescued by",
                "Requests a second that this provider answered after an earlier failure, there or "
                "elsewhere. Empty until one was rescued.",
                "reqps",
                Query(
                    f"sum by (provider) (rate(gateway_requests_rescued_total{_P}[{RATE}]))",
                    "{{provider}}",
                ),
                stacked=True,
            ),
            graph(
                "Errors passed on",
                "Answers a second with an error for which a provider is to blame, by status. Empty "
                "while there are none.",
                "reqps",
                Query(
                    f'sum by (status) (rate(gateway_requests_total{{origin="provider"}}[{RATE}]))',
                    "{{status}}",
                ),
                stacked=True,
            ),
            graph(
                "Answer time, 95th percentile",
                "From sending to the end of the provider's answer, failures included. Long answers "
                "take long: read it beside the time to first token.",
                "s",
                Query(
                    quantile(0.95, "gateway_upstream_duration_seconds", "provider", _P),
                    "{{provider}}",
                ),
            ),
        ),
    ),
)
